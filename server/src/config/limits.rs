//! How much one client, and all of them, may ask for.

use crate::config::setting::Setting;
use crate::error::ServerError;

/// What ZooKeeper allows in a frame when nothing else is set.
const DEFAULT_MAX_FRAME: usize = 0xf_ffff;

/// Limits; what is beyond one is refused, counted, and told in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections from one address; 0 for any number.
    pub connections_per_address: usize,
    /// Largest frame a client may send, in bytes.
    pub frame_bytes: usize,
    /// Whether hard limits of quotas refuse what goes beyond them.
    pub enforce_quota: bool,
}

impl Default for Limits {
    /// For a server that listens on the loopback only.
    fn default() -> Limits {
        Limits { connections_per_address: 0, frame_bytes: DEFAULT_MAX_FRAME, enforce_quota: false }
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
            "jute.maxbuffer" => {
                // One request has to fit into one record of the log.
                self.frame_bytes = setting.bytes(pinfold_storage::MAX_RECORD_DATA / 2)?;
            }
            "enforceQuota" => self.enforce_quota = setting.is_true(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}
