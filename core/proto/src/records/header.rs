//! Headers of requests and replies.

use serde::{Deserialize, Serialize};

/// What every request begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestHeader {
    /// The client's number for it; replies carry the same.
    pub xid: i32,
    /// [`crate::OpCode`].
    pub op: i32,
}

/// What every reply and event begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyHeader {
    /// The request's xid, or -1 for an event.
    pub xid: i32,
    /// The server's last applied zxid.
    pub zxid: i64,
    /// [`crate::ErrorCode`]; nothing follows the header unless it is 0.
    pub err: i32,
}
