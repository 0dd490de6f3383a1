//! A client belongs to the process that made it: a session cannot be shared by two, and the
//! runtime's threads do not survive a fork.

use crate::Error;
use crate::error::code;

/// The process that made something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner(u32);

impl Owner {
    pub(crate) fn this_process() -> Owner {
        Owner(std::process::id())
    }

    /// Fails in a process that was forked from the owner.
    pub(crate) fn check(self) -> Result<(), Error> {
        if self.0 == std::process::id() {
            return Ok(());
        }
        Err(Error::new(
            code::FORKED,
            "the process has forked since this was made; make a new client in the child",
        ))
    }
}
