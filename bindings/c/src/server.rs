//! The embedded server: a real one, in this process, for tests and small applications.

use crate::argconv::{CServerOptions, CServerOptionsOut, text, texts};
use crate::failure::{Failure, c_string, caught, guard};
use crate::kinds::{pinfold_server_options_t, pinfold_server_t, pinfold_status_t};
use crate::registry;
use pinfold_glue::{self as glue, ServerOptions};
use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::sync::Arc;

/// A server as C has it.
pub(crate) struct Server {
    glue: glue::Server,
    address: CString,
}

/// Fills `options` with the defaults. `size` is `sizeof(pinfold_server_options_t)`, by which the
/// library knows the caller's header. NULL is `PINFOLD_ERR_INVALID_ARGUMENT`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_server_options_init(
    options: CServerOptionsOut,
    size: usize,
) -> pinfold_status_t {
    guard(|| options.fill(size))
}

/// Starts a server in this process and returns when it serves, with its handle in `*server`.
/// `options` may be NULL: a free port on loopback and a temporary data directory. On an error
/// `*server` is NULL. Blocks for as long as recovery takes. Any thread.
///
/// Errors: `PINFOLD_ERR_SERVER` when the address is taken or the data directory is not usable;
/// `pinfold_last_message` tells which.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_server_start(
    options: CServerOptions,
    server: Option<&mut MaybeUninit<*mut pinfold_server_t>>,
) -> pinfold_status_t {
    guard(|| {
        let target = server.ok_or_else(|| Failure::argument("server is NULL".into()))?;
        target.write(std::ptr::null_mut());
        let given = options.read()?;
        let options = ServerOptions {
            listen: text(given.listen).optional("options.listen")?,
            data_dir: text(given.data_dir).optional("options.data_dir")?,
            tick_time_ms: given.tick_time_ms,
            properties: properties(&given)?,
        };
        let glue = glue::Server::start(options)?;
        let address = c_string(glue.address());
        target.write(registry::insert(Arc::new(Server { glue, address })));
        Ok(())
    })
}

fn properties(given: &pinfold_server_options_t) -> Result<Vec<(String, String)>, Failure> {
    let given = texts(given.properties).copied(given.property_count, "options.properties")?;
    let pair = |text: String| match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Failure::argument(format!("the property {text:?} is not name=value"))),
    };
    given.into_iter().map(pair).collect()
}

/// The host:port that it serves on, to be used as the hosts of a client; empty for a handle that
/// is not valid. Valid until the server is freed. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_server_address(server: *const pinfold_server_t) -> *const c_char {
    caught(|| Ok(registry::get::<Server>(server)?.address.as_ptr())).unwrap_or(c"".as_ptr())
}

/// Stops serving and returns when everything that was acknowledged is on disk. Idempotent; the
/// handle stays valid. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_server_stop(server: *mut pinfold_server_t) -> pinfold_status_t {
    guard(|| Ok(registry::get::<Server>(server)?.glue.stop()?))
}

/// Stops the server if it runs, removes a temporary data directory, and gives the handle up. NULL
/// is allowed. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_server_free(server: *mut pinfold_server_t) -> pinfold_status_t {
    guard(|| match registry::remove::<Server>(server)? {
        Some(server) => Ok(server.glue.stop()?),
        None => Ok(()),
    })
}
