//! Cancelling a task: wherever it is, one multi takes it from there and makes it a dead letter.
//!
//! The dead letter holds the name of the one cancellation that made it, by which it is found
//! again when the reply was lost. Whoever works on the task is told by the deletion of the
//! assignment, and finds cause and reason in the dead letter.

use bytes::Bytes;
use pinfold_client::{Client, Error, MultiOp, Stat};

use crate::commit::{Grave, conclude, persistent};
use crate::errand::was_taken;
use crate::layout::Layout;
use crate::record::{Cause, DeadHead, TaskHead, TaskId, clip, decode, encode};
use crate::session::{Fault, NO_NODE, connected, fault, pause, unique};
use crate::whereabouts::Whereabouts;

/// One call of cancel.
pub(crate) struct Cancellation<'a> {
    pub(crate) client: &'a Client,
    pub(crate) layout: &'a Layout,
    pub(crate) task: &'a TaskId,
    pub(crate) reason: &'a str,
}

impl Cancellation<'_> {
    /// True when the task is a dead letter by this call; false when it had come to its end
    /// before, or is nowhere.
    pub(crate) async fn run(&self) -> Result<bool, Error> {
        let by = unique(self.client);
        let mut round = 0;
        loop {
            match self.attempt(&by).await {
                Ok(Some(outcome)) => return Ok(outcome),
                // It moved meanwhile.
                Ok(None) => {}
                Err(error) if fault(&error) == Fault::Connection => connected(self.client).await?,
                Err(error) => return Err(error),
            }
            pause(round).await;
            round += 1;
        }
    }

    async fn attempt(&self, by: &str) -> Result<Option<bool>, Error> {
        let found = Whereabouts::of(self.client, self.layout, self.task).await?;
        let (path, worker, data, stat) = match found {
            None | Some(Whereabouts::Done(..)) => return Ok(Some(false)),
            Some(Whereabouts::Dead(data, _)) => {
                // Made by an attempt whose reply was lost?
                let ours = decode::<DeadHead>(&data).is_ok_and(|(head, _)| head.by == by);
                return Ok(Some(ours));
            }
            Some(Whereabouts::Waiting(data, stat)) => {
                (self.layout.task(self.task), String::new(), data, stat)
            }
            Some(Whereabouts::Assigned { worker, data, stat }) => {
                (self.layout.assignment(&worker, self.task), worker, data, stat)
            }
        };
        let ops = self.ops(path, &worker, (&data, &stat), by);
        match conclude(self.client, self.layout, self.task, ops).await {
            Ok(_) => Ok(Some(true)),
            Err(error) if was_taken(&error, 0) => Ok(None),
            // Somebody removed a folder by hand.
            Err(error) if error.op_index() == Some(1) && error.code() == NO_NODE => {
                self.layout.prepare(self.client).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn ops(&self, path: String, worker: &str, found: (&Bytes, &Stat), by: &str) -> Vec<MultiOp> {
        let (data, stat) = found;
        let (cause, now_ms) = (Cause::Cancelled, self.client.wall_ms());
        let mut ops = vec![MultiOp::Delete { path, version: stat.version }];
        match decode::<TaskHead>(data) {
            Ok((head, payload)) => {
                let grave = Grave {
                    task: self.task,
                    head: &head,
                    payload: &payload,
                    worker,
                    cause,
                    reason: self.reason,
                    by: by.to_owned(),
                    now_ms,
                };
                ops.extend(grave.ops(self.layout));
            }
            // No task record: what was found is kept as it is.
            Err(_) => {
                let dead = DeadHead {
                    worker: worker.to_owned(),
                    reason: clip(self.reason).to_owned(),
                    cause,
                    by: by.to_owned(),
                    ended: now_ms,
                    ..DeadHead::default()
                };
                let path = self.layout.dead_letter(self.task);
                ops.push(persistent(path, encode(&dead, data)));
            }
        }
        ops
    }
}
