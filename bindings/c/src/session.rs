//! What concerns the session itself: its credentials, its identities, its ephemeral znodes.

use crate::argconv::{CBytes, CText};
use crate::callbacks::{Armed, Completion};
use crate::dispatch::{call, submit};
use crate::kinds::{
    pinfold_client_t, pinfold_destroy_fn, pinfold_reply_fn, pinfold_reply_t, pinfold_status_t,
};
use pinfold_glue::Op;
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// Adds credentials to the session; they are given again at every reconnection. For the scheme
/// digest they are `user:password`.
///
/// Errors: `PINFOLD_ERR_AUTH_FAILED`, which ends the session.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_add_auth(
    client: *mut pinfold_client_t,
    scheme: CText,
    auth: CBytes,
    auth_length: usize,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::AddAuth {
            scheme: scheme.required("scheme")?,
            auth: auth.copied(auth_length, "auth")?,
        })
    })
}

/// Asynchronous form of `pinfold_client_add_auth`: returns at once, and the callback gets the
/// reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_add_auth_async(
    client: *mut pinfold_client_t,
    scheme: CText,
    auth: CBytes,
    auth_length: usize,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::AddAuth {
            scheme: scheme.required("scheme")?,
            auth: auth.copied(auth_length, "auth")?,
        })
    })
}

/// Asks who the server takes this connection for: the reply has `pinfold_reply_identity_count`
/// schemes and users, without secrets.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_who_am_i(
    client: *mut pinfold_client_t,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || Ok(Op::WhoAmI))
}

/// Asynchronous form of `pinfold_client_who_am_i`: returns at once, and the callback gets the
/// reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback is
/// not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_who_am_i_async(
    client: *mut pinfold_client_t,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || Ok(Op::WhoAmI))
}

/// Lists the paths of this session's ephemeral znodes that begin with `prefix`, sorted:
/// `pinfold_reply_path_count`. The prefix is compared as text: /a finds /ab too, and / finds all.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_get_ephemerals(
    client: *mut pinfold_client_t,
    prefix: CText,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::GetEphemerals { prefix: prefix.required("prefix")? })
    })
}

/// Asynchronous form of `pinfold_client_get_ephemerals`: returns at once, and the callback gets
/// the reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback
/// is not called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_get_ephemerals_async(
    client: *mut pinfold_client_t,
    prefix: CText,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || {
        Ok(Op::GetEphemerals { prefix: prefix.required("prefix")? })
    })
}
