//! Errors as the bindings show them: a code, a stable name, a message, the path and the outcome.

use pinfold_client as client;

pub use client::Outcome;

/// Codes that the glue itself gives; the others come from the client core.
pub(crate) mod code {
    pub(crate) const CLOSED: i32 = -1000;
    pub(crate) const FORKED: i32 = -1002;
    pub(crate) const INVALID_ARGUMENT: i32 = -1003;
    pub(crate) const TIMEOUT: i32 = -1004;
    pub(crate) const CLAIM_LOST: i32 = -1005;
    pub(crate) const INVALID_HANDLE: i32 = -1006;
    #[cfg(feature = "embedded")]
    pub(crate) const SERVER: i32 = -1007;
    pub(crate) const PANIC: i32 = -1008;
    pub(crate) const TASK_FAILED: i32 = -1010;
    pub(crate) const CANCELLED: i32 = -1012;
}

/// Why a call failed, and what it may have changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// ZooKeeper's number, or ours at or below -1000.
    pub code: i32,
    /// Stable name of the code, for instance `NO_NODE`.
    pub name: &'static str,
    /// What happened and what to do, for people.
    pub message: String,
    /// The path that the call was about, as the caller wrote it.
    pub path: Option<String>,
    /// What callers branch on: whether anything may have been changed.
    pub outcome: Outcome,
    /// For multi: index of the operation that failed.
    pub op_index: Option<usize>,
}

impl Error {
    /// An error of the glue itself, before anything was sent.
    pub fn new(code: i32, message: impl Into<String>) -> Error {
        Error {
            code,
            name: name_of(code),
            message: message.into(),
            path: None,
            outcome: Outcome::NotApplied,
            op_index: None,
        }
    }

    /// The caller gave an argument of a wrong type, range or encoding.
    pub fn invalid_argument(message: impl Into<String>) -> Error {
        Error::new(code::INVALID_ARGUMENT, message)
    }

    /// The caller gave an operation of a recipe up.
    pub(crate) fn cancelled() -> Error {
        let message = "the operation was cancelled by its caller";
        Error { outcome: Outcome::MaybeApplied, ..Error::new(code::CANCELLED, message) }
    }

    /// A binding caught a panic at its boundary.
    pub fn panic(message: impl Into<String>) -> Error {
        Error { outcome: Outcome::MaybeApplied, ..Error::new(code::PANIC, message) }
    }

    pub(crate) fn closed() -> Error {
        Error::new(code::CLOSED, "the client is closed")
    }

    pub(crate) fn timeout() -> Error {
        Error {
            outcome: Outcome::MaybeApplied,
            ..Error::new(code::TIMEOUT, "the call's time limit passed; its outcome is not known")
        }
    }

    pub(crate) fn invalid_handle(recipe: u64, wanted: &str) -> Error {
        Error::new(code::INVALID_HANDLE, format!("handle {recipe} is not that of {wanted}"))
    }
}

/// The stable name of a code: the table's, else `API_ERROR`.
pub fn name_of(code: i32) -> &'static str {
    let known = crate::api::API.errors.iter().find(|error| error.code == code);
    known.map_or("API_ERROR", |error| error.name)
}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Error {
        Error {
            code: error.code(),
            name: name_of(error.code()),
            message: error.to_string(),
            path: error.path().map(str::to_owned),
            outcome: error.outcome(),
            op_index: error.op_index(),
        }
    }
}
