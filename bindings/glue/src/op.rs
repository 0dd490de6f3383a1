//! What a host can ask for: one variant per operation of the table, with its arguments.

use bytes::Bytes;
use pinfold_client::{Acl, AddWatchMode, CreateMode, MultiOp, ReadOp, Request, WatcherType};

use crate::Error;
use crate::argument::{Argument, Call};

/// An operation with its arguments. Names, defaults and meaning are in [`crate::api`].
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the arguments' docs are the table's
pub enum Op {
    Create {
        path: String,
        data: Option<Bytes>,
        mode: CreateMode,
        acl: Vec<Acl>,
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
    Get {
        path: String,
        watch: bool,
    },
    Set {
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
    RemoveWatches {
        watch: u64,
    },
    RemoveAllWatches {
        path: String,
        watch_type: WatcherType,
    },
    CheckWatches {
        path: String,
        watch_type: WatcherType,
    },
    /// An operation of a recipe.
    Recipe(Call),
}

/// An operation sorted by who carries it out.
pub(crate) enum Carrier {
    /// One request of the session, in call order.
    Session(Request),
    /// A recipe, which makes requests of its own.
    Recipe(Call),
}

impl Op {
    /// The operation `name` of a recipe, with its arguments in the table's order; see
    /// [`Call::new`].
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for what does not fit the table.
    pub fn recipe(name: &str, arguments: Vec<Argument>) -> Result<Op, Error> {
        Call::new(name, arguments).map(Op::Recipe)
    }

    /// The operation's name in the table.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Create { .. } => "create",
            Op::Delete { .. } => "delete",
            Op::Exists { .. } => "exists",
            Op::Get { .. } => "get",
            Op::Set { .. } => "set",
            Op::GetChildren { .. } => "get_children",
            Op::GetAcl { .. } => "get_acl",
            Op::SetAcl { .. } => "set_acl",
            Op::Sync { .. } => "sync",
            Op::Multi { .. } => "multi",
            Op::MultiRead { .. } => "multi_read",
            Op::GetEphemerals { .. } => "get_ephemerals",
            Op::GetAllChildrenNumber { .. } => "get_all_children_number",
            Op::WhoAmI => "who_am_i",
            Op::AddAuth { .. } => "add_auth",
            Op::AddWatch { .. } => "add_watch",
            Op::RemoveWatches { .. } => "remove_watches",
            Op::RemoveAllWatches { .. } => "remove_all_watches",
            Op::CheckWatches { .. } => "check_watches",
            Op::Recipe(call) => call.operation().name,
        }
    }

    pub(crate) fn into_carrier(self) -> Carrier {
        match self {
            Op::Recipe(call) => Carrier::Recipe(call),
            session => Carrier::Session(session.into_request()),
        }
    }

    /// The request of an operation of the session, which every operation is that no recipe is.
    fn into_request(self) -> Request {
        match self {
            Op::Create { path, data, mode, acl, ttl_ms } => {
                Request::Create { path, data, mode, acl, ttl_ms }
            }
            Op::Delete { path, version } => Request::Delete { path, version },
            Op::Exists { path, watch } => Request::Exists { path, watch },
            Op::Get { path, watch } => Request::GetData { path, watch },
            Op::Set { path, data, version } => Request::SetData { path, data, version },
            Op::GetChildren { path, watch } => Request::GetChildren { path, watch },
            Op::GetAcl { path } => Request::GetAcl { path },
            Op::SetAcl { path, acl, version } => Request::SetAcl { path, acl, version },
            Op::Sync { path } => Request::Sync { path },
            Op::Multi { ops } => Request::Multi { ops },
            Op::MultiRead { ops } => Request::MultiRead { ops },
            Op::GetEphemerals { prefix } => Request::GetEphemerals { prefix },
            Op::GetAllChildrenNumber { path } => Request::GetAllChildrenNumber { path },
            Op::AddAuth { scheme, auth } => Request::AddAuth { scheme, auth },
            Op::AddWatch { path, mode } => Request::AddWatch { path, mode },
            Op::RemoveWatches { watch } => Request::RemoveWatches { ticket: watch },
            Op::RemoveAllWatches { path, watch_type } => {
                Request::RemoveAllWatches { path, kind: watch_type }
            }
            Op::CheckWatches { path, watch_type } => {
                Request::CheckWatches { path, kind: watch_type }
            }
            _ => Request::WhoAmI,
        }
    }
}
