//! Credentials and identities.

use serde::{Deserialize, Serialize};

use super::Buffer;
use crate::acl::Acl;
use crate::stat::Stat;

/// Credentials, behind a header with xid -4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthPacket {
    /// 0.
    pub kind: i32,
    /// For instance digest.
    pub scheme: String,
    /// For digest: `user:password`.
    pub auth: Buffer,
}

/// Asks for a node's ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetAclRequest {
    /// The node.
    pub path: String,
}

/// A node's ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetAclResponse {
    /// Its entries.
    pub acl: Vec<Acl>,
    /// The node's stat.
    pub stat: Stat,
}

/// Sets a node's ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAclRequest {
    /// The node.
    pub path: String,
    /// The new entries.
    pub acl: Vec<Acl>,
    /// The aversion that it must have; -1 for any.
    pub version: i32,
}

/// An identity of the connection, as whoAmI shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// For instance digest.
    pub scheme: String,
    /// Without secrets.
    pub user: String,
}

/// The connection's identities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoAmIResponse {
    /// In the order in which they were added.
    pub client_info: Vec<ClientInfo>,
}

/// A client's step of a SASL exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetSaslRequest {
    /// What the mechanism says; empty at first.
    pub token: Buffer,
}

/// The server's step of a SASL exchange. It is there behind an error, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetSaslResponse {
    /// What the mechanism says; null after a failure.
    pub token: Buffer,
}
