//! From what the client answers to lines.

use pinfold_client::{
    Acl, ClientInfo, Error, EventKind, MultiResult, Outcome, ReadResult, Response, SessionState,
    Stat, WatchEvent,
};
use serde_json::{Value, json};

pub(crate) fn response(response: &Response) -> Value {
    match response {
        Response::Created { path, stat: node } => json!({"path": path, "stat": stat(node)}),
        Response::Exists(node) => json!({"stat": node.as_ref().map(stat)}),
        Response::Data { data, stat: node } => {
            let text = data.as_ref().map(|data| String::from_utf8_lossy(data).into_owned());
            json!({"data": text, "stat": stat(node)})
        }
        Response::Stat(node) => json!({"stat": stat(node)}),
        Response::Children { names, stat: node } => {
            let mut names = names.clone();
            names.sort();
            json!({"names": names, "stat": stat(node)})
        }
        Response::Acl { acl: list, stat: node } => {
            json!({"acl": list.iter().map(acl).collect::<Vec<_>>(), "stat": stat(node)})
        }
        Response::Multi(results) => {
            json!({"results": results.iter().map(multi_result).collect::<Vec<_>>()})
        }
        Response::MultiRead(results) => {
            json!({"results": results.iter().map(read_result).collect::<Vec<_>>()})
        }
        Response::Ephemerals(paths) => json!({"paths": paths}),
        Response::Count(count) => json!({"count": count}),
        Response::Identities(identities) => {
            let identity = |one: &ClientInfo| json!({"scheme": one.scheme, "user": one.user});
            json!({"identities": identities.iter().map(identity).collect::<Vec<_>>()})
        }
        Response::Deleted | Response::Synced | Response::Done => json!({}),
    }
}

fn multi_result(result: &MultiResult) -> Value {
    match result {
        MultiResult::Created { path, stat: node } => json!({"path": path, "stat": stat(node)}),
        MultiResult::Stat(node) => json!({"stat": stat(node)}),
        MultiResult::Deleted | MultiResult::Checked => json!({}),
    }
}

fn read_result(result: &Result<ReadResult, Error>) -> Value {
    match result {
        Ok(ReadResult::Data { data, stat: node }) => {
            let text = data.as_ref().map(|data| String::from_utf8_lossy(data).into_owned());
            json!({"data": text, "stat": stat(node)})
        }
        Ok(ReadResult::Children { names }) => {
            let mut names = names.clone();
            names.sort();
            json!({"names": names})
        }
        Err(failure) => json!({"error": error(failure)}),
    }
}

fn stat(stat: &Stat) -> Value {
    json!({
        "czxid": stat.czxid.to_string(), "mzxid": stat.mzxid.to_string(),
        "ctime": stat.ctime.to_string(), "mtime": stat.mtime.to_string(),
        "version": stat.version, "cversion": stat.cversion, "aversion": stat.aversion,
        "ephemeral_owner": stat.ephemeral_owner.to_string(),
        "data_length": stat.data_length, "num_children": stat.num_children,
        "pzxid": stat.pzxid.to_string(),
    })
}

fn acl(acl: &Acl) -> Value {
    json!({"perms": acl.perms, "scheme": acl.id.scheme, "id": acl.id.id})
}

pub(crate) fn error(error: &Error) -> Value {
    let outcome = match error.outcome() {
        Outcome::NotApplied => "not_applied",
        Outcome::MaybeApplied => "maybe_applied",
        Outcome::SessionOver => "session_over",
    };
    json!({
        "code": error.code(), "name": error.name(), "path": error.path(), "outcome": outcome,
        "op_index": error.op_index(),
    })
}

pub(crate) fn event(event: &WatchEvent) -> Value {
    let kind = match event.kind {
        EventKind::Created => "created",
        EventKind::Deleted => "deleted",
        EventKind::DataChanged => "data_changed",
        EventKind::ChildrenChanged => "children_changed",
        EventKind::DataWatchRemoved => "data_watch_removed",
        EventKind::ChildWatchRemoved => "child_watch_removed",
        EventKind::PersistentWatchRemoved => "persistent_watch_removed",
    };
    json!({"kind": kind, "path": event.path})
}

pub(crate) fn state(state: SessionState) -> &'static str {
    match state {
        SessionState::Connecting => "connecting",
        SessionState::Connected => "connected",
        SessionState::ReadOnly => "read_only",
        SessionState::Suspended => "suspended",
        SessionState::Expired => "expired",
        SessionState::AuthFailed => "auth_failed",
        SessionState::Closed => "closed",
    }
}
