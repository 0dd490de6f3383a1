//! The C library: libpinfold.
//!
//! Entry points convert and nothing else: arguments are copied, an operation goes to the glue,
//! and what comes back is read through a reply. One file per C object. The header, pinfold.h, is
//! generated from these sources and from the glue's api table by `cargo x gen`.
//!
//! The rules that every entry point keeps: no panic and no assertion reaches C; NULL, bad UTF-8,
//! handles that were freed, closed, forked or never were are answered by a status; what is
//! lent is copied before the call returns; a user_data is released exactly once.

#![allow(non_camel_case_types, reason = "the names of the types are those of the header")]
#![allow(unsafe_code, reason = "exporting a symbol counts as unsafe; blocks are in argconv alone")]
#![allow(clippy::too_many_arguments, reason = "a C prototype has no default arguments")]

pub mod argconv;
pub mod barrier;
pub mod cache;
mod callbacks;
pub mod client;
pub mod counter;
pub mod dispatch;
pub mod election;
pub mod failure;
pub mod group;
pub mod kinds;
pub mod lock;
pub mod master;
pub mod multi;
pub mod multi_read;
pub mod options;
pub mod queue;
mod registry;
pub mod reply;
pub mod result;
pub mod server;
pub mod session;
pub mod version;
pub mod watch;
pub mod worker;
pub mod znode;
