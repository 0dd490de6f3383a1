//! The session-managing asynchronous client of Pinfold and Apache ZooKeeper.
//!
//! One task owns the session: it connects, pipelines requests in call order, pings, reconnects
//! across the host list with the same session, arms watches again, and knows by its own clock
//! when the session is over. Nothing user-written runs in it. [`Client`] gives futures; a host
//! that wants completions, events and states in one order gives a [`Sink`].

mod client;
mod connector;
mod error;
mod event;
mod hosts;
mod in_flight;
mod options;
mod pending;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod probe;
mod request;
mod sasl;
mod session;
mod shared;
#[doc(hidden)]
pub mod simulation;
mod sink;
mod stream;
mod tls;
mod watches;
mod wire;

pub use client::{Client, Created};
pub use error::{Error, ErrorKind, Outcome};
pub use event::{EventKind, SessionState, WatchEvent};
pub use options::{Options, SessionToken};
pub use pending::{Pending, Watch};
pub use pinfold_proto::records::ClientInfo;
pub use pinfold_proto::{
    Acl, AddWatchMode, CreateMode, ErrorCode, Id, Perms, Stat, WatcherType, path,
};
pub use request::{MultiOp, MultiResult, ReadOp, ReadResult, Request, Response};
pub use sasl::Sasl;
pub use sink::Sink;
pub use tls::{Tls, Verify};
