//! The records of the log, made readable.

use std::fmt;

use pinfold_replication::EntryKind;
use pinfold_state::{Body, CreateKind, Entry, Op};
use pinfold_storage::Record;
use serde::Serialize;

use super::znode::{self, Content};

/// One record as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    index: u64,
    term: u64,
    file: String,
    offset: u64,
    bytes: usize,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum What {
    /// Of nobody; a new leader begins with one.
    Empty,
    /// A change of members, in the form of consensus.
    Membership,
    Entry(Shown),
}

#[derive(Debug, Serialize)]
struct Shown {
    body: &'static str,
    time_ms: i64,
    session: String,
    cxid: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    auth: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ops: Vec<Step>,
}

#[derive(Debug, Default, Serialize)]
struct Step {
    op: &'static str,
    path: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    data: Option<Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acl: Option<Vec<String>>,
}

impl Line {
    /// Reads a record; the text says why it cannot be read.
    pub(crate) fn of(file: &str, offset: u64, record: &Record) -> Result<Line, String> {
        let what = match EntryKind::from_u8(record.kind) {
            None => return Err(format!("record {} is of unknown kind", record.index)),
            Some(EntryKind::Membership) => What::Membership,
            Some(EntryKind::Normal) if record.data.is_empty() => What::Empty,
            Some(EntryKind::Normal) => {
                let entry = Entry::decode(&record.data);
                What::Entry(show(&entry.map_err(|e| format!("record {}: {e}", record.index))?))
            }
        };
        let (index, term, bytes) = (record.index, record.term, record.data.len());
        Ok(Line { index, term, file: file.to_owned(), offset, bytes, what })
    }
}

fn show(entry: &Entry) -> Shown {
    let mut shown = Shown {
        body: "",
        time_ms: entry.time_ms,
        session: format!("{:#x}", entry.session_id),
        cxid: entry.cxid,
        attachment: entry.attachment,
        timeout_ms: None,
        error: None,
        auth: entry.auth.iter().map(|id| format!("{}:{}", id.scheme, id.id)).collect(),
        ops: Vec::new(),
    };
    // A session's password is for its client alone.
    shown.body = match &entry.body {
        Body::Epoch => "epoch",
        Body::CreateSession { timeout_ms, .. } => {
            shown.timeout_ms = Some(*timeout_ms);
            "create_session"
        }
        Body::Attach { timeout_ms, .. } => {
            shown.timeout_ms = Some(*timeout_ms);
            "attach"
        }
        Body::CloseSession => "close_session",
        Body::Request(op) => {
            shown.ops.push(step(op));
            "request"
        }
        Body::Multi(ops) => {
            shown.ops = ops.iter().map(step).collect();
            "multi"
        }
        Body::Void(error) => {
            shown.error = Some(error.name());
            "void"
        }
        Body::Found(_) => "found",
        Body::Reconfigure(_) => "reconfigure",
        Body::Activate { .. } => "activate",
        Body::Abandon { error, .. } => {
            shown.error = Some(error.name());
            "abandon"
        }
    };
    shown
}

fn step(op: &Op) -> Step {
    let path = op.path().to_owned();
    match op {
        Op::Create { data, acl, flags, kind, .. } => Step {
            op: "create",
            path,
            data: Some(Content::of(data.as_deref())),
            flags: Some(*flags),
            ttl_ms: match kind {
                CreateKind::Ttl { ttl_ms, .. } => Some(*ttl_ms),
                CreateKind::Plain | CreateKind::Container => None,
            },
            acl: Some(znode::acl(acl)),
            ..Step::default()
        },
        Op::Delete { version, .. } => {
            Step { op: "delete", path, version: Some(*version), ..Step::default() }
        }
        Op::SetData { data, version, .. } => {
            let data = Some(Content::of(data.as_deref()));
            Step { op: "set_data", path, data, version: Some(*version), ..Step::default() }
        }
        Op::SetAcl { acl, version, .. } => {
            let acl = Some(znode::acl(acl));
            Step { op: "set_acl", path, acl, version: Some(*version), ..Step::default() }
        }
        Op::Check { version, .. } => {
            Step { op: "check", path, version: Some(*version), ..Step::default() }
        }
        Op::Collect { .. } => Step { op: "collect", path, ..Step::default() },
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} term {}", self.index, self.term)?;
        match &self.what {
            What::Empty => write!(f, " empty"),
            What::Membership => write!(f, " membership"),
            What::Entry(shown) => write!(f, "{shown}"),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " time {} session {} {}", self.time_ms, self.session, self.body)?;
        if let Some(timeout_ms) = self.timeout_ms {
            write!(f, " timeout {timeout_ms} ms")?;
        }
        if let Some(error) = self.error {
            write!(f, " {error}")?;
        }
        for (at, step) in self.ops.iter().enumerate() {
            write!(f, "{} {step}", if at == 0 { "" } else { ";" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.op, self.path.escape_debug())?;
        if let Some(data) = &self.data {
            write!(f, " {data}")?;
        }
        if let Some(flags) = self.flags.filter(|flags| *flags != 0) {
            write!(f, " flags {flags}")?;
        }
        if let Some(ttl_ms) = self.ttl_ms {
            write!(f, " ttl {ttl_ms} ms")?;
        }
        if let Some(version) = self.version.filter(|version| *version != -1) {
            write!(f, " version {version}")?;
        }
        if let Some(acl) = &self.acl {
            write!(f, " acl {}", acl.join(","))?;
        }
        Ok(())
    }
}
