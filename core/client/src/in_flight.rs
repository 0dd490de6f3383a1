//! Requests that wait for their answers, in the order of the wire.

use std::collections::VecDeque;
use std::time::Instant;

use pinfold_proto::ErrorCode;

use crate::shared::Completion;
use crate::watches::{Target, WatchKey, WatchKind};
use crate::wire::ReplyKind;
use crate::{Error, Outcome, Response};

/// A request that waits for its answer.
pub(crate) struct Waiting {
    pub(crate) xid: i32,
    pub(crate) kind: ReplyKind,
    pub(crate) completion: Completion,
    /// The caller's path, for errors.
    pub(crate) path: Option<String>,
    pub(crate) is_write: bool,
    pub(crate) is_close: bool,
    /// What the request arms: the server's path and where it delivers. Of `exists` the answer
    /// decides between data and exist.
    pub(crate) watch: Option<(WatchKind, String, Target)>,
    pub(crate) remove: Option<WatchKey>,
    /// The answer of a request that needs no server; it waits only for its turn.
    pub(crate) local: Option<Result<Response, Error>>,
    /// Bytes written to the connection before this request's first.
    pub(crate) begins_at: u64,
    pub(crate) sent_at: Instant,
}

impl Waiting {
    /// The error of a request whose connection broke after `written` bytes.
    pub(crate) fn lost(&self, written: u64) -> Error {
        let error = Error::new(ErrorCode::ConnectionLoss, "the connection broke before the answer");
        let outcome = match self.is_write && self.begins_at < written {
            true => Outcome::MaybeApplied,
            false => Outcome::NotApplied,
        };
        self.about(error.with_outcome(outcome))
    }

    /// The error with this request's path.
    pub(crate) fn about(&self, error: Error) -> Error {
        match &self.path {
            Some(path) => error.with_path(path.clone()),
            None => error,
        }
    }
}

/// All of them, oldest first.
pub(crate) type InFlight = VecDeque<Waiting>;
