//! How a master chooses the worker for a task.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use crate::record::TaskId;

/// The task that somebody is to get.
#[derive(Clone, Copy, Debug)]
pub struct WaitingTask<'a> {
    /// Its name.
    pub task: &'a TaskId,
    /// Higher is more urgent; it is this task's turn already.
    pub priority: i32,
    /// The attempt that this will be, from 1.
    pub attempt: u32,
    /// What its worker must be able to do, sorted.
    pub needs: &'a [String],
    /// Its payload, in bytes.
    pub size: usize,
}

/// A worker that could have it: it has room, and can do what is needed.
#[derive(Clone, Copy, Debug)]
pub struct WorkerLoad<'a> {
    /// Its id.
    pub worker: &'a str,
    /// How many tasks it has, those on their way to it included.
    pub load: u32,
    /// How many it wants at the same time; more than `load`.
    pub capacity: u32,
    /// What it says that it can do.
    pub abilities: &'a [String],
}

/// Chooses among workers. Called by the leading master for each task, so it should be quick and
/// must not block.
///
/// ```
/// use pinfold_recipes::{Strategy, WaitingTask, WorkerLoad};
///
/// /// Large payloads go to workers that say they are near.
/// #[derive(Debug)]
/// struct Near;
///
/// impl Strategy for Near {
///     fn choose(&self, task: &WaitingTask<'_>, workers: &[WorkerLoad<'_>]) -> Option<usize> {
///         let near = workers.iter().position(|w| w.abilities.iter().any(|a| a == "near"));
///         if task.size > 100_000 { near } else { Some(0) }
///     }
/// }
/// ```
pub trait Strategy: Debug + Send + Sync {
    /// The index of the worker that gets the task. `workers` is not empty and ordered by id.
    /// `None`, or an index beyond the end, leaves the task waiting until something changes; the
    /// tasks behind it that need the same wait with it.
    fn choose(&self, task: &WaitingTask<'_>, workers: &[WorkerLoad<'_>]) -> Option<usize>;
}

/// The worker that is least full in proportion to its capacity; the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastLoaded;

impl Strategy for LeastLoaded {
    fn choose(&self, _: &WaitingTask<'_>, workers: &[WorkerLoad<'_>]) -> Option<usize> {
        // a.load/a.capacity < b.load/b.capacity without division; the first of equals.
        let emptier = |a: &WorkerLoad<'_>, b: &WorkerLoad<'_>| {
            let mine = u64::from(a.load) * u64::from(b.capacity);
            mine.cmp(&(u64::from(b.load) * u64::from(a.capacity)))
        };
        let best = workers.iter().enumerate().min_by(|(_, a), (_, b)| emptier(a, b));
        best.map(|(index, _)| index)
    }
}

/// One worker after the other, by id.
#[derive(Debug, Default)]
pub struct RoundRobin {
    last: Mutex<String>,
}

impl Strategy for RoundRobin {
    fn choose(&self, _: &WaitingTask<'_>, workers: &[WorkerLoad<'_>]) -> Option<usize> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let next = workers.iter().position(|w| w.worker > last.as_str()).unwrap_or(0);
        last.clear();
        last.push_str(workers.get(next)?.worker);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(worker: &str, load: u32, capacity: u32) -> WorkerLoad<'_> {
        WorkerLoad { worker, load, capacity, abilities: &[] }
    }

    #[test]
    fn the_least_loaded_is_the_one_with_most_room_in_proportion() {
        let id = TaskId::parse("t-1").expect("a name");
        let task = WaitingTask { task: &id, priority: 0, attempt: 1, needs: &[], size: 0 };
        let workers = [load("a", 1, 2), load("b", 1, 4), load("c", 2, 8)];
        assert_eq!(LeastLoaded.choose(&task, &workers), Some(1));
        assert_eq!(LeastLoaded.choose(&task, &[]), None);
    }

    #[test]
    fn round_robin_goes_round_also_when_somebody_leaves() {
        let id = TaskId::parse("t-1").expect("a name");
        let task = WaitingTask { task: &id, priority: 0, attempt: 1, needs: &[], size: 0 };
        let robin = RoundRobin::default();
        let all = [load("a", 0, 9), load("b", 0, 9), load("c", 0, 9)];
        let mut chosen = Vec::new();
        for _ in 0..4 {
            chosen.extend(robin.choose(&task, &all));
        }
        assert_eq!(chosen, [0, 1, 2, 0]);
        assert_eq!(robin.choose(&task, &[load("a", 0, 9), load("c", 0, 9)]), Some(1));
        assert_eq!(robin.choose(&task, &[]), None);
    }
}
