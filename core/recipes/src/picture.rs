//! The master's picture of the tree, and what it decides from it. Pure: events and replies go
//! in, actions come out; the reign carries them out.
//!
//! The picture follows the watch alone. A reply is handed in after every event that came before
//! it, so it only ever ends what this master had begun; it never moves a task by itself.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use pinfold_client::EventKind;
use tokio::time::Instant;

use crate::backlog::{Backlog, Ready};
use crate::crew::{Crew, Member};
use crate::deadline::{Deadlines, Late};
use crate::layout::Place;
use crate::record::{Limits, TaskId, WorkerHead};
use crate::strategy::Strategy;

/// Waiting tasks that are read at the same time.
const FETCH_WINDOW: usize = 256;
/// Bytes of records held ready for assignment; of what is above, only the order is known.
const READY_BYTES: usize = 16 << 20;

/// What a reign has to do.
#[derive(Clone, Debug, PartialEq)]
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
    /// Learn the deadlines of what somebody else gave to the worker.
    ReadAssignment {
        worker: String,
        task: TaskId,
    },
    /// Give the assignment of a vanished worker back.
    Rescue {
        worker: String,
        task: TaskId,
    },
    /// Take a task from a worker that is late with it.
    TakeBack(Late),
    /// Give up a task that nobody took in time.
    Bury {
        task: TaskId,
        birth: u64,
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

/// See the module.
#[derive(Debug)]
pub(crate) struct Picture {
    /// The time of what comes in.
    now: Instant,
    backlog: Backlog,
    crew: Crew,
    deadlines: Deadlines,
    is_paused: bool,
    /// Who works on a task.
    owners: HashMap<TaskId, String>,
    /// Assignments whose worker vanished, until they are given back.
    orphans: HashSet<(String, TaskId)>,
    /// Tasks whose end is being asked for: an event that tells it as well is not passed on.
    inquired: HashSet<TaskId>,
}

/// An assignment as a reading found it.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) czxid: i64,
    pub(crate) limits: Limits,
    /// For how long the worker has had it, by the wall clocks.
    pub(crate) age: Duration,
}

/// What a master reads when it begins and after each broken connection.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) tasks: Vec<TaskId>,
    /// Live workers with the czxid of their znode; `None` when its content is no record.
    pub(crate) workers: HashMap<String, (i64, Option<WorkerHead>)>,
    /// `None` when it went while the tree was read: then the events that say so are still to
    /// come.
    pub(crate) assignments: Vec<(String, TaskId, Option<Seat>)>,
    pub(crate) is_paused: bool,
}

impl Picture {
    /// Knows nothing.
    pub(crate) fn new(now: Instant) -> Picture {
        Picture {
            now,
            backlog: Backlog::new(FETCH_WINDOW, READY_BYTES),
            crew: Crew::default(),
            deadlines: Deadlines::default(),
            is_paused: false,
            owners: HashMap::new(),
            orphans: HashSet::new(),
            inquired: HashSet::new(),
        }
    }

    /// The picture that `reading` gives; `before` is the one from before the connection broke.
    pub(crate) fn begin(
        reading: Reading,
        before: &Picture,
        now: Instant,
        out: &mut Vec<Action>,
    ) -> Picture {
        let mut picture = Picture { is_paused: reading.is_paused, ..Picture::new(now) };
        for task in reading.tasks {
            picture.backlog.arrive(task, None);
        }
        for (worker, (_, head)) in &reading.workers {
            let member = Member { head: head.clone(), ..Member::default() };
            picture.crew.members.insert(worker.clone(), member);
            if !before.crew.members.contains_key(worker) {
                out.push(Action::Tell(Notice::WorkerJoined(worker.clone())));
            }
        }
        let left = |worker: &&String| !reading.workers.contains_key(*worker);
        for worker in before.crew.members.keys().filter(left) {
            out.push(Action::Tell(Notice::WorkerLeft(worker.clone())));
        }
        for (worker, task, seat) in reading.assignments {
            // Older than the worker's registration: it was given to an earlier life of it.
            let born = reading.workers.get(&worker).map(|(born, _)| *born);
            let later = |born| seat.as_ref().is_none_or(|seat| born < seat.czxid);
            if born.is_some_and(later) {
                if before.owners.get(&task) != Some(&worker) {
                    let (task, worker) = (task.clone(), worker.clone());
                    out.push(Action::Tell(Notice::Assigned { task, worker }));
                }
                if let Some(seat) = seat {
                    picture.deadlines.begin(&task, &worker, seat.limits, seat.age, now);
                }
                picture.sit(worker, task);
            } else {
                picture.orphan(worker, task, out);
            }
        }
        for (task, worker) in &before.owners {
            let known = picture.owners.contains_key(task) || picture.backlog.contains(task);
            if !known && !picture.orphans.iter().any(|(_, orphan)| orphan == task) {
                picture.inquired.insert(task.clone());
                out.push(Action::Inquire { worker: worker.clone(), task: task.clone() });
            }
        }
        picture
    }

    /// What comes in from now on comes at this time; what was to happen until then happens.
    pub(crate) fn advance(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.now = now;
        for (task, birth) in self.backlog.tick(now) {
            out.push(Action::Bury { task, birth });
        }
        out.extend(self.deadlines.tick(now).into_iter().map(Action::TakeBack));
    }

    /// When something is to happen without an event.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        match (self.backlog.next_timer(), self.deadlines.next_timer()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn arrive(&mut self, task: TaskId) {
        self.inquired.remove(&task);
        self.backlog.arrive(task, Some(self.now));
    }

    fn sit(&mut self, worker: String, task: TaskId) {
        if let Some(member) = self.crew.members.get_mut(&worker) {
            member.pending.remove(&task);
            member.assigned.insert(task.clone());
        }
        self.owners.insert(task, worker);
    }

    fn orphan(&mut self, worker: String, task: TaskId, out: &mut Vec<Action>) {
        self.owners.remove(&task);
        self.deadlines.end(&task);
        if self.orphans.insert((worker.clone(), task.clone())) {
            out.push(Action::Rescue { worker, task });
        }
    }

    /// Takes one event of the watch.
    pub(crate) fn event(&mut self, place: Place, kind: EventKind, out: &mut Vec<Action>) {
        match (place, kind) {
            (Place::Worker(worker), EventKind::Created) => {
                // A reading may have it already, with what it holds.
                self.crew.members.entry(worker.clone()).or_default();
                out.push(Action::ReadWorker { worker });
            }
            (Place::Worker(worker), EventKind::DataChanged) => {
                out.push(Action::ReadWorker { worker });
            }
            (Place::Worker(worker), EventKind::Deleted) => self.worker_left(worker, out),
            (Place::Task(task), EventKind::Created | EventKind::DataChanged) => self.arrive(task),
            (Place::Task(task), EventKind::Deleted) => self.backlog.depart(&task),
            (Place::Assignment(worker, task), EventKind::Created) => {
                self.assigned(worker, task, out);
            }
            (Place::Assignment(worker, task), EventKind::Deleted) => {
                if let Some(member) = self.crew.members.get_mut(&worker) {
                    member.assigned.remove(&task);
                }
                if self.owners.get(&task) == Some(&worker) {
                    self.owners.remove(&task);
                    self.deadlines.end(&task);
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
            (Place::Progress(task), EventKind::Created | EventKind::DataChanged) => {
                self.deadlines.beat(&task, self.now);
            }
            (Place::Paused, EventKind::Created) => self.is_paused = true,
            (Place::Paused, EventKind::Deleted) => self.is_paused = false,
            _ => {}
        }
    }

    fn assigned(&mut self, worker: String, task: TaskId, out: &mut Vec<Action>) {
        let Some(member) = self.crew.members.get(&worker) else {
            // Given away by hand, or by a claimer that is gone again.
            self.orphan(worker, task, out);
            return;
        };
        let limits = member.pending.get(&task).copied();
        if let Some(limits) = limits {
            self.deadlines.begin(&task, &worker, limits, Duration::ZERO, self.now);
        }
        // A reading may have told it already.
        if self.owners.get(&task) != Some(&worker) {
            let (task, worker) = (task.clone(), worker.clone());
            if limits.is_none() {
                let (worker, task) = (worker.clone(), task.clone());
                out.push(Action::ReadAssignment { worker, task });
            }
            out.push(Action::Tell(Notice::Assigned { task, worker }));
        }
        self.sit(worker, task);
    }

    /// The deadlines of an assignment that somebody else made were read.
    pub(crate) fn assignment_read(&mut self, worker: &str, task: &TaskId, limits: Limits) {
        if self.owners.get(task).is_some_and(|owner| owner == worker) {
            self.deadlines.begin(task, worker, limits, Duration::ZERO, self.now);
        }
    }

    fn worker_left(&mut self, worker: String, out: &mut Vec<Action>) {
        let Some(member) = self.crew.members.remove(&worker) else { return };
        out.push(Action::Tell(Notice::WorkerLeft(worker.clone())));
        let mut tasks: Vec<TaskId> = member.assigned.into_iter().collect();
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
        let (Some(member), Some(head)) = (self.crew.members.get_mut(worker), head) else { return };
        if member.head.replace(head).is_none() {
            out.push(Action::Tell(Notice::WorkerJoined(worker.to_owned())));
        }
    }

    /// A waiting task was read; `None` when it is gone or was put aside.
    pub(crate) fn fetched(&mut self, task: &TaskId, birth: u64, ready: Option<Ready>) {
        self.backlog.fetched(task, birth, ready, self.now);
    }

    /// An assignment came back: made, or missed for a reason.
    pub(crate) fn assign_ended(
        &mut self,
        worker: &str,
        ready: Ready,
        miss: Option<Miss>,
        out: &mut Vec<Action>,
    ) {
        if let Some(member) = self.crew.members.get_mut(worker) {
            member.pending.remove(&ready.task);
        }
        if !self.backlog.is_current(&ready.task, ready.birth) {
            return;
        }
        match miss {
            None | Some(Miss::Task) => self.backlog.depart(&ready.task),
            Some(Miss::Changed) => self.arrive(ready.task),
            Some(Miss::Desk) => {
                out.push(Action::MakeDesk { worker: worker.to_owned() });
                self.arrive(ready.task);
            }
            Some(Miss::Worker) => self.backlog.put_back(ready),
        }
    }

    /// The rescue found the assignment in the hands of a worker that lives.
    pub(crate) fn not_orphaned(&mut self, worker: String, task: TaskId) {
        if self.orphans.remove(&(worker.clone(), task.clone())) {
            self.sit(worker, task);
        }
    }

    /// Gives ready tasks, in their order, to workers that can do them, and fetches ahead.
    pub(crate) fn plan(&mut self, strategy: &dyn Strategy, out: &mut Vec<Action>) {
        if !self.is_paused {
            self.give(strategy, out);
        }
        let fetches = self.backlog.fetches(true).into_iter();
        out.extend(fetches.map(|(task, birth)| Action::Fetch { task, birth }));
    }

    fn give(&mut self, strategy: &dyn Strategy, out: &mut Vec<Action>) {
        // A line whose first task nobody can take now waits, and the others go on.
        let mut lines = self.backlog.fronts();
        while self.crew.has_room() {
            let first = lines.iter().enumerate().min_by_key(|(_, needs)| self.backlog.rank(needs));
            let Some((index, needs)) = first else { break };
            let ready = self.backlog.front(needs);
            let chosen = ready.and_then(|ready| self.crew.choose(ready, strategy));
            let given = chosen.and_then(|worker| Some((worker, self.backlog.take(needs, 0)?)));
            let Some((worker, ready)) = given else {
                lines.swap_remove(index);
                continue;
            };
            if let Some(member) = self.crew.members.get_mut(&worker) {
                member.pending.insert(ready.task.clone(), ready.head.limits);
            }
            out.push(Action::Assign { worker, ready });
        }
    }
}

#[cfg(test)]
mod tests;
