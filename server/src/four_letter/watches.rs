//! `wchs`, `wchc` and `wchp`: who watches what.
//!
//! As in ZooKeeper they leave out watches on lists of children; `mntr` counts those, too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::shared::{Shared, lock};

pub(super) fn summary(shared: &Shared) -> String {
    let (connections, paths, watches) = lock(&shared.watches).data_totals();
    format!("{connections} connections watching {paths} paths\nTotal watches:{watches}\n")
}

/// Paths by session.
pub(super) fn by_connection(shared: &Shared) -> String {
    let mut text = String::new();
    for (session, paths) in by_session(shared) {
        let _ = writeln!(text, "{session:#x}");
        paths.iter().for_each(|path| {
            let _ = writeln!(text, "\t{path}");
        });
    }
    text.push('\n');
    text
}

/// Sessions by path.
pub(super) fn by_path(shared: &Shared) -> String {
    let mut by_path: BTreeMap<Arc<str>, Vec<i64>> = BTreeMap::new();
    for (session, paths) in by_session(shared) {
        for path in paths {
            by_path.entry(path).or_default().push(session);
        }
    }
    let mut text = String::new();
    for (path, sessions) in by_path {
        let _ = writeln!(text, "{path}");
        sessions.iter().for_each(|id| {
            let _ = writeln!(text, "\t{id:#x}");
        });
    }
    text.push('\n');
    text
}

fn by_session(shared: &Shared) -> Vec<(i64, Vec<Arc<str>>)> {
    let by_watcher = lock(&shared.watches).by_watcher();
    let connections = lock(&shared.connections);
    let session = |(id, paths)| {
        let connection = connections.get(&id)?;
        Some((connection.session_id(), Vec::from_iter::<std::collections::BTreeSet<_>>(paths)))
    };
    by_watcher.into_iter().filter_map(session).collect()
}
