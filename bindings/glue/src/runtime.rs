//! The runtime that every client of the process shares.
//!
//! It is made with the first client and lives as long as the process: threads that host languages
//! know nothing of are never joined at exit. It does not survive a fork, hence [`crate::fork`].

use std::cell::Cell;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::Error;

/// Two threads carry every session of a process: sessions are I/O, and one that decodes a large
/// answer must not stall the pings of the others.
const THREADS: usize = 2;

static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();

thread_local! {
    static IS_RUNTIME_THREAD: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn handle() -> Result<Handle, Error> {
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("pinfold-io")
            .on_thread_start(|| IS_RUNTIME_THREAD.set(true))
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    });
    match runtime {
        Ok(runtime) => Ok(runtime.handle().clone()),
        Err(error) => Err(Error::new(-1, format!("the runtime cannot be started: {error}"))),
    }
}

/// Whether the calling thread is one of the runtime's, where no host code may ever run.
pub fn is_runtime_thread() -> bool {
    IS_RUNTIME_THREAD.get()
}
