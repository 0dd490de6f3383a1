//! ZooKeeper's protocol by hand: a blocking socket, a session on it, and what is said there.
//!
//! Nothing here retries, reconnects or hides anything: what a server sends is what a caller sees.
//! One thread uses a value at a time.

mod session;
mod socket;
pub mod suite;

pub use session::{Reply, Session, encode, handshake};
pub use socket::{Ended, Socket};
