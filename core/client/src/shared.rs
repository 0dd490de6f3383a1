//! What the handles of a client and its session's task share.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use crate::connector::Connector;
use crate::hosts::Hosts;
use crate::watches::{Target, WatchKey};
use crate::{Error, ErrorKind, Options, Request, Response, SessionState, SessionToken, Sink};

/// A request on its way to the session's task.
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) completion: Completion,
    /// Where the watch delivers that the request arms.
    pub(crate) watch: Option<Target>,
    /// The watch that the request removes.
    pub(crate) remove: Option<WatchKey>,
}

/// Who is told of a request's end.
pub(crate) enum Completion {
    Sink(u64),
    Future(oneshot::Sender<Result<Response, Error>>),
    Nobody,
}

/// Shared between handles and task. No lock is held over I/O or over a call of the sink.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) hosts: Hosts,
    /// None where connections are plain.
    pub(crate) connector: Option<Connector>,
    pub(crate) sink: Option<Arc<dyn Sink>>,
    queue: Mutex<Queue>,
    /// Wakes the task when the queue becomes non-empty.
    pub(crate) notify: Notify,
    in_flight: AtomicUsize,
    pub(crate) state: watch::Sender<SessionState>,
    token: Mutex<Option<SessionToken>>,
    timeout_ms: AtomicU32,
    /// Origin of `last_contact_us`.
    base: Instant,
    /// When the last request was sent that the server has answered, microseconds after `base`.
    last_contact_us: AtomicU64,
    next_watch: AtomicU64,
    /// Why the last attempt to connect failed, for the message of a time-out.
    pub(crate) last_failure: Mutex<String>,
}

#[derive(Default)]
struct Queue {
    calls: Vec<Call>,
    /// Nothing is taken any more, for this reason.
    over: Option<Error>,
    /// `Close` is in the queue or was; only further ones are taken.
    closing: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the client is closed")
}

impl Shared {
    pub(crate) fn new(
        options: Options,
        hosts: Hosts,
        connector: Option<Connector>,
        sink: Option<Arc<dyn Sink>>,
    ) -> Shared {
        let timeout_ms = u32::try_from(options.session_timeout.as_millis()).unwrap_or(u32::MAX);
        let token = Mutex::new(options.session);
        Shared {
            options,
            hosts,
            connector,
            sink,
            queue: Mutex::default(),
            notify: Notify::new(),
            in_flight: AtomicUsize::new(0),
            state: watch::Sender::new(SessionState::Connecting),
            token,
            timeout_ms: AtomicU32::new(timeout_ms),
            base: Instant::now(),
            last_contact_us: AtomicU64::new(0),
            next_watch: AtomicU64::new(1),
            last_failure: Mutex::default(),
        }
    }

    /// Gives a request its place in the session's order.
    pub(crate) fn enqueue(&self, call: Call) -> Result<(), Error> {
        call.request.check(self.options.max_request, self.hosts.chroot.len())?;
        let is_close = call.request == Request::Close;
        let internal = matches!(call.completion, Completion::Nobody);
        let mut queue = lock(&self.queue);
        if let Some(over) = &queue.over {
            let over = over.clone();
            return Err(match call.request.path() {
                Some(path) => over.with_path(path),
                None => over,
            });
        }
        if queue.closing && !is_close {
            return Err(closed());
        }
        let limit = self.options.in_flight_limit;
        if self.in_flight.load(Ordering::Relaxed) >= limit && !is_close && !internal {
            let message = format!("{limit} requests are waiting for an answer, which is the limit");
            return Err(Error::new(ErrorKind::InFlightFull, message));
        }
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        queue.closing |= is_close;
        let was_empty = queue.calls.is_empty();
        queue.calls.push(call);
        drop(queue);
        if was_empty {
            self.notify.notify_one();
        }
        Ok(())
    }

    /// Takes everything that waits, in order, into `calls`, which must be empty.
    pub(crate) fn take_calls(&self, calls: &mut Vec<Call>) {
        std::mem::swap(&mut lock(&self.queue).calls, calls);
    }

    /// Why nothing is taken any more.
    pub(crate) fn over(&self) -> Option<Error> {
        lock(&self.queue).over.clone()
    }

    /// Whether `Close` has been asked for.
    pub(crate) fn is_closing(&self) -> bool {
        lock(&self.queue).closing
    }

    /// Refuses everything from now on, and returns what was still waiting.
    pub(crate) fn end(&self, why: Error) -> Vec<Call> {
        let mut queue = lock(&self.queue);
        queue.over = Some(why);
        std::mem::take(&mut queue.calls)
    }

    /// Tells whoever waits for a request.
    pub(crate) fn complete(&self, completion: Completion, result: Result<Response, Error>) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        match completion {
            Completion::Sink(ticket) => {
                if let Some(sink) = &self.sink {
                    sink.reply(ticket, result);
                }
            }
            // A future that was dropped wants no answer; what it asked for was done all the same.
            Completion::Future(sender) => drop(sender.send(result)),
            Completion::Nobody => {}
        }
    }

    pub(crate) fn set_state(&self, state: SessionState) {
        if self.state.send_replace(state) != state
            && let Some(sink) = &self.sink
        {
            sink.state(state);
        }
    }

    pub(crate) fn token(&self) -> Option<SessionToken> {
        *lock(&self.token)
    }

    pub(crate) fn set_session(&self, token: SessionToken, timeout: Duration) {
        *lock(&self.token) = Some(token);
        let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        self.timeout_ms.store(timeout_ms, Ordering::Relaxed);
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.load(Ordering::Relaxed).into())
    }

    pub(crate) fn touch(&self, sent_at: Instant) {
        let since = sent_at.saturating_duration_since(self.base).as_micros();
        self.last_contact_us.fetch_max(u64::try_from(since).unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn last_contact(&self) -> Instant {
        self.base + Duration::from_micros(self.last_contact_us.load(Ordering::Relaxed))
    }

    /// A number below `bound`; 0 where the system has no randomness to give.
    pub(crate) fn random(&self, bound: usize) -> usize {
        let mut bytes = [0; 4];
        let _ = self.fill_random(&mut bytes);
        u32::from_ne_bytes(bytes) as usize % bound.max(1)
    }

    /// Fills the buffer; false where the system has no randomness to give.
    pub(crate) fn fill_random(&self, buffer: &mut [u8]) -> bool {
        let Some(world) = &self.options.world else { return getrandom::fill(buffer).is_ok() };
        for chunk in buffer.chunks_mut(4) {
            chunk.copy_from_slice(&world.random().to_ne_bytes()[..chunk.len()]);
        }
        true
    }

    pub(crate) fn next_watch(&self) -> u64 {
        self.next_watch.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn set_failure(&self, failure: String) {
        tracing::debug!("{failure}");
        *lock(&self.last_failure) = failure;
    }
}
