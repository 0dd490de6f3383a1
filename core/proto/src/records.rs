//! The records of requests and replies, under ZooKeeper's names.

mod auth;
mod connect;
mod ensemble;
mod header;
mod node;
mod watch;

pub use auth::*;
pub use connect::*;
pub use ensemble::*;
pub use header::*;
pub use node::*;
pub use watch::*;

use bytes::Bytes;

/// Bytes or null; the two are distinct on the wire.
pub type Buffer = Option<Bytes>;
