//! What the servers have decided, and what their clients must therefore see.
//!
//! Every server tells which entries it applies. All must apply the same ones; a reference replica
//! that never fails applies each when it is first seen, and remembers every version of every
//! node, so that an answer can be held against the state as of its own zxid.

use std::collections::BTreeMap;

use bytes::Bytes;
use pinfold_proto::records::{GetChildren2Response, GetDataResponse, StatResponse};
use pinfold_proto::{ErrorCode, Stat, jute};
use pinfold_state::{Body, Entry, Outcome, StateMachine, TreeEventKind};

use crate::promises::Promises;

/// A server may hear of a client through another one this much later, at worst: the other one has
/// to notice that it has lost the leader.
const HEARSAY_MS: u64 = 1500;
/// A session that was not heard of for its timeout and this long must be over.
const FORGOTTEN_MS: u64 = 3000;
/// What the ensemble says of itself.
pub(crate) const CONFIG: &str = "/zookeeper/config";
/// Where the simulated clocks on the wall begin.
pub(crate) const EPOCH_MS: i64 = 1_700_000_000_000;

/// A node's data, Stat and children.
type Content = (Option<Vec<u8>>, Stat, Vec<String>);

/// A node as of some zxid.
#[derive(Clone, Debug)]
struct Version {
    zxid: i64,
    node: Option<Content>,
}

/// A write that was decided.
struct Written {
    session: i64,
    cxid: i32,
    error: i32,
}

#[derive(Default)]
struct Session {
    timeout_ms: u64,
    /// When requests were sent that were answered, and when their answers came.
    contacts: Vec<(u64, u64)>,
    close_asked: bool,
    is_over: bool,
}

/// Everything that was decided.
pub(crate) struct Ledger {
    /// By index: term, checksum, zxid.
    entries: BTreeMap<u64, (u64, u32, i64)>,
    digests: BTreeMap<u64, (u64, u64)>,
    leaders: BTreeMap<u64, u64>,
    reached: BTreeMap<u64, u64>,
    reference: StateMachine,
    versions: BTreeMap<String, Vec<Version>>,
    /// By path: what watchers of the node and of its children hear of.
    changes: BTreeMap<(String, bool), Vec<i64>>,
    writes: BTreeMap<i64, Written>,
    sessions: BTreeMap<i64, Session>,
    pub(crate) promises: Promises,
    /// Whether the clocks on the walls can be trusted.
    pub(crate) clocks_jumped: bool,
}

impl Ledger {
    pub(crate) fn new() -> Ledger {
        let mut ledger = Ledger {
            entries: BTreeMap::new(),
            digests: BTreeMap::new(),
            leaders: BTreeMap::new(),
            reached: BTreeMap::new(),
            reference: StateMachine::new(),
            versions: BTreeMap::new(),
            changes: BTreeMap::new(),
            writes: BTreeMap::new(),
            sessions: BTreeMap::new(),
            promises: Promises::default(),
            clocks_jumped: false,
        };
        ledger.remember("/", 0);
        ledger.remember(CONFIG, 0);
        ledger
    }

    /// Entries that were decided.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The last entry that anybody has applied.
    pub(crate) fn last(&self) -> u64 {
        self.entries.last_key_value().map_or(0, |(index, _)| *index)
    }

    /// How far a server has come.
    pub(crate) fn reached(&self, id: u64) -> u64 {
        self.reached.get(&id).copied().unwrap_or(0)
    }

    /// Whether a server belongs to the ensemble, as far as the ensemble itself has said so.
    pub(crate) fn is_member(&self, id: u64) -> Option<bool> {
        let members = self.reference.configuration().members;
        (!members.is_empty()).then(|| members.contains_key(&id))
    }

    /// A session that is open although nobody has heard of it for much longer than its timeout.
    pub(crate) fn forgotten(&self, now_ms: u64) -> Option<i64> {
        let is_forgotten = |id: &i64| {
            let session = self.sessions.get(id)?;
            let (_, received_ms) = session.contacts.last()?;
            Some(received_ms + session.timeout_ms + FORGOTTEN_MS < now_ms)
        };
        let mut open = self.reference.sessions().iter().map(|(id, _)| id);
        open.find(|id| is_forgotten(id) == Some(true))
    }

    /// Who leads in the latest term, as far as anybody has said so.
    pub(crate) fn leader(&self) -> u64 {
        self.leaders.last_key_value().map_or(0, |(_, id)| *id)
    }

    pub(crate) fn leads(&mut self, id: u64, term: u64) -> Result<(), String> {
        match self.leaders.insert(term, id) {
            Some(other) if other != id => {
                Err(format!("servers {other} and {id} both lead in term {term}"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn digest(&mut self, id: u64, index: u64, digest: u64) -> Result<(), String> {
        self.reached.insert(id, index);
        let (other, known) = *self.digests.entry(index).or_insert((id, digest));
        match known == digest {
            true => Ok(()),
            false => Err(format!(
                "as of entry {index} the states of servers {other} and {id} differ: {known:x} and \
                 {digest:x}"
            )),
        }
    }

    pub(crate) fn applied(
        &mut self,
        id: u64,
        (index, term): (u64, u64),
        bytes: &[u8],
        zxid: i64,
    ) -> Result<(), String> {
        let found = (term, crc(bytes), zxid);
        if let Some(known) = self.entries.get(&index) {
            return match *known == found {
                true => Ok(()),
                false => Err(format!(
                    "server {id} has applied another entry {index}: term {term}, zxid {zxid:#x} \
                     instead of term {}, zxid {:#x}",
                    known.0, known.2
                )),
            };
        }
        if let Some((last, _)) = self.entries.last_key_value().filter(|(last, _)| **last > index) {
            return Err(format!("server {id} applied entry {index} after others were at {last}"));
        }
        self.entries.insert(index, found);
        let entry = Entry::decode(&Bytes::copy_from_slice(bytes))
            .map_err(|error| format!("entry {index} is unreadable: {error}"))?;
        self.apply(index, &entry, zxid)
    }

    fn apply(&mut self, index: u64, entry: &Entry, zxid: i64) -> Result<(), String> {
        let applied = self.reference.apply(entry);
        if applied.zxid != zxid {
            let expected = applied.zxid;
            return Err(format!("entry {index} took zxid {zxid:#x}, expected {expected:#x}"));
        }
        for event in &applied.events {
            let is_child = event.kind == TreeEventKind::ChildrenChanged;
            let path = event.path.to_string();
            if event.kind == TreeEventKind::Deleted {
                self.check_goes(&path, entry)?;
            }
            self.remember(&path, zxid);
            if event.kind == TreeEventKind::Created {
                self.check_comes(&path)?;
            }
            self.changes.entry((path.clone(), is_child)).or_default().push(zxid);
            if event.kind == TreeEventKind::Deleted {
                self.changes.entry((path, true)).or_default().push(zxid);
            }
        }
        let error = match &applied.outcome {
            Outcome::Failed(error) | Outcome::MultiFailed { error, .. } => error.code(),
            _ => 0,
        };
        if error == 0 {
            self.promises.written(entry)?;
        }
        let session = entry.session_id;
        match &entry.body {
            Body::CreateSession { timeout_ms, .. } | Body::Attach { timeout_ms, .. }
                if error == 0 =>
            {
                self.sessions.entry(session).or_default().timeout_ms = *timeout_ms as u64;
                return Ok(());
            }
            Body::CloseSession if applied.outcome == Outcome::SessionClosed => {
                self.ends(session, entry)?;
                if let Some(path) = self.versions.keys().find(|p| self.owner(p) == Some(session)) {
                    return Err(format!("{path} is left of session {session:#x}, which is over"));
                }
            }
            Body::Request(_) | Body::Multi(_) | Body::Void(_) => {}
            Body::Found(_) => {
                self.remember(CONFIG, 0);
                return Ok(());
            }
            // Nobody is answered with their zxids.
            _ => return Ok(()),
        }
        self.writes.insert(zxid, Written { session, cxid: entry.cxid, error });
        Ok(())
    }

    /// The owner of an ephemeral that is there as of now.
    fn owner(&self, path: &str) -> Option<i64> {
        let (_, stat, _) = self.versions.get(path)?.last()?.node.as_ref()?;
        (stat.ephemeral_owner != 0).then_some(stat.ephemeral_owner)
    }

    /// An ephemeral comes with an open session only.
    fn check_comes(&self, path: &str) -> Result<(), String> {
        let Some(owner) = self.owner(path) else { return Ok(()) };
        match self.sessions.get(&owner) {
            Some(session) if !session.is_over => Ok(()),
            _ => Err(format!("{path} was created for session {owner:#x}, which is not open")),
        }
    }

    /// The end of a session takes its own ephemerals away and nothing else.
    fn check_goes(&self, path: &str, entry: &Entry) -> Result<(), String> {
        let (session, owner) = (entry.session_id, self.owner(path));
        match entry.body {
            Body::CloseSession if owner != Some(session) => Err(format!(
                "the end of session {session:#x} has deleted {path}, whose owner is {owner:x?}"
            )),
            _ => Ok(()),
        }
    }

    fn remember(&mut self, path: &str, zxid: i64) {
        let node = self.reference.get_data(path, &[]).ok().map(|(data, stat)| {
            let names = self.reference.get_children(path, &[]).map(|(names, _)| names);
            (data.map(|data| data.to_vec()), stat, names.unwrap_or_default())
        });
        let versions = self.versions.entry(path.to_owned()).or_default();
        if versions.last().is_some_and(|version| version.zxid == zxid) {
            versions.pop();
        }
        versions.push(Version { zxid, node });
    }

    fn ends(&mut self, id: i64, entry: &Entry) -> Result<(), String> {
        let trusts_clocks = !self.clocks_jumped;
        let session = self.sessions.entry(id).or_default();
        session.is_over = true;
        if session.close_asked || !trusts_clocks {
            return Ok(());
        }
        let decided_ms = (entry.time_ms - EPOCH_MS).max(0) as u64;
        let known = session.contacts.iter().rev();
        let mut known = known.filter(|(_, received)| received + HEARSAY_MS <= decided_ms);
        let Some((sent_ms, _)) = known.next() else { return Ok(()) };
        let timeout_ms = session.timeout_ms;
        if sent_ms + timeout_ms > decided_ms + HEARSAY_MS {
            return Err(format!(
                "session {id:#x} with its timeout of {timeout_ms} ms was expired at {decided_ms} \
                 ms, but was heard at {sent_ms} ms"
            ));
        }
        Ok(())
    }

    pub(crate) fn close_was_asked(&mut self, session: i64) {
        self.sessions.entry(session).or_default().close_asked = true;
    }

    /// A request of the session was answered.
    pub(crate) fn contact(&mut self, session: i64, sent_ms: u64, received_ms: u64) {
        let contacts = &mut self.sessions.entry(session).or_default().contacts;
        if contacts.last().is_none_or(|(last, _)| *last < sent_ms) {
            contacts.push((sent_ms, received_ms));
        }
    }

    /// A client was told so.
    pub(crate) fn check_is_over(&self, session: i64) -> Result<(), String> {
        match self.sessions.get(&session) {
            Some(known) if known.timeout_ms > 0 && !known.is_over => {
                Err(format!("session {session:#x} is open, but its client was told that it is not"))
            }
            _ => Ok(()),
        }
    }

    /// The first change after `since` that a watch there has to tell.
    pub(crate) fn trigger(&self, path: &str, is_child: bool, since: i64) -> Option<i64> {
        let changes = self.changes.get(&(path.to_owned(), is_child))?;
        changes.get(changes.partition_point(|zxid| *zxid <= since)).copied()
    }

    fn at(&self, path: &str, zxid: i64) -> Option<&Version> {
        let versions = self.versions.get(path)?;
        let after = versions.partition_point(|version| version.zxid <= zxid);
        versions.get(after.checked_sub(1)?)
    }

    fn node(&self, path: &str, zxid: i64) -> Option<&Content> {
        self.at(path, zxid)?.node.as_ref()
    }

    /// Whether a watch that is armed again has something to tell; without `since` it is one on a
    /// node that was not there.
    pub(crate) fn has_changed(
        &self,
        path: &str,
        is_child: bool,
        since: Option<i64>,
        zxid: i64,
    ) -> bool {
        match (self.node(path, zxid), since) {
            (Some(_), None) => true,
            (None, since) => since.is_some(),
            (Some((_, stat, _)), Some(since)) if is_child => stat.pzxid > since,
            (Some((_, stat, _)), Some(since)) => stat.mzxid > since,
        }
    }

    /// A write was answered: it must be in the log, as its session asked for it.
    pub(crate) fn check_write(
        &self,
        zxid: i64,
        session: i64,
        xid: i32,
        err: i32,
        is_multi: bool,
    ) -> Result<(), String> {
        if [ErrorCode::SessionExpired.code(), ErrorCode::SessionMoved.code()].contains(&err) {
            return Ok(());
        }
        match self.writes.get(&zxid) {
            Some(written) if written.session == session && written.cxid == xid => {
                match is_multi || written.error == err {
                    true => Ok(()),
                    false => Err(format!(
                        "write {zxid:#x} was answered with {err}, expected {}",
                        written.error
                    )),
                }
            }
            Some(Written { session, cxid, error }) => Err(format!(
                "write {zxid:#x} of request {xid} was answered with {err}, but it is request \
                 {cxid} of session {session:#x}, which came to {error}"
            )),
            None => Err(format!("write {zxid:#x} of request {xid} was answered but never decided")),
        }
    }

    pub(crate) fn check_data(
        &self,
        zxid: i64,
        path: &str,
        err: i32,
        body: &[u8],
    ) -> Result<(), String> {
        let seen = match err {
            0 => Some(jute::from_bytes::<GetDataResponse>(body).map_err(|e| e.to_string())?),
            _ => None,
        };
        let expected = self.node(path, zxid);
        let is_right = match (&seen, expected) {
            (None, None) => true,
            // The ensemble has not been told yet what it is, which takes no zxid.
            (Some(seen), Some((_, stat, _))) if path == CONFIG && seen.stat.data_length == 0 => {
                stat.mzxid == 0
            }
            (Some(seen), Some((data, stat, _))) => {
                seen.data.as_deref() == data.as_deref() && seen.stat == *stat
            }
            _ => false,
        };
        wrong(is_right, path, zxid, &seen, &expected)
    }

    pub(crate) fn check_exists(
        &self,
        zxid: i64,
        path: &str,
        err: i32,
        body: &[u8],
    ) -> Result<(), String> {
        let seen = match err {
            0 => Some(jute::from_bytes::<StatResponse>(body).map_err(|e| e.to_string())?.stat),
            _ => None,
        };
        let expected = self.node(path, zxid).map(|(_, stat, _)| *stat);
        wrong(seen == expected, path, zxid, &seen, &expected)
    }

    pub(crate) fn check_children(
        &self,
        zxid: i64,
        path: &str,
        err: i32,
        body: &[u8],
    ) -> Result<(), String> {
        let seen = match err {
            0 => Some(jute::from_bytes::<GetChildren2Response>(body).map_err(|e| e.to_string())?),
            _ => None,
        };
        let expected = self.node(path, zxid);
        let is_right = match (&seen, expected) {
            (None, None) => true,
            (Some(seen), Some((_, stat, names))) => seen.children == *names && seen.stat == *stat,
            _ => false,
        };
        wrong(is_right, path, zxid, &seen, &expected)
    }
}

fn wrong<S: std::fmt::Debug, E: std::fmt::Debug>(
    is_right: bool,
    path: &str,
    zxid: i64,
    seen: &S,
    expected: &E,
) -> Result<(), String> {
    match is_right {
        true => Ok(()),
        false => Err(format!("{path} as of {zxid:#x} was read as {seen:?}, expected {expected:?}")),
    }
}

fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x100_0193))
}
