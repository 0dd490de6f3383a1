//! Multi: operations that are applied all or none.

use crate::argconv::{CAcls, CBytes, CText};
use crate::callbacks::{Armed, Completion};
use crate::dispatch::{call, submit};
use crate::failure::{Failure, caught, guard, remember};
use crate::kinds::{
    pinfold_client_t, pinfold_destroy_fn, pinfold_multi_t, pinfold_reply_fn, pinfold_reply_t,
    pinfold_status_t,
};
use crate::registry;
use crate::znode::mode_of;
use pinfold_glue::{MultiOp, Op};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, PoisonError};

/// The operations gathered so far.
#[derive(Default)]
pub(crate) struct Multi(Mutex<Vec<MultiOp>>);

impl Multi {
    /// Copies of the operations behind a handle.
    pub(crate) fn copies(multi: *const pinfold_multi_t) -> Result<Vec<MultiOp>, Failure> {
        Ok(registry::get::<Multi>(multi)?.copied())
    }

    fn copied(&self) -> Vec<MultiOp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn add(
    multi: *mut pinfold_multi_t,
    op: impl FnOnce() -> Result<MultiOp, Failure>,
) -> pinfold_status_t {
    guard(|| {
        let multi = registry::get::<Multi>(multi)?;
        let op = op()?;
        multi.0.lock().unwrap_or_else(PoisonError::into_inner).push(op);
        Ok(())
    })
}

/// Makes an empty multi; free it by `pinfold_multi_free`. NULL only after a defect in Pinfold. Any
/// thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_multi_new() -> *mut pinfold_multi_t {
    caught(|| Ok(registry::insert(Arc::new(Multi::default())))).unwrap_or_else(|failure| {
        remember(&failure);
        std::ptr::null_mut()
    })
}

/// Frees a multi. NULL is allowed. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_multi_free(multi: *mut pinfold_multi_t) -> pinfold_status_t {
    guard(|| registry::remove::<Multi>(multi).map(drop))
}

/// Adds a create; arguments as in `pinfold_client_create`. They are copied. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_multi_create(
    multi: *mut pinfold_multi_t,
    path: CText,
    data: CBytes,
    data_length: usize,
    mode: i32,
    acl: CAcls,
    acl_count: usize,
) -> pinfold_status_t {
    add(multi, || {
        Ok(MultiOp::Create {
            path: path.required("path")?,
            data: data.nullable(data_length, "data")?,
            mode: mode_of(mode)?,
            acl: acl.copied(acl_count)?,
            ttl_ms: 0,
        })
    })
}

/// Adds a create with a time to live; arguments as in `pinfold_client_create_ttl`. They are copied.
/// Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_multi_create_ttl(
    multi: *mut pinfold_multi_t,
    path: CText,
    data: CBytes,
    data_length: usize,
    mode: i32,
    ttl_ms: i64,
    acl: CAcls,
    acl_count: usize,
) -> pinfold_status_t {
    add(multi, || {
        Ok(MultiOp::Create {
            path: path.required("path")?,
            data: data.nullable(data_length, "data")?,
            mode: mode_of(mode)?,
            acl: acl.copied(acl_count)?,
            ttl_ms,
        })
    })
}

/// Adds a delete; arguments as in `pinfold_client_delete`. They are copied. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_multi_delete(
    multi: *mut pinfold_multi_t,
    path: CText,
    version: i32,
) -> pinfold_status_t {
    add(multi, || Ok(MultiOp::Delete { path: path.required("path")?, version }))
}

/// Adds a set; arguments as in `pinfold_client_set`. They are copied. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_multi_set(
    multi: *mut pinfold_multi_t,
    path: CText,
    data: CBytes,
    data_length: usize,
    version: i32,
) -> pinfold_status_t {
    add(multi, || {
        let data = data.nullable(data_length, "data")?;
        Ok(MultiOp::SetData { path: path.required("path")?, data, version })
    })
}

/// Adds a check that the znode is there and has this version, or any with `PINFOLD_ANY_VERSION`.
/// Arguments are copied. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_multi_check(
    multi: *mut pinfold_multi_t,
    path: CText,
    version: i32,
) -> pinfold_status_t {
    add(multi, || Ok(MultiOp::Check { path: path.required("path")?, version }))
}

/// Applies the operations of `multi`, all of them or none; the reply has one result per operation.
/// `multi` is copied: it can be used again, and must still be freed.
///
/// Errors: those of the operations; `pinfold_reply_op_index` tells which one failed.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_multi(
    client: *mut pinfold_client_t,
    multi: *const pinfold_multi_t,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || Ok(Op::Multi { ops: Multi::copies(multi)? }))
}

/// Asynchronous form of `pinfold_client_multi`: returns at once, and the callback gets the reply. A
/// status other than `PINFOLD_OK` means that nothing was submitted and the callback is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_multi_async(
    client: *mut pinfold_client_t,
    multi: *const pinfold_multi_t,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || Ok(Op::Multi { ops: Multi::copies(multi)? }))
}
