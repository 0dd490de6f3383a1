//! What a worker holds, shared by the task that follows the tree and the calls that settle.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pinfold_client::Client;
use tokio::sync::watch;

use crate::commit::Holding;
use crate::record::TaskId;

/// The tasks in a worker's hands.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: Mutex<HashMap<TaskId, Entry>>,
    /// Counts the changes.
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct Entry {
    holding: Holding,
    client: Client,
    /// A call is bringing it to its end: that call tells the outcome, no event does.
    settling: bool,
}

impl Entry {
    fn is_open(&self, token: Option<i64>) -> bool {
        !self.settling && token.is_none_or(|token| token == self.holding.czxid)
    }
}

impl Book {
    fn entries(&self) -> MutexGuard<'_, HashMap<TaskId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new assignment; false when it is known already.
    pub(crate) fn add(&self, holding: Holding, client: Client) -> bool {
        let mut entries = self.entries();
        if entries.get(&holding.task).is_some_and(|e| e.holding.czxid == holding.czxid) {
            return false;
        }
        let task = holding.task.clone();
        entries.insert(task, Entry { holding, client, settling: false });
        true
    }

    /// Takes the task for settling; `None` when it is not there, is not the assignment that is
    /// meant, or is being settled.
    pub(crate) fn begin(&self, task: &TaskId, token: Option<i64>) -> Option<(Holding, Client)> {
        let mut entries = self.entries();
        let entry = entries.get_mut(task).filter(|entry| entry.is_open(token))?;
        entry.settling = true;
        Some((entry.holding.clone(), entry.client.clone()))
    }

    /// The task to look at, or to write its progress.
    pub(crate) fn find(&self, task: &TaskId, token: Option<i64>) -> Option<(Holding, Client)> {
        let entries = self.entries();
        let entry = entries.get(task).filter(|entry| entry.is_open(token))?;
        Some((entry.holding.clone(), entry.client.clone()))
    }

    /// The settling is over; the task is `kept` when it can be settled another time.
    pub(crate) fn finish(&self, holding: &Holding, kept: bool) {
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(&holding.task) {
            // A later assignment of the same task is not the one that was settled.
            if entry.holding.czxid == holding.czxid {
                if kept {
                    entry.settling = false;
                } else {
                    entries.remove(&holding.task);
                }
            }
        }
        drop(entries);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Strikes the task out unless it is being settled, and gives the token that it had.
    pub(crate) fn strike(&self, task: &TaskId) -> Option<i64> {
        let mut entries = self.entries();
        let token = entries.get(task).filter(|entry| !entry.settling)?.holding.czxid;
        entries.remove(task);
        drop(entries);
        self.changed.send_modify(|count| *count += 1);
        Some(token)
    }

    /// The tasks that nobody is settling, oldest first.
    pub(crate) fn idle(&self) -> Vec<TaskId> {
        let entries = self.entries();
        let idle = entries.iter().filter(|(_, entry)| !entry.settling);
        let mut tasks: Vec<TaskId> = idle.map(|(task, _)| task.clone()).collect();
        tasks.sort_unstable();
        tasks
    }

    /// Waits until nothing is being settled.
    pub(crate) async fn settled(&self) {
        self.until(|entries| entries.values().all(|entry| !entry.settling)).await;
    }

    /// Waits until nothing is in hand.
    pub(crate) async fn empty(&self) {
        self.until(HashMap::is_empty).await;
    }

    async fn until(&self, done: impl Fn(&HashMap<TaskId, Entry>) -> bool) {
        let mut changed = self.changed.subscribe();
        // The sender lives as long as the book.
        drop(changed.wait_for(|_| done(&self.entries())).await);
    }
}
