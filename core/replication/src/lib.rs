//! Consensus behind a narrow trait: messages in, messages out, time passed in.
//!
//! The rest of the house sees [`Consensus`] and never the `raft` crate. [`RaftNode`] runs
//! raft-rs' `RawNode` over a [`LogStore`], which somebody else implements on a real disk. There
//! are no sockets, threads or clocks here: the owner calls [`Consensus::tick`] as time passes,
//! hands in what peers sent, and carries away what [`Consensus::advance`] gives out.
//!
//! A standalone server is a group with one voter: an entry is committed in the same
//! [`Consensus::advance`] that wrote it, after exactly one append and one sync for the batch.

mod consensus;
mod logger;
mod membership;
mod message;
mod node;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod probe;
mod store;
mod tail;
mod translate;

pub use consensus::{
    Committed, Consensus, Error, Outgoing, Progress, Proposed, ReadState, Role, Status,
};
pub use membership::{Membership, MembershipChange, MembershipStep};
pub use node::{NodeConfig, RaftNode};
pub use store::{EntryKind, HardState, LogEntry, LogStore, SnapshotMeta, Start, StoreError};

/// The number of a server in its group; never 0. A standalone server is number 1.
pub type NodeId = u64;
