//! How much one client, and all of them, may ask for.

use crate::config::setting::Setting;
use crate::error::ServerError;

/// What ZooKeeper allows in a frame when nothing else is set.
const DEFAULT_MAX_FRAME: usize = 0xf_ffff;

/// Limits. What is beyond one waits or is refused; either is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections from one address; 0 for any number. Others are closed at once.
    pub connections_per_address: usize,
    /// Most connections in all; 0 for any number. Others are closed at once.
    pub connections: usize,
    /// Largest frame a client may send, in bytes. A larger one closes its connection.
    pub frame_bytes: usize,
    /// Requests of all clients that may wait for their answers; 0 for any number. Nothing more is
    /// read meanwhile.
    pub outstanding_requests: usize,
    /// Bytes of them, likewise.
    pub outstanding_bytes: usize,
    /// Bytes of requests and answers that may wait for one connection before nothing more is read
    /// from it.
    pub connection_bytes: usize,
    /// Bytes of answers and events that a client may leave unread before it is cut off.
    pub unread_bytes: usize,
    /// Most watches of one connection; 0 for any number. A path of 256 bytes or more counts once
    /// more for each 256. A request for more answers `QUOTA_EXCEEDED`.
    pub watches_per_connection: usize,
    /// Whether hard limits of quotas refuse what goes beyond them.
    pub enforce_quota: bool,
}

impl Default for Limits {
    /// For a server that listens on the loopback only.
    fn default() -> Limits {
        Limits {
            connections_per_address: 0,
            connections: 0,
            frame_bytes: DEFAULT_MAX_FRAME,
            outstanding_requests: 0,
            outstanding_bytes: 256 << 20,
            connection_bytes: 8 << 20,
            unread_bytes: 1 << 30,
            watches_per_connection: 1_000_000,
            enforce_quota: false,
        }
    }
}

impl Limits {
    /// What ZooKeeper allows when nothing is set.
    pub(crate) fn of_zookeeper() -> Limits {
        Limits { connections_per_address: 60, ..Limits::default() }
    }

    /// Takes the setting if it is one of these.
    ///
    /// # Errors
    /// A value that has no meaning.
    pub(crate) fn set(&mut self, setting: &Setting) -> Result<bool, ServerError> {
        match setting.name() {
            "maxClientCnxns" => self.connections_per_address = setting.number()?,
            "maxCnxns" => self.connections = setting.number()?,
            "jute.maxbuffer" => {
                // One request has to fit into one record of the log.
                self.frame_bytes = setting.bytes(pinfold_storage::MAX_RECORD_DATA / 2)?;
            }
            "globalOutstandingLimit" => self.outstanding_requests = setting.number()?,
            "pinfold.outstandingBytes" => self.outstanding_bytes = setting.bytes(usize::MAX)?,
            "pinfold.connectionBytes" => self.connection_bytes = setting.bytes(usize::MAX)?,
            "pinfold.unreadBytes" => self.unread_bytes = setting.bytes(usize::MAX)?,
            "pinfold.watchesPerConnection" => self.watches_per_connection = setting.number()?,
            "enforceQuota" => self.enforce_quota = setting.is_true(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}
