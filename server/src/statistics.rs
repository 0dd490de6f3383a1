//! The numbers that monitors ask for.
//!
//! Everything is an atomic of its own: who counts never waits, and who reads sees figures that
//! are each true, if not of the very same instant.

mod summary;
mod traffic;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

pub(crate) use summary::{Quantiles, Summary};
pub(crate) use traffic::{Answer, Traffic};

/// A figure that only grows, until it is reset.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// What it has come to.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn reset(&self) {
        self.0.store(0, Relaxed);
    }
}

/// Counters of one server since its start or the last reset. Times are milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    /// Frames and four-letter words that came.
    pub(crate) received: Counter,
    /// Their bytes, lengths included.
    pub(crate) received_bytes: Counter,
    /// Answers and events that went out.
    pub(crate) sent: Counter,
    /// From a request's arrival to its answer.
    pub(crate) latency: Summary,
    /// The same, of reads.
    pub(crate) reads: Quantiles,
    /// The same, of writes and of what opens and closes sessions.
    pub(crate) writes: Quantiles,
    /// Syncs of the log.
    pub(crate) syncs: Arc<Summary>,
    /// Entries that were synced together.
    pub(crate) batches: Summary,
    /// Bytes of each entry that this leader proposed to others, and of the last one.
    pub(crate) proposals: Summary,
    pub(crate) last_proposal: AtomicU64,
    /// From a snapshot's begin until it is durable.
    pub(crate) snapshots: Summary,
    /// Snapshots that could not be written.
    pub(crate) snapshot_errors: Counter,
    /// Watchers that heard of a creation.
    pub(crate) created_watchers: Summary,
    /// Of a deletion.
    pub(crate) deleted_watchers: Summary,
    /// Of a change of data.
    pub(crate) changed_watchers: Summary,
    /// Of a change of the list of children.
    pub(crate) children_watchers: Summary,
    /// Handshakes that came.
    pub(crate) handshakes: Counter,
    /// Connections that were refused because there were too many.
    pub(crate) connections_rejected: Counter,
    /// Connections that their client ended without closing its session.
    pub(crate) connections_dropped: Counter,
    /// Connections that were closed because no handshake came.
    pub(crate) silent_connections: Counter,
    /// Sessions that were over because nothing was heard of them.
    pub(crate) sessions_expired: Counter,
    /// Frames that were longer than allowed.
    pub(crate) large_requests_rejected: Counter,
    /// Credentials that proved nothing.
    pub(crate) auth_failed: Counter,
    /// TLS handshakes that came to nothing.
    pub(crate) handshakes_failed: Counter,
    /// TLS handshakes that were refused because there were too many at the same time.
    pub(crate) handshakes_exceeded: Counter,
    /// Writes that went beyond a limit of a quota, or would have.
    pub(crate) quota_exceeded: Counter,
    /// Times that nothing more was read from a client because too much was outstanding.
    pub(crate) waits: Counter,
    /// Clients that were cut off because they left too much unread.
    pub(crate) slow_clients_closed: Counter,
    /// Watches that were refused because their connection had too many.
    pub(crate) watches_rejected: Counter,
    /// Parts of multi reads for which there was no room.
    pub(crate) reads_rejected: Counter,
    outstanding: AtomicI64,
}

impl Statistics {
    /// With the figures of the log's syncs, which the log keeps.
    pub(crate) fn new(syncs: Arc<Summary>) -> Statistics {
        Statistics { syncs, ..Statistics::default() }
    }

    /// This leader proposed an entry of this size to the others.
    pub(crate) fn proposed(&self, bytes: usize) {
        self.proposals.add(bytes as u64);
        self.last_proposal.store(bytes as u64, Relaxed);
    }

    /// Requests have come that will be answered one by one.
    pub(crate) fn taken(&self, requests: u64) {
        self.outstanding.fetch_add(requests as i64, Relaxed);
    }

    /// Requests that were taken have been answered, or never will be.
    pub(crate) fn ended(&self, requests: u64) {
        self.outstanding.fetch_sub(requests as i64, Relaxed);
    }

    /// Requests that were taken and have not ended.
    pub(crate) fn outstanding(&self) -> i64 {
        self.outstanding.load(Relaxed).max(0)
    }

    /// A write, or a read that had to wait for its turn among them, was answered.
    pub(crate) fn answered(&self, is_write: bool, took_ms: u64) {
        self.latency.add(took_ms);
        match is_write {
            true => self.writes.add(took_ms),
            false => self.reads.add(took_ms),
        }
    }

    /// Reads were answered together.
    pub(crate) fn reads_answered(&self, count: u64, took_ms: u64) {
        self.latency.add_times(took_ms, count);
        self.reads.add_times(took_ms, count);
    }

    /// Forgets everything but the requests that are being worked on.
    pub(crate) fn reset(&self) {
        let counters = [
            &self.received,
            &self.received_bytes,
            &self.sent,
            &self.snapshot_errors,
            &self.handshakes,
            &self.connections_rejected,
            &self.connections_dropped,
            &self.silent_connections,
            &self.sessions_expired,
            &self.large_requests_rejected,
            &self.auth_failed,
            &self.waits,
            &self.slow_clients_closed,
            &self.watches_rejected,
            &self.reads_rejected,
            &self.quota_exceeded,
            &self.handshakes_failed,
            &self.handshakes_exceeded,
        ];
        counters.into_iter().for_each(Counter::reset);
        let summaries = [
            &self.latency,
            &self.syncs,
            &self.batches,
            &self.proposals,
            &self.snapshots,
            &self.created_watchers,
            &self.deleted_watchers,
            &self.changed_watchers,
            &self.children_watchers,
        ];
        summaries.into_iter().for_each(Summary::reset);
        self.reads.reset();
        self.writes.reset();
    }
}
