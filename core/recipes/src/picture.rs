//! The master's picture of the tree, and what it decides from it. Pure: events and replies go
//! in, actions come out; the reign carries them out.
//!
//! The picture follows the watch alone. A reply is handed in after every event that came before
//! it, so it only ever ends what this master had begun; it never moves a task by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use pinfold_client::EventKind;

use crate::layout::Place;
use crate::record::{TaskHead, TaskId, WorkerHead};

/// Waiting tasks whose payload is fetched at the same time.
const FETCH_WINDOW: usize = 256;
/// Payload bytes held ready for assignment; above this no more is fetched.
const READY_BYTES: usize = 16 << 20;

/// What a reign has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Fetch {
        task: TaskId,
        birth: u64,
    },
    Assign {
        worker: String,
        ready: Ready,
    },
    ReadWorker {
        worker: String,
    },
    /// Give the assignment of a vanished worker back.
    Rescue {
        worker: String,
        task: TaskId,
    },
    ReadDead {
        task: TaskId,
    },
    /// Tell what became of a task that was assigned when the connection broke.
    Inquire {
        worker: String,
        task: TaskId,
    },
    /// Create the folder of a worker's assignments.
    MakeDesk {
        worker: String,
    },
    Tell(Notice),
}

/// What the owner of the master is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    WorkerJoined(String),
    WorkerLeft(String),
    Assigned { task: TaskId, worker: String },
    Completed { task: TaskId, worker: String },
}

/// A waiting task with its payload in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) task: TaskId,
    pub(crate) birth: u64,
    pub(crate) head: TaskHead,
    pub(crate) payload: Bytes,
    pub(crate) version: i32,
}

/// How an assignment ended when it was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// The worker is gone.
    Worker,
    /// The worker's folder is missing: make it, then try again.
    Desk,
    /// The task changed: read it again.
    Changed,
    /// The task is not there any more, or the server refuses it: leave it alone.
    Task,
}

#[derive(Debug, Default)]
struct Crew {
    /// `None` until its znode was read: it gets no tasks before.
    capacity: Option<u32>,
    /// Multis on their way.
    pending: HashSet<TaskId>,
    assigned: HashSet<TaskId>,
}

impl Crew {
    fn load(&self) -> usize {
        self.assigned.len() + self.pending.len()
    }

    fn has_room(&self) -> bool {
        self.load() < self.capacity.unwrap_or(0) as usize
    }

    /// Compares a/b without division: fuller than `other` in proportion to capacity?
    fn fuller_than(&self, other: &Crew) -> bool {
        let (mine, theirs) = (self.capacity.unwrap_or(1), other.capacity.unwrap_or(1));
        self.load() as u64 * u64::from(theirs) > other.load() as u64 * u64::from(mine)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    /// Each waiting task and the count of creations at which it was seen: a task that was taken
    /// and put back is another one, though its znode has version 0 again.
    waiting: HashMap<TaskId, u64>,
    births: u64,
    to_fetch: BTreeSet<TaskId>,
    fetching: usize,
    ready: BTreeMap<TaskId, Ready>,
    ready_bytes: usize,
    workers: HashMap<String, Crew>,
    /// Who works on a task.
    owners: HashMap<TaskId, String>,
    /// Assignments whose worker vanished, until they are given back.
    orphans: HashSet<(String, TaskId)>,
    /// Tasks whose end is being asked for: an event that tells it as well is not passed on.
    inquired: HashSet<TaskId>,
}

/// What a master reads when it begins and after each broken connection.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) tasks: Vec<TaskId>,
    /// Live workers with the czxid of their znode; `None` when its content is no record.
    pub(crate) workers: HashMap<String, (i64, Option<WorkerHead>)>,
    /// Worker, task, and czxid of the assignment; `None` when it went while the tree was read:
    /// then the events that say so are still to come.
    pub(crate) assignments: Vec<(String, TaskId, Option<i64>)>,
}

impl Picture {
    /// The picture that `reading` gives; `before` is the one from before the connection broke.
    pub(crate) fn begin(reading: Reading, before: &Picture, out: &mut Vec<Action>) -> Picture {
        let mut picture = Picture::default();
        for task in reading.tasks {
            picture.arrive(task);
        }
        for (worker, (_, head)) in &reading.workers {
            let capacity = head.as_ref().map(|head| head.capacity);
            picture.workers.insert(worker.clone(), Crew { capacity, ..Crew::default() });
            if !before.workers.contains_key(worker) {
                out.push(Action::Tell(Notice::WorkerJoined(worker.clone())));
            }
        }
        for worker in before.workers.keys().filter(|w| !reading.workers.contains_key(*w)) {
            out.push(Action::Tell(Notice::WorkerLeft(worker.clone())));
        }
        for (worker, task, czxid) in reading.assignments {
            // Older than the worker's registration: it was given to an earlier life of it.
            let born = reading.workers.get(&worker).map(|(born, _)| *born);
            let live = born.is_some_and(|born| czxid.is_none_or(|czxid| born < czxid));
            if live {
                if before.owners.get(&task) != Some(&worker) {
                    let (task, worker) = (task.clone(), worker.clone());
                    out.push(Action::Tell(Notice::Assigned { task, worker }));
                }
                picture.sit(worker, task);
            } else {
                picture.orphan(worker, task, out);
            }
        }
        for (task, worker) in &before.owners {
            let known = picture.owners.contains_key(task) || picture.waiting.contains_key(task);
            if !known && !picture.orphans.iter().any(|(_, orphan)| orphan == task) {
                picture.inquired.insert(task.clone());
                out.push(Action::Inquire { worker: worker.clone(), task: task.clone() });
            }
        }
        picture
    }

    fn arrive(&mut self, task: TaskId) {
        self.births += 1;
        self.inquired.remove(&task);
        self.unready(&task);
        self.waiting.insert(task.clone(), self.births);
        self.to_fetch.insert(task);
    }

    fn depart(&mut self, task: &TaskId) {
        self.waiting.remove(task);
        self.to_fetch.remove(task);
        self.unready(task);
    }

    fn unready(&mut self, task: &TaskId) {
        if let Some(ready) = self.ready.remove(task) {
            self.ready_bytes -= ready.payload.len();
        }
    }

    fn sit(&mut self, worker: String, task: TaskId) {
        if let Some(crew) = self.workers.get_mut(&worker) {
            crew.pending.remove(&task);
            crew.assigned.insert(task.clone());
        }
        self.owners.insert(task, worker);
    }

    fn orphan(&mut self, worker: String, task: TaskId, out: &mut Vec<Action>) {
        self.owners.remove(&task);
        if self.orphans.insert((worker.clone(), task.clone())) {
            out.push(Action::Rescue { worker, task });
        }
    }

    /// Takes one event of the watch.
    pub(crate) fn event(&mut self, place: Place, kind: EventKind, out: &mut Vec<Action>) {
        match (place, kind) {
            (Place::Worker(worker), EventKind::Created) => {
                // A reading may have it already, with what it holds.
                self.workers.entry(worker.clone()).or_default();
                out.push(Action::ReadWorker { worker });
            }
            (Place::Worker(worker), EventKind::DataChanged) => {
                out.push(Action::ReadWorker { worker });
            }
            (Place::Worker(worker), EventKind::Deleted) => self.worker_left(worker, out),
            (Place::Task(task), EventKind::Created | EventKind::DataChanged) => self.arrive(task),
            (Place::Task(task), EventKind::Deleted) => self.depart(&task),
            (Place::Assignment(worker, task), EventKind::Created) => {
                self.assigned(worker, task, out);
            }
            (Place::Assignment(worker, task), EventKind::Deleted) => {
                if let Some(crew) = self.workers.get_mut(&worker) {
                    crew.assigned.remove(&task);
                }
                if self.owners.get(&task) == Some(&worker) {
                    self.owners.remove(&task);
                }
                self.orphans.remove(&(worker, task));
            }
            (Place::Result(task) | Place::Dead(task), EventKind::Created)
                if self.inquired.remove(&task) => {}
            (Place::Result(task), EventKind::Created) => {
                // The result comes before the deletion in the multi, so the owner is still known.
                let worker = self.owners.get(&task).cloned().unwrap_or_default();
                out.push(Action::Tell(Notice::Completed { task, worker }));
            }
            (Place::Dead(task), EventKind::Created) => out.push(Action::ReadDead { task }),
            _ => {}
        }
    }

    fn assigned(&mut self, worker: String, task: TaskId, out: &mut Vec<Action>) {
        if !self.workers.contains_key(&worker) {
            // Given away by hand, or by a claimer that is gone again.
            self.orphan(worker, task, out);
            return;
        }
        // A reading may have told it already.
        if self.owners.get(&task) != Some(&worker) {
            let (task, worker) = (task.clone(), worker.clone());
            out.push(Action::Tell(Notice::Assigned { task, worker }));
        }
        self.sit(worker, task);
    }

    fn worker_left(&mut self, worker: String, out: &mut Vec<Action>) {
        let Some(crew) = self.workers.remove(&worker) else { return };
        out.push(Action::Tell(Notice::WorkerLeft(worker.clone())));
        let mut tasks: Vec<TaskId> = crew.assigned.into_iter().collect();
        tasks.sort_unstable();
        for task in tasks {
            self.orphan(worker.clone(), task, out);
        }
    }

    /// A worker's znode was read; `None` when it is gone or is no record.
    pub(crate) fn worker_read(
        &mut self,
        worker: &str,
        head: Option<WorkerHead>,
        out: &mut Vec<Action>,
    ) {
        let (Some(crew), Some(head)) = (self.workers.get_mut(worker), head) else { return };
        if crew.capacity.replace(head.capacity).is_none() {
            out.push(Action::Tell(Notice::WorkerJoined(worker.to_owned())));
        }
    }

    /// A waiting task was read; `None` when it is gone or was put aside.
    pub(crate) fn fetched(&mut self, task: &TaskId, birth: u64, ready: Option<Ready>) {
        self.fetching = self.fetching.saturating_sub(1);
        if self.waiting.get(task) != Some(&birth) {
            return;
        }
        match ready {
            Some(ready) => self.put_ready(ready),
            None => self.depart(task),
        }
    }

    fn put_ready(&mut self, ready: Ready) {
        self.ready_bytes += ready.payload.len();
        self.ready.insert(ready.task.clone(), ready);
    }

    /// An assignment came back: made, or missed for a reason.
    pub(crate) fn assign_ended(
        &mut self,
        worker: &str,
        ready: Ready,
        miss: Option<Miss>,
        out: &mut Vec<Action>,
    ) {
        if let Some(crew) = self.workers.get_mut(worker) {
            crew.pending.remove(&ready.task);
        }
        if self.waiting.get(&ready.task) != Some(&ready.birth) {
            return;
        }
        match miss {
            None | Some(Miss::Task) => self.depart(&ready.task),
            Some(Miss::Changed) => self.arrive(ready.task),
            Some(Miss::Desk) => {
                out.push(Action::MakeDesk { worker: worker.to_owned() });
                self.arrive(ready.task);
            }
            Some(Miss::Worker) => self.put_ready(ready),
        }
    }

    /// The rescue found the assignment in the hands of a worker that lives.
    pub(crate) fn not_orphaned(&mut self, worker: String, task: TaskId) {
        if self.orphans.remove(&(worker.clone(), task.clone())) {
            self.sit(worker, task);
        }
    }

    /// Fetches ahead, and gives ready tasks, oldest first, to the worker with the most room.
    pub(crate) fn plan(&mut self, out: &mut Vec<Action>) {
        while !self.ready.is_empty() {
            let Some(worker) = self.roomiest() else { break };
            let Some((task, ready)) = self.ready.pop_first() else { break };
            self.ready_bytes -= ready.payload.len();
            if let Some(crew) = self.workers.get_mut(&worker) {
                crew.pending.insert(task);
            }
            out.push(Action::Assign { worker, ready });
        }
        let ahead = FETCH_WINDOW.max(self.capacity());
        while self.fetching < FETCH_WINDOW
            && self.fetching + self.ready.len() < ahead
            && self.ready_bytes < READY_BYTES
        {
            let Some(task) = self.to_fetch.pop_first() else { break };
            let Some(birth) = self.waiting.get(&task).copied() else { continue };
            self.fetching += 1;
            out.push(Action::Fetch { task, birth });
        }
    }

    fn capacity(&self) -> usize {
        self.workers.values().map(|crew| crew.capacity.unwrap_or(0) as usize).sum()
    }

    fn roomiest(&self) -> Option<String> {
        let mut best: Option<(&String, &Crew)> = None;
        for (name, crew) in self.workers.iter().filter(|(_, crew)| crew.has_room()) {
            let better = best.is_none_or(|(other_name, other)| {
                let (more, less) = (crew.fuller_than(other), other.fuller_than(crew));
                less || (!more && name < other_name)
            });
            if better {
                best = Some((name, crew));
            }
        }
        best.map(|(name, _)| name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(n: u32) -> TaskId {
        TaskId::parse(&format!("t-{n:010}")).expect("a task name")
    }

    fn ready(n: u32, birth: u64) -> Ready {
        let head = TaskHead { attempt: 1, id: String::new(), max: None };
        Ready { task: task(n), birth, head, payload: Bytes::from_static(b"p"), version: 0 }
    }

    fn head(capacity: u32) -> Option<WorkerHead> {
        Some(WorkerHead { capacity, abilities: Vec::new() })
    }

    /// A picture with these workers, and all tasks `1..=tasks` fetched.
    fn picture(workers: &[(&str, u32)], tasks: u32) -> Picture {
        let mut reading = Reading { tasks: (1..=tasks).map(task).collect(), ..Reading::default() };
        for (name, capacity) in workers {
            reading.workers.insert((*name).to_owned(), (1, head(*capacity)));
        }
        let mut picture = Picture::begin(reading, &Picture::default(), &mut Vec::new());
        picture.fetch_all();
        picture
    }

    impl Picture {
        fn fetch_all(&mut self) {
            let mut out = Vec::new();
            self.plan(&mut out);
            for action in out {
                if let Action::Fetch { task, birth } = action {
                    let n = task.sequence() as u32;
                    self.fetched(&task, birth, Some(ready(n, birth)));
                }
            }
        }

        fn assignments(&mut self) -> Vec<(u64, String, Ready)> {
            let mut out = Vec::new();
            self.plan(&mut out);
            out.into_iter()
                .filter_map(|action| match action {
                    Action::Assign { worker, ready } => {
                        Some((ready.task.sequence(), worker, ready))
                    }
                    _ => None,
                })
                .collect()
        }
    }

    #[test]
    fn oldest_first_and_in_proportion_to_capacity() {
        let mut picture = picture(&[("a", 2), ("b", 4)], 10);
        let given = picture.assignments();
        let tasks: Vec<u64> = given.iter().map(|(n, _, _)| *n).collect();
        assert_eq!(tasks, [1, 2, 3, 4, 5, 6]);
        assert_eq!(given.iter().filter(|(_, worker, _)| worker == "b").count(), 4);
        assert!(picture.assignments().is_empty(), "no room is left");
    }

    #[test]
    fn a_completion_makes_room() {
        let mut picture = picture(&[("a", 1)], 2);
        let (_, worker, first) = picture.assignments().remove(0);
        let mut out = Vec::new();
        picture.event(Place::Task(task(1)), EventKind::Deleted, &mut out);
        let place = Place::Assignment(worker.clone(), task(1));
        picture.event(place.clone(), EventKind::Created, &mut out);
        picture.assign_ended(&worker, first, None, &mut out);
        assert!(picture.assignments().is_empty());
        picture.event(Place::Result(task(1)), EventKind::Created, &mut out);
        picture.event(place, EventKind::Deleted, &mut out);
        let done = Notice::Completed { task: task(1), worker: "a".into() };
        assert!(out.contains(&Action::Tell(done)));
        assert_eq!(picture.assignments()[0].0, 2);
    }

    #[test]
    fn the_tasks_of_a_vanished_worker_are_rescued() {
        let mut picture = picture(&[("a", 2)], 2);
        let mut out = Vec::new();
        for (n, worker, ready) in picture.assignments() {
            let n = n as u32;
            picture.event(Place::Task(task(n)), EventKind::Deleted, &mut out);
            picture.event(Place::Assignment(worker.clone(), task(n)), EventKind::Created, &mut out);
            picture.assign_ended(&worker, ready, None, &mut out);
        }
        out.clear();
        picture.event(Place::Worker("a".into()), EventKind::Deleted, &mut out);
        let rescue = |n| Action::Rescue { worker: "a".into(), task: task(n) };
        assert_eq!(out, [Action::Tell(Notice::WorkerLeft("a".into())), rescue(1), rescue(2)]);
        // Back under the same name: a new life that is given nothing of the old one.
        picture.event(Place::Worker("a".into()), EventKind::Created, &mut out);
        picture.worker_read("a", head(2), &mut out);
        picture.event(Place::Assignment("a".into(), task(1)), EventKind::Deleted, &mut out);
        picture.event(Place::Task(task(1)), EventKind::Created, &mut out);
        picture.fetch_all();
        assert_eq!(picture.assignments()[0].0, 1);
    }

    #[test]
    fn a_payload_read_before_the_task_came_back_is_not_used() {
        let mut picture = picture(&[("a", 1)], 0);
        let mut out = Vec::new();
        picture.event(Place::Task(task(1)), EventKind::Created, &mut out);
        picture.plan(&mut out);
        assert_eq!(out, [Action::Fetch { task: task(1), birth: 1 }]);
        picture.event(Place::Task(task(1)), EventKind::Deleted, &mut out);
        picture.event(Place::Task(task(1)), EventKind::Created, &mut out);
        picture.fetched(&task(1), 1, Some(ready(1, 1)));
        assert!(picture.assignments().is_empty());
    }

    #[test]
    fn a_new_reading_tells_only_the_difference() {
        let mut before = picture(&[("a", 2), ("b", 2)], 0);
        for (worker, n) in [("a", 1), ("a", 2), ("b", 3)] {
            before.sit(worker.into(), task(n));
        }
        let workers = [("a", 1), ("c", 9)].map(|(name, czxid)| (name.to_owned(), (czxid, head(2))));
        let reading = Reading {
            tasks: vec![task(9)],
            workers: workers.into_iter().collect(),
            assignments: vec![("a".into(), task(1), Some(5)), ("c".into(), task(4), Some(5))],
        };
        let mut out = Vec::new();
        let after = Picture::begin(reading, &before, &mut out);
        let inquire = |w: &str, n| Action::Inquire { worker: w.into(), task: task(n) };
        assert!(out.contains(&inquire("a", 2)) && out.contains(&inquire("b", 3)));
        assert!(out.contains(&Action::Tell(Notice::WorkerJoined("c".into()))));
        assert!(out.contains(&Action::Tell(Notice::WorkerLeft("b".into()))));
        // c registered after task 4 was given to its earlier life.
        assert!(out.contains(&Action::Rescue { worker: "c".into(), task: task(4) }));
        assert_eq!(out.len(), 5);
        assert_eq!(after.owners.len(), 1);
    }

    #[test]
    fn events_that_overlap_a_reading_tell_nothing_twice() {
        let mut before = picture(&[("a", 4)], 0);
        before.sit("a".into(), task(1));
        let workers = [("a".to_owned(), (1, head(4)))];
        let reading = Reading {
            workers: workers.into_iter().collect(),
            // Task 3 was completed while the tree was read.
            assignments: vec![("a".into(), task(2), Some(5)), ("a".into(), task(3), None)],
            ..Reading::default()
        };
        let mut picture = Picture::begin(reading, &before, &mut Vec::new());
        let mut out = Vec::new();
        let assignment = |n| Place::Assignment("a".into(), task(n));
        picture.event(Place::Worker("a".into()), EventKind::Created, &mut out);
        picture.event(assignment(2), EventKind::Created, &mut out);
        picture.event(Place::Result(task(1)), EventKind::Created, &mut out);
        picture.event(Place::Result(task(3)), EventKind::Created, &mut out);
        picture.event(assignment(3), EventKind::Deleted, &mut out);
        let completed = Notice::Completed { task: task(3), worker: "a".into() };
        let read = Action::ReadWorker { worker: "a".into() };
        assert_eq!(out, [read, Action::Tell(completed)]);
        assert_eq!(picture.workers["a"].load(), 1);
    }

    #[test]
    fn a_missed_assignment_is_made_again() {
        let mut picture = picture(&[("a", 1), ("b", 0)], 1);
        let (_, worker, ready) = picture.assignments().remove(0);
        picture.event(Place::Worker(worker.clone()), EventKind::Deleted, &mut Vec::new());
        picture.assign_ended(&worker, ready, Some(Miss::Worker), &mut Vec::new());
        assert!(picture.assignments().is_empty());
        picture.worker_read("b", head(1), &mut Vec::new());
        assert_eq!(picture.assignments()[0].1, "b");
    }
}
