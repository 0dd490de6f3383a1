//! Transaction log and snapshots on disk, and recovery from them.
//!
//! [`DataDir`] is the directory: identity, lock, and the way to its parts. [`Log`] is the
//! segmented write-ahead log, [`SnapshotStore`] the snapshots, [`Register`] a small value that is
//! replaced as a whole. All of them reach the disk through [`FileSystem`] only, so a test can
//! put a disk there that tears, loses and fails.
//!
//! Everything here blocks, and belongs to one thread unless said otherwise. A failed write or
//! fsync is final: the part that saw it refuses all further writes, because nobody knows any more
//! what the disk holds.

mod datadir;
mod disk;
mod error;
mod faulty;
mod filesystem;
mod inspection;
mod log;
mod record;
mod recovery;
mod register;
mod segment;
mod snapshot;

pub use datadir::{Claim, DataDir, FORMAT_VERSION, Identity};
pub use disk::OsFileSystem;
pub use error::{Error, Result};
pub use faulty::FaultyFileSystem;
pub use filesystem::{File, FileSystem, Lock};
pub use inspection::{Inspection, Rest, SegmentContents};
pub use log::{Log, LogOptions};
pub use record::{MAX_RECORD_DATA, Record};
pub use register::Register;
pub use snapshot::{
    KEPT_SNAPSHOTS, MAX_BLOCK, SnapshotId, SnapshotReader, SnapshotStore, SnapshotWriter,
};
