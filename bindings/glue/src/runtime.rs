//! The runtime that every client of the process shares.
//!
//! It is made with the first client and lives as long as the process: threads that host languages
//! know nothing of are never joined at exit. Its threads do not survive a fork: a child gets a
//! runtime of its own with its first client, and [`crate::fork`] refuses the parent's clients.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::Error;

/// Two threads carry every session of a process: sessions are I/O, and one that decodes a large
/// answer must not stall the pings of the others.
const THREADS: usize = 2;

/// The runtime, with the process that it belongs to.
static RUNTIME: Mutex<Option<(u32, Runtime)>> = Mutex::new(None);

thread_local! {
    static IS_RUNTIME_THREAD: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn handle() -> Result<Handle, Error> {
    let mut shared = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some((owner, runtime)) = &*shared
        && *owner == process
    {
        return Ok(runtime.handle().clone());
    }
    let built = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("pinfold-io")
        .on_thread_start(|| IS_RUNTIME_THREAD.set(true))
        .enable_all()
        .build();
    let runtime =
        built.map_err(|error| Error::new(-1, format!("the runtime cannot be started: {error}")))?;
    let handle = runtime.handle().clone();
    // In a forked child: dropping the parent's runtime would wait for threads that only the
    // parent has.
    std::mem::forget(shared.replace((process, runtime)));
    Ok(handle)
}

/// Whether the calling thread is one of the runtime's, where no host code may ever run.
pub fn is_runtime_thread() -> bool {
    IS_RUNTIME_THREAD.get()
}
