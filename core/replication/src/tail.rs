//! raft's view of the log store, with the log's tail in memory.
//!
//! An entry is committed moments after it was written, so it is served from memory and the disk
//! is only read at start and for peers that lag behind. raft panics when a read for committed
//! entries fails; so these are read ahead, outside of raft, where an error is an error.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{GetEntriesContext, RaftState, StorageError};

use crate::store::{LogStore, SnapshotMeta, StoreError};
use crate::translate;
use crate::{HardState as OwnHardState, LogEntry, Start};

/// Most bytes of entries that are given out as committed in one go.
pub(crate) const SLICE_BYTES: u64 = 4 << 20;

/// Applied entries kept for peers that are a little behind.
const KEPT_BYTES: u64 = 8 << 20;

pub(crate) struct Tail<L> {
    pub(crate) store: L,
    start: Start,
    entries: VecDeque<Entry>,
    bytes: u64,
    // raft reads through a shared reference; what failed there is told by the next write.
    failed: Mutex<Option<StoreError>>,
    // Likewise: a peer needs a snapshot that there is not.
    lacks_snapshot: AtomicBool,
}

impl<L: LogStore> Tail<L> {
    pub(crate) fn new(store: L, start: Start) -> Self {
        let failed = Mutex::new(None);
        let lacks_snapshot = AtomicBool::new(false);
        Self { store, start, entries: VecDeque::new(), bytes: 0, failed, lacks_snapshot }
    }

    /// Whether a peer needed a snapshot that there was not, once.
    pub(crate) fn take_lack_of_snapshot(&self) -> bool {
        self.lacks_snapshot.swap(false, Ordering::Relaxed)
    }

    /// The error of a read that raft made, once.
    pub(crate) fn take_failure(&self) -> Option<StoreError> {
        self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    /// Writes entries; durable after the store's sync.
    pub(crate) fn append(&mut self, entries: Vec<Entry>) -> Result<(), StoreError> {
        let Some(first) = entries.first().map(|e| e.index) else { return Ok(()) };
        let own: Vec<LogEntry> =
            entries.iter().map(translate::entry_out).collect::<Result<_, _>>()?;
        self.store.append(&own)?;
        while self.entries.back().is_some_and(|last| last.index >= first) {
            self.pop_back();
        }
        if self.entries.back().is_some_and(|last| last.index + 1 != first) {
            self.clear();
        }
        for entry in entries {
            self.push_back(entry);
        }
        Ok(())
    }

    /// Has in memory what raft will want of `low..high` for committed entries: two slices.
    pub(crate) fn read_ahead(&mut self, low: u64, high: u64) -> Result<(), StoreError> {
        if low >= high {
            return Ok(());
        }
        self.load(low, high)?;
        let next = low + self.slice(low, high).count() as u64;
        if next < high { self.load(next, high) } else { Ok(()) }
    }

    /// Forgets entries up to `applied`; `keep` leaves some of them for peers.
    pub(crate) fn trim(&mut self, applied: u64, keep: bool) {
        let limit = if keep { KEPT_BYTES } else { 0 };
        while self.bytes > limit && self.entries.front().is_some_and(|e| e.index <= applied) {
            if let Some(entry) = self.entries.pop_front() {
                self.bytes -= size(&entry);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    fn load(&mut self, low: u64, high: u64) -> Result<(), StoreError> {
        if self.position(low).is_some() {
            return Ok(());
        }
        // Replay after a start: the tail is empty, or ends right before `low`.
        if self.entries.back().is_some_and(|last| last.index + 1 != low) {
            self.clear();
        }
        for entry in self.store.entries(low, high, SLICE_BYTES)? {
            self.push_back(translate::entry_in(entry)?);
        }
        Ok(())
    }

    fn position(&self, index: u64) -> Option<usize> {
        let offset = index.checked_sub(self.entries.front()?.index)?;
        (offset < self.entries.len() as u64).then_some(offset as usize)
    }

    /// The entries in memory from `low` on, one at least if there is one, as far as a slice goes.
    fn slice(&self, low: u64, high: u64) -> impl Iterator<Item = &Entry> {
        let from = self.position(low).unwrap_or(self.entries.len());
        let mut bytes = 0;
        self.entries.range(from..).take_while(move |entry| {
            let fits = bytes == 0 || bytes + size(entry) <= SLICE_BYTES;
            bytes += size(entry);
            fits && entry.index < high
        })
    }

    fn push_back(&mut self, entry: Entry) {
        self.bytes += size(&entry);
        self.entries.push_back(entry);
    }

    fn pop_back(&mut self) {
        if let Some(entry) = self.entries.pop_back() {
            self.bytes -= size(&entry);
        }
    }

    fn read(&self, low: u64, high: u64, max: Option<u64>) -> Result<Vec<Entry>, StoreError> {
        let max = max.unwrap_or(u64::MAX);
        self.store.entries(low, high, max)?.into_iter().map(translate::entry_in).collect()
    }
}

fn size(entry: &Entry) -> u64 {
    entry.data.len() as u64 + 32
}

impl<L: LogStore> raft::Storage for Tail<L> {
    fn initial_state(&self) -> raft::Result<RaftState> {
        let OwnHardState { term, vote, commit } = self.start.hard_state;
        // What has been applied was decided, whether or not that was written down.
        let commit = commit.max(self.start.applied);
        let hard_state = HardState { term, vote, commit, ..HardState::default() };
        let conf_state: ConfState = translate::members_in(&self.start.membership);
        Ok(RaftState { hard_state, conf_state })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low < self.store.first_index() {
            return Err(raft::Error::Store(StorageError::Compacted));
        }
        if self.position(low).is_some() {
            return Ok(self.slice(low, high).cloned().collect());
        }
        self.read(low, high, max_size.into()).map_err(|error| {
            let text = error.to_string();
            *self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
            raft::Error::Store(StorageError::Other(text.into()))
        })
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if let Some(at) = self.position(index) {
            return Ok(self.entries[at].term);
        }
        match self.store.term(index) {
            Some(term) => Ok(term),
            None if index < self.store.first_index() => {
                Err(raft::Error::Store(StorageError::Compacted))
            }
            None => Err(raft::Error::Store(StorageError::Unavailable)),
        }
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.store.first_index())
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.store.last_index())
    }

    fn snapshot(&self, request_index: u64, to: u64) -> raft::Result<Snapshot> {
        // Nobody takes a snapshot of a time at which it was no member.
        let usable = |meta: &SnapshotMeta| meta.membership.contains(to);
        // Never waits for one to be made: raft asks again.
        let Some(meta) = self.store.snapshot(request_index).filter(usable) else {
            self.lacks_snapshot.store(true, Ordering::Relaxed);
            return Err(raft::Error::Store(StorageError::SnapshotTemporarilyUnavailable));
        };
        Ok(translate::snapshot_in(&meta))
    }
}
