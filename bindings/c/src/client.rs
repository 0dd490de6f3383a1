//! The client: opening, state, polling, closing.

use crate::argconv::{CClientOptions, CClientOptionsOut, bytes, text};
use crate::callbacks::StateListener;
use crate::dispatch::Client;
use crate::failure::{Failure, caught, guard};
use crate::kinds::{
    CALLBACKS_POLL, CALLBACKS_THREAD, pinfold_client_options_t, pinfold_client_t, pinfold_status_t,
    session_state, tls_verify,
};
use crate::registry;
use pinfold_glue::{self as glue, Options, Security};
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// Fills `options` with the defaults. `size` is `sizeof(pinfold_client_options_t)`, by which the
/// library knows the caller's header. NULL is `PINFOLD_ERR_INVALID_ARGUMENT`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_options_init(
    options: CClientOptionsOut,
    size: usize,
) -> pinfold_status_t {
    guard(|| options.fill(size))
}

/// Starts a session and returns at once with its handle in `*client`; it connects by itself, and
/// the state callback tells. Operations may be called before that: they wait for the connection.
/// On an error `*client` is NULL. Free the handle by `pinfold_client_free`. Any thread.
///
/// Errors: `PINFOLD_ERR_INVALID_ARGUMENT` or `PINFOLD_ERR_BAD_ARGUMENTS` for options that cannot
/// be used. on_state_user_data is released also then.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_open(
    options: CClientOptions,
    client: Option<&mut MaybeUninit<*mut pinfold_client_t>>,
) -> pinfold_status_t {
    guard(|| open(options, client, false))
}

/// As `pinfold_client_open`, and waits until the session is served, connect_timeout_ms at most.
/// On an error there is no client. In poll mode no callback runs before the first poll. Any
/// thread.
///
/// Errors: those of `pinfold_client_open`, `PINFOLD_ERR_NOT_CONNECTED` after the time limit,
/// `PINFOLD_ERR_AUTH_FAILED`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_connect(
    options: CClientOptions,
    client: Option<&mut MaybeUninit<*mut pinfold_client_t>>,
) -> pinfold_status_t {
    guard(|| open(options, client, true))
}

fn open(
    options: CClientOptions,
    target: Option<&mut MaybeUninit<*mut pinfold_client_t>>,
    connect: bool,
) -> Result<(), Failure> {
    let target = target.ok_or_else(|| Failure::argument("client is NULL".into()))?;
    target.write(std::ptr::null_mut());
    let given = options.read()?;
    // First thing, so that its user_data is released on every path.
    let on_state = Arc::new(StateListener::new(
        given.on_state,
        given.on_state_user_data,
        given.on_state_destroy,
    ));
    let polled = match given.callbacks {
        CALLBACKS_THREAD => false,
        CALLBACKS_POLL => true,
        other => return Err(Failure::argument(format!("options.callbacks is {other}"))),
    };
    let glue = glue::Client::open(convert(&given)?)?;
    let handle = Client::start(glue.clone(), polled, on_state)?;
    if connect && let Err(error) = glue.wait_connected() {
        if let Some(client) = registry::remove::<Client>(handle)? {
            client.free();
        }
        return Err(error.into());
    }
    target.write(handle);
    Ok(())
}

fn convert(given: &pinfold_client_options_t) -> Result<Options, Failure> {
    let mut options = Options::new(text(given.hosts).required("options.hosts")?);
    options.session_timeout_ms = given.session_timeout_ms;
    options.connect_timeout_ms = given.connect_timeout_ms;
    options.in_flight_limit = given.in_flight_limit;
    options.read_only = given.read_only != 0;
    if let Some(scheme) = text(given.auth_scheme).optional("options.auth_scheme")? {
        let auth = bytes(given.auth).copied(given.auth_length, "options.auth")?;
        options.auth.push((scheme, auth.to_vec()));
    }
    options.security = security(given)?;
    Ok(options)
}

fn security(given: &pinfold_client_options_t) -> Result<Security, Failure> {
    let verify = tls_verify(given.tls_verify)
        .ok_or_else(|| Failure::argument(format!("options.tls_verify is {}", given.tls_verify)))?;
    Ok(Security {
        tls_ca_file: text(given.tls_ca_file).optional("options.tls_ca_file")?,
        tls_cert_file: text(given.tls_cert_file).optional("options.tls_cert_file")?,
        tls_key_file: text(given.tls_key_file).optional("options.tls_key_file")?,
        tls_store_password: text(given.tls_store_password)
            .optional("options.tls_store_password")?,
        tls_verify: verify,
        tls_server_name: text(given.tls_server_name).optional("options.tls_server_name")?,
        sasl_user: text(given.sasl_user).optional("options.sasl_user")?,
        sasl_password: text(given.sasl_password).optional("options.sasl_password")?,
    })
}

/// Closes the session: its ephemeral znodes go, recipes end, every outstanding operation is
/// answered, then callbacks stop. Returns at once; idempotent; may be called inside callbacks. The
/// handle stays valid, and operations on it fail with `PINFOLD_ERR_CLOSED`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_close(client: *mut pinfold_client_t) -> pinfold_status_t {
    guard(|| {
        registry::get::<Client>(client)?.glue.close();
        Ok(())
    })
}

/// Closes the client and gives its handle up; the handle is invalid at once. Returns when the last
/// callback has returned and every user_data was released: in thread mode they run on the client's
/// thread, in poll mode inside this call. Inside a callback it does not wait, and the rest follows
/// after that callback. NULL is allowed. Any thread.
///
/// Errors: `PINFOLD_ERR_INVALID_HANDLE` for a handle that was freed.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_free(client: *mut pinfold_client_t) -> pinfold_status_t {
    guard(|| {
        if let Some(client) = registry::remove::<Client>(client)? {
            client.free();
        }
        Ok(())
    })
}

/// Starts a new session with the same options, mode and state callback, for use after the old one
/// has expired; the old client stays as it is and must be freed as well. Never blocks. Its
/// on_state_user_data is released when neither needs it. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_renew(
    client: *mut pinfold_client_t,
    renewed: Option<&mut MaybeUninit<*mut pinfold_client_t>>,
) -> pinfold_status_t {
    guard(|| {
        let target = renewed.ok_or_else(|| Failure::argument("renewed is NULL".into()))?;
        target.write(std::ptr::null_mut());
        target.write(registry::get::<Client>(client)?.renew()?);
        Ok(())
    })
}

/// Waits until the session is served, connect_timeout_ms at most. Any thread.
///
/// Errors: `PINFOLD_ERR_NOT_CONNECTED` after the time limit, `PINFOLD_ERR_AUTH_FAILED`,
/// `PINFOLD_ERR_SESSION_EXPIRED`, `PINFOLD_ERR_CLOSED`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_wait_connected(client: *mut pinfold_client_t) -> pinfold_status_t {
    guard(|| Ok(registry::get::<Client>(client)?.glue.wait_connected()?))
}

/// The session's state now, a `PINFOLD_SESSION_STATE_` value; an error status for a handle that is
/// not valid. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_state(client: *mut pinfold_client_t) -> i32 {
    let mut state = 0;
    let status = guard(|| {
        state = session_state(registry::get::<Client>(client)?.glue.state());
        Ok(())
    });
    if status == 0 { state } else { status }
}

/// The session's id; 0 before the first connection and for a handle that is not valid. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_session_id(client: *mut pinfold_client_t) -> i64 {
    caught(|| Ok(registry::get::<Client>(client)?.glue.session_id())).unwrap_or(0)
}

/// The session timeout that the server gave, milliseconds; before the first connection what was
/// asked for; 0 for a handle that is not valid. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_session_timeout_ms(client: *mut pinfold_client_t) -> u32 {
    caught(|| Ok(registry::get::<Client>(client)?.glue.session_timeout_ms())).unwrap_or(0)
}

/// Poll mode: a descriptor that is readable while callbacks wait to be run. It belongs to the
/// client until the client is freed: poll or select it, but do not read, write or close it. Any
/// thread.
///
/// Errors: `PINFOLD_ERR_INVALID_ARGUMENT` in thread mode.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_fd(
    client: *mut pinfold_client_t,
    fd: Option<&mut MaybeUninit<c_int>>,
) -> pinfold_status_t {
    guard(|| {
        let target = fd.ok_or_else(|| Failure::argument("fd is NULL".into()))?;
        target.write(-1);
        let client = registry::get::<Client>(client)?;
        client.require_polled()?;
        target.write(client.glue.fd()?);
        Ok(())
    })
}

/// Poll mode: runs the callbacks that wait, at most `max` of them (0: all that wait now), on this
/// thread, in the session's order; never waits. `*count`, if not NULL, tells how many items there
/// were. From several threads at once, one runs callbacks and the others wait for it.
///
/// Errors: `PINFOLD_ERR_INVALID_ARGUMENT` in thread mode; `PINFOLD_ERR_WOULD_DEADLOCK` inside a
/// callback of the same client.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_poll(
    client: *mut pinfold_client_t,
    max: usize,
    count: Option<&mut MaybeUninit<usize>>,
) -> pinfold_status_t {
    guard(|| {
        let client = registry::get::<Client>(client)?;
        let delivered = client.poll(if max == 0 { usize::MAX } else { max })?;
        if let Some(count) = count {
            count.write(delivered);
        }
        Ok(())
    })
}
