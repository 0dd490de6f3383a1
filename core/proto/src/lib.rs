//! The wire vocabulary of Apache ZooKeeper that client and server share: the jute codec, frames,
//! operations, errors, records, paths. No I/O and no clock.
//!
//! Feature `security`: the SASL mechanism that both sides speak, and the reader of the stores that
//! both sides take their certificates from.

pub mod acl;
pub mod configuration;
pub mod create_mode;
#[cfg(feature = "security")]
pub mod digest_md5;
pub mod error;
pub mod event;
pub mod frame;
pub mod jute;
#[cfg(feature = "security")]
pub mod keystore;
pub mod multi;
pub mod op;
pub mod path;
pub mod records;
pub mod stat;

pub use acl::{Acl, Id, Perms};
pub use configuration::{Configuration, Member};
pub use create_mode::CreateMode;
pub use error::ErrorCode;
pub use event::{EventType, KeeperState, WatcherEvent};
pub use frame::{FrameDecoder, FrameError};
pub use jute::DecodeError;
pub use multi::{MultiOp, MultiOpResult, MultiRequest, MultiResponse};
pub use op::{OpCode, XID_AUTH, XID_NOTIFICATION, XID_PING, XID_SET_WATCHES};
pub use records::{AddWatchMode, Buffer, WatcherType};
pub use stat::Stat;
