//! Quotas: how many nodes and bytes a subtree may have.
//!
//! A quota of `/a` is the node `/zookeeper/quota/a/zookeeper_limits`, and what `/a` has is kept in
//! `/zookeeper/quota/a/zookeeper_stats` beside it, both as ZooKeeper's texts. Of nested quotas
//! the deepest counts, and none counts for the root. The figures are part of the replicated state:
//! they change together with the nodes they count, without a transaction of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use pinfold_proto::error::ErrorCode;

use crate::initial::{QUOTA, ROOT};
use crate::machine::{StateMachine, Write};

const LIMITS: &str = "/zookeeper_limits";
const STATS: &str = "/zookeeper_stats";

const COUNT: &str = "count";
const BYTES: &str = "bytes";
const COUNT_HARD: &str = "countHardLimit";
const BYTES_HARD: &str = "byteHardLimit";

/// A limit that a write went beyond, or would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// The node that has the quota.
    pub path: Arc<str>,
    /// What there is too much of, `count` or `bytes`.
    pub what: &'static str,
    /// What there would be with the write.
    pub would_be: i64,
    /// What is allowed.
    pub limit: i64,
    /// The write was refused; a soft limit is only told of.
    pub is_hard: bool,
}

/// The nodes that have a quota, by path.
#[derive(Debug, Default)]
pub(crate) struct Quotas(BTreeSet<Arc<str>>);

impl Quotas {
    /// A node has come or gone; only limits are of interest.
    pub(crate) fn note(&mut self, path: &str, is_there: bool) {
        let Some(owner) = owner_of(path, LIMITS) else { return };
        match is_there {
            true => self.0.insert(owner.into()),
            false => self.0.remove(owner),
        };
    }

    /// The deepest node on the way to this one, itself included, that has a quota.
    fn over(&self, path: &str) -> Option<Arc<str>> {
        if self.0.is_empty() {
            return None;
        }
        let mut at = path;
        while at.len() > 1 {
            if let Some(owner) = self.0.get(at) {
                return Some(owner.clone());
            }
            at = &at[..at.rfind('/')?];
        }
        None
    }
}

/// The text of limits and stats: figures by name, -1 for those that are not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Figures(BTreeMap<String, i64>);

impl Figures {
    /// Reads a text; what makes no sense in it is passed over.
    fn parse(data: Option<&[u8]>) -> Figures {
        let text = String::from_utf8_lossy(data.unwrap_or_default());
        let pairs = text.split([',', ';']).filter_map(|pair| {
            let mut parts = pair.split('=');
            let (name, value) = (parts.next()?, parts.next()?);
            Some((name.to_owned(), value.parse().ok()?))
        });
        Figures(pairs.collect())
    }

    fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(-1)
    }

    fn set(&mut self, name: &str, value: i64) {
        self.0.insert(name.to_owned(), value);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{COUNT}={},{BYTES}={}", self.get(COUNT), self.get(BYTES))?;
        let mut others = self.0.iter().filter(|(name, _)| *name != COUNT && *name != BYTES);
        // Old clients take the rest for a part of the number of bytes, and stop at the sign.
        let Some((name, value)) = others.next() else { return Ok(()) };
        write!(f, "=;{name}={value}")?;
        others.try_for_each(|(name, value)| write!(f, ";{name}={value}"))
    }
}

impl StateMachine {
    /// Whether there may be this much more at a path.
    pub(crate) fn check_quota(
        &self,
        write: &mut Write<'_>,
        path: &str,
        (nodes, bytes): (i64, i64),
    ) -> Result<(), ErrorCode> {
        if !write.enforce_quota {
            return Ok(());
        }
        let Some(owner) = self.tree.quotas().over(path) else { return Ok(()) };
        let limits = self.figures(&owner, LIMITS);
        let stats = self.figures(&owner, STATS);
        let (Some(limits), Some(stats)) = (limits, stats) else { return Ok(()) };
        for (what, hard, more) in [(COUNT, COUNT_HARD, nodes), (BYTES, BYTES_HARD, bytes)] {
            let is_hard = limits.get(hard) > -1;
            let limit = limits.get(if is_hard { hard } else { what });
            let would_be = stats.get(what).saturating_add(more);
            if more == 0 || limit <= -1 || would_be <= limit {
                continue;
            }
            let path = owner.clone();
            write.exceeded.push(Exceeded { path, what, would_be, limit, is_hard });
            if is_hard {
                return Err(ErrorCode::QuotaExceeded);
            }
        }
        Ok(())
    }

    /// There is this much more at a path, or less. True when some node holds figures of it.
    pub(crate) fn charge(&mut self, path: &str, (nodes, bytes): (i64, i64)) -> bool {
        let Some(owner) = self.tree.quotas().over(path) else { return false };
        let Some(mut stats) = self.figures(&owner, STATS) else { return false };
        stats.set(COUNT, stats.get(COUNT).saturating_add(nodes));
        stats.set(BYTES, stats.get(BYTES).saturating_add(bytes));
        self.put_stats(&owner, &stats);
        true
    }

    /// Counts what there is, when a node has come that is to hold the figures.
    pub(crate) fn begin_stats(&mut self, path: &str) {
        let Some(owner) = owner_of(path, STATS) else { return };
        let (mut nodes, mut bytes) = (0, 0);
        let mut open: Vec<Arc<str>> = vec![owner.into()];
        while let Some(path) = open.pop() {
            let Some(node) = self.tree.get(&path) else { continue };
            nodes += 1;
            bytes += node.data_length() as i64;
            open.extend(node.children().cloned());
        }
        let mut stats = Figures::default();
        stats.set(COUNT, nodes);
        stats.set(BYTES, bytes);
        self.put_stats(owner, &stats);
    }

    fn figures(&self, owner: &str, name: &str) -> Option<Figures> {
        let node = self.tree.get(&format!("{QUOTA}{owner}{name}"))?;
        Some(Figures::parse(node.data.as_deref()))
    }

    fn put_stats(&mut self, owner: &str, stats: &Figures) {
        let text = stats.to_string();
        self.tree.update(&format!("{QUOTA}{owner}{STATS}"), |node| {
            node.data = Some(Arc::from(text.as_bytes()));
        });
    }
}

/// The node whose limits or stats are at this path.
fn owner_of<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let owner = path.strip_prefix(QUOTA)?.strip_suffix(name)?;
    (owner.starts_with(ROOT) && owner.len() > 1).then_some(owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_zookeepers() {
        for text in [
            "count=3,bytes=-1",
            "count=-1,bytes=-1=;byteHardLimit=7",
            "count=1,bytes=2=;byteHardLimit=3;countHardLimit=4",
        ] {
            assert_eq!(Figures::parse(Some(text.as_bytes())).to_string(), text);
        }
        let odd = Figures::parse(Some(b"count=,bytes=x,,=;other"));
        assert_eq!(odd.to_string(), "count=-1,bytes=-1");
        assert_eq!(Figures::parse(None).get(COUNT), -1);
    }

    #[test]
    fn the_deepest_quota_counts_and_the_roots_never() {
        let mut quotas = Quotas::default();
        for owner in ["/a", "/a/b", ""] {
            quotas.note(&format!("{QUOTA}{owner}{LIMITS}"), true);
        }
        quotas.note(&format!("{QUOTA}/c{STATS}"), true);
        let over = |path: &str| quotas.over(path).map(|owner| owner.to_string());
        assert_eq!(over("/a/b/c").as_deref(), Some("/a/b"));
        assert_eq!(over("/a/bb").as_deref(), Some("/a"));
        assert_eq!(over("/a").as_deref(), Some("/a"));
        assert_eq!((over("/ab"), over("/c"), over("/")), (None, None, None));
    }
}
