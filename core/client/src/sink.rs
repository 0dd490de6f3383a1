//! Where a host wants results and events to be put.

use crate::{Error, Response, SessionState, WatchEvent};

/// Takes everything that a session has to tell, in the order the session saw it. Its methods are
/// called on the session's task: they must not block and must not run code of the user.
pub trait Sink: Send + Sync + 'static {
    /// The request that was submitted under `ticket` is complete.
    fn reply(&self, ticket: u64, result: Result<Response, Error>);
    /// The watch that the request with `ticket` armed delivers.
    fn event(&self, ticket: u64, event: WatchEvent);
    /// The session has changed its state.
    fn state(&self, state: SessionState);
    /// The last call, exactly once: every ticket has been completed.
    fn closed(&self);
}
