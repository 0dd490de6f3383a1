//! A UniFFI preview over the glue, for Kotlin, Swift and Ruby.
//!
//! Blocking calls of one session, and the embedded server; no watches, no recipes. It follows the
//! glue, and nothing depends on it. Bindings are made from the built library, for instance by
//! `uniffi-bindgen generate --library libpinfold_uniffi.so --language kotlin`.

#![allow(unsafe_code, reason = "the scaffolding that UniFFI generates exports symbols")]
#![allow(missing_docs, reason = "so does it have items without docs")]

mod client;
mod error;
mod server;
mod stat;

pub use client::{Client, CreateMode, NodeData};
pub use error::PinfoldError;
pub use server::Server;
pub use stat::Stat;

uniffi::setup_scaffolding!("pinfold");
