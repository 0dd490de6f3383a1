//! The commands that use the recipes: a lock, an election and a task queue from a shell.

mod child;
mod queue;
mod scope;
mod session;

use std::process::ExitCode;

pub(crate) use child::{Guarded, guarded};
pub(crate) use queue::{QueueCommand, run as queue};
pub(crate) use scope::{Elect, Lock, elect, lock};

/// Why a command of this kind ends without the program's own status.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The server's answer, or that there is none.
    #[error("{0}")]
    Client(#[from] pinfold_client::Error),
    /// A file, a program, the terminal.
    #[error("{0}")]
    System(String),
    /// The lock was not to be had in time.
    #[error("{0}")]
    Late(String),
    /// The lock or the lead was lost; the program was stopped.
    #[error("{0}")]
    Lost(String),
}

impl Failure {
    /// The statuses are those of timeout(1) and of sysexits.h.
    fn status(&self) -> u8 {
        match self {
            Failure::Client(_) | Failure::System(_) => 125,
            Failure::Late(_) => 124,
            Failure::Lost(_) => 75,
        }
    }
}

/// What the statuses mean, for every `--help`.
pub(crate) const STATUS_HELP: &str = "\
Exit status:
  that of CMD; 128 plus the signal's number if a signal ended it
  75   the lock or the lead was lost, and CMD was stopped
  124  it was not to be had in time
  125  it could not be done: the servers cannot be reached, or refuse it
  126  CMD cannot be run
  127  CMD is not there";

/// Runs a command on this thread: a child is told of the end of the thread that made it.
pub(crate) fn run(work: impl Future<Output = Result<u8, Failure>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime
        .map_err(|error| Failure::System(error.to_string()))
        .and_then(|runtime| runtime.block_on(work));
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            eprintln!("pinfold: {failure}");
            ExitCode::from(failure.status())
        }
    }
}
