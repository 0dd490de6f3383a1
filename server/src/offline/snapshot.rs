//! `pinfold snapshot dump`, `verify` and `diff`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use pinfold_state::{Session, StateMachine};
use serde::Serialize;

use super::image::Image;
use super::log::inspect;
use super::output::{Failure, Output, settled};
use super::znode::Znode;

/// What a snapshot is as a whole.
#[derive(Debug, Serialize)]
struct Summary {
    snapshot: String,
    index: u64,
    zxid: String,
    znodes: usize,
    sessions: usize,
    data_bytes: u64,
    digest: String,
}

impl Summary {
    fn of(image: &Image) -> Summary {
        Summary {
            snapshot: image.source.clone(),
            index: image.index,
            zxid: format!("{:#x}", image.state.last_zxid()),
            znodes: image.state.node_count(),
            sessions: image.state.sessions().len(),
            data_bytes: image.state.data_size(),
            digest: format!("{:016x}", image.state.digest()),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { snapshot, index, zxid, znodes, sessions, digest, .. } = self;
        write!(f, "{snapshot}: record {index}, zxid {zxid}, {znodes} znodes, ")?;
        write!(f, "{sessions} sessions, digest {digest}")
    }
}

/// A session as it is shown; its password is for its client alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Open {
    session: String,
    timeout_ms: i32,
    attachment: u32,
}

impl Open {
    fn of(id: i64, session: &Session) -> Open {
        let Session { timeout_ms, attachment, .. } = *session;
        Open { session: format!("{id:#x}"), timeout_ms, attachment }
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Open { session, timeout_ms, attachment } = self;
        write!(f, "session {session} timeout {timeout_ms} ms attachment {attachment}")
    }
}

/// Calls `visit` with every node, parents before children, children in order.
fn each_node(
    state: &StateMachine,
    mut visit: impl FnMut(Znode) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut open: Vec<String> = vec!["/".to_owned()];
    while let Some(path) = open.pop() {
        let Some(node) = state.node_at(&path) else { continue };
        let below = open.len();
        open.extend(node.children().map(|child| child.to_string()));
        open[below..].reverse();
        visit(Znode::of(&path, node))?;
    }
    Ok(())
}

/// Prints everything.
pub(crate) fn dump(out: &mut Output, source: &Path, at: Option<u64>) -> Result<bool, Failure> {
    let image = Image::load(source, at)?;
    out.tell(&Summary::of(&image))?;
    for (id, session) in image.state.sessions().iter() {
        out.tell(&Open::of(id, session))?;
    }
    each_node(&image.state, |znode| out.tell(&znode))?;
    Ok(true)
}

/// Reads everything. What is damaged is told for each snapshot, and the others are read as well.
pub(crate) fn verify(out: &mut Output, source: &Path) -> Result<bool, Failure> {
    if !source.is_dir() {
        out.tell(&Summary::of(&Image::load(source, None)?))?;
        return Ok(true);
    }
    let directory = inspect(source)?;
    let mut well = true;
    for id in settled(|| directory.snapshots())? {
        let opened = settled(|| directory.snapshot(id)).map_err(Failure::from);
        match opened.and_then(Image::restore) {
            Ok(image) => out.tell(&Summary::of(&image))?,
            // It can have been purged since we asked what there is.
            Err(_) if !settled(|| directory.snapshots())?.contains(&id) => {}
            Err(failure) if failure.status() == 1 => {
                let (snapshot, damage) = (directory.snapshot_path(id), failure.to_string());
                out.tell(&Damaged { snapshot: snapshot.display().to_string(), damage })?;
                well = false;
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(well)
}

#[derive(Debug, Serialize)]
struct Damaged {
    snapshot: String,
    damage: String,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.damage)
    }
}

/// One thing that is not the same on both sides.
#[derive(Debug, Serialize)]
struct Difference {
    #[serde(flatten)]
    of: Subject,
    /// `left` or `right` when only that side has it, `both` when both have it.
    on: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Subject {
    Znode(String),
    Session(String),
    Zxid(&'static str),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Subject::Znode(path) => write!(f, "znode {}", path.escape_debug())?,
            Subject::Session(id) => write!(f, "session {id}")?,
            Subject::Zxid(which) => write!(f, "the {which} zxid")?,
        }
        match self.on {
            "both" => write!(f, ": {}", self.fields.join(", ")),
            side => write!(f, ": on the {side} only"),
        }
    }
}

/// Compares two states.
pub(crate) fn diff(
    out: &mut Output,
    left: &Path,
    right: &Path,
    at: Option<u64>,
) -> Result<bool, Failure> {
    let (left, right) = (Image::load(left, at)?, Image::load(right, at)?);
    if left.index != right.index {
        eprintln!(
            "pinfold: the left side is of record {}, the right one of record {}; --at compares \
             both after the same record",
            left.index, right.index
        );
    }
    let (left, right) = (&left.state, &right.state);
    let mut same = left.digest() == right.digest();
    if left.last_zxid() != right.last_zxid() {
        let fields = vec![format!("{:#x} / {:#x}", left.last_zxid(), right.last_zxid())];
        out.tell(&Difference { of: Subject::Zxid("last"), on: "both", fields })?;
        same = false;
    }
    same &= compare_sessions(out, left, right)?;
    same &= compare_nodes(out, left, right)?;
    Ok(same)
}

fn compare_sessions(
    out: &mut Output,
    left: &StateMachine,
    right: &StateMachine,
) -> Result<bool, Failure> {
    let mut same = true;
    let mut pairs: BTreeMap<i64, (Option<&Session>, Option<&Session>)> = BTreeMap::new();
    left.sessions().iter().for_each(|(id, session)| pairs.entry(id).or_default().0 = Some(session));
    for (id, session) in right.sessions().iter() {
        pairs.entry(id).or_default().1 = Some(session);
    }
    for (id, pair) in pairs {
        let (on, fields) = match pair {
            (Some(left), Some(right)) if left == right => continue,
            (Some(left), Some(right)) => ("both", session_differences(left, right)),
            (Some(_), None) => ("left", Vec::new()),
            _ => ("right", Vec::new()),
        };
        same = false;
        out.tell(&Difference { of: Subject::Session(format!("{id:#x}")), on, fields })?;
    }
    Ok(same)
}

fn session_differences(left: &Session, right: &Session) -> Vec<String> {
    let mut found = Vec::new();
    if left.timeout_ms != right.timeout_ms {
        found.push(format!("timeout_ms {} / {}", left.timeout_ms, right.timeout_ms));
    }
    if left.attachment != right.attachment {
        found.push(format!("attachment {} / {}", left.attachment, right.attachment));
    }
    if left.password != right.password {
        found.push("password".to_owned());
    }
    found
}

fn compare_nodes(
    out: &mut Output,
    left: &StateMachine,
    right: &StateMachine,
) -> Result<bool, Failure> {
    let mut same = true;
    let mut tell = |out: &mut Output, path: String, on, fields| {
        same = false;
        out.tell(&Difference { of: Subject::Znode(path), on, fields })
    };
    each_node(left, |znode| {
        let Some(node) = right.node_at(&znode.path) else {
            return tell(out, znode.path, "left", Vec::new());
        };
        let other = Znode::of(&znode.path, node);
        match znode == other {
            true => Ok(()),
            false => tell(out, znode.path.clone(), "both", znode.differences(&other)),
        }
    })?;
    each_node(right, |znode| match left.node_at(&znode.path) {
        Some(_) => Ok(()),
        None => tell(out, znode.path, "right", Vec::new()),
    })?;
    Ok(same)
}
