//! Deterministic simulation of an ensemble and its clients under faults.
//!
//! One seed decides everything. Each server and each client has a runtime of its own whose clock
//! stands still unless the simulation lets it go on; sockets are in memory, disks tear and lose,
//! and nothing else is fake: the servers are those of `server/` with their real pipeline, log and
//! consensus, the clients those of `core/client`. [`run`] judges what it sees on the wires of the
//! clients and in the logs of the servers:
//!
//! - every server applies the same entries with the same zxids, and comes to the same state; at
//!   most one leads in a term;
//! - each acknowledged write is in the log at its zxid, once, with the outcome that was told, and
//!   behind every write that had been acknowledged when it was asked for;
//! - each read is exactly the state as of the zxid in its answer; those zxids never go back within
//!   a session, and a sync is not answered before it has seen every acknowledged write;
//! - a caller who is told that a write is done, or that it is not, is told the truth;
//! - answers come in the order of their requests; each one-shot watch tells its first change, once,
//!   in order, and before any answer that has seen it, also across connections;
//! - no session is expired that was heard of in time, and none is called over that is not; the end
//!   of a session takes exactly its own ephemerals away;
//! - when everything is well again, writes go on.
//!
//! A checker that has never failed proves nothing: [`Bug`] plants faults, off by default and built
//! in only for the simulation, and the tests show that each is caught. [`storage`] is the older,
//! smaller scenario: one server's log and state machine alone, with many crashes.
//!
//! # What it has found
//!
//! A seed shows what it shows in the revision before its fix; later ones plan other faults.
//!
//! | seed | what | fix |
//! |---|---|---|
//! | 161 | an answer overtook the one before, which never came | what is ended is silent |
//! | 11 | no snapshot that a new server is a member of, ever | one is taken for it |
//! | 11 | a new server could not answer a leader not in its file | servers tell each other who is |
//! | 432 | a server that was behind told a client that its new session is over | the log is asked |

mod actor;
mod bug;
mod customer;
mod disk;
mod faults;
mod ledger;
mod network;
mod operator;
mod promises;
mod random;
mod range;
mod recorder;
mod server;
mod shrink;
pub mod storage;
mod world;

pub use bug::Bug;
pub use disk::{CrashKind, SimDisk};
pub use faults::Scheduled;
pub use random::Random;
pub use range::run_range;
pub use shrink::shrink;
pub use world::{Report, Setting, Violation, run, run_with, schedule};
