//! One server's log and state machine alone, on a disk that fails: a seed's run, and what is
//! checked in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use pinfold_state::{Body, CreateKind, Entry, Op, OpOutcome, Outcome, StateMachine};

mod machine;
mod workload;

use crate::{CrashKind, Random, SimDisk};
use machine::{Decided, End, Machine};

const LIVES: u64 = 12;

/// A planted fault, to show that the checks see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A write is acknowledged before it is durable.
    AckBeforeFsync,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 1] = [Bug::AckBeforeFsync];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Bug::AckBeforeFsync => "ack-before-fsync",
        }
    }
}

/// What happened in a run without a violation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Writes that a crash or failure left without an answer.
    pub unanswered: u64,
    /// How often the machine or the process went down.
    pub crashes: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Snapshots that were taken.
    pub snapshots: u64,
    /// Digest of the state at the end: the same for the same seed.
    pub digest: u64,
}

/// What must not be, and was.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The seed that shows it again.
    pub seed: u64,
    /// In which life of the server, from 1.
    pub life: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, life {}: {}", self.seed, self.life, self.what)
    }
}

/// Runs a seed: a dozen lives of one server, each ended by a fault, and checks each recovery.
///
/// # Errors
/// The first violation.
pub fn run(seed: u64, bug: Option<Bug>) -> Result<Report, Violation> {
    let mut run = Run {
        random: Random::new(seed),
        disk: SimDisk::new(seed ^ 0xd15c),
        bug,
        history: Vec::new(),
        maybe: Vec::new(),
        ephemerals: BTreeMap::new(),
        last_zxid: 0,
        time_ms: 1_000_000,
        report: Report::default(),
    };
    for life in 1..=LIVES {
        match run.life(life == LIVES) {
            Ok(()) | Err(End::Disk(_)) => {}
            Err(End::Wrong(what)) => return Err(Violation { seed, life, what }),
        }
        let kinds = [CrashKind::Process, CrashKind::PowerLossAll, CrashKind::PowerLossSome];
        let kind = *run.random.pick(&kinds);
        run.disk.restart(kind);
        run.report.crashes += 1;
    }
    Ok(run.report)
}

struct Run {
    random: Random,
    disk: SimDisk,
    bug: Option<Bug>,
    // Every decided entry in order; history[i] is entry i + 1. All of them were acknowledged or
    // seen in a recovery, so none may ever change or go.
    history: Vec<Bytes>,
    // Proposed without an answer in the life before, in order.
    maybe: Vec<Bytes>,
    // Path to session, of every ephemeral that must be there.
    ephemerals: BTreeMap<String, i64>,
    last_zxid: i64,
    time_ms: i64,
    report: Report,
}

impl Run {
    fn life(&mut self, is_last: bool) -> Result<(), End> {
        if !is_last {
            self.plan_fault();
        }
        let skip_syncs = self.bug == Some(Bug::AckBeforeFsync);
        let (mut machine, replayed) = Machine::start(&self.disk, skip_syncs)?;
        self.check_recovery(&machine, replayed)?;
        let rounds = 10 + self.random.below(60);
        for _ in 0..rounds {
            if self.random.one_in(25) {
                machine.snapshot(&self.disk)?;
                self.report.snapshots += 1;
            }
            self.round(&mut machine)?;
        }
        if is_last {
            self.report.digest = machine.state.digest();
        }
        if self.random.one_in(2) { machine.close(&self.disk) } else { Ok(()) }
    }

    fn plan_fault(&mut self) {
        match self.random.below(8) {
            // Right at the start, so that recovery itself is cut short.
            0 => self.disk.crash_after(1 + self.random.below(12)),
            1 => self.disk.fail_sync_after(1 + self.random.below(60)),
            2 => {}
            _ => self.disk.crash_after(1 + self.random.below(160)),
        }
    }

    /// One batch of writes from several sessions.
    fn round(&mut self, machine: &mut Machine) -> Result<(), End> {
        let count = 1 + self.random.below(6);
        let entries: Vec<Entry> = (0..count)
            .map(|_| {
                self.time_ms += 1 + self.random.below(20) as i64;
                workload::entry(&mut self.random, self.time_ms)
            })
            .collect();
        self.maybe = entries.iter().map(Entry::encode).collect();
        match machine.write(&self.disk, &entries) {
            Ok(done) => {
                self.maybe.clear();
                self.report.acknowledged += done.len() as u64;
                self.learn(done)
            }
            Err(end) => {
                self.report.unanswered += count;
                if matches!(&end, End::Disk(text) if text.contains("failure")) {
                    self.report.failed_syncs += 1;
                }
                Err(end)
            }
        }
    }

    fn learn(&mut self, done: Decided) -> Result<(), End> {
        for (committed, applied) in done {
            if committed.index != self.history.len() as u64 + 1 {
                let (index, known) = (committed.index, self.history.len());
                return wrong(format!("entry {index} was decided after entry {known}"));
            }
            if let (Some(applied), Ok(entry)) = (&applied, Entry::decode(&committed.data)) {
                let takes_none = matches!(entry.body, Body::Epoch | Body::Attach { .. });
                if !takes_none && applied.zxid <= self.last_zxid {
                    let (zxid, last) = (applied.zxid, self.last_zxid);
                    return wrong(format!("zxid {zxid} came after zxid {last}"));
                }
                self.last_zxid = self.last_zxid.max(applied.zxid);
                track(&mut self.ephemerals, &entry, &applied.outcome);
            }
            self.history.push(committed.data);
        }
        Ok(())
    }

    /// What the server knows after a start, against what it knew before.
    fn check_recovery(&mut self, machine: &Machine, replayed: Decided) -> Result<(), End> {
        let last = machine.last_index();
        if last < self.history.len() as u64 {
            let known = self.history.len();
            return wrong(format!(
                "entry {known} was acknowledged, but after recovery the log ends with {last}"
            ));
        }
        let known = self.history.len() as u64;
        let mut news = Vec::new();
        for (committed, applied) in replayed {
            if committed.index > known {
                news.push((committed, applied));
            } else if self.history[committed.index as usize - 1] != committed.data {
                return wrong(format!("entry {} has another content now", committed.index));
            }
        }
        // Unanswered writes are there as a prefix, each as a whole, and nothing else is but the
        // empty first entries of leaders.
        let waiting = std::mem::take(&mut self.maybe);
        let mut waiting = waiting.iter();
        for (committed, _) in &news {
            if !committed.data.is_empty() && waiting.next() != Some(&committed.data) {
                return wrong(format!("entry {} was never written by anybody", committed.index));
            }
        }
        self.learn(news)?;
        self.check_state(&machine.state)
    }

    fn check_state(&self, state: &StateMachine) -> Result<(), End> {
        let mut replay = StateMachine::new();
        for (at, data) in self.history.iter().enumerate().filter(|(_, data)| !data.is_empty()) {
            match Entry::decode(data) {
                Ok(entry) => drop(replay.apply(&entry)),
                Err(error) => return wrong(format!("entry {} is unreadable: {error}", at + 1)),
            }
        }
        let (found, expected) = (state.digest(), replay.digest());
        if found != expected {
            return wrong(format!("the state has digest {found:x}, its log gives {expected:x}"));
        }
        if state.last_zxid() != self.last_zxid {
            let (found, last) = (state.last_zxid(), self.last_zxid);
            return wrong(format!("the last zxid is {found} after recovery and was {last}"));
        }
        for (path, session) in &self.ephemerals {
            let owner = state.exists(path, &[]).map(|stat| stat.ephemeral_owner);
            if owner != Ok(*session) {
                return wrong(format!("{path}, ephemeral of live session {session}: {owner:?}"));
            }
        }
        let sessions: BTreeSet<i64> = self.ephemerals.values().copied().collect();
        match sessions.iter().find(|id| state.sessions().get(**id).is_none()) {
            Some(id) => wrong(format!("session {id} has ephemerals but is gone")),
            None => Ok(()),
        }
    }
}

fn wrong<T>(what: String) -> Result<T, End> {
    Err(End::Wrong(what))
}

/// Follows the ephemerals by what clients were answered, not by what the tree says.
fn track(ephemerals: &mut BTreeMap<String, i64>, entry: &Entry, outcome: &Outcome) {
    let single;
    let (ops, outcomes): (&[Op], &[OpOutcome]) = match (&entry.body, outcome) {
        (Body::Request(op), Outcome::Done(done)) => {
            single = done.clone();
            (std::slice::from_ref(op), std::slice::from_ref(&single))
        }
        (Body::Multi(ops), Outcome::Multi(done)) => (ops, done),
        (Body::CloseSession, Outcome::SessionClosed) => {
            ephemerals.retain(|_, session| *session != entry.session_id);
            return;
        }
        _ => return,
    };
    for (op, outcome) in ops.iter().zip(outcomes) {
        match (op, outcome) {
            (
                Op::Create { flags: 1 | 3, kind: CreateKind::Plain, .. },
                OpOutcome::Created { path, .. },
            ) => {
                ephemerals.insert(path.to_string(), entry.session_id);
            }
            (Op::Delete { path, .. }, OpOutcome::Deleted) => {
                ephemerals.remove(path);
            }
            _ => {}
        }
    }
}
