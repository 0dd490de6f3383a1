//! Access control lists.

use serde::{Deserialize, Serialize};

/// Permissions, summed.
pub struct Perms;

impl Perms {
    /// Read the data and the list of children.
    pub const READ: i32 = 1;
    /// Set the data.
    pub const WRITE: i32 = 2;
    /// Create children.
    pub const CREATE: i32 = 4;
    /// Delete children.
    pub const DELETE: i32 = 8;
    /// Set the ACL.
    pub const ADMIN: i32 = 16;
    /// All of them.
    pub const ALL: i32 = 31;
}

/// Who: an identity of a scheme.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Id {
    /// world, auth, digest, ip, x509, sasl, super.
    pub scheme: String,
    /// Identity in the form of the scheme.
    pub id: String,
}

impl Id {
    /// An identity of a scheme.
    pub fn new(scheme: impl Into<String>, id: impl Into<String>) -> Id {
        Id { scheme: scheme.into(), id: id.into() }
    }
}

/// One entry of a list: what somebody may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Acl {
    /// Sum of [`Perms`].
    pub perms: i32,
    /// Who.
    pub id: Id,
}

impl Acl {
    /// An entry.
    pub fn new(perms: i32, scheme: impl Into<String>, id: impl Into<String>) -> Acl {
        Acl { perms, id: Id::new(scheme, id) }
    }

    /// Everything to everyone.
    pub fn open_unsafe() -> Vec<Acl> {
        vec![Acl::new(Perms::ALL, "world", "anyone")]
    }

    /// Everything to the identities of the creator.
    pub fn creator_all() -> Vec<Acl> {
        vec![Acl::new(Perms::ALL, "auth", "")]
    }

    /// Reading to everyone.
    pub fn read_unsafe() -> Vec<Acl> {
        vec![Acl::new(Perms::READ, "world", "anyone")]
    }
}
