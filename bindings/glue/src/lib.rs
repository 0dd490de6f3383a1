//! The language-neutral façade that every binding converts to and from.
//!
//! A call becomes a ticket, goes out by the client core, and comes back through the inbox: one
//! ordered queue per client with completions, watch events, state changes and recipe events, in
//! the order the session saw them. The host is woken once when the queue becomes non-empty and
//! drains it on its own thread, so no runtime thread enters Python or JavaScript and no user code
//! runs on a runtime thread.

pub mod api;

mod argument;
mod client;
mod error;
mod fork;
mod inbox;
mod op;
mod options;
mod recipe;
pub mod runtime;
mod security;
#[cfg(feature = "embedded")]
mod server;
mod value;
mod waker;

pub use argument::{Argument, Call as RecipeCall};
pub use client::{Call, Client, Connecting, Ticket};
pub use error::{Error, Outcome, name_of};
pub use op::Op;
pub use options::Options;
pub use pinfold_client::{
    Acl, AddWatchMode, ClientInfo, CreateMode, EventKind, Id, MultiOp, MultiResult, ReadOp,
    ReadResult, SessionState, Stat, Verify as TlsVerify, WatchEvent, WatcherType,
};
pub use security::Security;
#[cfg(feature = "embedded")]
pub use server::{Server, ServerOptions};
pub use value::{Field, Item, RecipeEvent, RecipeEventKind, Record, Value};
pub use waker::Waker;
