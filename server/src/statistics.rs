//! The numbers that monitors ask for.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Counters of one server since its start or the last reset.
#[derive(Debug)]
pub(crate) struct Statistics {
    received: AtomicU64,
    sent: AtomicU64,
    replies: AtomicU64,
    total_ms: AtomicU64,
    min_ms: AtomicU64,
    max_ms: AtomicU64,
    outstanding: AtomicI64,
}

/// Request latencies, in milliseconds.
pub(crate) struct Latency {
    pub(crate) min_ms: u64,
    pub(crate) average_ms: f64,
    pub(crate) max_ms: u64,
}

impl Default for Statistics {
    fn default() -> Statistics {
        Statistics {
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            replies: AtomicU64::new(0),
            total_ms: AtomicU64::new(0),
            min_ms: AtomicU64::new(u64::MAX),
            max_ms: AtomicU64::new(0),
            outstanding: AtomicI64::new(0),
        }
    }
}

impl Statistics {
    pub(crate) fn requests_received(&self, count: u64) {
        self.received.fetch_add(count, Relaxed);
        self.outstanding.fetch_add(count as i64, Relaxed);
    }

    /// A request was answered, or could not be.
    pub(crate) fn request_ended(&self, took: Duration) {
        let ms = took.as_millis() as u64;
        self.outstanding.fetch_sub(1, Relaxed);
        self.replies.fetch_add(1, Relaxed);
        self.total_ms.fetch_add(ms, Relaxed);
        self.min_ms.fetch_min(ms, Relaxed);
        self.max_ms.fetch_max(ms, Relaxed);
        self.sent.fetch_add(1, Relaxed);
    }

    pub(crate) fn event_sent(&self) {
        self.sent.fetch_add(1, Relaxed);
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    pub(crate) fn outstanding(&self) -> i64 {
        self.outstanding.load(Relaxed).max(0)
    }

    pub(crate) fn latency(&self) -> Latency {
        let replies = self.replies.load(Relaxed);
        Latency {
            min_ms: if replies == 0 { 0 } else { self.min_ms.load(Relaxed) },
            average_ms: self.total_ms.load(Relaxed) as f64 / replies.max(1) as f64,
            max_ms: self.max_ms.load(Relaxed),
        }
    }

    /// Forgets everything but the requests that are being worked on.
    pub(crate) fn reset(&self) {
        for counter in [&self.received, &self.sent, &self.replies, &self.total_ms, &self.max_ms] {
            counter.store(0, Relaxed);
        }
        self.min_ms.store(u64::MAX, Relaxed);
    }
}
