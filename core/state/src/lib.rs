//! The replicated state machine: tree, sessions, ACL check; pure and deterministic.
//!
//! Every check that decides the outcome of a write is made in [`StateMachine::apply`], in the
//! order of the log, from the state and the entry alone: no clock, no randomness, no hash order.
//! A failed write is an outcome of its entry and takes a zxid like any other.

pub mod acl;
mod children;
mod codec;
mod digest;
pub mod entry;
mod fingerprint;
pub mod initial;
mod machine;
mod node;
mod principal;
mod quota;
mod read;
mod reconfiguration;
mod session;
mod snapshot;
mod tree;
mod write;

pub use children::Children;
pub use codec::CodecError;
pub use entry::{Body, CreateKind, Entry, Op, Origin};
pub use machine::{Applied, OpOutcome, Outcome, StateMachine, TreeEvent, TreeEventKind};
pub use node::{CONTAINER_OWNER, Node, Owner, TTL_MAX_MS};
pub use quota::Exceeded;
pub use read::DataAndStat;
pub use reconfiguration::Reconfiguration;
pub use session::{Session, SessionTable};
pub use snapshot::Snapshot;
