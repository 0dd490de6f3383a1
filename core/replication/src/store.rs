//! What consensus needs from a disk.

use bytes::Bytes;

use crate::{Membership, NodeId};

/// The log and the little state around it. One thread owns it; it is called from inside
/// [`Consensus`](crate::Consensus) only.
///
/// Every error is final: after one, nothing more is written.
pub trait LogStore: Send {
    /// What was found on the disk, read once before anything else.
    ///
    /// # Errors
    /// When the disk cannot be read or is damaged.
    fn start(&self) -> Result<Start, StoreError>;

    /// First index that [`entries`](Self::entries) can give: one after the point to which the
    /// log was compacted. `term(first_index() - 1)` is known too.
    fn first_index(&self) -> u64;

    /// Last index in the log; `first_index() - 1` when it is empty.
    fn last_index(&self) -> u64;

    /// The term of an entry between `first_index() - 1` and `last_index()`; `None` elsewhere.
    fn term(&self, index: u64) -> Option<u64>;

    /// Entries `low..high`, all of which exist, in order. Stops early once their data have more
    /// than `max_bytes`, but gives at least one.
    ///
    /// # Errors
    /// When the disk cannot be read or is damaged.
    fn entries(&self, low: u64, high: u64, max_bytes: u64) -> Result<Vec<LogEntry>, StoreError>;

    /// Writes entries at their places; whatever was at or after the first one's place goes.
    /// Durable only after [`sync`](Self::sync).
    ///
    /// # Errors
    /// When the disk fails.
    fn append(&mut self, entries: &[LogEntry]) -> Result<(), StoreError>;

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// When the disk fails. It is not tried again.
    fn sync(&mut self) -> Result<(), StoreError>;

    /// Makes term, vote and commit durable before it returns.
    ///
    /// # Errors
    /// When the disk fails.
    fn save_hard_state(&mut self, state: &HardState) -> Result<(), StoreError>;

    /// Makes the members as of the entry at `index` durable before it returns.
    ///
    /// # Errors
    /// When the disk fails.
    fn save_membership(&mut self, index: u64, members: &Membership) -> Result<(), StoreError>;

    /// The newest snapshot, if it is at or after `request_index`; `None` when there is none yet.
    fn snapshot(&self, request_index: u64) -> Option<SnapshotMeta>;

    /// A snapshot of our own state is durable: the log before it may be compacted.
    ///
    /// # Errors
    /// When the disk fails.
    fn snapshot_taken(&mut self, meta: &SnapshotMeta) -> Result<(), StoreError>;

    /// A snapshot from the leader, already durable among the snapshots, replaces the log: it
    /// starts anew after `meta.index`.
    ///
    /// # Errors
    /// When the disk fails, or the snapshot is not there.
    fn install_snapshot(&mut self, meta: &SnapshotMeta) -> Result<(), StoreError>;

    /// Most bytes that the data of one entry may have.
    fn max_entry_size(&self) -> usize;
}

/// What a store holds when a server starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Term, vote and commit.
    pub hard_state: HardState,
    /// The members, as last saved.
    pub membership: Membership,
    /// Index of the entry that made `membership`; 0 for the first members.
    pub membership_index: u64,
    /// Index up to which the state has been restored, from the newest valid snapshot; entries
    /// after it will be given out as committed again.
    pub applied: u64,
}

/// Term, vote and commit of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The highest term seen.
    pub term: u64,
    /// For whom this server voted in it; 0 for nobody.
    pub vote: NodeId,
    /// An index that is known to be decided; may lag behind.
    pub commit: u64,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Place in the log, from 1.
    pub index: u64,
    /// Term in which a leader wrote it.
    pub term: u64,
    /// Whose it is.
    pub kind: EntryKind,
    /// Its content.
    pub data: Bytes,
}

/// Whose an entry is; the numbers are on the disk and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EntryKind {
    /// Of the state; of nobody when its data are empty.
    Normal = 1,
    /// Of consensus: a change of members.
    Membership = 2,
}

impl EntryKind {
    /// The kind of a number, if it is one.
    pub fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Normal),
            2 => Some(Self::Membership),
            _ => None,
        }
    }
}

/// Where in the log a snapshot was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// Index of the last entry in it.
    pub index: u64,
    /// Term of that entry.
    pub term: u64,
    /// The members at that point.
    pub membership: Membership,
}

/// A store's own error, with its file and offset in the text.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// From a text alone.
    pub fn message(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// From the store's error, whose text becomes this one's.
    pub fn new(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { message: source.to_string(), source: Some(Box::new(source)) }
    }
}
