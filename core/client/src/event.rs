//! What a session tells by itself: watch events and its state.

/// What happened to a watched node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum EventKind {
    /// The node was created.
    Created = 1,
    /// The node was deleted.
    Deleted = 2,
    /// Its data were set.
    DataChanged = 3,
    /// A child was created or deleted.
    ChildrenChanged = 4,
    /// The watch was removed by [`crate::Client::remove_all_watches`]: its last event. It watched
    /// data or existence.
    DataWatchRemoved = 5,
    /// Likewise; it watched the list of children.
    ChildWatchRemoved = 6,
    /// Likewise; it was a lasting one.
    PersistentWatchRemoved = 7,
}

impl EventKind {
    /// Whether it tells that the watch was removed, after which nothing comes.
    pub fn is_removal(self) -> bool {
        matches!(
            self,
            EventKind::DataWatchRemoved
                | EventKind::ChildWatchRemoved
                | EventKind::PersistentWatchRemoved
        )
    }
}

/// One delivery of a watch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WatchEvent {
    /// What happened.
    pub kind: EventKind,
    /// The node that changed, as the caller knows it.
    pub path: String,
    /// zxid of the change; -1 where the server did not tell.
    pub zxid: i64,
}

/// State of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum SessionState {
    /// No connection yet.
    Connecting = 0,
    /// Served.
    Connected = 1,
    /// Served by a read-only server.
    ReadOnly = 2,
    /// The connection broke; the session may still be alive. What was under way has failed; what
    /// is asked from now on waits for the next connection, or for the end of the session.
    Suspended = 3,
    /// Over; its ephemeral nodes are gone, or soon will be. Final.
    Expired = 4,
    /// Credentials were refused. Final.
    AuthFailed = 5,
    /// Closed by the caller. Final.
    Closed = 6,
}

impl SessionState {
    /// Whether requests are answered now.
    pub fn is_connected(self) -> bool {
        matches!(self, SessionState::Connected | SessionState::ReadOnly)
    }

    /// Whether it will never change again.
    pub fn is_final(self) -> bool {
        matches!(self, SessionState::Expired | SessionState::AuthFailed | SessionState::Closed)
    }
}
