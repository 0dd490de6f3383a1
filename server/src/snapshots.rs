//! When snapshots are taken, and the thread that writes them.

use std::time::Duration;

use pinfold_replication::SnapshotMeta;
use pinfold_state::{Snapshot, StateMachine};
use pinfold_storage::{SnapshotId, SnapshotStore};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::assembly::restore;
use crate::environment::{Background, Environment};
use crate::error::ServerError;
use crate::log_store::write_snapshot;
use crate::pipeline::Message;

/// A state of fewer bytes is written whenever enough entries have come.
const SMALL_BYTES: u64 = 32 << 20;
/// Of a larger one, the log has to grow by one part in so many of it as well: what snapshots write
/// is then at most so many times what the log writes, and what a start reads of the log is little
/// beside the snapshot.
const PART: u64 = 4;

/// Counts entries, and writes one snapshot at a time while writes go on.
#[derive(Debug)]
pub(crate) struct Snapshots {
    store: SnapshotStore,
    environment: Environment,
    every: u64,
    since: u64,
    since_bytes: u64,
    writer: Option<(Instant, Background)>,
}

impl Snapshots {
    /// A snapshot is due after `every` entries.
    pub(crate) fn new(store: SnapshotStore, environment: Environment, every: u64) -> Snapshots {
        let every = every.max(2);
        Snapshots { store, environment, every, since: 0, since_bytes: 0, writer: None }
    }

    /// Entries of so many bytes have become state.
    pub(crate) fn applied(&mut self, entries: u64, bytes: u64) {
        self.since += entries;
        self.since_bytes += bytes;
    }

    /// Whether a state of so many bytes is to be written.
    pub(crate) fn is_due(&self, state_bytes: u64) -> bool {
        let is_worth_it = state_bytes < SMALL_BYTES || self.since_bytes >= state_bytes / PART;
        self.since >= self.every && is_worth_it && !self.is_writing()
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.writer.is_some()
    }

    /// Writes an image on a thread of its own, which reports to the pipeline.
    pub(crate) fn write(
        &mut self,
        meta: SnapshotMeta,
        image: Snapshot,
        report: UnboundedSender<Message>,
    ) {
        (self.since, self.since_bytes) = (0, 0);
        let store = self.store.clone();
        let work = move || {
            let written = write_snapshot(&store, &meta, image.blocks());
            let _ = report.send(Message::SnapshotWritten(written.map(|()| meta)));
        };
        match self.environment.run("pinfold-snapshot", work) {
            Ok(writer) => self.writer = Some((Instant::now(), writer)),
            Err(error) => tracing::error!(%error, "no thread for a snapshot; the log is kept"),
        }
    }

    /// The state that a snapshot holds.
    pub(crate) fn read(&self, meta: &SnapshotMeta) -> Result<StateMachine, ServerError> {
        let id = SnapshotId { index: meta.index, term: meta.term };
        restore(self.store.open_checked(id)?)
    }

    /// The report has come; how long the writing took.
    pub(crate) fn written(&mut self) -> Duration {
        let began = self.writer.as_ref().map(|(began, _)| *began);
        self.wait_for_writer();
        began.map_or(Duration::ZERO, |began| began.elapsed())
    }

    /// Returns when nothing is being written.
    pub(crate) fn wait(mut self) {
        self.wait_for_writer();
    }

    fn wait_for_writer(&mut self) {
        if let Some((_, writer)) = self.writer.take()
            && !writer.join()
        {
            tracing::error!("the writer of a snapshot panicked");
        }
    }
}
