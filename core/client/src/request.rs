//! What a session can be asked, and what it answers.

use bytes::Bytes;
use pinfold_proto::records::ClientInfo;
use pinfold_proto::{Acl, AddWatchMode, CreateMode, ErrorCode, Stat, WatcherType, path};

use crate::Error;

/// Longest time to live: ZooKeeper keeps it in 40 bits.
const MAX_TTL_MS: i64 = (1 << 40) - 1;

/// A request of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are those of ZooKeeper's requests
pub enum Request {
    Create {
        path: String,
        data: Option<Bytes>,
        mode: CreateMode,
        acl: Vec<Acl>,
        /// Time to live, milliseconds; 0 for the modes without one.
        ttl_ms: i64,
    },
    Delete {
        path: String,
        version: i32,
    },
    Exists {
        path: String,
        watch: bool,
    },
    GetData {
        path: String,
        watch: bool,
    },
    SetData {
        path: String,
        data: Option<Bytes>,
        version: i32,
    },
    GetChildren {
        path: String,
        watch: bool,
    },
    GetAcl {
        path: String,
    },
    SetAcl {
        path: String,
        acl: Vec<Acl>,
        version: i32,
    },
    Sync {
        path: String,
    },
    Multi {
        ops: Vec<MultiOp>,
    },
    MultiRead {
        ops: Vec<ReadOp>,
    },
    /// The session's ephemeral nodes whose path begins with this text.
    GetEphemerals {
        prefix: String,
    },
    GetAllChildrenNumber {
        path: String,
    },
    WhoAmI,
    AddAuth {
        scheme: String,
        auth: Bytes,
    },
    AddWatch {
        path: String,
        mode: AddWatchMode,
    },
    /// Removes the watch that the request with this ticket armed.
    RemoveWatches {
        ticket: u64,
    },
    /// Removes every watch of that type on that node.
    RemoveAllWatches {
        path: String,
        kind: WatcherType,
    },
    /// Asks the server whether it has a watch of that type on that node.
    CheckWatches {
        path: String,
        kind: WatcherType,
    },
    Close,
}

/// One operation of a multi.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are those of ZooKeeper's requests
pub enum MultiOp {
    Create { path: String, data: Option<Bytes>, mode: CreateMode, acl: Vec<Acl>, ttl_ms: i64 },
    Delete { path: String, version: i32 },
    SetData { path: String, data: Option<Bytes>, version: i32 },
    Check { path: String, version: i32 },
}

impl MultiOp {
    /// The path that it is about.
    pub fn path(&self) -> &str {
        match self {
            MultiOp::Create { path, .. }
            | MultiOp::Delete { path, .. }
            | MultiOp::SetData { path, .. }
            | MultiOp::Check { path, .. } => path,
        }
    }

    pub(crate) fn into_path(self) -> String {
        match self {
            MultiOp::Create { path, .. }
            | MultiOp::Delete { path, .. }
            | MultiOp::SetData { path, .. }
            | MultiOp::Check { path, .. } => path,
        }
    }
}

/// One operation of a multi read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are those of ZooKeeper's requests
pub enum ReadOp {
    GetData { path: String },
    GetChildren { path: String },
}

impl ReadOp {
    /// The path that it is about.
    pub fn path(&self) -> &str {
        match self {
            ReadOp::GetData { path } | ReadOp::GetChildren { path } => path,
        }
    }

    pub(crate) fn into_path(self) -> String {
        match self {
            ReadOp::GetData { path } | ReadOp::GetChildren { path } => path,
        }
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are those of ZooKeeper's replies
pub enum Response {
    Created {
        path: String,
        stat: Stat,
    },
    Deleted,
    /// None where there is no node.
    Exists(Option<Stat>),
    Data {
        data: Option<Bytes>,
        stat: Stat,
    },
    Stat(Stat),
    Children {
        names: Vec<String>,
        stat: Stat,
    },
    Acl {
        acl: Vec<Acl>,
        stat: Stat,
    },
    Synced,
    Multi(Vec<MultiResult>),
    /// One for each operation, which succeed and fail by themselves.
    MultiRead(Vec<Result<ReadResult, Error>>),
    /// Paths, sorted.
    Ephemerals(Vec<String>),
    /// The number of a node's descendants.
    Count(i32),
    /// The connection's identities.
    Identities(Vec<ClientInfo>),
    /// The answer to requests that return nothing else.
    Done,
}

/// The result of one operation of a multi.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are those of ZooKeeper's replies
pub enum MultiResult {
    Created { path: String, stat: Stat },
    Deleted,
    Stat(Stat),
    Checked,
}

/// The result of one operation of a multi read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are those of ZooKeeper's replies
pub enum ReadResult {
    Data { data: Option<Bytes>, stat: Stat },
    Children { names: Vec<String> },
}

impl Request {
    /// The path that it is about, if it is about one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Request::Create { path, .. }
            | Request::Delete { path, .. }
            | Request::Exists { path, .. }
            | Request::GetData { path, .. }
            | Request::SetData { path, .. }
            | Request::GetChildren { path, .. }
            | Request::GetAcl { path }
            | Request::SetAcl { path, .. }
            | Request::Sync { path }
            | Request::GetEphemerals { prefix: path }
            | Request::GetAllChildrenNumber { path }
            | Request::RemoveAllWatches { path, .. }
            | Request::CheckWatches { path, .. }
            | Request::AddWatch { path, .. } => Some(path),
            Request::Multi { .. }
            | Request::MultiRead { .. }
            | Request::WhoAmI
            | Request::AddAuth { .. }
            | Request::RemoveWatches { .. }
            | Request::Close => None,
        }
    }

    /// Takes its path out of it.
    pub(crate) fn into_path(self) -> Option<String> {
        match self {
            Request::Create { path, .. }
            | Request::Delete { path, .. }
            | Request::Exists { path, .. }
            | Request::GetData { path, .. }
            | Request::SetData { path, .. }
            | Request::GetChildren { path, .. }
            | Request::GetAcl { path }
            | Request::SetAcl { path, .. }
            | Request::Sync { path }
            | Request::GetEphemerals { prefix: path }
            | Request::GetAllChildrenNumber { path }
            | Request::RemoveAllWatches { path, .. }
            | Request::CheckWatches { path, .. }
            | Request::AddWatch { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Whether it changes the tree, so that a lost answer leaves its outcome open.
    pub(crate) fn is_write(&self) -> bool {
        matches!(
            self,
            Request::Create { .. }
                | Request::Delete { .. }
                | Request::SetData { .. }
                | Request::SetAcl { .. }
                | Request::Multi { .. }
        )
    }

    /// Refuses what no server would take: illegal paths and too many bytes.
    pub(crate) fn check(&self, max: usize, chroot: usize) -> Result<(), Error> {
        match self {
            Request::Create { path, mode, ttl_ms, .. } => check_create(path, *mode, *ttl_ms)?,
            Request::Multi { ops } => {
                let check = |op: &MultiOp| match op {
                    MultiOp::Create { path, mode, ttl_ms, .. } => {
                        check_create(path, *mode, *ttl_ms)
                    }
                    _ => check_path(op.path()),
                };
                check_each(ops.iter().map(check))?;
            }
            Request::MultiRead { ops } => check_each(ops.iter().map(|op| check_path(op.path())))?,
            // What paths begin with, as text: it may end within a name or with a slash.
            Request::GetEphemerals { prefix } => check_sequence(prefix)?,
            _ => {
                if let Some(path) = self.path() {
                    check_path(path)?;
                }
            }
        }
        let size = self.size(chroot);
        if size > max {
            let message = format!("the request has {size} bytes; the limit is {max}");
            let error = Error::new(ErrorCode::BadArguments, message);
            return Err(match self.path() {
                Some(path) => error.with_path(path),
                None => error,
            });
        }
        Ok(())
    }

    /// Its size on the wire, bytes, with a chroot of this length before each path.
    fn size(&self, chroot: usize) -> usize {
        /// xid and operation.
        const HEADER: usize = 8;
        let body = match self {
            Request::Create { path, data, acl, mode, .. } => {
                create_size(chroot + path.len(), data, acl, *mode)
            }
            Request::SetData { path, data, .. } => 4 + chroot + path.len() + data_size(data) + 4,
            Request::SetAcl { path, acl, .. } => 4 + chroot + path.len() + acl_size(acl) + 4,
            Request::Multi { ops } => {
                // A header before each and one after the last.
                9 + ops.iter().map(|op| 9 + op.size(chroot)).sum::<usize>()
            }
            Request::MultiRead { ops } => {
                9 + ops.iter().map(|op| 9 + 4 + chroot + op.path().len() + 1).sum::<usize>()
            }
            Request::AddAuth { scheme, auth } => 4 + 4 + scheme.len() + 4 + auth.len(),
            // A path and at most one number.
            _ => 4 + self.path().map_or(0, |path| chroot + path.len()) + 4,
        };
        HEADER + body
    }
}

impl MultiOp {
    fn size(&self, chroot: usize) -> usize {
        let path = chroot + self.path().len();
        match self {
            MultiOp::Create { data, acl, mode, .. } => create_size(path, data, acl, *mode),
            MultiOp::SetData { data, .. } => 4 + path + data_size(data) + 4,
            MultiOp::Delete { .. } | MultiOp::Check { .. } => 4 + path + 4,
        }
    }
}

fn create_size(path: usize, data: &Option<Bytes>, acl: &[Acl], mode: CreateMode) -> usize {
    4 + path + data_size(data) + acl_size(acl) + 4 + if mode.is_ttl() { 8 } else { 0 }
}

fn data_size(data: &Option<Bytes>) -> usize {
    4 + data.as_ref().map_or(0, Bytes::len)
}

fn acl_size(acl: &[Acl]) -> usize {
    let entries = acl.iter().map(|entry| 12 + entry.id.scheme.len() + entry.id.id.len());
    4 + entries.sum::<usize>()
}

fn check_path(text: &str) -> Result<(), Error> {
    path::validate(text).map_err(|error| bad_path(text, &error))
}

/// The first failure, with its index.
fn check_each(mut checks: impl Iterator<Item = Result<(), Error>>) -> Result<(), Error> {
    let failed = checks.by_ref().enumerate().find_map(|(index, checked)| {
        let failed = checked.err()?;
        Some(failed.with_op_index(index))
    });
    failed.map_or(Ok(()), Err)
}

fn check_create(text: &str, mode: CreateMode, ttl_ms: i64) -> Result<(), Error> {
    let refused = match (mode.is_ttl(), ttl_ms) {
        (false, 0) | (true, 1..=MAX_TTL_MS) => None,
        (false, _) => Some(format!("ttl_ms is {ttl_ms}, but a {mode:?} node has no time to live")),
        (true, _) => Some(format!("ttl_ms is {ttl_ms}, and must be between 1 and {MAX_TTL_MS} ms")),
    };
    if let Some(message) = refused {
        return Err(Error::new(ErrorCode::BadArguments, message).with_path(text));
    }
    match mode.is_sequential() {
        true => check_sequence(text),
        false => check_path(text),
    }
}

fn check_sequence(text: &str) -> Result<(), Error> {
    path::validate_for_sequence(text).map_err(|error| bad_path(text, &error))
}

fn bad_path(text: &str, error: &path::PathError) -> Error {
    Error::new(ErrorCode::BadArguments, error.to_string()).with_path(text)
}
