//! Deterministic simulation of the storage and state machine under disk faults.
//!
//! One seed decides everything: what several sessions write, when the machine or only the
//! process goes down, which sectors of unsynced writes survive, which fsync fails. Real storage,
//! real consensus (a group of one voter), the server's real log store and the real state machine
//! run on [`SimDisk`]; only the disk is fake. [`run`] checks that no acknowledged write is lost,
//! that the state is what the log says, that zxids only grow, and that the ephemerals of live
//! sessions are there.
//!
//! A checker that has never failed proves nothing: [`Bug`] plants faults, off by default, and the
//! tests show that each is caught.

mod disk;
mod machine;
mod random;
mod run;
mod workload;

pub use disk::{CrashKind, SimDisk};
pub use random::Random;
pub use run::{Bug, Report, Violation, run};
