//! Watch events.

use serde::{Deserialize, Serialize};

/// What happened to a watched node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum EventType {
    /// Nothing happened to a node; the session changed its state.
    None = -1,
    /// The node was created.
    NodeCreated = 1,
    /// The node was deleted.
    NodeDeleted = 2,
    /// Its data were set.
    NodeDataChanged = 3,
    /// A child was created or deleted.
    NodeChildrenChanged = 4,
}

impl EventType {
    /// The type with this number, if servers send it.
    pub fn from_i32(value: i32) -> Option<EventType> {
        Some(match value {
            -1 => EventType::None,
            1 => EventType::NodeCreated,
            2 => EventType::NodeDeleted,
            3 => EventType::NodeDataChanged,
            4 => EventType::NodeChildrenChanged,
            _ => return None,
        })
    }
}

/// The session's state, as events carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum KeeperState {
    /// The session is over.
    Expired = -112,
    /// No connection.
    Disconnected = 0,
    /// Served; the state of every event about a node.
    SyncConnected = 3,
    /// Credentials were refused.
    AuthFailed = 4,
    /// Served by a read-only server.
    ConnectedReadOnly = 5,
}

/// The record of an event, behind a reply header with xid -1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WatcherEvent {
    /// [`EventType`].
    pub kind: i32,
    /// [`KeeperState`].
    pub state: i32,
    /// The node that changed.
    pub path: String,
}

impl WatcherEvent {
    /// An event about a node.
    pub fn new(kind: EventType, path: impl Into<String>) -> WatcherEvent {
        let state = KeeperState::SyncConnected as i32;
        WatcherEvent { kind: kind as i32, state, path: path.into() }
    }
}
