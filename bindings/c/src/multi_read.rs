//! Multi read: several reads by one request, each with a result of its own.

use crate::argconv::CText;
use crate::callbacks::{Armed, Completion};
use crate::dispatch::{call, submit};
use crate::failure::{Failure, caught, guard, remember};
use crate::kinds::{
    pinfold_client_t, pinfold_destroy_fn, pinfold_multi_read_t, pinfold_reply_fn, pinfold_reply_t,
    pinfold_status_t,
};
use crate::registry;
use pinfold_glue::{Op, ReadOp};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, PoisonError};

/// The reads gathered so far.
#[derive(Default)]
pub(crate) struct MultiRead(Mutex<Vec<ReadOp>>);

impl MultiRead {
    fn copied(&self) -> Vec<ReadOp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn add(
    reads: *mut pinfold_multi_read_t,
    op: impl FnOnce() -> Result<ReadOp, Failure>,
) -> pinfold_status_t {
    guard(|| {
        let reads = registry::get::<MultiRead>(reads)?;
        let op = op()?;
        reads.0.lock().unwrap_or_else(PoisonError::into_inner).push(op);
        Ok(())
    })
}

/// Makes an empty multi read; free it by `pinfold_multi_read_free`. NULL only after a defect in
/// Pinfold. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_multi_read_new() -> *mut pinfold_multi_read_t {
    caught(|| Ok(registry::insert(Arc::new(MultiRead::default())))).unwrap_or_else(|failure| {
        remember(&failure);
        std::ptr::null_mut()
    })
}

/// Frees a multi read. NULL is allowed. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_multi_read_free(reads: *mut pinfold_multi_read_t) -> pinfold_status_t {
    guard(|| registry::remove::<MultiRead>(reads).map(drop))
}

/// Adds a read of a znode's data and stat. The path is copied. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_multi_read_get(
    reads: *mut pinfold_multi_read_t,
    path: CText,
) -> pinfold_status_t {
    add(reads, || Ok(ReadOp::GetData { path: path.required("path")? }))
}

/// Adds a read of the names of a znode's children. The path is copied. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_multi_read_get_children(
    reads: *mut pinfold_multi_read_t,
    path: CText,
) -> pinfold_status_t {
    add(reads, || Ok(ReadOp::GetChildren { path: path.required("path")? }))
}

/// Makes the reads of `reads`, from one state of the tree; the reply has one result per read, each
/// with a status of its own (`pinfold_reply_result_status`). `reads` is copied: it can be used
/// again, and must still be freed.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_multi_read(
    client: *mut pinfold_client_t,
    reads: *const pinfold_multi_read_t,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::MultiRead { ops: registry::get::<MultiRead>(reads)?.copied() })
    })
}

/// Asynchronous form of `pinfold_client_multi_read`: returns at once, and the callback gets the
/// reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback is
/// not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_multi_read_async(
    client: *mut pinfold_client_t,
    reads: *const pinfold_multi_read_t,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::MultiRead { ops: registry::get::<MultiRead>(reads)?.copied() })
    })
}
