//! The waiting tasks as one who gives them out sees them: in the order of their priority and age,
//! by what they need, held back until they are due. Pure: what was read goes in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::record::{TaskHead, TaskId};

/// What a record costs beside its payload.
const HEAD_BYTES: usize = 256;

/// A waiting task with its payload in hand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ready {
    pub(crate) task: TaskId,
    pub(crate) birth: u64,
    pub(crate) head: Box<TaskHead>,
    pub(crate) payload: Bytes,
    pub(crate) version: i32,
    /// How long it has to wait yet, from when it was read.
    pub(crate) due_in: Duration,
    /// How long it was due when it was read, by the server's and this machine's wall clocks.
    pub(crate) age: Duration,
}

/// Higher priority first, then the older one.
type Rank = (Reverse<i32>, TaskId);
pub(crate) type Needs = Arc<[String]>;

/// The due tasks that need the same.
#[derive(Debug, Default)]
struct Line {
    /// With the payload in hand.
    full: BTreeMap<Rank, Ready>,
    /// Those whose payload has to be read once more.
    bare: BTreeSet<Rank>,
}

impl Line {
    fn first(&self) -> Option<&Rank> {
        match (self.full.first_key_value(), self.bare.first()) {
            (Some((full, _)), Some(bare)) => Some(full.min(bare)),
            (full, bare) => full.map(|(rank, _)| rank).or(bare),
        }
    }
}

#[derive(Debug)]
struct Slot {
    /// The count of creations at which it was seen: a task that was taken and put back is another
    /// one.
    birth: u64,
    /// When the watch told of it; none when a list did.
    seen: Option<Instant>,
    /// None until it was read.
    facts: Option<Facts>,
}

#[derive(Clone, Debug)]
struct Facts {
    rank: Rank,
    needs: Needs,
    due: Option<Instant>,
    expires: Option<Instant>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Backlog {
    slots: HashMap<TaskId, Slot>,
    births: u64,
    unread: BTreeSet<TaskId>,
    /// On their way, with the birth that they were asked for with.
    reading: HashSet<(TaskId, u64)>,
    lines: BTreeMap<Needs, Line>,
    delayed: BTreeSet<(Instant, TaskId)>,
    expiring: BTreeSet<(Instant, TaskId)>,
    bytes: usize,
    /// Tasks read at the same time.
    window: usize,
    /// Bytes of records kept in hand; of the others only the order is known.
    budget: usize,
}

impl Backlog {
    pub(crate) fn new(window: usize, budget: usize) -> Backlog {
        Backlog {
            slots: HashMap::new(),
            births: 0,
            unread: BTreeSet::new(),
            reading: HashSet::new(),
            lines: BTreeMap::new(),
            delayed: BTreeSet::new(),
            expiring: BTreeSet::new(),
            bytes: 0,
            window,
            budget,
        }
    }

    pub(crate) fn contains(&self, task: &TaskId) -> bool {
        self.slots.contains_key(task)
    }

    /// True while the task is the one that was born then.
    pub(crate) fn is_current(&self, task: &TaskId, birth: u64) -> bool {
        self.slots.get(task).is_some_and(|slot| slot.birth == birth)
    }

    /// A task came, or changed; `seen` says when, where that was just now.
    pub(crate) fn arrive(&mut self, task: TaskId, seen: Option<Instant>) {
        self.depart(&task);
        self.births += 1;
        let slot = Slot { birth: self.births, seen, facts: None };
        self.slots.insert(task.clone(), slot);
        self.unread.insert(task);
    }

    pub(crate) fn depart(&mut self, task: &TaskId) {
        let Some(slot) = self.slots.remove(task) else { return };
        self.unread.remove(task);
        let Some(facts) = slot.facts else { return };
        if let Some(due) = facts.due {
            self.delayed.remove(&(due, task.clone()));
        }
        if let Some(expires) = facts.expires {
            self.expiring.remove(&(expires, task.clone()));
        }
        if let Some(line) = self.lines.get_mut(&facts.needs) {
            line.bare.remove(&facts.rank);
            if let Some(ready) = line.full.remove(&facts.rank) {
                self.bytes -= size(&ready);
            }
            if line.first().is_none() {
                self.lines.remove(&facts.needs);
            }
        }
    }

    /// A waiting task was read; `None` when it is gone or was put aside.
    pub(crate) fn fetched(
        &mut self,
        task: &TaskId,
        birth: u64,
        ready: Option<Ready>,
        now: Instant,
    ) {
        self.reading.remove(&(task.clone(), birth));
        let Some(slot) = self.slots.get_mut(task).filter(|slot| slot.birth == birth) else {
            return;
        };
        let Some(ready) = ready else {
            self.depart(task);
            return;
        };
        let known = slot.facts.is_some();
        let facts = slot.facts.get_or_insert_with(|| Facts::of(&ready, slot.seen, now)).clone();
        if let Some(expires) = facts.expires.filter(|_| !known) {
            self.expiring.insert((expires, task.clone()));
        }
        match facts.due {
            Some(due) if due > now => {
                self.delayed.insert((due, task.clone()));
            }
            _ => self.keep(facts, ready),
        }
    }

    /// What was given out came back untouched.
    pub(crate) fn put_back(&mut self, ready: Ready) {
        if let Some(facts) = self.slots.get(&ready.task).and_then(|slot| slot.facts.clone()) {
            self.keep(facts, ready);
        }
    }

    fn keep(&mut self, facts: Facts, ready: Ready) {
        let line = self.lines.entry(facts.needs).or_default();
        line.bare.remove(&facts.rank);
        self.bytes += size(&ready);
        if let Some(before) = line.full.insert(facts.rank, ready) {
            self.bytes -= size(&before);
        }
        while self.bytes > self.budget && line.full.len() > 1 {
            let Some((rank, ready)) = line.full.pop_last() else { break };
            self.bytes -= size(&ready);
            line.bare.insert(rank);
        }
    }

    /// The needs of the lines that have a task to give, the one with the first task first.
    pub(crate) fn fronts(&self) -> Vec<Needs> {
        let mut fronts: Vec<(&Rank, &Needs)> =
            self.lines.iter().filter_map(|(needs, line)| Some((line.first()?, needs))).collect();
        fronts.sort_unstable();
        fronts.into_iter().map(|(_, needs)| Arc::clone(needs)).collect()
    }

    /// The first task of those that need this, when it is in hand.
    pub(crate) fn front(&self, needs: &Needs) -> Option<&Ready> {
        let line = self.lines.get(needs)?;
        line.full.get(line.first()?)
    }

    /// Where the first task of those that need this stands among all.
    pub(crate) fn rank(&self, needs: &Needs) -> Option<&(Reverse<i32>, TaskId)> {
        self.lines.get(needs)?.first()
    }

    /// Takes a task of those that need this: the one with so many ahead of it, all of the same
    /// priority, or the last of these when there are not so many. It stays known until it departs.
    pub(crate) fn take(&mut self, needs: &Needs, ahead: usize) -> Option<Ready> {
        let line = self.lines.get_mut(needs)?;
        let first = line.first()?;
        let bare = line.bare.first();
        let full = line.full.keys();
        let mut alike =
            full.take_while(|rank| rank.0 == first.0 && bare.is_none_or(|bare| *rank < bare));
        let rank = alike.by_ref().take(ahead.saturating_add(1)).last()?.clone();
        let ready = line.full.remove(&rank)?;
        self.bytes -= size(&ready);
        if line.first().is_none() {
            self.lines.remove(needs);
        }
        Some(ready)
    }

    /// What to read next: what stands first and is not in hand, then, where `more` is wanted,
    /// what was never read.
    pub(crate) fn fetches(&mut self, more: bool) -> Vec<(TaskId, u64)> {
        let mut wanted = Vec::new();
        for line in self.lines.values() {
            let first = line.full.first_key_value().map(|(rank, _)| rank);
            for rank in &line.bare {
                let is_front = first.is_none_or(|first| rank < first);
                if self.reading.len() >= self.window || !(is_front || self.bytes < self.budget / 2)
                {
                    break;
                }
                let Some(slot) = self.slots.get(&rank.1) else { continue };
                if self.reading.insert((rank.1.clone(), slot.birth)) {
                    wanted.push((rank.1.clone(), slot.birth));
                }
            }
        }
        while more && self.reading.len() < self.window {
            let Some(task) = self.unread.pop_first() else { break };
            let Some(slot) = self.slots.get(&task) else { continue };
            self.reading.insert((task.clone(), slot.birth));
            wanted.push((task, slot.birth));
        }
        wanted
    }

    /// How many due tasks are known of those lines.
    pub(crate) fn count(&self, suits: impl Fn(&[String]) -> bool) -> usize {
        let lines = self.lines.iter().filter(|(needs, _)| suits(needs));
        lines.map(|(_, line)| line.full.len() + line.bare.len()).sum()
    }

    /// Lets in what is due by now, and gives those that nobody took in time.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<(TaskId, u64)> {
        while let Some((due, _)) = self.delayed.first()
            && *due <= now
        {
            let Some((_, task)) = self.delayed.pop_first() else { break };
            if let Some(facts) = self.slots.get(&task).and_then(|slot| slot.facts.clone()) {
                self.lines.entry(facts.needs).or_default().bare.insert(facts.rank);
            }
        }
        let mut late = Vec::new();
        while let Some((expires, _)) = self.expiring.first()
            && *expires <= now
        {
            let Some((_, task)) = self.expiring.pop_first() else { break };
            if let Some(slot) = self.slots.get(&task) {
                late.push((task, slot.birth));
            }
        }
        late
    }

    /// When the next task is due, or has waited too long.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        let first = |times: &BTreeSet<(Instant, TaskId)>| times.first().map(|(at, _)| *at);
        match (first(&self.delayed), first(&self.expiring)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

impl Facts {
    fn of(ready: &Ready, seen: Option<Instant>, now: Instant) -> Facts {
        let due = (!ready.due_in.is_zero()).then(|| now.checked_add(ready.due_in)).flatten();
        let limit = ready.head.limits.start;
        let expires = (limit > 0).then(|| {
            let limit = Duration::from_millis(limit);
            // What the watch told of is as old as that; clocks decide about the others only.
            let begin = match (due, seen) {
                (Some(due), _) => Some(due),
                (None, Some(seen)) => Some(seen),
                (None, None) => now.checked_sub(ready.age.min(limit)),
            };
            begin.unwrap_or(now).checked_add(limit)
        });
        Facts {
            rank: (Reverse(ready.head.priority), ready.task.clone()),
            needs: ready.head.needs.clone().into(),
            due,
            expires: expires.flatten(),
        }
    }
}

fn size(ready: &Ready) -> usize {
    ready.payload.len() + HEAD_BYTES
}
