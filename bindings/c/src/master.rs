//! The master of a master-worker application.

use crate::argconv::CText;
use crate::callbacks::{Armed, Completion};
use crate::dispatch::{call, submit};
use crate::kinds::{
    pinfold_client_t, pinfold_destroy_fn, pinfold_listener_t, pinfold_reply_fn, pinfold_reply_t,
    pinfold_status_t,
};
use pinfold_glue::Op;
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// Stands as a master under `root`: once elected, it gives waiting tasks to workers until it is
/// stopped. The reply has the recipe's handle. `id` names this candidate. A task is given up after
/// `max_attempts` attempts. The listener, NULL for none, is told what happens.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_master_start(
    client: *mut pinfold_client_t,
    root: CText,
    id: CText,
    max_attempts: u32,
    listener: Option<&pinfold_listener_t>,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::recipe(listener);
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::MasterStart { root: root.required("root")?, id: id.required("id")?, max_attempts })
    })
}

/// Asynchronous form of `pinfold_master_start`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_master_start_async(
    client: *mut pinfold_client_t,
    root: CText,
    id: CText,
    max_attempts: u32,
    listener: Option<&pinfold_listener_t>,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::recipe(listener);
    submit(client, completion, armed, || {
        Ok(Op::MasterStart { root: root.required("root")?, id: id.required("id")?, max_attempts })
    })
}

/// Resigns and ends the recipe.
///
/// Errors: `PINFOLD_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_master_stop(
    client: *mut pinfold_client_t,
    recipe: u64,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || Ok(Op::MasterStop { recipe }))
}

/// Asynchronous form of `pinfold_master_stop`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_master_stop_async(
    client: *mut pinfold_client_t,
    recipe: u64,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || Ok(Op::MasterStop { recipe }))
}
