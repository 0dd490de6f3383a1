//! The Pinfold server: listener, connections, pipeline, watches, and the pinfold binary.
//!
//! A request enters by a connection's task. Reads are answered there, from the tree; writes go
//! to the pipeline, one thread that orders, logs, applies and answers. [`Server`] is all of it in
//! one value.

mod assembly;
mod authentication;
mod backlog;
pub mod config;
mod connection;
mod digests;
pub mod embedded;
#[doc(hidden)]
pub mod environment;
mod error;
mod execution;
mod four_letter;
mod gate;
mod handover;
mod handshake;
mod jaas;
mod listener;
pub mod log_store;
mod ordering;
mod peers;
mod pipeline;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod probe;
mod reader;
mod reconfiguration;
mod reply;
mod request;
mod roles;
mod sasl;
mod sessions;
mod shared;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation;
mod snapshots;
mod statistics;
mod syncs;
mod tls;
mod watches;

pub use config::Config;
pub use embedded::{Builder, Server};
pub use error::ServerError;
