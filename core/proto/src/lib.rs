//! ZooKeeper's wire vocabulary: jute codec, frames, operations, errors, Stat, ACL, paths.
