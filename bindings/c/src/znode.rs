//! Operations on znodes.

use crate::argconv::{CAcls, CBytes, CText};
use crate::callbacks::{Armed, Completion};
use crate::dispatch::{call, submit};
use crate::failure::Failure;
use crate::kinds::{
    create_mode, pinfold_client_t, pinfold_destroy_fn, pinfold_reply_fn, pinfold_reply_t,
    pinfold_status_t, pinfold_watcher_t,
};
use pinfold_glue::Op;
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// Creates a znode. `data` NULL with length 0 is null data. `mode` is a `PINFOLD_CREATE_MODE_`
/// value without a time to live. `acl` NULL with count 0 lets everyone do everything. The reply
/// has the path, with the counter of a sequential one, and the stat.
///
/// Errors: `PINFOLD_ERR_NODE_EXISTS`, `PINFOLD_ERR_NO_NODE` without a parent,
/// `PINFOLD_ERR_NO_CHILDREN_FOR_EPHEMERALS`, `PINFOLD_ERR_NO_AUTH`, `PINFOLD_ERR_INVALID_ACL`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_create(
    client: *mut pinfold_client_t,
    path: CText,
    data: CBytes,
    data_length: usize,
    mode: i32,
    acl: CAcls,
    acl_count: usize,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::Create {
            path: path.required("path")?,
            data: data.nullable(data_length, "data")?,
            mode: mode_of(mode)?,
            acl: acl.copied(acl_count)?,
            ttl_ms: 0,
        })
    })
}

/// Asynchronous form of `pinfold_client_create`: returns at once, and the callback gets the reply.
/// A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_create_async(
    client: *mut pinfold_client_t,
    path: CText,
    data: CBytes,
    data_length: usize,
    mode: i32,
    acl: CAcls,
    acl_count: usize,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::Create {
            path: path.required("path")?,
            data: data.nullable(data_length, "data")?,
            mode: mode_of(mode)?,
            acl: acl.copied(acl_count)?,
            ttl_ms: 0,
        })
    })
}

/// As `pinfold_client_create`, for the two modes with a time to live: the znode goes when it has
/// no children and its data have not been set for `ttl_ms` milliseconds, 1 to 2^40 - 1.
///
/// Errors: those of `pinfold_client_create`; `PINFOLD_ERR_BAD_ARGUMENTS` for a `ttl_ms` out of its
/// range; `PINFOLD_ERR_UNIMPLEMENTED` where the server's extended types are not enabled.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_create_ttl(
    client: *mut pinfold_client_t,
    path: CText,
    data: CBytes,
    data_length: usize,
    mode: i32,
    ttl_ms: i64,
    acl: CAcls,
    acl_count: usize,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::Create {
            path: path.required("path")?,
            data: data.nullable(data_length, "data")?,
            mode: mode_of(mode)?,
            acl: acl.copied(acl_count)?,
            ttl_ms,
        })
    })
}

/// Asynchronous form of `pinfold_client_create_ttl`: returns at once, and the callback gets the
/// reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback is
/// not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_create_ttl_async(
    client: *mut pinfold_client_t,
    path: CText,
    data: CBytes,
    data_length: usize,
    mode: i32,
    ttl_ms: i64,
    acl: CAcls,
    acl_count: usize,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::Create {
            path: path.required("path")?,
            data: data.nullable(data_length, "data")?,
            mode: mode_of(mode)?,
            acl: acl.copied(acl_count)?,
            ttl_ms,
        })
    })
}

/// Deletes a znode that has no children. `version` is the one that it must have, or
/// `PINFOLD_ANY_VERSION`.
///
/// Errors: `PINFOLD_ERR_NO_NODE`, `PINFOLD_ERR_NOT_EMPTY`, `PINFOLD_ERR_BAD_VERSION`,
/// `PINFOLD_ERR_NO_AUTH`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_delete(
    client: *mut pinfold_client_t,
    path: CText,
    version: i32,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::Delete { path: path.required("path")?, version })
    })
}

/// Asynchronous form of `pinfold_client_delete`: returns at once, and the callback gets the reply.
/// A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_delete_async(
    client: *mut pinfold_client_t,
    path: CText,
    version: i32,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || Ok(Op::Delete { path: path.required("path")?, version }))
}

/// Looks whether there is a znode: the reply has its stat, or none (`pinfold_reply_stat` answers
/// 0), which is no error. With a watcher, arms a one-shot watch either way; NULL for none.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_exists(
    client: *mut pinfold_client_t,
    path: CText,
    watcher: Option<&pinfold_watcher_t>,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::watch(watcher, true);
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::Exists { path: path.required("path")?, watch: watcher.is_some() })
    })
}

/// Asynchronous form of `pinfold_client_exists`: returns at once, and the callback gets the reply.
/// A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_exists_async(
    client: *mut pinfold_client_t,
    path: CText,
    watcher: Option<&pinfold_watcher_t>,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::watch(watcher, true);
    submit(client, completion, armed, || {
        Ok(Op::Exists { path: path.required("path")?, watch: watcher.is_some() })
    })
}

/// Reads a znode: the reply has its data and stat. With a watcher, arms a one-shot watch with the
/// same request, unless it fails; NULL for none.
///
/// Errors: `PINFOLD_ERR_NO_NODE`, `PINFOLD_ERR_NO_AUTH`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_get(
    client: *mut pinfold_client_t,
    path: CText,
    watcher: Option<&pinfold_watcher_t>,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::watch(watcher, true);
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::Get { path: path.required("path")?, watch: watcher.is_some() })
    })
}

/// Asynchronous form of `pinfold_client_get`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_get_async(
    client: *mut pinfold_client_t,
    path: CText,
    watcher: Option<&pinfold_watcher_t>,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::watch(watcher, true);
    submit(client, completion, armed, || {
        Ok(Op::Get { path: path.required("path")?, watch: watcher.is_some() })
    })
}

/// Sets a znode's data; the reply has the new stat. `data` NULL with length 0 is null data.
/// `version` is the one that it must have, or `PINFOLD_ANY_VERSION`.
///
/// Errors: `PINFOLD_ERR_NO_NODE`, `PINFOLD_ERR_BAD_VERSION`, `PINFOLD_ERR_NO_AUTH`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_set(
    client: *mut pinfold_client_t,
    path: CText,
    data: CBytes,
    data_length: usize,
    version: i32,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::Set {
            path: path.required("path")?,
            data: data.nullable(data_length, "data")?,
            version,
        })
    })
}

/// Asynchronous form of `pinfold_client_set`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_set_async(
    client: *mut pinfold_client_t,
    path: CText,
    data: CBytes,
    data_length: usize,
    version: i32,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::Set {
            path: path.required("path")?,
            data: data.nullable(data_length, "data")?,
            version,
        })
    })
}

/// Lists a znode's children: the reply has their names and the parent's stat. With a watcher, arms
/// a one-shot watch with the same request, unless it fails; NULL for none.
///
/// Errors: `PINFOLD_ERR_NO_NODE`, `PINFOLD_ERR_NO_AUTH`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_get_children(
    client: *mut pinfold_client_t,
    path: CText,
    watcher: Option<&pinfold_watcher_t>,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::watch(watcher, true);
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::GetChildren { path: path.required("path")?, watch: watcher.is_some() })
    })
}

/// Asynchronous form of `pinfold_client_get_children`: returns at once, and the callback gets the
/// reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_get_children_async(
    client: *mut pinfold_client_t,
    path: CText,
    watcher: Option<&pinfold_watcher_t>,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::watch(watcher, true);
    submit(client, completion, armed, || {
        Ok(Op::GetChildren { path: path.required("path")?, watch: watcher.is_some() })
    })
}

/// Counts the znodes below a znode, at any depth: `pinfold_reply_all_children_number`.
///
/// Errors: `PINFOLD_ERR_NO_NODE`, `PINFOLD_ERR_NO_AUTH`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_get_all_children_number(
    client: *mut pinfold_client_t,
    path: CText,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::GetAllChildrenNumber { path: path.required("path")? })
    })
}

/// Asynchronous form of `pinfold_client_get_all_children_number`: returns at once, and the
/// callback gets the reply. A status other than `PINFOLD_OK` means that nothing was submitted and
/// the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_get_all_children_number_async(
    client: *mut pinfold_client_t,
    path: CText,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::GetAllChildrenNumber { path: path.required("path")? })
    })
}

/// Reads a znode's access control list: the reply has its entries and the stat.
///
/// Errors: `PINFOLD_ERR_NO_NODE`, `PINFOLD_ERR_NO_AUTH`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_get_acl(
    client: *mut pinfold_client_t,
    path: CText,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || Ok(Op::GetAcl { path: path.required("path")? }))
}

/// Asynchronous form of `pinfold_client_get_acl`: returns at once, and the callback gets the reply.
/// A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_get_acl_async(
    client: *mut pinfold_client_t,
    path: CText,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || Ok(Op::GetAcl { path: path.required("path")? }))
}

/// Sets a znode's access control list; the reply has the new stat. `acl` NULL with count 0 lets
/// everyone do everything. `version` is the ACL version (aversion) that it must have, or
/// `PINFOLD_ANY_VERSION`.
///
/// Errors: `PINFOLD_ERR_NO_NODE`, `PINFOLD_ERR_BAD_VERSION`, `PINFOLD_ERR_NO_AUTH`,
/// `PINFOLD_ERR_INVALID_ACL`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_set_acl(
    client: *mut pinfold_client_t,
    path: CText,
    acl: CAcls,
    acl_count: usize,
    version: i32,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::SetAcl { path: path.required("path")?, acl: acl.copied(acl_count)?, version })
    })
}

/// Asynchronous form of `pinfold_client_set_acl`: returns at once, and the callback gets the reply.
/// A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_set_acl_async(
    client: *mut pinfold_client_t,
    path: CText,
    acl: CAcls,
    acl_count: usize,
    version: i32,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::SetAcl { path: path.required("path")?, acl: acl.copied(acl_count)?, version })
    })
}

/// Brings the connected server up to date, so that a read after it sees every write that was
/// acknowledged before it.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_sync(
    client: *mut pinfold_client_t,
    path: CText,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || Ok(Op::Sync { path: path.required("path")? }))
}

/// Asynchronous form of `pinfold_client_sync`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_sync_async(
    client: *mut pinfold_client_t,
    path: CText,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || Ok(Op::Sync { path: path.required("path")? }))
}

pub(crate) fn mode_of(mode: i32) -> Result<pinfold_glue::CreateMode, Failure> {
    create_mode(mode).ok_or_else(|| Failure::argument(format!("mode {mode} is none")))
}
