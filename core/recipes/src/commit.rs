//! The end of a claim: result, retry, dead letter or return, each one multi that checks the
//! claim, and each resolved by reading the tree when its reply was lost.

use bytes::Bytes;
use pinfold_client::{Acl, Client, CreateMode, Error, MultiOp};

use crate::layout::Layout;
use crate::record::{DeadHead, ResultHead, TaskHead, TaskId, clip, decode, encode};
use crate::session::{
    BAD_VERSION, Fault, NO_NODE, NODE_EXISTS, claim_lost, connected, fault, pause,
};

/// A task in a worker's hands, pinned to the session that got it.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    pub(crate) layout: Layout,
    pub(crate) worker: String,
    pub(crate) task: TaskId,
    pub(crate) head: TaskHead,
    pub(crate) payload: Bytes,
    /// czxid of the assignment: the fencing token, and what tells it from a later one.
    pub(crate) czxid: i64,
    pub(crate) version: i32,
}

/// What becomes of the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done(Bytes),
    /// To be tried again, or a dead letter when this was the last attempt.
    Failed {
        reason: String,
        max_attempts: u32,
    },
    /// Given back untouched: the attempt does not count.
    Returned,
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

impl Holding {
    fn path(&self) -> String {
        self.layout.assignment(&self.worker, &self.task)
    }

    /// Check the claim, put the task where it goes, delete the claim.
    fn ops(&self, end: &End) -> Vec<MultiOp> {
        let path = self.path();
        let check = MultiOp::Check { path: path.clone(), version: self.version };
        let delete = MultiOp::Delete { path, version: self.version };
        vec![check, self.landing(end), delete]
    }

    fn landing(&self, end: &End) -> MultiOp {
        match end {
            End::Done(result) => {
                let head = ResultHead {
                    attempt: self.head.attempt,
                    worker: self.worker.clone(),
                    id: self.head.id.clone(),
                };
                persistent(self.layout.result(&self.task), encode(&head, result))
            }
            End::Returned => {
                persistent(self.layout.task(&self.task), encode(&self.head, &self.payload))
            }
            End::Failed { reason, max_attempts } => again_or_dead(self, reason, *max_attempts),
        }
    }

    /// Brings the claim to its end.
    ///
    /// # Errors
    /// CLAIM_LOST when the task was given to another; the session's end; what the server refuses.
    pub(crate) async fn settle(&self, client: &Client, end: &End) -> Result<(), Error> {
        let mut round = 0;
        loop {
            let error = match client.multi(self.ops(end)).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            match fault(&error) {
                Fault::Session => return Err(error),
                Fault::Connection => connected(client).await?,
                Fault::Refused => match error.code() {
                    NO_NODE | BAD_VERSION | NODE_EXISTS if round < 8 => {}
                    _ => return Err(error),
                },
            }
            match self.standing(client, end).await? {
                Standing::Ours => return Ok(()),
                Standing::Gone => return Err(self.gone()),
                Standing::Held if error.code() == NODE_EXISTS => {
                    return self.abandon(client, end).await;
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
        Ok(matches!(self.standing(client, &end).await?, Standing::Ours))
    }

    /// Reads what became of the claim. The assignment is read first: once it is gone nothing can
    /// change the answer of the second read.
    async fn standing(&self, client: &Client, end: &End) -> Result<Standing, Error> {
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
            if assignment.is_some_and(|stat| stat.czxid == self.czxid) {
                return Ok(Standing::Held);
            }
            // An end other than a result leaves no trace that would stay: the claim is gone, as
            // was wanted, and whoever took it away first makes no difference.
            let End::Done(_) = end else { return Ok(Standing::Ours) };
            let ours = result.is_some_and(|data| self.wrote(&data));
            return Ok(if ours { Standing::Ours } else { Standing::Gone });
        }
    }

    /// An attempt is given to one worker once, so the pair says who wrote the result.
    fn wrote(&self, data: &Bytes) -> bool {
        decode::<ResultHead>(data)
            .is_ok_and(|(head, _)| head.worker == self.worker && head.attempt == self.head.attempt)
    }

    /// The task already is where this end would put it, though this claim stands: a tree that
    /// somebody edited. The claim goes, the other stays.
    async fn abandon(&self, client: &Client, end: &End) -> Result<(), Error> {
        match client.delete(&self.path(), self.version).await {
            Err(error) if error.code() != NO_NODE => Err(error),
            _ if matches!(end, End::Done(_)) => Err(self.gone()),
            _ => Ok(()),
        }
    }
}

/// The operation for a task whose attempt came to nothing: waiting again with the next attempt,
/// or given up.
pub(crate) fn again_or_dead(holding: &Holding, reason: &str, max_attempts: u32) -> MultiOp {
    let head = &holding.head;
    let max = head.max.unwrap_or(max_attempts).max(1);
    if head.attempt < max {
        let next = TaskHead { attempt: head.attempt + 1, ..head.clone() };
        return persistent(holding.layout.task(&holding.task), encode(&next, &holding.payload));
    }
    let dead = DeadHead {
        attempt: head.attempt,
        worker: holding.worker.clone(),
        reason: clip(reason).to_owned(),
        id: head.id.clone(),
    };
    persistent(holding.layout.dead_letter(&holding.task), encode(&dead, &holding.payload))
}
