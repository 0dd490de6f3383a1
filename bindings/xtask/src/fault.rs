//! The one error type of the developer commands: a sentence for the person at the terminal.

use std::fmt;

/// What a command answers.
pub(crate) type Fallible<T = ()> = Result<T, Fault>;

/// Why a command failed. It does not implement `Error` itself, so that every error converts by `?`.
pub(crate) struct Fault(String);

impl Fault {
    pub(crate) fn new(text: impl Into<String>) -> Fault {
        Fault(text.into())
    }
}

impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Fault {
        Fault(error.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Says what was being done when an error came.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl fmt::Display) -> Fallible<T>;
}

impl<T, E: Into<Fault>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Fallible<T> {
        self.map_err(|error| Fault(format!("{what}: {}", error.into().0)))
    }
}
