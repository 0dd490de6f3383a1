//! Requests about watches.

use serde::{Deserialize, Serialize};

/// Arms one-shot watches again; events for what has changed since come before the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetWatches {
    /// Highest zxid that the client has seen.
    pub relative_zxid: i64,
    /// Nodes that are watched for data.
    pub data: Vec<String>,
    /// Nodes that are waited for.
    pub exist: Vec<String>,
    /// Nodes that are watched for children.
    pub child: Vec<String>,
}

/// Arms all kinds of watches again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetWatches2 {
    /// Highest zxid that the client has seen.
    pub relative_zxid: i64,
    /// Nodes that are watched for data.
    pub data: Vec<String>,
    /// Nodes that are waited for.
    pub exist: Vec<String>,
    /// Nodes that are watched for children.
    pub child: Vec<String>,
    /// Nodes with a persistent watch.
    pub persistent: Vec<String>,
    /// Nodes with a persistent recursive watch.
    pub persistent_recursive: Vec<String>,
}

/// What a lasting watch covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum AddWatchMode {
    /// The node and its list of children.
    #[default]
    Persistent = 0,
    /// The node and everything below it.
    PersistentRecursive = 1,
}

impl AddWatchMode {
    /// The mode with this number, if there is one.
    pub fn from_i32(value: i32) -> Option<AddWatchMode> {
        match value {
            0 => Some(AddWatchMode::Persistent),
            1 => Some(AddWatchMode::PersistentRecursive),
            _ => None,
        }
    }
}

/// Arms a lasting watch. Its answer is an [`ErrorResponse`] with 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddWatchRequest {
    /// The node, which need not exist.
    pub path: String,
    /// [`AddWatchMode`].
    pub mode: i32,
}

/// An error code as a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorResponse {
    /// [`crate::ErrorCode`].
    pub err: i32,
}

/// Kinds of watches for removal and check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum WatcherType {
    /// One-shot, for children.
    Children = 1,
    /// One-shot, for data or existence.
    Data = 2,
    /// All kinds.
    Any = 3,
    /// Persistent.
    Persistent = 4,
    /// Persistent recursive.
    PersistentRecursive = 5,
}

impl WatcherType {
    /// The kind with this number, if there is one.
    pub fn from_i32(value: i32) -> Option<WatcherType> {
        Some(match value {
            1 => WatcherType::Children,
            2 => WatcherType::Data,
            3 => WatcherType::Any,
            4 => WatcherType::Persistent,
            5 => WatcherType::PersistentRecursive,
            _ => return None,
        })
    }
}

/// Asks whether a watch is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckWatchesRequest {
    /// The node.
    pub path: String,
    /// [`WatcherType`].
    pub kind: i32,
}

/// Removes a watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveWatchesRequest {
    /// The node.
    pub path: String,
    /// [`WatcherType`].
    pub kind: i32,
}
