//! Znodes, their data and their access lists, made readable.

use std::fmt;

use pinfold_proto::{Acl, Perms};
use pinfold_state::{Node, Owner};
use serde::Serialize;

/// Characters of data that a line of text shows.
const SHOWN: usize = 64;

/// Data of a znode: text where it is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Content {
    /// `None` for null data, too.
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_hex: Option<String>,
    data_bytes: usize,
}

impl Content {
    pub(crate) fn of(data: Option<&[u8]>) -> Content {
        let data_bytes = data.map_or(0, <[u8]>::len);
        let (text, data_hex) = match data.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => (None, None),
            Some((_, Ok(text))) => (Some(text.to_owned()), None),
            Some((bytes, Err(_))) => {
                (None, Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
            }
        };
        Content { data: text, data_hex, data_bytes }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mark, text) = match (&self.data, &self.data_hex) {
            (Some(text), _) => ("\"", text),
            (None, Some(hex)) => ("'", hex),
            (None, None) => return write!(f, "null"),
        };
        let shown: String = text.chars().take(SHOWN).collect();
        let more = if shown.len() < text.len() { "..." } else { "" };
        write!(f, "{} bytes {mark}{}{mark}{more}", self.data_bytes, shown.escape_debug())
    }
}

/// Each entry as `scheme:id:perms`.
pub(crate) fn acl(list: &[Acl]) -> Vec<String> {
    let letters = [
        (Perms::CREATE, 'c'),
        (Perms::DELETE, 'd'),
        (Perms::READ, 'r'),
        (Perms::WRITE, 'w'),
        (Perms::ADMIN, 'a'),
    ];
    let perms = |acl: &Acl| -> String {
        letters.iter().filter(|(bit, _)| acl.perms & bit != 0).map(|(_, letter)| letter).collect()
    };
    list.iter().map(|acl| format!("{}:{}:{}", acl.id.scheme, acl.id.id, perms(acl))).collect()
}

/// A znode as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Znode {
    pub(crate) path: String,
    #[serde(flatten)]
    data: Content,
    acl: Vec<String>,
    czxid: i64,
    mzxid: i64,
    pzxid: i64,
    ctime_ms: i64,
    mtime_ms: i64,
    version: i32,
    creations: i32,
    aversion: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

impl Znode {
    pub(crate) fn of(path: &str, node: &Node) -> Znode {
        let owner = match node.owner() {
            Owner::None => None,
            Owner::Session(id) => Some(format!("session {id:#x}")),
            Owner::Container => Some("container".to_owned()),
            Owner::Ttl(ms) => Some(format!("ttl {ms} ms")),
        };
        Znode {
            path: path.to_owned(),
            data: Content::of(node.data.as_deref()),
            acl: acl(&node.acl),
            czxid: node.czxid,
            mzxid: node.mzxid,
            pzxid: node.pzxid,
            ctime_ms: node.ctime_ms,
            mtime_ms: node.mtime_ms,
            version: node.version,
            creations: node.creations,
            aversion: node.aversion,
            owner,
        }
    }

    /// Each field that is another one in `other`, with both values.
    pub(crate) fn differences(&self, other: &Znode) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |name: &str, left: String, right: String| {
            if left != right {
                found.push(format!("{name} {left} / {right}"));
            }
        };
        if self.data != other.data {
            compare("data", self.data.to_string(), other.data.to_string());
        }
        compare("acl", self.acl.join(","), other.acl.join(","));
        let owner = |node: &Znode| node.owner.clone().unwrap_or_else(|| "nobody".to_owned());
        compare("owner", owner(self), owner(other));
        for (name, left, right) in [
            ("czxid", self.czxid, other.czxid),
            ("mzxid", self.mzxid, other.mzxid),
            ("pzxid", self.pzxid, other.pzxid),
        ] {
            compare(name, format!("{left:#x}"), format!("{right:#x}"));
        }
        for (name, left, right) in [
            ("ctime_ms", self.ctime_ms, other.ctime_ms),
            ("mtime_ms", self.mtime_ms, other.mtime_ms),
            ("version", self.version.into(), other.version.into()),
            ("creations", self.creations.into(), other.creations.into()),
            ("aversion", self.aversion.into(), other.aversion.into()),
        ] {
            compare(name, left.to_string(), right.to_string());
        }
        // Long data can differ behind what a line shows of them.
        if found.is_empty() && self != other {
            found.push("data, behind their beginning".to_owned());
        }
        found
    }
}

impl fmt::Display for Znode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Znode { path, data, version, czxid, mzxid, pzxid, .. } = self;
        write!(f, "{} {data} version {version}", path.escape_debug())?;
        write!(f, " czxid {czxid:#x} mzxid {mzxid:#x} pzxid {pzxid:#x}")?;
        if let Some(owner) = &self.owner {
            write!(f, " owner {owner}")?;
        }
        write!(f, " acl {}", self.acl.join(","))
    }
}
