//! One life of a server, from opening its directory to going down.

use std::path::Path;
use std::sync::Arc;

use pinfold_replication::{
    Committed, Consensus, HardState, LogEntry, LogStore, Membership, NodeConfig, RaftNode,
    SnapshotMeta, Start, StoreError,
};
use pinfold_server::log_store::{DiskLog, write_snapshot};
use pinfold_state::{Applied, Entry, StateMachine};
use pinfold_storage::{DataDir, LogOptions, SnapshotStore};

use crate::SimDisk;

const DIR: &str = "/data";
const CLUSTER: u64 = 0xc1a5;

/// Segments of a few records, so that runs cross many borders.
const OPTIONS: LogOptions =
    LogOptions { segment_bytes: 16 << 10, room_bytes: 4 << 10, must_reach: 0 };

/// Decided entries in order, with what came of those that are the state's.
pub(crate) type Decided = Vec<(Committed, Option<Applied>)>;

/// What a life can end of.
#[derive(Debug)]
pub(crate) enum End {
    /// The disk said no: crash or a failed sync.
    Disk(String),
    /// Something that must never be.
    Wrong(String),
}

pub(crate) struct Machine {
    node: RaftNode<Careless>,
    snapshots: SnapshotStore,
    pub(crate) state: StateMachine,
    // The last applied place in the log.
    last: (u64, u64),
    _dir: DataDir,
}

impl Machine {
    /// Starts and recovers. Gives what the log held after the snapshot, in order.
    pub(crate) fn start(disk: &SimDisk, skip_syncs: bool) -> Result<(Self, Decided), End> {
        let fs = Arc::new(disk.clone());
        let dir = DataDir::open(fs, Path::new(DIR), CLUSTER).map_err(|e| fault(disk, e))?;
        let opened =
            DiskLog::open(&dir, &Membership::single(1), OPTIONS).map_err(|e| fault(disk, e))?;
        let mut last = (0, 0);
        let state = match opened.snapshot {
            None => StateMachine::new(),
            Some(reader) => {
                last = (reader.id().index, reader.id().term);
                let blocks: Result<Vec<_>, _> = reader.collect();
                StateMachine::restore(blocks.map_err(|e| fault(disk, e))?)
                    .map_err(|e| End::Wrong(format!("a valid snapshot cannot be restored: {e}")))?
            }
        };
        let log = Careless { log: opened.log, skip_syncs };
        let node = RaftNode::new(&NodeConfig::new(1), log).map_err(|e| fault(disk, e))?;
        let snapshots = opened.snapshots;
        let mut machine = Self { node, snapshots, state, last, _dir: dir };
        let replayed = machine.settle(disk)?;
        Ok((machine, replayed))
    }

    /// Index of the last entry in the state.
    pub(crate) fn last_index(&self) -> u64 {
        self.last.0
    }

    /// Proposes a batch and runs until nothing is left to do. What comes back is acknowledged.
    pub(crate) fn write(&mut self, disk: &SimDisk, entries: &[Entry]) -> Result<Decided, End> {
        let batch = entries.iter().map(Entry::encode).collect();
        self.node.propose(batch).map_err(|e| fault(disk, e))?;
        self.settle(disk)
    }

    /// Takes a snapshot of the state as it is.
    pub(crate) fn snapshot(&mut self, disk: &SimDisk) -> Result<(), End> {
        let (index, term) = self.last;
        let meta = SnapshotMeta { index, term, membership: self.node.membership() };
        let blocks = self.state.snapshot().blocks();
        write_snapshot(&self.snapshots, &meta, blocks).map_err(|e| fault(disk, e))?;
        self.node.snapshot_taken(&meta).map_err(|e| fault(disk, e))
    }

    /// A clean stop.
    pub(crate) fn close(mut self, disk: &SimDisk) -> Result<(), End> {
        self.node.close().map_err(|e| fault(disk, e))
    }

    fn settle(&mut self, disk: &SimDisk) -> Result<Decided, End> {
        let mut out = Vec::new();
        while self.node.has_ready() {
            let progress = self.node.advance(&mut |_| ()).map_err(|e| fault(disk, e))?;
            for committed in progress.committed {
                if committed.index != self.last.0 + 1 {
                    let (last, next) = (self.last.0, committed.index);
                    return Err(End::Wrong(format!("entry {next} was given out after {last}")));
                }
                let applied = self.apply(&committed)?;
                out.push((committed, applied));
            }
            self.node.applied(self.last.0);
        }
        Ok(out)
    }

    fn apply(&mut self, committed: &Committed) -> Result<Option<Applied>, End> {
        self.last = (committed.index, committed.term);
        if committed.data.is_empty() {
            return Ok(None);
        }
        let entry = Entry::decode(&committed.data)
            .map_err(|e| End::Wrong(format!("entry {} is unreadable: {e}", committed.index)))?;
        Ok(Some(self.state.apply(&entry)))
    }
}

/// An error is the disk's doing only if the disk has done something.
fn fault(disk: &SimDisk, error: impl std::fmt::Display) -> End {
    let text = error.to_string();
    if disk.is_down() || text.contains("simulated") {
        return End::Disk(text);
    }
    End::Wrong(text)
}

/// The server's log store, with a switch that makes it forget to sync.
struct Careless {
    log: DiskLog,
    skip_syncs: bool,
}

impl LogStore for Careless {
    fn start(&self) -> Result<Start, StoreError> {
        self.log.start()
    }

    fn first_index(&self) -> u64 {
        self.log.first_index()
    }

    fn last_index(&self) -> u64 {
        self.log.last_index()
    }

    fn term(&self, index: u64) -> Option<u64> {
        self.log.term(index)
    }

    fn entries(&self, low: u64, high: u64, max_bytes: u64) -> Result<Vec<LogEntry>, StoreError> {
        self.log.entries(low, high, max_bytes)
    }

    fn append(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        self.log.append(entries)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        if self.skip_syncs { Ok(()) } else { self.log.sync() }
    }

    fn save_hard_state(&mut self, state: &HardState) -> Result<(), StoreError> {
        self.log.save_hard_state(state)
    }

    fn save_membership(&mut self, index: u64, members: &Membership) -> Result<(), StoreError> {
        self.log.save_membership(index, members)
    }

    fn snapshot(&self, request_index: u64) -> Option<SnapshotMeta> {
        self.log.snapshot(request_index)
    }

    fn snapshot_taken(&mut self, meta: &SnapshotMeta) -> Result<(), StoreError> {
        self.log.snapshot_taken(meta)
    }

    fn install_snapshot(&mut self, meta: &SnapshotMeta) -> Result<(), StoreError> {
        self.log.install_snapshot(meta)
    }

    fn max_entry_size(&self) -> usize {
        self.log.max_entry_size()
    }
}
