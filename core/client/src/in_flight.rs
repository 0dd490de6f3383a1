//! Requests that wait for their answers, in the order of the wire.

use std::collections::VecDeque;
use std::sync::Arc;
use tokio::time::Instant;

use pinfold_proto::{ErrorCode, WatcherType};

use crate::shared::Completion;
use crate::watches::{Target, WatchKey, WatchKind};
use crate::wire::ReplyKind;
use crate::{Error, MultiOp, Outcome, ReadOp, Request, Response};

/// A request that waits for its answer.
pub(crate) struct Waiting {
    pub(crate) xid: i32,
    pub(crate) kind: ReplyKind,
    pub(crate) completion: Completion,
    pub(crate) about: About,
    pub(crate) is_write: bool,
    pub(crate) is_close: bool,
    /// What the request arms: the server's path and where it delivers. Of `exists` the answer
    /// decides between data and exist.
    pub(crate) watch: Option<(WatchKind, Arc<str>, Target)>,
    /// What the request removes.
    pub(crate) removal: Option<Removal>,
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

    /// The answer with the caller's paths in its errors.
    pub(crate) fn with_paths(&self, result: Result<Response, Error>) -> Result<Response, Error> {
        match (result, &self.about) {
            (Err(error), _) => Err(self.about(error)),
            (Ok(Response::MultiRead(results)), About::Ops(paths)) => {
                let result = |(result, path): (Result<_, Error>, &String)| {
                    result.map_err(|error| error.with_path(path.clone()))
                };
                Ok(Response::MultiRead(results.into_iter().zip(paths).map(result).collect()))
            }
            (ok, _) => ok,
        }
    }

    /// The error with this request's path.
    pub(crate) fn about(&self, error: Error) -> Error {
        match &self.about {
            About::Nothing => error,
            About::Path(path) => error.with_path(path.clone()),
            About::Ops(paths) => match error.op_index().and_then(|index| paths.get(index)) {
                Some(path) => {
                    let path = path.clone();
                    error.with_path(path)
                }
                None => error,
            },
        }
    }
}

/// What a removal of watches removes; the path is the server's.
pub(crate) enum Removal {
    One(WatchKey, WatcherType, Arc<str>),
    All(WatcherType, Arc<str>),
}

/// The caller's paths, for errors.
pub(crate) enum About {
    Nothing,
    Path(String),
    /// Those of a multi's operations.
    Ops(Vec<String>),
}

impl About {
    /// Takes the paths out of a request that has been encoded.
    pub(crate) fn of(request: Request) -> About {
        match request {
            Request::Multi { ops } => About::Ops(ops.into_iter().map(MultiOp::into_path).collect()),
            Request::MultiRead { ops } => {
                About::Ops(ops.into_iter().map(ReadOp::into_path).collect())
            }
            request => request.into_path().map_or(About::Nothing, About::Path),
        }
    }
}

/// All of them, oldest first.
pub(crate) type InFlight = VecDeque<Waiting>;
