//! A task that a worker took by itself, without a master.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use pinfold_client::{Client, Error};
use tokio::runtime::Handle;

use crate::commit::{End, Holding};
use crate::farewell::farewell;
use crate::record::{Cause, MAX_PROGRESS, TaskId, check_size, check_within};
use crate::session::{self, CLAIM_LOST, Fault, fault};
use crate::worker::Failure;

/// A task that this worker took. Bring it to an end by one of its methods. A claim that is
/// dropped without fails in the background, with the attempt counted: the reason says so, and why
/// its last end was refused. It stays with the worker until the session ends where that is not
/// possible.
#[derive(Debug)]
pub struct Claim {
    /// The task.
    pub task: TaskId,
    /// What was submitted.
    pub payload: Bytes,
    /// 1 for the first time that somebody works on it.
    pub attempt: u32,
    holding: Holding,
    client: Client,
    /// Its owner got it: an attempt has begun.
    seen: AtomicBool,
    /// Brought to its end: a second end would be told a success that is not its own.
    ended: AtomicBool,
    /// It is another's, or the session is over.
    gone: AtomicBool,
    /// Why an end was refused while the task stays in hand.
    refused: Mutex<String>,
    /// Where it is given up when it is dropped.
    runtime: Handle,
}

impl Claim {
    /// A task that was taken just now. Dropped before it is seen it goes back untouched.
    pub(crate) fn new(client: &Client, holding: Holding) -> Claim {
        Claim {
            task: holding.task.clone(),
            payload: holding.payload.clone(),
            attempt: holding.head.attempt,
            holding,
            client: client.clone(),
            seen: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            refused: Mutex::new(String::new()),
            runtime: Handle::current(),
        }
    }

    /// On its way to its owner, with nothing between.
    pub(crate) fn seen(self) -> Claim {
        self.seen.store(true, Ordering::Release);
        self
    }

    /// Fencing token: grows with each time that the task is given to somebody.
    pub fn token(&self) -> i64 {
        self.holding.czxid
    }

    /// True while work on the task may go on, by this process's monotonic clock.
    pub fn is_held(&self) -> bool {
        !self.ended.load(Ordering::Acquire) && session::is_alive(&self.client)
    }

    async fn end(&self, end: End) -> Result<(), Error> {
        if self.ended.load(Ordering::Acquire) {
            return Err(self.holding.gone());
        }
        match self.holding.settle(&self.client, &end).await {
            Ok(()) => self.ended.store(true, Ordering::Release),
            Err(error) => return Err(self.noted(error)),
        }
        Ok(())
    }

    /// Remembers a refusal, for the one who learns of it when the claim is dropped.
    fn noted(&self, error: Error) -> Error {
        if error.code() == CLAIM_LOST || fault(&error) == Fault::Session {
            self.gone.store(true, Ordering::Release);
        } else {
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            *refused = error.to_string();
        }
        error
    }

    /// What a drop makes of the task; `None` when it is not in hand any more.
    fn parting(&self) -> Option<End> {
        let over = self.ended.load(Ordering::Acquire) || self.gone.load(Ordering::Acquire);
        if over || session::is_over(self.client.state()) {
            return None;
        }
        if !self.seen.load(Ordering::Acquire) {
            return Some(End::Returned);
        }
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let why = "its worker dropped it unfinished";
        Some(match refused.as_str() {
            "" => Failure::from(why).end(),
            refused => Failure::from(format!("{why}: {refused}")).end(),
        })
    }

    /// Leaves the task to others without an end of its own, as one does who closes down: it goes
    /// back untouched, or as a failed attempt when an end was refused. Nothing happens when it is
    /// not in hand any more.
    ///
    /// # Errors
    /// The session's end, or what the server refuses.
    pub async fn leave(self) -> Result<(), Error> {
        let was_refused = !self.refused.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        match self.parting() {
            None => Ok(()),
            Some(end) if was_refused => self.end(end).await,
            Some(_) => self.end(End::Returned).await,
        }
    }

    /// Resolves, with the reason, when work on the task has to stop: it was cancelled, its
    /// deadline passed, or the session is lost or may be soon (`Vanished`). Cancel-safe. After an
    /// end by one of its own methods it says that as well.
    pub async fn lost(&self) -> (Cause, String) {
        let holding = &self.holding;
        let path = holding.layout.assignment(&holding.worker, &holding.task);
        tokio::select! {
            reason = session::lapsed(&self.client) => return (Cause::Vanished, reason),
            () = session::removed(&self.client, &path, holding.czxid) => {}
        }
        if self.ended.load(Ordering::Acquire) {
            return (Cause::Vanished, "it was brought to its end".to_owned());
        }
        farewell(&self.client, &holding.layout, &holding.task).await
    }

    /// Writes how far the work is; see [`crate::Worker::progress`].
    ///
    /// # Errors
    /// CLAIM_LOST when the task is not this worker's any more; INVALID_ARGUMENT above
    /// [`MAX_PROGRESS`] bytes; the session's end.
    pub async fn progress(&self, data: &[u8]) -> Result<(), Error> {
        check_within(&format!("the progress of task {}", self.task), data, MAX_PROGRESS)?;
        if self.ended.load(Ordering::Acquire) {
            return Err(self.holding.gone());
        }
        self.holding.progress(&self.client, data).await
    }

    /// Commits the result.
    ///
    /// # Errors
    /// CLAIM_LOST when the task is not this worker's any more; INVALID_ARGUMENT for a result
    /// above the limit, with the task still in hand; the session's end: another will do the task,
    /// unless the result was committed with the last breath.
    pub async fn complete(&self, result: Bytes) -> Result<(), Error> {
        let sized = check_size(&format!("the result of task {}", self.task), &result);
        sized.map_err(|error| self.noted(error))?;
        self.end(End::Done(result)).await
    }

    /// Gives the task up for this attempt; see [`crate::Worker::fail`].
    ///
    /// # Errors
    /// The session's end, or what the server refuses.
    pub async fn fail(&self, failure: impl Into<Failure>) -> Result<(), Error> {
        self.end(failure.into().end()).await
    }

    /// Gives the task back untouched, without counting the attempt.
    ///
    /// # Errors
    /// The session's end, or what the server refuses.
    pub async fn release(&self) -> Result<(), Error> {
        self.end(End::Returned).await
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(end) = self.parting() else { return };
        let (holding, client) = (self.holding.clone(), self.client.clone());
        // Of a runtime that is shutting down nothing comes: then the session's end tells.
        self.runtime.spawn(async move {
            if let Err(error) = holding.settle(&client, &end).await {
                tracing::warn!(%error, task = %holding.task, "a dropped claim is left as it is");
            }
        });
    }
}
