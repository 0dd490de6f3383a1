//! Transaction log and snapshots on disk, and recovery from them.
