//! A worker of a master-worker application.

use crate::argconv::{CBytes, CText, CTexts};
use crate::callbacks::{Armed, Completion};
use crate::dispatch::{call, submit};
use crate::kinds::{
    pinfold_client_t, pinfold_destroy_fn, pinfold_listener_t, pinfold_reply_fn, pinfold_reply_t,
    pinfold_status_t,
};
use pinfold_glue::Op;
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// Registers a worker under `root`. The reply has the recipe's handle. `id` names it, unique among
/// the living ones; it takes `capacity` tasks at a time. `abilities`, NULL with count 0 for none,
/// say what it can do. The listener is told which tasks it is given
/// (`PINFOLD_RECIPE_EVENT_ASSIGNED`) and which are taken back (`PINFOLD_RECIPE_EVENT_REVOKED`).
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_worker_start(
    client: *mut pinfold_client_t,
    root: CText,
    id: CText,
    capacity: u32,
    abilities: CTexts,
    ability_count: usize,
    listener: Option<&pinfold_listener_t>,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::recipe(listener);
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::WorkerStart {
            root: root.required("root")?,
            id: id.required("id")?,
            capacity,
            abilities: abilities.copied(ability_count, "abilities")?,
        })
    })
}

/// Asynchronous form of `pinfold_worker_start`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_worker_start_async(
    client: *mut pinfold_client_t,
    root: CText,
    id: CText,
    capacity: u32,
    abilities: CTexts,
    ability_count: usize,
    listener: Option<&pinfold_listener_t>,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::recipe(listener);
    submit(client, completion, armed, || {
        Ok(Op::WorkerStart {
            root: root.required("root")?,
            id: id.required("id")?,
            capacity,
            abilities: abilities.copied(ability_count, "abilities")?,
        })
    })
}

/// Commits the result of an assigned task, at most once.
///
/// Errors: `PINFOLD_ERR_CLAIM_LOST` if the task was given to another; `PINFOLD_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_worker_complete(
    client: *mut pinfold_client_t,
    recipe: u64,
    task: CText,
    result: CBytes,
    result_length: usize,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::WorkerComplete {
            recipe,
            task: task.required("task")?,
            result: result.copied(result_length, "result")?,
        })
    })
}

/// Asynchronous form of `pinfold_worker_complete`: returns at once, and the callback gets the
/// reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_worker_complete_async(
    client: *mut pinfold_client_t,
    recipe: u64,
    task: CText,
    result: CBytes,
    result_length: usize,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::WorkerComplete {
            recipe,
            task: task.required("task")?,
            result: result.copied(result_length, "result")?,
        })
    })
}

/// Reports that an assigned task failed; it is tried again until its attempts are used up.
///
/// Errors: `PINFOLD_ERR_CLAIM_LOST` if the task was given to another; `PINFOLD_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_worker_fail(
    client: *mut pinfold_client_t,
    recipe: u64,
    task: CText,
    reason: CText,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::WorkerFail {
            recipe,
            task: task.required("task")?,
            reason: reason.required("reason")?,
        })
    })
}

/// Asynchronous form of `pinfold_worker_fail`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_worker_fail_async(
    client: *mut pinfold_client_t,
    recipe: u64,
    task: CText,
    reason: CText,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::WorkerFail {
            recipe,
            task: task.required("task")?,
            reason: reason.required("reason")?,
        })
    })
}

/// Gives unfinished tasks back and ends the recipe.
///
/// Errors: `PINFOLD_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_worker_stop(
    client: *mut pinfold_client_t,
    recipe: u64,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || Ok(Op::WorkerStop { recipe }))
}

/// Asynchronous form of `pinfold_worker_stop`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_worker_stop_async(
    client: *mut pinfold_client_t,
    recipe: u64,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || Ok(Op::WorkerStop { recipe }))
}
