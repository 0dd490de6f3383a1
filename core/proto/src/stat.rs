//! What the server keeps about a node, as clients see it.

use serde::{Deserialize, Serialize};

/// A node's stat, in the order of the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stat {
    /// zxid of the create.
    pub czxid: i64,
    /// zxid of the last change of the data.
    pub mzxid: i64,
    /// Time of the create, milliseconds since 1970.
    pub ctime: i64,
    /// Time of the last change of the data, milliseconds since 1970.
    pub mtime: i64,
    /// Changes of the data.
    pub version: i32,
    /// Changes of the list of children.
    pub cversion: i32,
    /// Changes of the ACL.
    pub aversion: i32,
    /// Session that owns the node; 0 unless it is ephemeral.
    pub ephemeral_owner: i64,
    /// Bytes of data; 0 for null.
    pub data_length: i32,
    /// Number of children.
    pub num_children: i32,
    /// zxid of the last change of the list of children.
    pub pzxid: i64,
}
