//! The number by which replicas are compared, kept up to date with every change.
//!
//! Each node and each session has a 64-bit hash; their wrapping sum is that of the whole, so its
//! order is nobody's concern, and a change costs what it changed. A node's hash is itself a sum:
//! of its data, of its access list and of its numbers, each hashed together with the path, so a
//! parent with large data pays nothing for a new child.
//!
//! The hash finds accidents: damaged memory, an edited file, code that came to another result. It
//! is no seal against somebody who looks for collisions.

use std::sync::Arc;

use pinfold_proto::Configuration;

use crate::acl::AclList;
use crate::node::Node;
use crate::session::Session;

const KEY: u64 = 0x9e37_79b9_7f4a_7c15;
const MULTIPLIER: u64 = 0xd6e8_feb8_6659_fd93;
/// Words that are taken in side by side, and their bytes.
const LANES: usize = 4;
const BLOCK: usize = LANES * 8;

/// What has been taken in so far.
#[derive(Clone, Copy)]
struct Mixer(u64);

impl Mixer {
    fn number(self, number: u64) -> Mixer {
        let mixed = (self.0 ^ number).wrapping_mul(MULTIPLIER);
        Mixer(mixed ^ mixed >> 32)
    }

    fn bytes(self, bytes: &[u8]) -> Mixer {
        let mixer = self.number(bytes.len() as u64);
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        let mixer = match blocks {
            [] => mixer,
            _ => mixer.blocks(blocks),
        };
        let (words, rest) = rest.as_chunks::<8>();
        let mixer = words.iter().fold(mixer, |mixer, word| mixer.number(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        mixer.number(u64::from_le_bytes(last))
    }

    /// Several words side by side: a processor multiplies them at the same time.
    fn blocks(self, blocks: &[[u8; BLOCK]]) -> Mixer {
        let mut lanes: [Mixer; LANES] =
            std::array::from_fn(|lane| Mixer(self.0.wrapping_add(KEY.wrapping_mul(lane as u64))));
        for block in blocks {
            let (words, _) = block.as_chunks::<8>();
            for (lane, word) in lanes.iter_mut().zip(words) {
                *lane = lane.number(u64::from_le_bytes(*word));
            }
        }
        lanes.iter().fold(self, |mixer, lane| mixer.number(lane.0))
    }

    fn finish(self) -> u64 {
        self.number(KEY).number(MULTIPLIER).0
    }
}

/// What counts of a node. Its children count by themselves.
pub(crate) struct Face {
    data: Option<Arc<[u8]>>,
    acl: Arc<AclList>,
    numbers: [i64; 9],
}

impl Face {
    pub(crate) fn of(node: &Node) -> Face {
        let (version, creations) = (i64::from(node.version), i64::from(node.creations));
        let numbers = [
            node.czxid,
            node.mzxid,
            node.pzxid,
            node.ctime_ms,
            node.mtime_ms,
            version,
            creations,
            i64::from(node.aversion),
            node.owner,
        ];
        Face { data: node.data.clone(), acl: node.acl.clone(), numbers }
    }

    fn data_hash(&self, path: Mixer) -> u64 {
        let mixer = path.number(1);
        match &self.data {
            None => mixer.finish(),
            Some(data) => mixer.bytes(data).finish(),
        }
    }

    fn acl_hash(&self, path: Mixer) -> u64 {
        let take = |mixer: Mixer, acl: &pinfold_proto::acl::Acl| {
            let mixer = mixer.number(acl.perms as u32 as u64);
            mixer.bytes(acl.id.scheme.as_bytes()).bytes(acl.id.id.as_bytes())
        };
        self.acl.iter().fold(path.number(2), take).finish()
    }

    fn numbers_hash(&self, path: Mixer) -> u64 {
        self.numbers.iter().fold(path.number(3), |mixer, n| mixer.number(*n as u64)).finish()
    }

    fn hash(&self, path: Mixer) -> u64 {
        let hashes = [self.data_hash(path), self.acl_hash(path), self.numbers_hash(path)];
        hashes.into_iter().fold(0, u64::wrapping_add)
    }
}

/// What the sum grows by when the node at `path` was `old` and is `new`.
pub(crate) fn difference(path: &str, old: Option<&Face>, new: Option<&Face>) -> u64 {
    let seed = || Mixer(KEY).bytes(path.as_bytes());
    let (old, new) = match (old, new) {
        (None, None) => return 0,
        (Some(old), None) => return 0u64.wrapping_sub(old.hash(seed())),
        (None, Some(new)) => return new.hash(seed()),
        (Some(old), Some(new)) => (old, new),
    };
    let same_data = match (&old.data, &new.data) {
        (Some(old), Some(new)) => Arc::ptr_eq(old, new),
        (old, new) => old.is_none() && new.is_none(),
    };
    let same_acl = Arc::ptr_eq(&old.acl, &new.acl);
    let same_numbers = old.numbers == new.numbers;
    if same_data && same_acl && same_numbers {
        return 0;
    }
    let (path, mut sum) = (seed(), 0u64);
    let mut replace = |old: u64, new: u64| sum = sum.wrapping_add(new).wrapping_sub(old);
    if !same_data {
        replace(old.data_hash(path), new.data_hash(path));
    }
    if !same_acl {
        replace(old.acl_hash(path), new.acl_hash(path));
    }
    if !same_numbers {
        replace(old.numbers_hash(path), new.numbers_hash(path));
    }
    sum
}

/// The hash of an open session.
pub(crate) fn session(id: i64, session: &Session) -> u64 {
    let mixer = Mixer(KEY).number(4).number(id as u64).bytes(&session.password);
    mixer.number(session.timeout_ms as u32 as u64).number(u64::from(session.attachment)).finish()
}

/// The hash of a change of members that is on its way.
pub(crate) fn pending(configuration: Option<&Configuration>) -> u64 {
    configuration.map_or(0, |next| Mixer(KEY).number(6).bytes(next.to_string().as_bytes()).finish())
}

/// The number of a state with these sums.
pub(crate) fn whole(tree: u64, sessions: u64, last_zxid: i64, pending: u64) -> u64 {
    let mixer = Mixer(KEY).number(5).number(tree).number(sessions);
    mixer.number(last_zxid as u64).number(pending).finish()
}
