//! What a master does about a decision: one request or a short chain of them, each write with
//! the check of the candidacy in the same multi.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use pinfold_client::{Client, Error, MultiOp, Stat};

use crate::backlog::Ready;
use crate::commit::{End, Grave, Holding, Verdict, conclude, persistent, placed};
use crate::deadline::Late;
use crate::layout::Layout;
use crate::master::MasterEvent;
use crate::picture::Action;
use crate::record::{Cause, DeadHead, Limits, TaskHead, TaskId, WorkerHead, decode, encode};
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
    AssignmentRead {
        worker: String,
        task: TaskId,
        outcome: Result<Option<Limits>, Error>,
    },
    /// Of a vanished worker, or of one that was late.
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
            Action::ReadAssignment { worker, task } => Some(self.read_assignment(worker, task)),
            Action::Rescue { worker, task } => Some(self.rescue(worker, task)),
            Action::TakeBack(late) => Some(self.take_back(late)),
            Action::Bury { task, birth } => Some(self.bury(task, birth)),
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
                match ready(&client, &task, birth, &data, &stat) {
                    Ok(ready) => Ok(Some(ready)),
                    Err(reason) => {
                        let (path, version) = (layout.task(&task), stat.version);
                        let dead = unreadable(&client, &layout, &task, &data, reason);
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
        let head = TaskHead { max, ..given(self.client, &ready.head) };
        let assignment = self.layout.assignment(&worker, &ready.task);
        let mut ops = vec![
            self.check.clone(),
            MultiOp::Check { path: self.layout.worker(&worker), version: -1 },
            MultiOp::Delete { path: self.layout.task(&ready.task), version: ready.version },
        ];
        ops.extend(placed(assignment, &head, &ready.payload));
        let pending = self.client.multi(ops);
        Box::pin(async move {
            let outcome = pending.await.map(drop);
            Reply::Assigned { worker, ready, outcome }
        })
    }

    fn read_assignment(&self, worker: String, task: TaskId) -> Errand {
        let pending = self.client.get(&self.layout.assignment(&worker, &task));
        Box::pin(async move {
            let found = present(pending.await);
            let limits = |data: &Bytes| decode::<TaskHead>(data).ok().map(|(head, _)| head.limits);
            let outcome = found.map(|found| found.and_then(|(data, _)| limits(&data)));
            Reply::AssignmentRead { worker, task, outcome }
        })
    }

    /// Takes a task from a worker whose deadline passed. The worker may be writing its progress
    /// at the same time: then the record is read once more.
    fn take_back(&self, late: Late) -> Errand {
        let (client, layout) = (self.client.clone(), self.layout.clone());
        let (check, max_attempts) = (self.check.clone(), self.max_attempts);
        Box::pin(async move {
            let Late { task, worker, reason } = late;
            let path = layout.assignment(&worker, &task);
            let verdict = Verdict { cause: Cause::Deadline, reason, retryable: true, max_attempts };
            let outcome = async {
                loop {
                    let Some((data, stat)) = present(client.get(&path).await)? else {
                        return Ok(Rescue::Gone);
                    };
                    let mut ops = vec![check.clone()];
                    let back = Back { layout: &layout, worker: &worker, task: &task };
                    ops.extend(back.ops(&client, &data, &stat, verdict.clone()));
                    match conclude(&client, &layout, &task, ops).await {
                        Ok(_) => return Ok(Rescue::Returned),
                        Err(error) if was_taken(&error, 1) => {}
                        Err(error) => return Err(error),
                    }
                }
            };
            let outcome = outcome.await;
            Reply::Rescued { worker, task, outcome }
        })
    }

    /// Gives up a task that waited for longer than it may.
    fn bury(&self, task: TaskId, birth: u64) -> Errand {
        let pending = self.client.get(&self.layout.task(&task));
        let (client, layout) = (self.client.clone(), self.layout.clone());
        let check = self.check.clone();
        Box::pin(async move {
            let outcome = async {
                let Some((data, stat)) = present(pending.await)? else { return Ok(None) };
                let Ok((head, payload)) = decode::<TaskHead>(&data) else { return Ok(None) };
                let grave = Grave {
                    task: &task,
                    head: &head,
                    payload: &payload,
                    worker: "",
                    cause: Cause::Deadline,
                    reason: &format!("no worker took it within {} ms", head.limits.start),
                    by: String::new(),
                    now_ms: client.wall_ms(),
                };
                let delete = MultiOp::Delete { path: layout.task(&task), version: stat.version };
                let mut ops = vec![check, delete];
                ops.extend(grave.ops(&layout));
                match conclude(&client, &layout, &task, ops).await {
                    Err(error) if !was_taken(&error, 1) => Err(error),
                    _ => Ok(None),
                }
            };
            let outcome = outcome.await;
            Reply::Fetched { task, birth, outcome }
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
                let back = Back { layout: &layout, worker: &worker, task: &task };
                ops.extend(back.vanished(&client, &data, &stat, max_attempts));
                match conclude(&client, &layout, &task, ops).await {
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

/// What the one who gets the task finds in its record.
pub(crate) fn given(client: &Client, head: &TaskHead) -> TaskHead {
    let turn = head.turn.wrapping_add(1);
    TaskHead { turn, not_before: 0, started: client.wall_ms(), ..head.clone() }
}

/// A waiting task as it was read just now. The error says why it is none.
pub(crate) fn ready(
    client: &Client,
    task: &TaskId,
    birth: u64,
    data: &Bytes,
    stat: &Stat,
) -> Result<Ready, String> {
    let (head, payload) = decode::<TaskHead>(data)?;
    let now = client.wall_ms();
    let span = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let due_in = span(head.not_before.saturating_sub(now));
    let age = span(now.saturating_sub(stat.ctime.max(head.not_before)));
    let (task, head, version) = (task.clone(), Box::new(head), stat.version);
    Ok(Ready { task, birth, head, payload, version, due_in, age })
}

/// An assignment that is taken from its worker.
pub(crate) struct Back<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) worker: &'a str,
    pub(crate) task: &'a TaskId,
}

impl Back<'_> {
    /// Its worker is gone.
    pub(crate) fn vanished(
        &self,
        client: &Client,
        data: &Bytes,
        stat: &Stat,
        max_attempts: u32,
    ) -> Vec<MultiOp> {
        let reason = format!("worker {} vanished", self.worker);
        let verdict = Verdict { cause: Cause::Vanished, reason, retryable: true, max_attempts };
        self.ops(client, data, stat, verdict)
    }

    /// Deleted there, and waiting for its next attempt or given up.
    pub(crate) fn ops(
        &self,
        client: &Client,
        data: &Bytes,
        stat: &Stat,
        mut verdict: Verdict,
    ) -> Vec<MultiOp> {
        let path = self.layout.assignment(self.worker, self.task);
        let mut ops = vec![MultiOp::Delete { path, version: stat.version }];
        match decode::<TaskHead>(data) {
            Ok((head, payload)) => {
                verdict.reason.push_str(&format!(" during attempt {}", head.attempt));
                let record = (head.clone(), payload);
                let holding = Holding::new(self.layout, self.worker, self.task, record, stat);
                ops.extend(holding.landing(&End::Failed(verdict), &head, client.wall_ms()));
            }
            Err(reason) => ops.push(unreadable(client, self.layout, self.task, data, reason)),
        }
        ops
    }
}

/// A dead letter of what is no task record; the data is kept as it was found.
pub(crate) fn unreadable(
    client: &Client,
    layout: &Layout,
    task: &TaskId,
    data: &Bytes,
    reason: String,
) -> MultiOp {
    let (cause, ended) = (Cause::Unreadable, client.wall_ms());
    let head = DeadHead { reason, cause, ended, ..DeadHead::default() };
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
