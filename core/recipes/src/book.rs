//! What a worker holds, shared by the task that follows the tree and the calls that settle.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pinfold_client::Client;
use tokio::sync::Notify;

use crate::commit::Holding;
use crate::record::TaskId;

/// The tasks in a worker's hands.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: Mutex<HashMap<TaskId, Entry>>,
    settled: Notify,
}

#[derive(Debug)]
struct Entry {
    holding: Holding,
    client: Client,
    /// A call is bringing it to its end: that call tells the outcome, no event does.
    settling: bool,
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

    /// Takes the task for settling; `None` when it is not there or is being settled.
    pub(crate) fn begin(&self, task: &TaskId) -> Option<(Holding, Client)> {
        let mut entries = self.entries();
        let entry = entries.get_mut(task).filter(|entry| !entry.settling)?;
        entry.settling = true;
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
        self.settled.notify_one();
    }

    /// Strikes the task out unless it is being settled; true when it was there.
    pub(crate) fn strike(&self, task: &TaskId) -> bool {
        let mut entries = self.entries();
        let there = entries.get(task).is_some_and(|entry| !entry.settling);
        if there {
            entries.remove(task);
        }
        there
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
        loop {
            let settled = self.settled.notified();
            if self.entries().values().all(|entry| !entry.settling) {
                return;
            }
            settled.await;
        }
    }
}
