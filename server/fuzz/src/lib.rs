//! What the fuzz targets do with their input, apart from where it comes from.
//!
//! Each module is one target: `run` takes any bytes and panics when what must hold does not. The
//! programs in `fuzz_targets` call it under libfuzzer; the tests call it with every committed
//! input, so that what was found once cannot come back.

pub mod config;
pub mod entry;
pub mod jute;
pub mod log;
pub mod replication;
pub mod replies;
pub mod requests;
pub mod session;

/// One target.
pub type Target = fn(&[u8]);

/// Every target and its name.
pub const TARGETS: [(&str, Target); 8] = [
    ("config", config::run),
    ("entry", entry::run),
    ("jute", jute::run),
    ("log", log::run),
    ("replication", replication::run),
    ("replies", replies::run),
    ("requests", requests::run),
    ("session", session::run),
];
