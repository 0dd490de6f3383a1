//! The nodes that every tree starts with.

use std::sync::Arc;

use pinfold_proto::acl::Acl;

use crate::machine::StateMachine;
use crate::node::Node;

/// The root.
pub const ROOT: &str = "/";
/// Parent of the server's own nodes.
pub const SYSTEM: &str = "/zookeeper";
/// Parent of the quotas.
pub const QUOTA: &str = "/zookeeper/quota";
/// The ensemble's members.
pub const CONFIG: &str = "/zookeeper/config";

/// True for the nodes that nobody may delete.
pub(crate) fn is_permanent(path: &str) -> bool {
    matches!(path, ROOT | SYSTEM | QUOTA | CONFIG)
}

/// Plants them without counting their creation, as ZooKeeper does: a fresh root shows cversion
/// -1 with its one child.
pub(crate) fn plant(machine: &mut StateMachine) {
    let open = machine.acls.intern(Acl::open_unsafe());
    let read_only = machine.acls.intern(Acl::read_unsafe());
    let node = |acl: &Arc<_>, aversion| Node {
        data: Some(Arc::from([].as_slice())),
        acl: Arc::clone(acl),
        czxid: 0,
        mzxid: 0,
        pzxid: 0,
        ctime_ms: 0,
        mtime_ms: 0,
        version: 0,
        creations: 0,
        aversion,
        owner: 0,
        children: None,
    };
    machine.tree.insert_unlinked(&ROOT.into(), node(&open, 0));
    machine.tree.insert(&SYSTEM.into(), ROOT, node(&open, 0), |_| {});
    machine.tree.insert(&QUOTA.into(), SYSTEM, node(&open, 0), |_| {});
    machine.tree.insert(&CONFIG.into(), SYSTEM, node(&read_only, -1), |_| {});
}
