//! The task queue, and its masterless claims.

use crate::argconv::{CBytes, CText};
use crate::callbacks::{Armed, Completion};
use crate::dispatch::{call, submit};
use crate::kinds::{
    pinfold_client_t, pinfold_destroy_fn, pinfold_listener_t, pinfold_reply_fn, pinfold_reply_t,
    pinfold_status_t,
};
use pinfold_glue::Op;
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// Submits a task to the application under `root`; the reply has the task's id.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_queue_submit(
    client: *mut pinfold_client_t,
    root: CText,
    payload: CBytes,
    payload_length: usize,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::QueueSubmit {
            root: root.required("root")?,
            payload: payload.copied(payload_length, "payload")?,
        })
    })
}

/// Asynchronous form of `pinfold_queue_submit`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_queue_submit_async(
    client: *mut pinfold_client_t,
    root: CText,
    payload: CBytes,
    payload_length: usize,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::QueueSubmit {
            root: root.required("root")?,
            payload: payload.copied(payload_length, "payload")?,
        })
    })
}

/// Completes when the task has a committed result: the reply has it as data, with the worker and
/// the attempt.
///
/// Errors: `PINFOLD_ERR_TASK_FAILED` when it was given up, with the reason as the message;
/// `PINFOLD_ERR_NO_NODE`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_queue_result(
    client: *mut pinfold_client_t,
    root: CText,
    task: CText,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::QueueResult { root: root.required("root")?, task: task.required("task")? })
    })
}

/// Asynchronous form of `pinfold_queue_result`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_queue_result_async(
    client: *mut pinfold_client_t,
    root: CText,
    task: CText,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::QueueResult { root: root.required("root")?, task: task.required("task")? })
    })
}

/// Counts the tasks: the reply has the counts, and the master's id as data.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_queue_counts(
    client: *mut pinfold_client_t,
    root: CText,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || Ok(Op::QueueCounts { root: root.required("root")? }))
}

/// Asynchronous form of `pinfold_queue_counts`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_queue_counts_async(
    client: *mut pinfold_client_t,
    root: CText,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || Ok(Op::QueueCounts { root: root.required("root")? }))
}

/// Claims the next waiting task without a master; completes when there is one. The reply has the
/// claim's handle, the task's id, its payload as data, and the attempt. `worker` names the
/// claimant. The listener, NULL for none, learns of the claim's loss.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_queue_claim(
    client: *mut pinfold_client_t,
    root: CText,
    worker: CText,
    listener: Option<&pinfold_listener_t>,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::recipe(listener);
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::QueueClaim { root: root.required("root")?, worker: worker.required("worker")? })
    })
}

/// Asynchronous form of `pinfold_queue_claim`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_queue_claim_async(
    client: *mut pinfold_client_t,
    root: CText,
    worker: CText,
    listener: Option<&pinfold_listener_t>,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::recipe(listener);
    submit(client, completion, armed, || {
        Ok(Op::QueueClaim { root: root.required("root")?, worker: worker.required("worker")? })
    })
}

/// Commits the result of a claimed task, at most once.
///
/// Errors: `PINFOLD_ERR_CLAIM_LOST` if it is no longer ours; `PINFOLD_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_claim_complete(
    client: *mut pinfold_client_t,
    recipe: u64,
    result: CBytes,
    result_length: usize,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::ClaimComplete { recipe, result: result.copied(result_length, "result")? })
    })
}

/// Asynchronous form of `pinfold_claim_complete`: returns at once, and the callback gets the reply.
/// A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_claim_complete_async(
    client: *mut pinfold_client_t,
    recipe: u64,
    result: CBytes,
    result_length: usize,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::ClaimComplete { recipe, result: result.copied(result_length, "result")? })
    })
}

/// Reports that a claimed task failed; it is tried again until its attempts are used up, and then
/// given up with the reason.
///
/// Errors: `PINFOLD_ERR_CLAIM_LOST` if it is no longer ours; `PINFOLD_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_claim_fail(
    client: *mut pinfold_client_t,
    recipe: u64,
    reason: CText,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::ClaimFail { recipe, reason: reason.required("reason")? })
    })
}

/// Asynchronous form of `pinfold_claim_fail`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_claim_fail_async(
    client: *mut pinfold_client_t,
    recipe: u64,
    reason: CText,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::ClaimFail { recipe, reason: reason.required("reason")? })
    })
}

/// Puts a claimed task back.
///
/// Errors: `PINFOLD_ERR_CLAIM_LOST` if it is no longer ours; `PINFOLD_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_claim_release(
    client: *mut pinfold_client_t,
    recipe: u64,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || Ok(Op::ClaimRelease { recipe }))
}

/// Asynchronous form of `pinfold_claim_release`: returns at once, and the callback gets the reply.
/// A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_claim_release_async(
    client: *mut pinfold_client_t,
    recipe: u64,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || Ok(Op::ClaimRelease { recipe }))
}
