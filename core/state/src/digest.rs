//! ZooKeeper's digest of a tree, by which servers can be compared.

use bytes::BufMut;

use crate::initial::ROOT;
use crate::node::Node;
use crate::snapshot::Snapshot;

/// ZooKeeper leaves out what is below this node: quotas count on each server by itself.
const LOCAL: &str = "/zookeeper/";

impl Snapshot {
    /// The digest of the tree in ZooKeeper's version 2: the sum over all nodes of the CRC32 of
    /// path, data and the stored numbers. Reads the whole tree.
    pub fn zookeeper_digest(&self) -> i64 {
        let nodes = self.nodes().filter(|(path, _)| !path.starts_with(LOCAL));
        nodes.map(|(path, node)| i64::from(digest(path, node))).fold(0, i64::wrapping_add)
    }
}

fn digest(path: &str, node: &Node) -> u32 {
    let mut numbers = Vec::with_capacity(60);
    for number in [node.czxid, node.mzxid, node.pzxid, node.ctime_ms, node.mtime_ms] {
        numbers.put_i64(number);
    }
    for number in [node.version, node.creations, node.aversion] {
        numbers.put_i32(number);
    }
    numbers.put_i64(node.owner);
    let mut crc = crc32fast::Hasher::new();
    crc.update(if path == ROOT { "" } else { path }.as_bytes());
    crc.update(node.data.as_deref().unwrap_or_default());
    crc.update(&numbers);
    crc.finalize()
}
