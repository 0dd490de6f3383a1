//! What the server asks of consensus, and what it gets back.

use bytes::Bytes;

use crate::{Membership, MembershipChange, NodeId, SnapshotMeta, StoreError};

/// The ordering of writes, as the server sees it. One thread owns it.
///
/// The loop of an owner: hand in ([`propose`](Self::propose), [`step`](Self::step),
/// [`tick`](Self::tick), [`read_index`](Self::read_index)), then while
/// [`has_ready`](Self::has_ready) call [`advance`](Self::advance), apply what it committed, and
/// say so by [`applied`](Self::applied).
pub trait Consensus {
    /// This server's number.
    fn id(&self) -> NodeId;

    /// Where this server stands. Cheap.
    fn status(&self) -> Status;

    /// The members as far as this server has applied them.
    fn membership(&self) -> Membership;

    /// True while leadership is being handed over: nothing can be proposed.
    fn is_busy(&self) -> bool;

    /// Puts a batch of entries, in order and next to each other, at the end of the log. They are
    /// written by the next [`advance`](Self::advance), with one append and one sync.
    ///
    /// # Errors
    /// [`Error::NotLeader`] and [`Error::Busy`]: nothing was taken. [`Error::EntryTooLarge`] and
    /// [`Error::EmptyEntry`]: the batch was refused as a whole.
    fn propose(&mut self, batch: Vec<Bytes>) -> Result<Proposed, Error>;

    /// Puts a change of members at the end of the log; it takes effect when it is committed.
    ///
    /// # Errors
    /// As [`propose`](Self::propose); [`Error::Busy`] also while an earlier change is under way.
    fn propose_membership(&mut self, change: &MembershipChange) -> Result<Proposed, Error>;

    /// Hands in one message that [`Outgoing::bytes`] of a peer held.
    ///
    /// # Errors
    /// [`Error::BadMessage`] when the bytes are damaged, of another version or not for us;
    /// nothing was taken.
    fn step(&mut self, message: &[u8]) -> Result<(), Error>;

    /// One unit of time has passed. Elections and heartbeats are counted in ticks.
    fn tick(&mut self);

    /// Stands for election now, without waiting for the timeout.
    ///
    /// # Errors
    /// Only when the log store failed.
    fn campaign(&mut self) -> Result<(), Error>;

    /// Asks for a point in the log that is at or after every write acknowledged anywhere before
    /// this call. The answer, a [`ReadState`] with the same context, comes with a later
    /// [`Progress`], or never (leadership lost): the caller keeps a timeout and asks again.
    fn read_index(&mut self, context: Bytes);

    /// Whether [`advance`](Self::advance) would do something.
    fn has_ready(&self) -> bool;

    /// Writes what has to be written (one append, at most one sync) and gives out what follows
    /// from it. `send` gets each message for a peer; a leader's before the sync, so that peers
    /// write at the same time, all others after it.
    ///
    /// # Errors
    /// [`Error::Store`]: the disk failed. That is final; the process has to stop, because what
    /// is durable is no longer known.
    fn advance(&mut self, send: &mut dyn FnMut(Outgoing)) -> Result<Progress, Error>;

    /// Everything up to and with this index has been applied to the state.
    fn applied(&mut self, index: u64);

    /// A snapshot of the state at `meta` is durable. The log before it may go; how much of it
    /// stays is up to the store.
    ///
    /// # Errors
    /// [`Error::Store`], as in [`advance`](Self::advance).
    fn snapshot_taken(&mut self, meta: &SnapshotMeta) -> Result<(), Error>;

    /// Whether a peer needs a snapshot that is newer than any there is: as of now it would do. Says
    /// so once, and again for as long as that is so.
    fn lacks_snapshot(&mut self) -> bool;

    /// Writes down how far the log is decided, before a clean stop: damage to the end of the log
    /// is then told from a write that was cut short. Nothing may be proposed after it.
    ///
    /// # Errors
    /// [`Error::Store`], as in [`advance`](Self::advance).
    fn close(&mut self) -> Result<(), Error>;

    /// The last send to this peer failed.
    fn report_unreachable(&mut self, peer: NodeId);

    /// The snapshot that a message to this peer announced has arrived there, or has not.
    fn report_snapshot(&mut self, peer: NodeId, arrived: bool);

    /// On a leader: whether this peer was heard of lately and has everything that is decided.
    fn has_caught_up(&self, peer: NodeId) -> bool;

    /// On a leader: whether a change of members is under way.
    fn is_changing(&self) -> bool;

    /// The voters that could lead in this leader's place, the best first: those whose log is
    /// known to be close to its own. None when it does not lead.
    fn successors(&self) -> Vec<NodeId>;

    /// Asks the leader to hand over to this peer; no effect when it cannot. Nothing can be
    /// proposed until the peer leads, or has had its time and does not.
    fn transfer_leader(&mut self, to: NodeId);
}

/// What one [`Consensus::advance`] brought.
#[derive(Debug, Default)]
pub struct Progress {
    /// Entries that are now decided, in log order, each exactly once, without gaps.
    pub committed: Vec<Committed>,
    /// Answers to [`Consensus::read_index`].
    pub read_states: Vec<ReadState>,
    /// A snapshot from the leader, now ours in the log: the state has to be restored from it
    /// before anything in `committed` is applied.
    pub snapshot: Option<SnapshotMeta>,
    /// The last index that is durable on this server.
    pub persisted: u64,
    /// The role after this step, when it or the known leader changed.
    pub role: Option<Role>,
}

/// One decided entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Place in the log, from 1.
    pub index: u64,
    /// Term in which a leader wrote it.
    pub term: u64,
    /// What was proposed. Empty for entries of consensus itself (a leader's first entry, the end
    /// of a joint change); those take their place in the log but mean nothing to the state. Of a
    /// change of members it is the [`data`](crate::MembershipChange::data) that came with it.
    pub data: Bytes,
    /// The members from here on, when this entry changed them.
    pub membership: Option<Membership>,
}

/// Where a proposed batch was put. It is decided if an entry with this index *and* term is
/// committed; another term at its place means that it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// Index of the batch's first entry.
    pub first: u64,
    /// Index of its last entry.
    pub last: u64,
    /// Term of all of them.
    pub term: u64,
}

/// A message for a peer.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// For whom.
    pub to: NodeId,
    /// What to carry there, to its [`Consensus::step`]. Versioned and checksummed.
    pub bytes: Bytes,
    /// The snapshot that the peer must have received (by a stream of its own) before this
    /// message; the owner sends it and then calls [`Consensus::report_snapshot`].
    pub snapshot: Option<SnapshotMeta>,
}

/// The answer to a read-index request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadState {
    /// A read is linearizable once this index has been applied here.
    pub index: u64,
    /// As given to [`Consensus::read_index`].
    pub context: Bytes,
}

/// What a server is in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Orders the writes.
    Leader,
    /// Follows the leader, if one is known.
    Follower {
        /// The leader of this term.
        leader: Option<NodeId>,
    },
    /// Stands for election.
    Candidate,
}

/// Where a server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its role.
    pub role: Role,
    /// The current term.
    pub term: u64,
    /// The leader of this term, which may be this server.
    pub leader: Option<NodeId>,
    /// Last decided index that is known here.
    pub commit: u64,
    /// Last index that [`Consensus::applied`] was told.
    pub applied: u64,
    /// First index in the log.
    pub first_index: u64,
    /// Last index in the log, written or not.
    pub last_index: u64,
}

/// Why consensus refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Only the leader takes proposals; nothing is forwarded.
    #[error("this server is not the leader{}", known(leader))]
    NotLeader {
        /// Who is, when known.
        leader: Option<NodeId>,
    },
    /// Not now: leadership is being handed over, or a change of members is under way.
    #[error("the leader takes no proposal of this kind at the moment")]
    Busy,
    /// Larger than what the log can read back.
    #[error("an entry of {size} bytes is over the limit of {limit} bytes")]
    EntryTooLarge {
        /// Bytes of the entry.
        size: usize,
        /// Most bytes an entry may have.
        limit: usize,
    },
    /// An entry without data would look like one of consensus itself.
    #[error("an entry must not be empty")]
    EmptyEntry,
    /// A message that cannot be taken.
    #[error("message from a peer refused: {reason}")]
    BadMessage {
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration makes no sense.
    #[error("consensus cannot start: {reason}")]
    Config {
        /// What is wrong with it.
        reason: String,
    },
    /// The log store failed.
    #[error("the log store failed: {0}")]
    Store(#[from] StoreError),
}

fn known(leader: &Option<NodeId>) -> String {
    match leader {
        Some(id) => format!("; server {id} is"),
        None => String::new(),
    }
}
