//! The client of the demo: one task per file, in portions.

use super::corpus::Corpus;
use crate::fault::Doing;
use crate::{Fallible, Fault};
use bytes::Bytes;
use pinfold_client::{Client, Error};
use pinfold_recipes::{TaskId, TaskQueue};
use tokio::task::JoinHandle;

/// The root of the application's znodes.
pub(super) const ROOT: &str = "/demo";

/// How many tasks are submitted in one go: well within a session's in-flight limit.
const PORTION: usize = 1_000;

/// Submits in the background, in order, and keeps the ids.
pub(super) struct Submitter {
    client: Client,
    payloads: Vec<Bytes>,
    /// How many payloads have been handed over.
    handed: usize,
    running: Option<JoinHandle<Result<Vec<TaskId>, Error>>>,
    /// Handed over, but behind the running one.
    behind: usize,
    tasks: Vec<TaskId>,
}

impl Submitter {
    pub(super) fn new(client: Client, corpus: &Corpus) -> Submitter {
        let payload = |file: &String| Bytes::copy_from_slice(file.as_bytes());
        let payloads = corpus.files.iter().map(payload).collect();
        Submitter { client, payloads, handed: 0, running: None, behind: 0, tasks: Vec::new() }
    }

    /// Submits the next percent of all payloads; what rounding leaves over goes with 100.
    pub(super) fn submit(&mut self, percent: usize) {
        let wanted = (self.payloads.len() * percent).div_ceil(100);
        self.behind += wanted.min(self.payloads.len() - self.handed - self.behind);
        self.advance();
    }

    fn advance(&mut self) {
        let portion = self.behind.min(PORTION);
        if self.running.is_some() || portion == 0 {
            return;
        }
        let payloads = self.payloads[self.handed..self.handed + portion].to_vec();
        self.handed += portion;
        self.behind -= portion;
        let client = self.client.clone();
        self.running =
            Some(tokio::spawn(
                async move { TaskQueue::new(client, ROOT).submit_many(payloads).await },
            ));
    }

    /// Takes the ids of a portion that is done, and starts the next.
    pub(super) async fn check(&mut self) -> Fallible {
        if !self.running.as_ref().is_some_and(JoinHandle::is_finished) {
            return Ok(());
        }
        let Some(running) = self.running.take() else { return Ok(()) };
        let submitted = running.await.map_err(|error| Fault::new(error.to_string()))?;
        self.tasks.extend(submitted.doing("submitting")?);
        self.advance();
        Ok(())
    }

    /// Whether nothing is being submitted.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none() && self.behind == 0
    }

    /// How many tasks are in the queue for sure.
    pub(super) fn submitted(&self) -> usize {
        self.tasks.len()
    }

    /// Their ids, in the order of the payloads.
    pub(super) fn tasks(&self) -> &[TaskId] {
        &self.tasks
    }
}
