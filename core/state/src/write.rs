//! The single writes: every check that decides an outcome, in ZooKeeper's order, then the change.

use std::sync::Arc;

use pinfold_proto::acl::{Acl, Perms};
use pinfold_proto::create_mode::CreateMode;
use pinfold_proto::error::ErrorCode;
use pinfold_proto::path as paths;

use crate::acl;
use crate::entry::{CreateKind, Op};
use crate::initial::{self, CONFIG, ROOT};
use crate::machine::{OpOutcome, StateMachine, TreeEventKind, Write};
use crate::node::{Node, Owner, TTL_MAX_MS};

/// What a create asks for.
struct Creation<'a> {
    path: &'a str,
    data: Option<&'a [u8]>,
    acl: &'a [Acl],
    flags: i32,
    kind: CreateKind,
}

impl StateMachine {
    pub(crate) fn write(&mut self, write: &mut Write<'_>, op: &Op) -> Result<OpOutcome, ErrorCode> {
        match op {
            Op::Create { path, data, acl, flags, kind } => {
                let (data, flags, kind) = (data.as_deref(), *flags, *kind);
                self.create(write, &Creation { path, data, acl, flags, kind })
            }
            Op::Delete { path, version } => self.delete(write, path, *version),
            Op::SetData { path, data, version } => {
                self.set_data(write, path, data.as_deref(), *version)
            }
            Op::SetAcl { path, acl, version } => self.set_acl(write, path, acl, *version),
            Op::Check { path, version } => self.check(write, path, *version),
            Op::Collect { path, unused_after_ms } => self.collect(write, path, *unused_after_ms),
        }
    }

    fn check_session(&self, write: &Write<'_>) -> Result<(), ErrorCode> {
        match self.sessions.get(write.session_id) {
            Some(_) => Ok(()),
            None => Err(ErrorCode::SessionExpired),
        }
    }

    fn node(&self, path: &str) -> Result<&Node, ErrorCode> {
        self.tree.get(path).ok_or(ErrorCode::NoNode)
    }

    fn create(
        &mut self,
        write: &mut Write<'_>,
        wanted: &Creation<'_>,
    ) -> Result<OpOutcome, ErrorCode> {
        let (owner, sequential) = owner_of(write.session_id, wanted)?;
        self.check_session(write)?;
        let parent_path = parent_of(wanted.path)?;
        let acl = acl::resolve(wanted.acl, write.auth)?;
        let parent = self.node(parent_path)?;
        permit(parent, Perms::CREATE, write)?;
        let counter = parent.creations;
        let full = match sequential {
            true => format!("{}{counter:010}", wanted.path),
            false => wanted.path.to_owned(),
        };
        paths::validate(&full).map_err(|_| ErrorCode::BadArguments)?;
        if self.tree.get(&full).is_some() {
            return Err(ErrorCode::NodeExists);
        }
        if matches!(parent.owner(), Owner::Session(_)) {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        let added = (1, wanted.data.map_or(0, <[u8]>::len) as i64);
        self.check_quota(write, &full, added)?;
        let parent_acl = parent.acl.clone();
        let node = Node {
            data: wanted.data.map(Arc::from),
            acl: self.acls.intern(acl),
            czxid: write.zxid,
            mzxid: write.zxid,
            pzxid: write.zxid,
            ctime_ms: write.time_ms,
            mtime_ms: write.time_ms,
            version: 0,
            creations: 0,
            aversion: 0,
            owner: owner.encode(),
            children: None,
        };
        let (stat, own_acl) = (node.stat(), node.acl.clone());
        let path: Arc<str> = full.into();
        self.tree.insert(&path, parent_path, node, |parent| {
            // At its end the counter stays, and with it pzxid: ZooKeeper ignores a smaller one.
            if let Some(next) = counter.checked_add(1) {
                parent.creations = next;
                parent.pzxid = write.zxid;
            }
        });
        self.begin_stats(&path);
        self.charge(&path, added);
        write.event(TreeEventKind::Created, &path, &own_acl);
        write.event(TreeEventKind::ChildrenChanged, &parent_path.into(), &parent_acl);
        Ok(OpOutcome::Created { path, stat })
    }

    fn delete(
        &mut self,
        write: &mut Write<'_>,
        path: &str,
        version: i32,
    ) -> Result<OpOutcome, ErrorCode> {
        self.check_session(write)?;
        if initial::is_permanent(path) {
            return Err(ErrorCode::BadArguments);
        }
        let parent = self.node(parent_of(path)?)?;
        permit(parent, Perms::DELETE, write)?;
        let node = self.node(path)?;
        expect_version(node.version, version)?;
        if node.child_count() > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        self.remove(write, path);
        Ok(OpOutcome::Deleted)
    }

    /// Takes out a node that may go, and tells the watchers.
    pub(crate) fn remove(&mut self, write: &mut Write<'_>, path: &str) {
        let Ok(parent_path) = parent_of(path) else { return };
        let Some(node) = self.tree.remove(path, parent_path) else { return };
        self.charge(path, (-1, -(node.data_length() as i64)));
        write.event(TreeEventKind::Deleted, &path.into(), &node.acl);
        let zxid = write.zxid;
        self.tree.update(parent_path, |parent| parent.pzxid = parent.pzxid.max(zxid));
        if let Some(parent) = self.tree.get(parent_path) {
            write.event(TreeEventKind::ChildrenChanged, &parent_path.into(), &parent.acl);
        }
    }

    fn set_data(
        &mut self,
        write: &mut Write<'_>,
        path: &str,
        data: Option<&[u8]>,
        version: i32,
    ) -> Result<OpOutcome, ErrorCode> {
        self.check_session(write)?;
        paths::validate(path).map_err(|_| ErrorCode::BadArguments)?;
        let node = self.node(path)?;
        permit(node, Perms::WRITE, write)?;
        // It says who the members are; only a change of members may say something else.
        if path == CONFIG {
            return Err(ErrorCode::NoAuth);
        }
        let added = (0, data.map_or(0, <[u8]>::len) as i64 - node.data_length() as i64);
        self.check_quota(write, path, added)?;
        let next = expect_version(node.version, version)?;
        let changed = self.tree.update(path, |node| {
            node.data = data.map(Arc::from);
            node.version = next;
            node.mzxid = write.zxid;
            node.mtime_ms = write.time_ms;
        });
        let changed = changed.map(|node| (node.stat(), node.acl.clone()));
        let (mut stat, acl) = changed.ok_or(ErrorCode::NoNode)?;
        // The node that holds the figures may be this one.
        if self.charge(path, added) {
            stat = self.node(path)?.stat();
        }
        write.event(TreeEventKind::DataChanged, &path.into(), &acl);
        Ok(OpOutcome::Stat(stat))
    }

    fn set_acl(
        &mut self,
        write: &mut Write<'_>,
        path: &str,
        acl: &[Acl],
        version: i32,
    ) -> Result<OpOutcome, ErrorCode> {
        self.check_session(write)?;
        paths::validate(path).map_err(|_| ErrorCode::BadArguments)?;
        let acl = acl::resolve(acl, write.auth)?;
        let node = self.node(path)?;
        permit(node, Perms::ADMIN, write)?;
        let next = expect_version(node.aversion, version)?;
        let acl = self.acls.intern(acl);
        self.tree.update(path, |node| {
            node.acl = acl;
            node.aversion = next;
        });
        Ok(OpOutcome::Stat(self.node(path)?.stat()))
    }

    fn check(
        &mut self,
        write: &mut Write<'_>,
        path: &str,
        version: i32,
    ) -> Result<OpOutcome, ErrorCode> {
        self.check_session(write)?;
        paths::validate(path).map_err(|_| ErrorCode::BadArguments)?;
        let node = self.node(path)?;
        permit(node, Perms::READ, write)?;
        expect_version(node.version, version)?;
        Ok(OpOutcome::Checked)
    }

    fn collect(
        &mut self,
        write: &mut Write<'_>,
        path: &str,
        unused_after_ms: i64,
    ) -> Result<OpOutcome, ErrorCode> {
        let node = self.node(path)?;
        if !is_collectable(node, write.time_ms, unused_after_ms) {
            return Err(ErrorCode::BadArguments);
        }
        self.remove(write, path);
        Ok(OpOutcome::Deleted)
    }
}

/// True for a container that lost its last child, and for a TTL node that outlived its time.
pub(crate) fn is_collectable(node: &Node, now_ms: i64, unused_after_ms: i64) -> bool {
    node.child_count() == 0
        && match node.owner() {
            Owner::Container if node.creations > 0 => true,
            Owner::Container => {
                unused_after_ms > 0 && now_ms.saturating_sub(node.mtime_ms) > unused_after_ms
            }
            Owner::Ttl(ttl_ms) => now_ms.saturating_sub(node.mtime_ms) > ttl_ms,
            Owner::None | Owner::Session(_) => false,
        }
}

/// Who will own the node, and whether its name gets a number.
fn owner_of(session_id: i64, wanted: &Creation<'_>) -> Result<(Owner, bool), ErrorCode> {
    let mode = CreateMode::from_flags(wanted.flags).ok_or(ErrorCode::BadArguments)?;
    match (wanted.kind, mode) {
        (CreateKind::Plain, CreateMode::Persistent) => Ok((Owner::None, false)),
        (CreateKind::Plain, CreateMode::PersistentSequential) => Ok((Owner::None, true)),
        (CreateKind::Plain, CreateMode::Ephemeral) => Ok((Owner::Session(session_id), false)),
        (CreateKind::Plain, CreateMode::EphemeralSequential) => {
            Ok((Owner::Session(session_id), true))
        }
        (CreateKind::Container, CreateMode::Container) => Ok((Owner::Container, false)),
        // A plain node, as in ZooKeeper. Clients rely on it: aiozk makes its chroot so.
        (CreateKind::Plain, CreateMode::Container) => Ok((Owner::None, false)),
        (
            CreateKind::Ttl { ttl_ms, enabled },
            CreateMode::PersistentTtl | CreateMode::PersistentSequentialTtl,
        ) => match enabled {
            false => Err(ErrorCode::Unimplemented),
            true if !(1..=TTL_MAX_MS).contains(&ttl_ms) => Err(ErrorCode::BadArguments),
            true => Ok((Owner::Ttl(ttl_ms), mode == CreateMode::PersistentSequentialTtl)),
        },
        // Operation and flags contradict each other. ZooKeeper lets the operation win silently.
        _ => Err(ErrorCode::BadArguments),
    }
}

fn parent_of(path: &str) -> Result<&str, ErrorCode> {
    match path.rfind('/') {
        _ if path.contains('\0') => Err(ErrorCode::BadArguments),
        None => Err(ErrorCode::BadArguments),
        Some(0) => Ok(ROOT),
        Some(at) => Ok(&path[..at]),
    }
}

fn permit(node: &Node, perms: i32, write: &Write<'_>) -> Result<(), ErrorCode> {
    match acl::allows(&node.acl, perms, write.auth) {
        true => Ok(()),
        false => Err(ErrorCode::NoAuth),
    }
}

/// The version after the change. -1 means "any" in requests, so no node ever has it.
fn expect_version(current: i32, expected: i32) -> Result<i32, ErrorCode> {
    if expected != -1 && expected != current {
        return Err(ErrorCode::BadVersion);
    }
    match current.wrapping_add(1) {
        -1 => Ok(0),
        next => Ok(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_wraps_and_is_never_the_one_that_means_any() {
        assert_eq!(expect_version(i32::MAX, i32::MAX), Ok(i32::MIN));
        assert_eq!(expect_version(i32::MIN, -1), Ok(i32::MIN + 1));
        assert_eq!(expect_version(-2, -2), Ok(0));
        assert_eq!(expect_version(5, 4), Err(ErrorCode::BadVersion));
    }
}
