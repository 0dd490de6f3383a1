//! Requests about nodes, and their replies.

use serde::{Deserialize, Serialize};

use super::Buffer;
use crate::acl::Acl;
use crate::stat::Stat;

/// Creates a node: create, create2, createContainer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateRequest {
    /// The node, without the counter of a sequential one.
    pub path: String,
    /// Its data.
    pub data: Buffer,
    /// Its ACL.
    pub acl: Vec<Acl>,
    /// [`crate::CreateMode`].
    pub flags: i32,
}

/// Creates a node with a time to live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTtlRequest {
    /// The node, without the counter of a sequential one.
    pub path: String,
    /// Its data.
    pub data: Buffer,
    /// Its ACL.
    pub acl: Vec<Acl>,
    /// [`crate::CreateMode`].
    pub flags: i32,
    /// Time to live, milliseconds.
    pub ttl: i64,
}

/// A path alone: the answer to create and sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateResponse {
    /// The node, with its counter.
    pub path: String,
}

/// The answer to create2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create2Response {
    /// The node, with its counter.
    pub path: String,
    /// Its stat.
    pub stat: Stat,
}

/// Deletes a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRequest {
    /// The node.
    pub path: String,
    /// The version that it must have; -1 for any.
    pub version: i32,
}

/// Asks for a node's stat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExistsRequest {
    /// The node.
    pub path: String,
    /// Whether to arm a watch.
    pub watch: bool,
}

/// A stat alone: the answer to exists, setData and setACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatResponse {
    /// The node's stat.
    pub stat: Stat,
}

/// Asks for a node's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetDataRequest {
    /// The node.
    pub path: String,
    /// Whether to arm a watch.
    pub watch: bool,
}

/// A node's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetDataResponse {
    /// The data.
    pub data: Buffer,
    /// The node's stat.
    pub stat: Stat,
}

/// Sets a node's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDataRequest {
    /// The node.
    pub path: String,
    /// The new data.
    pub data: Buffer,
    /// The version that it must have; -1 for any.
    pub version: i32,
}

/// Asks for the names of a node's children: getChildren and getChildren2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetChildrenRequest {
    /// The node.
    pub path: String,
    /// Whether to arm a watch.
    pub watch: bool,
}

/// The answer to getChildren.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetChildrenResponse {
    /// Names, not paths.
    pub children: Vec<String>,
}

/// The answer to getChildren2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetChildren2Response {
    /// Names, not paths.
    pub children: Vec<String>,
    /// The node's stat.
    pub stat: Stat,
}

/// Asks for the number of a node's descendants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetAllChildrenNumberRequest {
    /// The node.
    pub path: String,
}

/// The number of a node's descendants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetAllChildrenNumberResponse {
    /// Without the node itself.
    pub total_number: i32,
}

/// Asks for the session's ephemeral nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetEphemeralsRequest {
    /// What the paths begin with, as text.
    pub prefix_path: String,
}

/// The session's ephemeral nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetEphemeralsResponse {
    /// Their paths.
    pub ephemerals: Vec<String>,
}

/// Brings the server up to date; the answer is the same record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRequest {
    /// Echoed, else without meaning.
    pub path: String,
}

/// Checks a node's version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckVersionRequest {
    /// The node.
    pub path: String,
    /// The version that it must have; -1 for any.
    pub version: i32,
}
