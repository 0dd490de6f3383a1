//! The live workers as a master sees them: what each can do, and what it has.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::backlog::Ready;
use crate::record::{Limits, TaskId, WorkerHead};
use crate::strategy::{Strategy, WaitingTask, WorkerLoad};

/// One worker.
#[derive(Debug, Default)]
pub(crate) struct Member {
    /// `None` until its znode was read: it gets no tasks before.
    pub(crate) head: Option<WorkerHead>,
    /// Assignments on their way, with the deadlines that will run.
    pub(crate) pending: HashMap<TaskId, Limits>,
    pub(crate) assigned: HashSet<TaskId>,
}

impl Member {
    pub(crate) fn load(&self) -> usize {
        self.assigned.len() + self.pending.len()
    }

    /// How it stands, when it has room and can do what is needed.
    fn candidate<'a>(&'a self, worker: &'a str, needs: &[String]) -> Option<WorkerLoad<'a>> {
        let head = self.head.as_ref()?;
        let load = u32::try_from(self.load()).unwrap_or(u32::MAX);
        let fits = load < head.capacity && needs.iter().all(|need| head.abilities.contains(need));
        let (capacity, abilities) = (head.capacity, head.abilities.as_slice());
        fits.then_some(WorkerLoad { worker, load, capacity, abilities })
    }
}

/// All of them, by id.
#[derive(Debug, Default)]
pub(crate) struct Crew {
    pub(crate) members: BTreeMap<String, Member>,
}

impl Crew {
    pub(crate) fn has_room(&self) -> bool {
        self.members.values().any(|member| {
            let capacity = member.head.as_ref().map_or(0, |head| head.capacity as usize);
            member.load() < capacity
        })
    }

    /// Who gets the task, by the strategy; nobody when none has room and can do it.
    pub(crate) fn choose(&self, ready: &Ready, strategy: &dyn Strategy) -> Option<String> {
        let needs = ready.head.needs.as_slice();
        let candidates: Vec<WorkerLoad<'_>> =
            self.members.iter().filter_map(|(id, member)| member.candidate(id, needs)).collect();
        if candidates.is_empty() {
            return None;
        }
        let task = WaitingTask {
            task: &ready.task,
            priority: ready.head.priority,
            attempt: ready.head.attempt,
            needs,
            size: ready.payload.len(),
        };
        let chosen = candidates.get(strategy.choose(&task, &candidates)?)?;
        Some(chosen.worker.to_owned())
    }
}
