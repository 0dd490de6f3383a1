//! Leader election.

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

/// Stands as a candidate under `path` and completes when this client leads; the reply has the
/// recipe's handle and the fencing token. `data` is what others see of the leader. The listener,
/// NULL for none, gets `PINFOLD_RECIPE_EVENT_LEADERSHIP_LOST` before the server could expire the
/// session: stop at once then.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_election_campaign(
    client: *mut pinfold_client_t,
    path: CText,
    data: CBytes,
    data_length: usize,
    listener: Option<&pinfold_listener_t>,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::recipe(listener);
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::ElectionCampaign {
            path: path.required("path")?,
            data: data.copied(data_length, "data")?,
        })
    })
}

/// Asynchronous form of `pinfold_election_campaign`: returns at once, and the callback gets the
/// reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_election_campaign_async(
    client: *mut pinfold_client_t,
    path: CText,
    data: CBytes,
    data_length: usize,
    listener: Option<&pinfold_listener_t>,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::recipe(listener);
    submit(client, completion, armed, || {
        Ok(Op::ElectionCampaign {
            path: path.required("path")?,
            data: data.copied(data_length, "data")?,
        })
    })
}

/// Gives a leadership up; the next candidate leads.
///
/// Errors: `PINFOLD_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_election_resign(
    client: *mut pinfold_client_t,
    recipe: u64,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || Ok(Op::ElectionResign { recipe }))
}

/// Asynchronous form of `pinfold_election_resign`: returns at once, and the callback gets the
/// reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_election_resign_async(
    client: *mut pinfold_client_t,
    recipe: u64,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || Ok(Op::ElectionResign { recipe }))
}

/// Asks who leads: the reply has the leader's data and token, or the token 0 if nobody does.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_election_leader(
    client: *mut pinfold_client_t,
    path: CText,
    timeout_ms: i64,
    reply: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
) -> pinfold_status_t {
    let armed = Armed::Nothing;
    call(client, timeout_ms, reply, armed, || {
        Ok(Op::ElectionLeader { path: path.required("path")? })
    })
}

/// Asynchronous form of `pinfold_election_leader`: returns at once, and the callback gets the
/// reply. A status other than `PINFOLD_OK` means that nothing was submitted and the callback is not
/// called.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_election_leader_async(
    client: *mut pinfold_client_t,
    path: CText,
    callback: pinfold_reply_fn,
    user_data: *mut c_void,
    destroy: pinfold_destroy_fn,
) -> pinfold_status_t {
    let completion = Completion::new(callback, user_data, destroy);
    let armed = Armed::Nothing;
    submit(client, completion, armed, || Ok(Op::ElectionLeader { path: path.required("path")? }))
}
