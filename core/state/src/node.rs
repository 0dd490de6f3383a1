//! One znode: its data, its ACL and the counters its Stat is made of.

use std::sync::Arc;

use pinfold_proto::stat::Stat;

use crate::acl::AclList;
use crate::children::Children;

/// Stored owner of a container node.
pub const CONTAINER_OWNER: i64 = i64::MIN;
/// Top byte of the stored owner of a TTL node; the low 40 bits are milliseconds.
const TTL_MARK: u64 = 0xff00_0000_0000_0000;
/// Longest time to live, in milliseconds.
pub const TTL_MAX_MS: i64 = (1 << 40) - 1;

/// Who a node belongs to, decoded from the stored owner field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A persistent node.
    None,
    /// An ephemeral node of this session.
    Session(i64),
    /// A container: collected once it is childless.
    Container,
    /// A node that is collected when childless and untouched for this many milliseconds.
    Ttl(i64),
}

impl Owner {
    /// The 64-bit form that ZooKeeper stores.
    pub fn encode(self) -> i64 {
        match self {
            Owner::None => 0,
            Owner::Session(id) => id,
            Owner::Container => CONTAINER_OWNER,
            Owner::Ttl(ms) => TTL_MARK as i64 | ms,
        }
    }

    /// Reads the 64-bit form.
    pub fn decode(stored: i64) -> Owner {
        if stored == 0 {
            Owner::None
        } else if stored == CONTAINER_OWNER {
            Owner::Container
        } else if stored as u64 & TTL_MARK == TTL_MARK {
            Owner::Ttl(stored & TTL_MAX_MS)
        } else {
            Owner::Session(stored)
        }
    }
}

/// One znode. Cloning is cheap except for the list of child chunks.
#[derive(Clone, Debug)]
pub struct Node {
    /// The data; `None` is null data, which is not the same as empty data.
    pub data: Option<Arc<[u8]>>,
    /// The access list, shared between all nodes that have an equal one.
    pub acl: Arc<AclList>,
    /// zxid of the creation.
    pub czxid: i64,
    /// zxid of the last change of the data.
    pub mzxid: i64,
    /// zxid of the last creation or deletion of a child.
    pub pzxid: i64,
    /// Time of the creation, in milliseconds since 1970.
    pub ctime_ms: i64,
    /// Time of the last change of the data, in milliseconds since 1970.
    pub mtime_ms: i64,
    /// Number of data changes.
    pub version: i32,
    /// Number of children ever created here; clients are shown another number, see `stat`.
    pub creations: i32,
    /// Number of ACL changes.
    pub aversion: i32,
    /// Stored owner, see [`Owner`].
    pub owner: i64,
    pub(crate) children: Option<Arc<Children>>,
}

impl Node {
    /// The decoded owner.
    pub fn owner(&self) -> Owner {
        Owner::decode(self.owner)
    }

    /// Number of children.
    pub fn child_count(&self) -> usize {
        self.children.as_ref().map_or(0, |c| c.len())
    }

    /// The children's full paths, in order.
    pub fn children(&self) -> impl Iterator<Item = &Arc<str>> {
        self.children.iter().flat_map(|c| c.paths())
    }

    /// Length of the data in bytes; 0 for null.
    pub fn data_length(&self) -> usize {
        self.data.as_ref().map_or(0, |d| d.len())
    }

    /// The Stat that clients see: a child's creation and its deletion both advance `cversion`,
    /// and only true ephemerals show an owner.
    pub fn stat(&self) -> Stat {
        let children = self.child_count() as i32;
        Stat {
            czxid: self.czxid,
            mzxid: self.mzxid,
            ctime: self.ctime_ms,
            mtime: self.mtime_ms,
            version: self.version,
            cversion: self.creations.wrapping_mul(2).wrapping_sub(children),
            aversion: self.aversion,
            ephemeral_owner: match self.owner() {
                Owner::Session(id) => id,
                _ => 0,
            },
            data_length: self.data_length() as i32,
            num_children: children,
            pzxid: self.pzxid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_survive_the_stored_form() {
        for owner in [
            Owner::None,
            Owner::Session(0x0100_0000_0000_0001),
            Owner::Container,
            Owner::Ttl(1),
            Owner::Ttl(TTL_MAX_MS),
        ] {
            assert_eq!(Owner::decode(owner.encode()), owner);
        }
    }
}
