//! What a master does about a decision: one request or a short chain of them, each write with
//! the check of the candidacy in the same multi.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use pinfold_client::{Client, Error, MultiOp, Stat};

use crate::commit::{Holding, again_or_dead, persistent};
use crate::layout::Layout;
use crate::master::MasterEvent;
use crate::picture::{Action, Ready};
use crate::record::{DeadHead, TaskHead, TaskId, WorkerHead, decode, encode};
use crate::session::{BAD_VERSION, Fault, NO_NODE, fault};

/// What came back of an errand.
pub(crate) enum Reply {
    Fetched {
        task: TaskId,
        birth: u64,
        outcome: Result<Option<Ready>, Error>,
    },
    Assigned {
        worker: String,
        ready: Ready,
        outcome: Result<(), Error>,
    },
    WorkerRead {
        worker: String,
        outcome: Result<Option<WorkerHead>, Error>,
    },
    Rescued {
        worker: String,
        task: TaskId,
        outcome: Result<Rescue, Error>,
    },
    /// Something to tell was read, or a repair is done.
    Told(Result<Option<MasterEvent>, Error>),
}

/// What became of a vanished worker's assignment.
pub(crate) enum Rescue {
    Returned,
    /// Settled by somebody else.
    Gone,
    /// Not vanished: the worker registered before it was given the task.
    Alive,
}

type Errand = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// Errands on their way.
pub(crate) type InFlight = FuturesUnordered<Errand>;

/// Everything that an errand needs to know.
pub(crate) struct Desk<'a> {
    pub(crate) client: &'a Client,
    pub(crate) layout: &'a Layout,
    /// The check of the candidacy.
    pub(crate) check: MultiOp,
    pub(crate) max_attempts: u32,
}

impl Desk<'_> {
    /// Starts the errand for an action. Its first requests take their place in the session's
    /// order here, so assignments are made in the order of the plan.
    pub(crate) fn send(&self, action: Action) -> Option<Errand> {
        match action {
            Action::Tell(_) => None,
            Action::Fetch { task, birth } => Some(self.fetch(task, birth)),
            Action::Assign { worker, ready } => Some(self.assign(worker, ready)),
            Action::ReadWorker { worker } => Some(self.read_worker(worker)),
            Action::Rescue { worker, task } => Some(self.rescue(worker, task)),
            Action::ReadDead { task } => Some(self.read_dead(task)),
            Action::Inquire { worker, task } => Some(self.inquire(worker, task)),
            Action::MakeDesk { worker } => Some(self.make_desk(worker)),
        }
    }

    fn fetch(&self, task: TaskId, birth: u64) -> Errand {
        let pending = self.client.get(&self.layout.task(&task));
        let (client, layout) = (self.client.clone(), self.layout.clone());
        let check = self.check.clone();
        Box::pin(async move {
            let outcome = async {
                let Some((data, stat)) = present(pending.await)? else { return Ok(None) };
                let (task, version) = (task.clone(), stat.version);
                match decode::<TaskHead>(&data) {
                    Ok((head, payload)) => Ok(Some(Ready { task, birth, head, payload, version })),
                    Err(reason) => {
                        let path = layout.task(&task);
                        let dead = unreadable(&layout, &task, &data, reason);
                        let delete = MultiOp::Delete { path, version };
                        client.multi(vec![check, delete, dead]).await?;
                        Ok(None)
                    }
                }
            };
            let outcome = outcome.await;
            Reply::Fetched { task, birth, outcome }
        })
    }

    fn assign(&self, worker: String, ready: Ready) -> Errand {
        let max = ready.head.max.or(Some(self.max_attempts));
        let head = TaskHead { max, ..ready.head.clone() };
        let assignment = self.layout.assignment(&worker, &ready.task);
        let pending = self.client.multi(vec![
            self.check.clone(),
            MultiOp::Check { path: self.layout.worker(&worker), version: -1 },
            MultiOp::Delete { path: self.layout.task(&ready.task), version: ready.version },
            persistent(assignment, encode(&head, &ready.payload)),
        ]);
        Box::pin(async move {
            let outcome = pending.await.map(drop);
            Reply::Assigned { worker, ready, outcome }
        })
    }

    fn read_worker(&self, worker: String) -> Errand {
        let pending = self.client.get(&self.layout.worker(&worker));
        Box::pin(async move {
            let found = present(pending.await);
            let outcome = found.map(|found| found.and_then(|(data, _)| worker_head(&data)));
            Reply::WorkerRead { worker, outcome }
        })
    }

    fn rescue(&self, worker: String, task: TaskId) -> Errand {
        let registered = self.client.exists(&self.layout.worker(&worker));
        let assigned = self.client.get(&self.layout.assignment(&worker, &task));
        let (client, layout) = (self.client.clone(), self.layout.clone());
        let (check, max_attempts) = (self.check.clone(), self.max_attempts);
        Box::pin(async move {
            let outcome = async {
                let registered = registered.await?;
                let Some((data, stat)) = present(assigned.await)? else { return Ok(Rescue::Gone) };
                if registered.is_some_and(|worker| worker.czxid < stat.czxid) {
                    return Ok(Rescue::Alive);
                }
                let mut ops = vec![check];
                ops.extend(give_back(&layout, &worker, &task, &data, &stat, max_attempts));
                match client.multi(ops).await {
                    Ok(_) => Ok(Rescue::Returned),
                    Err(error) if was_taken(&error, 1) => Ok(Rescue::Gone),
                    Err(error) => Err(error),
                }
            };
            let outcome = outcome.await;
            Reply::Rescued { worker, task, outcome }
        })
    }

    fn read_dead(&self, task: TaskId) -> Errand {
        let pending = self.client.get(&self.layout.dead_letter(&task));
        Box::pin(async move {
            let dead = present(pending.await);
            Reply::Told(dead.map(|found| found.map(|(data, _)| died(task, &data))))
        })
    }

    fn inquire(&self, worker: String, task: TaskId) -> Errand {
        let result = self.client.exists(&self.layout.result(&task));
        let dead = self.client.get(&self.layout.dead_letter(&task));
        Box::pin(async move {
            let told = async {
                if result.await?.is_some() {
                    return Ok(Some(MasterEvent::Completed { task, worker }));
                }
                Ok(present(dead.await)?.map(|(data, _)| died(task, &data)))
            };
            Reply::Told(told.await)
        })
    }

    fn make_desk(&self, worker: String) -> Errand {
        let (client, layout) = (self.client.clone(), self.layout.clone());
        Box::pin(async move {
            let made = layout.prepare_desk(&client, &worker).await;
            Reply::Told(made.map(|()| None))
        })
    }
}

/// What a worker says about itself, when it is a record.
pub(crate) fn worker_head(data: &Bytes) -> Option<WorkerHead> {
    decode::<WorkerHead>(data).ok().map(|(head, _)| head)
}

/// The operations that take a task from a worker that is gone: deleted there, and waiting for
/// its next attempt or given up.
pub(crate) fn give_back(
    layout: &Layout,
    worker: &str,
    task: &TaskId,
    data: &Bytes,
    stat: &Stat,
    max_attempts: u32,
) -> [MultiOp; 2] {
    let delete = MultiOp::Delete { path: layout.assignment(worker, task), version: stat.version };
    let landing = match decode::<TaskHead>(data) {
        Ok((head, payload)) => {
            let holding = Holding {
                layout: layout.clone(),
                worker: worker.to_owned(),
                task: task.clone(),
                head,
                payload,
                czxid: stat.czxid,
                version: stat.version,
            };
            let attempt = holding.head.attempt;
            let reason = format!("worker {worker} vanished during attempt {attempt}");
            again_or_dead(&holding, &reason, max_attempts)
        }
        Err(reason) => unreadable(layout, task, data, reason),
    };
    [delete, landing]
}

/// A dead letter of what is no task record; the data is kept as it was found.
fn unreadable(layout: &Layout, task: &TaskId, data: &Bytes, reason: String) -> MultiOp {
    let head = DeadHead { attempt: 0, worker: String::new(), reason, id: String::new() };
    persistent(layout.dead_letter(task), encode(&head, data))
}

fn died(task: TaskId, data: &Bytes) -> MasterEvent {
    let reason = match decode::<DeadHead>(data) {
        Ok((head, _)) => head.reason,
        Err(reason) => reason,
    };
    MasterEvent::Dead { task, reason }
}

/// A multi's refusal because what it deletes, at `index`, was gone or changed.
pub(crate) fn was_taken(error: &Error, index: usize) -> bool {
    fault(error) == Fault::Refused
        && error.op_index() == Some(index)
        && matches!(error.code(), NO_NODE | BAD_VERSION)
}

/// `None` for a znode that is not there.
pub(crate) fn present<T>(outcome: Result<T, Error>) -> Result<Option<T>, Error> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code() == NO_NODE => Ok(None),
        Err(error) => Err(error),
    }
}
