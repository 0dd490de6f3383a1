//! What the clients did and saw, and whether one ensemble can have answered all of it.
//!
//! Every write has a zxid, and the zxids are the order of the writes. So it takes no search to
//! judge a history: what was acknowledged before another write began has a smaller zxid; a value
//! has one zxid and one version, versions rise with zxids, each by one per write; a read after a
//! sync is of the newest write acknowledged before the sync, or of a later one; and a session that
//! has seen a zxid never sees what was before it.

use pinfold_client::Stat;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A silence that is told at once.
const TOLD: Duration = Duration::from_secs(3);
/// Violations that are kept; the first says the most.
const KEPT: usize = 20;

/// The value of a register: which client wrote it, as its how manieth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Value {
    pub(crate) client: u32,
    pub(crate) number: u32,
}

impl Value {
    pub(crate) fn text(self) -> String {
        format!("{}-{}", self.client, self.number)
    }

    /// `None` for what no client of this run writes; the empty text is what a register begins with.
    fn parse(text: &[u8]) -> Option<Value> {
        let text = std::str::from_utf8(text).ok()?;
        let (client, number) = text.split_once('-')?;
        Some(Value { client: client.parse().ok()?, number: number.parse().ok()? })
    }
}

/// One register, which is a node that everybody writes.
#[derive(Debug, Default)]
struct Register {
    asked: HashSet<Value>,
    /// What is known to have been written, by zxid: acknowledged, or read by somebody.
    known: BTreeMap<i64, (i32, Value)>,
    /// The newest acknowledged write.
    acknowledged: i64,
}

/// What a session has seen, which it must not see undone.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    newest: i64,
}

/// How much was done.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(crate) struct Counts {
    pub(crate) writes: u64,
    pub(crate) unanswered_writes: u64,
    pub(crate) reads: u64,
    pub(crate) synced_reads: u64,
    pub(crate) watches: u64,
    pub(crate) watches_fired: u64,
    pub(crate) sequential: u64,
    pub(crate) ephemeral_checks: u64,
    pub(crate) sessions_closed: u64,
    pub(crate) sessions_expired: u64,
    pub(crate) connection_errors: u64,
}

#[derive(Debug)]
struct Inner {
    registers: HashMap<usize, Register>,
    sequential: HashSet<String>,
    acknowledged: i64,
    last_write: Instant,
    longest: (Duration, String),
    trouble: String,
    counts: Counts,
    violations: Vec<String>,
}

/// All that is known. Shared by all clients.
#[derive(Debug)]
pub(crate) struct History(Mutex<Inner>);

impl Inner {
    fn violation(&mut self, text: String) {
        if self.violations.len() < KEPT {
            eprintln!("VIOLATION: {text}");
            self.violations.push(text);
        }
    }

    /// Something says that this value was written there with this zxid and version.
    fn learn(&mut self, key: usize, zxid: i64, version: i32, value: Value) {
        let register = self.registers.entry(key).or_default();
        let before = register.known.range(..zxid).next_back().map(|(z, (v, _))| (*z, *v));
        let after = register.known.range(zxid + 1..).next().map(|(z, (v, _))| (*z, *v));
        let mut wrong = Vec::new();
        if !register.asked.contains(&value) {
            wrong.push(format!("register {key} has {value:?}, which nobody wrote there"));
        }
        match register.known.insert(zxid, (version, value)) {
            Some(known) if known != (version, value) => wrong.push(format!(
                "register {key}, zxid {zxid:#x}: version {version} of {value:?}, but also {known:?}"
            )),
            _ => {}
        }
        // Versions count writes: as many between two of them as zxids at most, and one at least.
        if let Some((other, below)) = before.filter(|(_, below)| *below >= version) {
            wrong.push(format!(
                "register {key}: version {version} at zxid {zxid:#x}, but {below} at {other:#x}: \
                 a write was lost or done twice"
            ));
        }
        if let Some((other, above)) = after.filter(|(_, above)| *above <= version) {
            wrong.push(format!(
                "register {key}: version {version} at zxid {zxid:#x}, but {above} at {other:#x}: \
                 a write was lost or done twice"
            ));
        }
        wrong.into_iter().for_each(|text| self.violation(text));
    }

    fn acknowledge(&mut self) {
        let now = Instant::now();
        let silence = now.duration_since(self.last_write);
        if silence > TOLD {
            let millis = silence.as_millis();
            eprintln!("no write was acknowledged for {millis} ms, at or after: {}", self.trouble);
        }
        if silence > self.longest.0 {
            self.longest = (silence, self.trouble.clone());
        }
        self.last_write = now;
        self.counts.writes += 1;
    }
}

impl History {
    pub(crate) fn new() -> History {
        History(Mutex::new(Inner {
            registers: HashMap::new(),
            sequential: HashSet::new(),
            acknowledged: 0,
            last_write: Instant::now(),
            longest: (Duration::ZERO, "nothing".to_owned()),
            trouble: "nothing".to_owned(),
            counts: Counts::default(),
            violations: Vec::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something that must not be.
    pub(crate) fn violation(&self, text: String) {
        self.lock().violation(text);
    }

    /// Counts something.
    pub(crate) fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.lock().counts);
    }

    /// What is done to the servers from now on; a long silence is told with the last of it.
    pub(crate) fn trouble(&self, what: &str) {
        what.clone_into(&mut self.lock().trouble);
    }

    /// A write is about to be sent; gives the zxid that it has to be after.
    pub(crate) fn asked(&self, key: usize, value: Value) -> i64 {
        let mut inner = self.lock();
        inner.registers.entry(key).or_default().asked.insert(value);
        inner.acknowledged
    }

    /// A write was acknowledged.
    pub(crate) fn wrote(&self, key: usize, value: Value, floor: i64, stat: &Stat) {
        let mut inner = self.lock();
        let zxid = stat.mzxid;
        inner.acknowledge();
        inner.learn(key, zxid, stat.version, value);
        if zxid <= floor {
            inner.violation(format!(
                "register {key}: {value:?} has zxid {zxid:#x}, but {floor:#x} was acknowledged \
                 before it was asked for"
            ));
        }
        inner.acknowledged = inner.acknowledged.max(zxid);
        let register = inner.registers.entry(key).or_default();
        register.acknowledged = register.acknowledged.max(zxid);
    }

    /// A node was created with a number of the server's.
    pub(crate) fn created(&self, path: &str) {
        let mut inner = self.lock();
        inner.acknowledge();
        inner.counts.sequential += 1;
        if !inner.sequential.insert(path.to_owned()) {
            inner.violation(format!("{path} was created twice"));
        }
    }

    /// Before a sync: the zxid that a read behind it has to reach.
    pub(crate) fn floor(&self, key: usize) -> i64 {
        self.lock().registers.get(&key).map_or(0, |register| register.acknowledged)
    }

    /// A session has read a register; with `floor` if behind a sync.
    pub(crate) fn read(
        &self,
        key: usize,
        floor: Option<i64>,
        seen: &mut Seen,
        (data, stat): (&[u8], &Stat),
    ) {
        let mut inner = self.lock();
        let zxid = stat.mzxid;
        match Value::parse(data) {
            Some(value) => inner.learn(key, zxid, stat.version, value),
            None if data.is_empty() && stat.version == 0 => {}
            None => inner.violation(format!("register {key} holds {data:?}, which nobody wrote")),
        }
        if let Some(floor) = floor.filter(|floor| zxid < *floor) {
            inner.violation(format!(
                "register {key}: a read behind a sync gave zxid {zxid:#x}, but {floor:#x} was \
                 acknowledged before the sync"
            ));
        }
        // Anything of this register that the session is already past.
        let register = inner.registers.entry(key).or_default();
        let newest = register.known.range(..=seen.newest).next_back().map(|(zxid, _)| *zxid);
        if let Some(newest) = newest.filter(|newest| *newest > zxid) {
            let past = seen.newest;
            inner.violation(format!(
                "register {key}: a session that had seen zxid {past:#x} read zxid {zxid:#x}, but \
                 {newest:#x} comes between them"
            ));
        }
        seen.newest = seen.newest.max(zxid);
        inner.counts.reads += 1;
        inner.counts.synced_reads += u64::from(floor.is_some());
    }

    /// The session's own write was acknowledged.
    pub(crate) fn passed(&self, seen: &mut Seen, zxid: i64) {
        seen.newest = seen.newest.max(zxid);
    }

    /// All names that are in the end, of nodes with a number.
    pub(crate) fn finally(&self, parent: &str, names: &[String]) {
        let mut inner = self.lock();
        let names: HashSet<String> = names.iter().map(|name| format!("{parent}/{name}")).collect();
        let lost: Vec<String> =
            inner.sequential.iter().filter(|path| !names.contains(*path)).cloned().collect();
        for path in lost {
            inner.violation(format!("{path} was acknowledged, and is lost"));
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// The longest time without an acknowledged write, and what was going on.
    pub(crate) fn longest_silence(&self) -> (Duration, String) {
        let inner = self.lock();
        let now = inner.last_write.elapsed();
        match now > inner.longest.0 {
            true => (now, inner.trouble.clone()),
            false => inner.longest.clone(),
        }
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(number: u32) -> Value {
        Value { client: 1, number }
    }

    fn stat(mzxid: i64, version: i32) -> Stat {
        Stat { mzxid, version, ..Stat::default() }
    }

    /// Two writes that were acknowledged, one after the other.
    fn two() -> History {
        let history = History::new();
        for number in 1..=2 {
            let floor = history.asked(0, value(number));
            history.wrote(0, value(number), floor, &stat(number.into(), number as i32));
        }
        history.asked(0, value(3));
        assert!(history.violations().is_empty());
        history
    }

    fn read(history: &History, floor: Option<i64>, seen: i64, number: u32, at: (i64, i32)) -> bool {
        let text = value(number).text();
        let mut seen = Seen { newest: seen };
        history.read(0, floor, &mut seen, (text.as_bytes(), &stat(at.0, at.1)));
        history.violations().is_empty()
    }

    #[test]
    fn what_can_have_happened_is_no_violation() {
        assert!(read(&two(), None, 0, 1, (1, 1)));
        assert!(read(&two(), Some(2), 2, 2, (2, 2)));
        // One that was never answered can have been done.
        assert!(read(&two(), Some(2), 2, 3, (5, 3)));
    }

    #[test]
    fn what_cannot_is_one() {
        assert!(!read(&two(), Some(2), 0, 1, (1, 1)), "a stale read behind a sync");
        assert!(!read(&two(), None, 2, 1, (1, 1)), "a session went back");
        assert!(!read(&two(), None, 0, 9, (5, 3)), "nobody wrote it");
        assert!(!read(&two(), None, 0, 3, (5, 2)), "a write was lost");
        assert!(!read(&two(), None, 0, 3, (2, 2)), "two values at one zxid");
        let late = two();
        late.wrote(0, value(3), 9, &stat(9, 3));
        assert!(!late.violations().is_empty(), "an order against time");
        let lost = two();
        lost.created("/q/n-1");
        lost.finally("/q", &["n-2".to_owned()]);
        assert_eq!(lost.violations().len(), 1);
        lost.created("/q/n-1");
        assert_eq!(lost.violations().len(), 2);
    }
}
