//! Futures of requests, and watches as streams.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::{mpsc, oneshot};

use crate::shared::{self, Call, Completion, Shared};
use crate::watches::WatchKey;
use crate::{Error, Request, Response, WatchEvent};

/// The answer to a request that has its place in the session's order already. Dropping it does
/// not undo the request.
#[must_use = "the request is under way, but only its answer tells whether it succeeded"]
pub struct Pending<T> {
    state: State,
    convert: fn(Response) -> Option<T>,
}

enum State {
    Refused(Option<Error>),
    Waiting(oneshot::Receiver<Result<Response, Error>>),
}

impl<T> Pending<T> {
    pub(crate) fn waiting(
        receiver: oneshot::Receiver<Result<Response, Error>>,
        convert: fn(Response) -> Option<T>,
    ) -> Pending<T> {
        Pending { state: State::Waiting(receiver), convert }
    }

    pub(crate) fn refused(error: Error, convert: fn(Response) -> Option<T>) -> Pending<T> {
        Pending { state: State::Refused(Some(error)), convert }
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.state {
            State::Refused(error) => Err(error.take().unwrap_or_else(shared::closed)),
            State::Waiting(receiver) => match ready!(Pin::new(receiver).poll(context)) {
                Ok(result) => result,
                // The runtime was shut down under the session.
                Err(_) => Err(shared::closed()),
            },
        };
        let convert = self.convert;
        Poll::Ready(result.and_then(|response| {
            convert(response).ok_or_else(|| {
                Error::new(pinfold_proto::ErrorCode::DataInconsistency, "an answer of another kind")
            })
        }))
    }
}

/// A watch. A one-shot watch yields one event; a lasting one yields events until it is dropped.
/// Both end with the session. Dropping a watch that may still yield something removes it, at the
/// server too where nobody else of the session needs it there.
pub struct Watch {
    pub(crate) receiver: mpsc::UnboundedReceiver<WatchEvent>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) key: WatchKey,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Watch").field(&self.key).finish()
    }
}

impl Watch {
    /// The next event; none when there will be no more. Cancel safe.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        self.receiver.recv().await
    }

    /// An event that has come already.
    pub fn try_next(&mut self) -> Option<WatchEvent> {
        self.receiver.try_recv().ok()
    }
}

impl futures_core::Stream for Watch {
    type Item = WatchEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Used up, never armed, or over with its session.
        if self.receiver.is_closed() {
            return;
        }
        // Refused only when the session is over, and its watches with it.
        let _ = self.shared.enqueue(Call {
            request: Request::RemoveWatches { ticket: 0 },
            completion: Completion::Nobody,
            watch: None,
            remove: Some(self.key),
        });
    }
}
