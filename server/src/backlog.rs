//! What all clients together have asked for and has not been answered.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::sync::Notify;

use crate::config::Limits;

/// Requests on their way through the pipeline, and who waits until there are fewer.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    requests: AtomicUsize,
    bytes: AtomicUsize,
    waiting: AtomicUsize,
    room: Notify,
}

impl Backlog {
    /// A request is on its way.
    pub(crate) fn add(&self, bytes: usize) {
        self.requests.fetch_add(1, SeqCst);
        self.bytes.fetch_add(bytes, SeqCst);
    }

    /// Some were answered, or never will be.
    pub(crate) fn done(&self, requests: usize, bytes: usize, limits: &Limits) {
        self.requests.fetch_sub(requests, SeqCst);
        self.bytes.fetch_sub(bytes, SeqCst);
        if self.waiting.load(SeqCst) > 0 && !self.is_full(limits) {
            self.room.notify_waiters();
        }
    }

    /// True when nobody may ask for more.
    pub(crate) fn is_full(&self, limits: &Limits) -> bool {
        self.bytes.load(SeqCst) > limits.outstanding_bytes
            || limits.outstanding_requests > 0
                && self.requests.load(SeqCst) >= limits.outstanding_requests
    }

    /// Returns when somebody may ask for more. All of it is answered some time, so that comes.
    pub(crate) async fn room(&self, limits: &Limits) {
        self.waiting.fetch_add(1, SeqCst);
        let _waiting = Waiting(&self.waiting);
        loop {
            let notified = self.room.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if !self.is_full(limits) {
                return;
            }
            notified.await;
        }
    }
}

/// Counts one who waits, for as long as the wait is not given up.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}
