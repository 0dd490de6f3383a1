//! From the arguments of a command to a request.

use bytes::Bytes;
use pinfold_client::{Acl, AddWatchMode, CreateMode, Id, MultiOp, ReadOp, Request, WatcherType};
use serde_json::Value;

/// Puts the id of a call into its string arguments.
pub(crate) fn numbered(args: &Value, id: u64) -> Value {
    match args {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), numbered(value, id))).collect()
        }
        Value::String(text) => text.replace("$i", &id.to_string()).into(),
        other => other.clone(),
    }
}

pub(crate) fn request(op: &str, args: &Value) -> Result<Request, String> {
    let path = || text(args, "path");
    let version = || version(args);
    let watch = args["watch"].as_bool().unwrap_or(false);
    Ok(match op {
        "create" => Request::Create {
            path: path()?,
            data: created_data(args)?,
            mode: mode(args)?,
            acl: acl(args)?,
            ttl_ms: ttl(args)?,
        },
        "delete" => Request::Delete { path: path()?, version: version()? },
        "exists" => Request::Exists { path: path()?, watch },
        "get" => Request::GetData { path: path()?, watch },
        "set" => Request::SetData { path: path()?, data: data(args)?, version: version()? },
        "get_children" => Request::GetChildren { path: path()?, watch },
        "get_acl" => Request::GetAcl { path: path()? },
        "set_acl" => Request::SetAcl { path: path()?, acl: acl(args)?, version: version()? },
        "sync" => Request::Sync { path: path()? },
        "multi" => Request::Multi { ops: multi(args)? },
        "multi_read" => Request::MultiRead { ops: reads(args)? },
        "get_ephemerals" => Request::GetEphemerals { prefix: text(args, "prefix")? },
        "get_all_children_number" => Request::GetAllChildrenNumber { path: path()? },
        "who_am_i" => Request::WhoAmI,
        "remove_all_watches" => {
            Request::RemoveAllWatches { path: path()?, kind: watch_type(args)? }
        }
        "check_watches" => Request::CheckWatches { path: path()?, kind: watch_type(args)? },
        "add_auth" => {
            Request::AddAuth { scheme: text(args, "scheme")?, auth: text(args, "auth")?.into() }
        }
        "add_watch" => Request::AddWatch { path: path()?, mode: watch_mode(args)? },
        "remove_watches" => {
            let watch = args["watch"].as_u64();
            Request::RemoveWatches { ticket: watch.ok_or("watch is no id")? }
        }
        other => return Err(format!("no operation {other}")),
    })
}

fn multi(args: &Value) -> Result<Vec<MultiOp>, String> {
    args["ops"].as_array().ok_or("ops is no list")?.iter().map(multi_op).collect()
}

fn multi_op(args: &Value) -> Result<MultiOp, String> {
    let path = text(args, "path")?;
    let version = version(args)?;
    Ok(match text(args, "op")?.as_str() {
        "create" => {
            let (data, mode, acl) = (created_data(args)?, mode(args)?, acl(args)?);
            MultiOp::Create { path, data, mode, acl, ttl_ms: ttl(args)? }
        }
        "delete" => MultiOp::Delete { path, version },
        "set" => MultiOp::SetData { path, data: data(args)?, version },
        "check" => MultiOp::Check { path, version },
        other => return Err(format!("no operation {other} in a multi")),
    })
}

fn text(args: &Value, name: &str) -> Result<String, String> {
    let value = args[name].as_str();
    value.map(str::to_owned).ok_or_else(|| format!("{name} is no string"))
}

fn version(args: &Value) -> Result<i32, String> {
    let value = args.get("version").map_or(Some(-1), Value::as_i64);
    let value = value.and_then(|version| i32::try_from(version).ok());
    value.ok_or_else(|| "version is no 32-bit number".into())
}

/// Not given is empty, null is null.
fn created_data(args: &Value) -> Result<Option<Bytes>, String> {
    if args.get("data").is_none() { Ok(Some(Bytes::new())) } else { data(args) }
}

fn data(args: &Value) -> Result<Option<Bytes>, String> {
    match &args["data"] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
        other => Err(format!("data is {other}")),
    }
}

fn mode(args: &Value) -> Result<CreateMode, String> {
    Ok(match args["mode"].as_str() {
        None | Some("persistent") => CreateMode::Persistent,
        Some("ephemeral") => CreateMode::Ephemeral,
        Some("persistent_sequential") => CreateMode::PersistentSequential,
        Some("ephemeral_sequential") => CreateMode::EphemeralSequential,
        Some("container") => CreateMode::Container,
        Some("persistent_with_ttl") => CreateMode::PersistentTtl,
        Some("persistent_sequential_with_ttl") => CreateMode::PersistentSequentialTtl,
        Some(other) => return Err(format!("no mode {other}")),
    })
}

fn ttl(args: &Value) -> Result<i64, String> {
    let value = args.get("ttl_ms").map_or(Some(0), Value::as_i64);
    value.ok_or_else(|| "ttl_ms is no number".into())
}

fn reads(args: &Value) -> Result<Vec<ReadOp>, String> {
    let read = |args: &Value| {
        let path = text(args, "path")?;
        Ok(match text(args, "op")?.as_str() {
            "get" => ReadOp::GetData { path },
            "get_children" => ReadOp::GetChildren { path },
            other => return Err(format!("no operation {other} in a multi read")),
        })
    };
    args["ops"].as_array().ok_or("ops is no list")?.iter().map(read).collect()
}

fn watch_type(args: &Value) -> Result<WatcherType, String> {
    Ok(match args["watch_type"].as_str() {
        None | Some("any") => WatcherType::Any,
        Some("children") => WatcherType::Children,
        Some("data") => WatcherType::Data,
        Some("persistent") => WatcherType::Persistent,
        Some("persistent_recursive") => WatcherType::PersistentRecursive,
        Some(other) => return Err(format!("no watch type {other}")),
    })
}

fn watch_mode(args: &Value) -> Result<AddWatchMode, String> {
    Ok(match args["mode"].as_str() {
        None | Some("persistent") => AddWatchMode::Persistent,
        Some("persistent_recursive") => AddWatchMode::PersistentRecursive,
        Some(other) => return Err(format!("no watch mode {other}")),
    })
}

fn acl(args: &Value) -> Result<Vec<Acl>, String> {
    let Some(list) = args.get("acl") else { return Ok(Acl::open_unsafe()) };
    let entry = |entry: &Value| {
        let perms = entry["perms"].as_i64().and_then(|perms| i32::try_from(perms).ok());
        let id = Id { scheme: text(entry, "scheme")?, id: text(entry, "id")? };
        Ok(Acl { perms: perms.ok_or("perms is no number")?, id })
    };
    list.as_array().ok_or("acl is no list")?.iter().map(entry).collect()
}
