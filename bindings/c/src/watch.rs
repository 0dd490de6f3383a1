//! Lasting watches, and watches by path and type.

use crate::argconv::CText;
use crate::callbacks::{Armed, Completion};
use crate::dispatch::{call, submit};
use crate::failure::Failure;
use crate::kinds::{
    pinfold_client_t, pinfold_destroy_fn, pinfold_reply_fn, pinfold_reply_t, pinfold_status_t,
    pinfold_watcher_t, watch_mode,
};
use pinfold_glue::{AddWatchMode as WatchMode, Op, WatcherType};
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// Arms a watch that lasts until it is removed or the client closes. `mode` is a
/// `PINFOLD_WATCH_MODE_` value; the znode need not exist. The watch's id is the reply's ticket. The
/// watcher is required.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_add_watch(
    client: *mut pinfold_client_t,
    path: CText,
    mode: i32,
    watcher: Option<&pinfold_watcher_t>,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::watch(watcher, false);
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::AddWatch { path: path.required("path")?, mode: lasting(mode, watcher)? })
    })
}

/// Asynchronous form of `pinfold_client_add_watch`: returns at once, and the callback gets the
/// reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_add_watch_async(
    client: *mut pinfold_client_t,
    path: CText,
    mode: i32,
    watcher: Option<&pinfold_watcher_t>,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::watch(watcher, false);
    submit(client, completion, armed, || {
        Ok(Op::AddWatch { path: path.required("path")?, mode: lasting(mode, watcher)? })
    })
}

/// Removes a watch by its id, the ticket of the operation that armed it (`pinfold_reply_ticket`);
/// it delivers nothing after the answer.
///
/// Errors: `PINFOLD_ERR_NO_WATCHER`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_remove_watches(
    client: *mut pinfold_client_t,
    watch: u64,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Removal(watch);
    call(client, timeout_ms, reply, armed, || Ok(Op::RemoveWatches { watch }))
}

/// Asynchronous form of `pinfold_client_remove_watches`: returns at once, and the callback gets the
/// reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_remove_watches_async(
    client: *mut pinfold_client_t,
    watch: u64,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Removal(watch);
    submit(client, completion, armed, || Ok(Op::RemoveWatches { watch }))
}

/// Removes every watch of a type on the znode, whoever of this client armed it, the recipes
/// included. `watch_type` is a `PINFOLD_WATCH_TYPE_` value. Each watcher gets a last event that
/// tells so, before the answer, and is released.
///
/// Errors: `PINFOLD_ERR_NO_WATCHER`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_remove_all_watches(
    client: *mut pinfold_client_t,
    path: CText,
    watch_type: i32,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::RemoveAllWatches { path: path.required("path")?, watch_type: type_of(watch_type)? })
    })
}

/// Asynchronous form of `pinfold_client_remove_all_watches`: returns at once, and the callback
/// gets the reply. A status other than `PINFOLD_OK` means that nothing was submitted and the
/// callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_remove_all_watches_async(
    client: *mut pinfold_client_t,
    path: CText,
    watch_type: i32,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::RemoveAllWatches { path: path.required("path")?, watch_type: type_of(watch_type)? })
    })
}

/// Asks the server whether this connection has a watch of a type on the znode. `watch_type` is a
/// `PINFOLD_WATCH_TYPE_` value.
///
/// Errors: `PINFOLD_ERR_NO_WATCHER` if it has none.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_check_watches(
    client: *mut pinfold_client_t,
    path: CText,
    watch_type: i32,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::CheckWatches { path: path.required("path")?, watch_type: type_of(watch_type)? })
    })
}

/// Asynchronous form of `pinfold_client_check_watches`: returns at once, and the callback gets the
/// reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback is
/// not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_check_watches_async(
    client: *mut pinfold_client_t,
    path: CText,
    watch_type: i32,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::CheckWatches { path: path.required("path")?, watch_type: type_of(watch_type)? })
    })
}

fn lasting(mode: i32, watcher: Option<&pinfold_watcher_t>) -> Result<WatchMode, Failure> {
    if watcher.is_none() {
        return Err(Failure::argument("watcher is NULL".into()));
    }
    watch_mode(mode).ok_or_else(|| Failure::argument(format!("watch mode {mode} is none")))
}

fn type_of(watch_type: i32) -> Result<WatcherType, Failure> {
    WatcherType::from_i32(watch_type)
        .ok_or_else(|| Failure::argument(format!("watch type {watch_type} is none")))
}
