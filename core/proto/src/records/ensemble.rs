//! Changes of an ensemble's members.

use serde::{Deserialize, Serialize};

/// Body of a `reconfig`. Either `joining` and `leaving`, or `members`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconfigRequest {
    /// Servers that join, as `server.N=...` with commas between them.
    pub joining: Option<String>,
    /// Numbers of servers that leave, with commas between them.
    pub leaving: Option<String>,
    /// All servers from then on, as lines `server.N=...`.
    pub members: Option<String>,
    /// The version of the configuration that is to be changed; -1 for any.
    pub config_version: i64,
}
