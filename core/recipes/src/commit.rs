//! The end of a claim: result, retry, dead letter or return, each one multi that checks the
//! claim, and each resolved by reading the tree when its reply was lost.

use std::sync::Arc;

use bytes::Bytes;
use pinfold_client::{Acl, Client, CreateMode, Error, MultiOp, MultiResult, Stat};
use tokio::sync::Mutex;

use crate::layout::Layout;
use crate::record::{
    Cause, DeadHead, ProgressHead, ResultHead, Setback, TaskHead, TaskId, clip, decode, encode,
};
use crate::session::{
    BAD_VERSION, Fault, NO_NODE, NODE_EXISTS, claim_lost, connected, fault, pause,
};

/// How often a refusal that a look at the tree may explain is taken for that.
const ROUNDS: u32 = 8;

/// A task in a worker's hands, pinned to the session that got it. Clones share its grip.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    pub(crate) layout: Layout,
    pub(crate) worker: String,
    pub(crate) task: TaskId,
    pub(crate) head: TaskHead,
    pub(crate) payload: Bytes,
    /// czxid of the assignment: the fencing token, and what tells it from a later one.
    pub(crate) czxid: i64,
    grip: Arc<Mutex<Grip>>,
}

/// What changes while a task is held. Locked by the one operation that is under way.
#[derive(Debug)]
struct Grip {
    /// Of the assignment's znode.
    version: i32,
    /// The record says that there is a znode with the progress.
    progress: bool,
}

/// What becomes of the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done(Bytes),
    Failed(Verdict),
    /// Given back untouched: the attempt does not count.
    Returned,
}

/// Why an attempt came to nothing, and whether there may be another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) cause: Cause,
    pub(crate) reason: String,
    pub(crate) retryable: bool,
    /// Where the task does not say it itself.
    pub(crate) max_attempts: u32,
}

/// What the tree says after a lost reply.
enum Standing {
    Held,
    Ours,
    Gone,
}

pub(crate) fn persistent(path: String, data: Bytes) -> MultiOp {
    MultiOp::Create {
        path,
        data: Some(data),
        mode: CreateMode::Persistent,
        acl: Acl::open_unsafe().to_vec(),
        ttl_ms: 0,
    }
}

/// Puts a task's record at `path`, with the version that tells its turn; see the layout.
pub(crate) fn placed(path: String, head: &TaskHead, payload: &[u8]) -> Vec<MultiOp> {
    let record = encode(head, payload);
    let version = 2 * (head.turn % 4);
    if version == 0 {
        return vec![persistent(path, record)];
    }
    let set = |data| MultiOp::SetData { path: path.clone(), data: Some(data), version: -1 };
    let mut ops = vec![persistent(path.clone(), Bytes::new())];
    ops.extend((1..version).map(|_| set(Bytes::new())));
    ops.push(set(record));
    ops
}

/// A task that is given up.
pub(crate) struct Grave<'a> {
    pub(crate) task: &'a TaskId,
    pub(crate) head: &'a TaskHead,
    pub(crate) payload: &'a [u8],
    /// Who had it; empty when nobody did.
    pub(crate) worker: &'a str,
    pub(crate) cause: Cause,
    pub(crate) reason: &'a str,
    /// Who gives it up; see [`DeadHead::by`].
    pub(crate) by: String,
    pub(crate) now_ms: i64,
}

impl Grave<'_> {
    /// The dead letter is created, and the progress goes.
    pub(crate) fn ops(&self, layout: &Layout) -> Vec<MultiOp> {
        let dead = DeadHead {
            attempt: self.head.attempt,
            worker: self.worker.to_owned(),
            reason: clip(self.reason).to_owned(),
            cause: self.cause,
            id: self.head.id.clone(),
            by: self.by.clone(),
            ended: self.now_ms,
            task: Some(Box::new(TaskHead { progress: false, last: None, ..self.head.clone() })),
        };
        let mut ops = vec![persistent(layout.dead_letter(self.task), encode(&dead, self.payload))];
        ops.extend(self.head.progress.then(|| no_progress(layout, self.task)));
        ops
    }
}

fn no_progress(layout: &Layout, task: &TaskId) -> MultiOp {
    MultiOp::Delete { path: layout.progress_of(task), version: -1 }
}

/// Carries out the end of a task. A znode of its progress that somebody removed by hand does not
/// keep it from ending.
pub(crate) async fn conclude(
    client: &Client,
    layout: &Layout,
    task: &TaskId,
    ops: Vec<MultiOp>,
) -> Result<Vec<MultiResult>, Error> {
    let progress = layout.progress_of(task);
    if ops.iter().all(|op| op.path() != progress) {
        return client.multi(ops).await;
    }
    let rest: Vec<MultiOp> = ops.iter().filter(|op| op.path() != progress).cloned().collect();
    match client.multi(ops).await {
        Err(error) if error.code() == NO_NODE && error.path() == Some(&progress) => {
            client.multi(rest).await
        }
        outcome => outcome,
    }
}

impl Holding {
    /// A task that `stat` says is assigned to `worker`.
    pub(crate) fn new(
        layout: &Layout,
        worker: &str,
        task: &TaskId,
        (head, payload): (TaskHead, Bytes),
        stat: &Stat,
    ) -> Holding {
        let grip = Grip { version: stat.version, progress: head.progress };
        Holding {
            layout: layout.clone(),
            worker: worker.to_owned(),
            task: task.clone(),
            head,
            payload,
            czxid: stat.czxid,
            grip: Arc::new(Mutex::new(grip)),
        }
    }

    fn path(&self) -> String {
        self.layout.assignment(&self.worker, &self.task)
    }

    /// Check the claim, put the task where it goes, delete the claim.
    fn ops(&self, end: &End, grip: &Grip, now_ms: i64) -> Vec<MultiOp> {
        let (path, version) = (self.path(), grip.version);
        let mut ops = vec![MultiOp::Check { path: path.clone(), version }];
        let head = TaskHead { progress: grip.progress, ..self.head.clone() };
        ops.extend(self.landing(end, &head, now_ms));
        ops.push(MultiOp::Delete { path, version });
        ops
    }

    /// Where the task goes from here.
    pub(crate) fn landing(&self, end: &End, head: &TaskHead, now_ms: i64) -> Vec<MultiOp> {
        match end {
            End::Done(result) => {
                let done = ResultHead {
                    attempt: head.attempt,
                    worker: self.worker.clone(),
                    id: head.id.clone(),
                    token: self.czxid,
                    key: head.key.clone(),
                    submitted: head.submitted,
                    started: head.started,
                    ended: now_ms,
                };
                let result = persistent(self.layout.result(&self.task), encode(&done, result));
                let gone = head.progress.then(|| no_progress(&self.layout, &self.task));
                std::iter::once(result).chain(gone).collect()
            }
            End::Returned => placed(self.layout.task(&self.task), head, &self.payload),
            End::Failed(verdict) => self.again_or_dead(verdict, head, now_ms),
        }
    }

    /// An attempt came to nothing: the task waits for the next one, or is given up.
    fn again_or_dead(&self, verdict: &Verdict, head: &TaskHead, now_ms: i64) -> Vec<MultiOp> {
        let max = head.max.unwrap_or(verdict.max_attempts).max(1);
        let reason = clip(&verdict.reason);
        if verdict.retryable && head.attempt < max {
            // A vanished worker was waited for already, and says nothing against the task.
            let wait = match verdict.cause {
                Cause::Vanished => 0,
                _ => head.backoff.after(head.attempt),
            };
            let not_before = match wait {
                0 => 0,
                wait => now_ms.saturating_add_unsigned(wait),
            };
            let last = Setback { cause: verdict.cause, reason: reason.to_owned() };
            let next = TaskHead {
                attempt: head.attempt + 1,
                not_before,
                last: Some(last),
                ..head.clone()
            };
            return placed(self.layout.task(&self.task), &next, &self.payload);
        }
        let grave = Grave {
            task: &self.task,
            head,
            payload: &self.payload,
            worker: &self.worker,
            cause: verdict.cause,
            reason,
            by: self.czxid.to_string(),
            now_ms,
        };
        grave.ops(&self.layout)
    }

    /// Brings the claim to its end.
    ///
    /// # Errors
    /// CLAIM_LOST when the task was given to another; the session's end; what the server refuses.
    pub(crate) async fn settle(&self, client: &Client, end: &End) -> Result<(), Error> {
        let mut grip = self.grip.lock().await;
        let mut round = 0;
        loop {
            let ops = self.ops(end, &grip, client.wall_ms());
            let error = match conclude(client, &self.layout, &self.task, ops).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            match fault(&error) {
                Fault::Session => return Err(error),
                Fault::Connection => connected(client).await?,
                Fault::Refused => match error.code() {
                    NO_NODE | BAD_VERSION | NODE_EXISTS if round < ROUNDS => {}
                    _ => return Err(error),
                },
            }
            match self.standing(client, end, &mut grip).await? {
                Standing::Ours => return Ok(()),
                Standing::Gone => return Err(self.gone()),
                Standing::Held if error.code() == NODE_EXISTS => {
                    return self.abandon(client, end, grip.version).await;
                }
                // Held, and still "no such node": a folder of the layout is missing.
                Standing::Held if error.code() == NO_NODE => self.layout.prepare(client).await?,
                Standing::Held => {}
            }
            pause(round).await;
            round += 1;
        }
    }

    pub(crate) fn gone(&self) -> Error {
        claim_lost(
            &self.path(),
            format!("task {} is no longer given to {}", self.task, self.worker),
        )
    }

    /// After the session's end, by a later session's eyes: was the result committed?
    pub(crate) async fn was_committed(&self, client: &Client) -> Result<bool, Error> {
        let end = End::Done(Bytes::new());
        let mut grip = self.grip.lock().await;
        Ok(matches!(self.standing(client, &end, &mut grip).await?, Standing::Ours))
    }

    /// Reads what became of the claim. The assignment is read first: once it is gone nothing can
    /// change the answer of the second read.
    async fn standing(
        &self,
        client: &Client,
        end: &End,
        grip: &mut Grip,
    ) -> Result<Standing, Error> {
        loop {
            let path = self.path();
            let synced = client.sync(&path);
            let assignment = client.exists(&path);
            let result = client.get(&self.layout.result(&self.task));
            let read = async {
                synced.await?;
                let assignment = assignment.await?;
                let result = match result.await {
                    Ok((data, _)) => Some(data),
                    Err(error) if error.code() == NO_NODE => None,
                    Err(error) => return Err(error),
                };
                Ok((assignment, result))
            };
            let (assignment, result) = match read.await {
                Err(error) if fault(&error) == Fault::Connection => {
                    connected(client).await?;
                    continue;
                }
                outcome => outcome?,
            };
            if let Some(stat) = assignment.filter(|stat| stat.czxid == self.czxid) {
                // Changed by hand, it is still this assignment.
                grip.version = stat.version;
                return Ok(Standing::Held);
            }
            // An end other than a result leaves no trace that would stay: the claim is gone, as
            // was wanted, and whoever took it away first makes no difference.
            let End::Done(_) = end else { return Ok(Standing::Ours) };
            let ours = result.is_some_and(|data| self.wrote(&data));
            return Ok(if ours { Standing::Ours } else { Standing::Gone });
        }
    }

    /// The result says from which assignment it was committed.
    fn wrote(&self, data: &Bytes) -> bool {
        decode::<ResultHead>(data).is_ok_and(|(head, _)| head.token == self.czxid)
    }

    /// The task already is where this end would put it, though this claim stands: a tree that
    /// somebody edited. The claim goes, the other stays.
    async fn abandon(&self, client: &Client, end: &End, version: i32) -> Result<(), Error> {
        match client.delete(&self.path(), version).await {
            Err(error) if error.code() != NO_NODE => Err(error),
            _ if matches!(end, End::Done(_)) => Err(self.gone()),
            _ => Ok(()),
        }
    }

    /// Writes how far the work is. The first time the assignment's record is marked, so that
    /// whoever ends the task takes the progress away in the same multi.
    ///
    /// # Errors
    /// CLAIM_LOST when the task was given to another; the session's end; what the server refuses.
    pub(crate) async fn progress(&self, client: &Client, data: &[u8]) -> Result<(), Error> {
        let mut grip = self.grip.lock().await;
        let mut is_there = grip.progress;
        let mut round = 0;
        loop {
            let error = match client.multi(self.progress_ops(&grip, is_there, client, data)).await {
                Ok(_) => {
                    grip.version += i32::from(!grip.progress);
                    grip.progress = true;
                    return Ok(());
                }
                Err(error) => error,
            };
            match fault(&error) {
                Fault::Session => return Err(error),
                Fault::Connection => connected(client).await?,
                Fault::Refused => match error.code() {
                    NO_NODE | BAD_VERSION | NODE_EXISTS if round < ROUNDS => {}
                    _ => return Err(error),
                },
            }
            is_there = self.regrip(client, &mut grip).await?;
            pause(round).await;
            round += 1;
        }
    }

    fn progress_ops(
        &self,
        grip: &Grip,
        is_there: bool,
        client: &Client,
        data: &[u8],
    ) -> Vec<MultiOp> {
        let (path, version) = (self.path(), grip.version);
        let claim = if grip.progress {
            MultiOp::Check { path, version }
        } else {
            let head = TaskHead { progress: true, ..self.head.clone() };
            MultiOp::SetData { path, data: Some(encode(&head, &self.payload)), version }
        };
        let (attempt, worker) = (self.head.attempt, self.worker.clone());
        let record = encode(&ProgressHead { attempt, worker, at: client.wall_ms() }, data);
        let path = self.layout.progress_of(&self.task);
        let note = match is_there {
            true => MultiOp::SetData { path, data: Some(record), version: -1 },
            false => persistent(path, record),
        };
        vec![claim, note]
    }

    /// Reads the claim again; true when there is a znode of its progress.
    async fn regrip(&self, client: &Client, grip: &mut Grip) -> Result<bool, Error> {
        loop {
            let path = self.path();
            let synced = client.sync(&path);
            let (claim, note) =
                (client.get(&path), client.exists(&self.layout.progress_of(&self.task)));
            let read = async {
                synced.await?;
                self.layout.prepare(client).await?;
                Ok((claim.await, note.await?))
            };
            let (claim, note) = match read.await {
                Err(error) if fault(&error) == Fault::Connection => {
                    connected(client).await?;
                    continue;
                }
                outcome => outcome?,
            };
            let (data, stat) = match claim {
                Err(error) if error.code() == NO_NODE => return Err(self.gone()),
                Err(error) if fault(&error) == Fault::Connection => {
                    connected(client).await?;
                    continue;
                }
                outcome => outcome?,
            };
            if stat.czxid != self.czxid {
                return Err(self.gone());
            }
            grip.version = stat.version;
            grip.progress = decode::<TaskHead>(&data).is_ok_and(|(head, _)| head.progress);
            return Ok(note.is_some());
        }
    }
}
