//! Consensus' log store on our storage: log, snapshots, and the register with term and members.

use std::fmt;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use pinfold_replication::{
    EntryKind, HardState, LogEntry, LogStore, Membership, SnapshotMeta, Start, StoreError,
};
use pinfold_storage::{
    DataDir, KEPT_SNAPSHOTS, Log, LogOptions, MAX_RECORD_DATA, Record, Register, SnapshotId,
    SnapshotReader, SnapshotStore,
};
use tokio::time::Instant;

use crate::environment::{Environment, Fault};
use crate::statistics::Summary;

const REGISTER: &str = "consensus";
const REGISTER_VERSION: u8 = 1;

/// The log of this server, its snapshots and its term. Made by [`DiskLog::open`].
pub struct DiskLog {
    log: Log,
    snapshots: SnapshotStore,
    register: Register,
    saved: Saved,
    // The point to which the log counts as compacted; records before it may still be there.
    compacted: SnapshotId,
    newest: Option<SnapshotMeta>,
    applied: u64,
    syncs: Arc<Summary>,
    environment: Environment,
}

impl fmt::Debug for DiskLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskLog").field("log", &self.log).finish_non_exhaustive()
    }
}

/// What was found in a data directory.
#[derive(Debug)]
pub struct Opened {
    /// For consensus.
    pub log: DiskLog,
    /// The newest valid snapshot, from which the state has to be restored first.
    pub snapshot: Option<SnapshotReader>,
    /// To write further snapshots to, see [`write_snapshot`]; from any thread.
    pub snapshots: SnapshotStore,
    /// How long the log's syncs take, in milliseconds.
    pub(crate) syncs: Arc<Summary>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Saved {
    hard_state: HardState,
    membership: Membership,
    membership_index: u64,
}

impl DiskLog {
    /// Recovers what the directory holds. A new directory becomes that of a group with these
    /// members.
    ///
    /// # Errors
    /// When the disk fails or something in the directory is damaged or missing; the text names
    /// the file and the offset.
    pub fn open(
        dir: &DataDir,
        founders: &Membership,
        options: LogOptions,
    ) -> Result<Opened, StoreError> {
        let mut environment = Environment::default();
        environment.log = options;
        DiskLog::open_in(dir, founders, &environment)
    }

    /// Likewise, with the options of this environment.
    ///
    /// # Errors
    /// As [`DiskLog::open`].
    pub(crate) fn open_in(
        dir: &DataDir,
        founders: &Membership,
        environment: &Environment,
    ) -> Result<Opened, StoreError> {
        let snapshots = dir.snapshots().map_err(StoreError::new)?;
        let (reader, refused) = snapshots.latest_valid().map_err(StoreError::new)?;
        let newest = reader.as_ref().map(snapshot_meta).transpose()?;
        let applied = newest.as_ref().map_or(0, |meta| meta.index);
        let mut register = dir.register(REGISTER);
        let found = register.read().map_err(StoreError::new)?;
        let is_new = found.is_none();
        let mut saved = match found {
            Some(bytes) => Saved::decode(&bytes).ok_or_else(|| {
                let path = dir.path().join(REGISTER);
                StoreError::message(format!("{} is of another version", path.display()))
            })?,
            None => Saved { membership: founders.clone(), ..Saved::default() },
        };
        let commit = saved.hard_state.commit;
        // A snapshot that was installed covers what the log need not have any more.
        let must_reach = if commit > applied { commit } else { 0 };
        let mut log =
            dir.log(LogOptions { must_reach, ..environment.log }).map_err(StoreError::new)?;
        if is_new {
            begin(dir, &log, newest.as_ref(), &mut register, &saved)?;
        }
        let joins = |meta: &SnapshotMeta| match log.term(meta.index) {
            Some(term) => term == meta.term,
            None => log.last_index() >= meta.index,
        };
        // A crash came between the arrival of the leader's snapshot and the log's new beginning.
        if newest.as_ref().is_some_and(|meta| !joins(meta)) {
            log.reset(applied + 1).map_err(StoreError::new)?;
        }
        if log.first_index() > applied + 1 {
            return Err(gap(dir, &log, applied, &refused));
        }
        let compacted = compacted(&snapshots, &log, applied)?;
        let last = log.last_index();
        if environment.is_planted(Fault::TruncateCommitted) && last > applied + 1 {
            log.truncate_after(last - 1).map_err(StoreError::new)?;
            saved.hard_state.commit = commit.min(last - 1);
        }
        let store = snapshots.clone();
        let syncs = Arc::new(Summary::default());
        let timed = syncs.clone();
        let environment = environment.clone();
        let log = Self {
            log,
            snapshots,
            register,
            saved,
            compacted,
            newest,
            applied,
            syncs,
            environment,
        };
        Ok(Opened { log, snapshot: reader, snapshots: store, syncs: timed })
    }

    fn save(&mut self, saved: Saved) -> Result<(), StoreError> {
        if saved != self.saved {
            self.register.write(&saved.encode()).map_err(StoreError::new)?;
            self.saved = saved;
        }
        Ok(())
    }
}

/// Writes the members down before anything else happens in a new directory.
fn begin(
    dir: &DataDir,
    log: &Log,
    newest: Option<&SnapshotMeta>,
    register: &mut Register,
    saved: &Saved,
) -> Result<(), StoreError> {
    if newest.is_some() || log.last_index() > 0 {
        let path = dir.path().join(REGISTER);
        return Err(StoreError::message(format!(
            "{} is missing although there is a log or a snapshot; restore it from a backup",
            path.display()
        )));
    }
    register.write(&saved.encode()).map_err(StoreError::new)
}

fn gap(dir: &DataDir, log: &Log, applied: u64, refused: &[pinfold_storage::Error]) -> StoreError {
    let mut text = format!(
        "the log in {} begins with record {}, but the newest valid snapshot ends with record \
         {applied}: what is between them is missing",
        dir.path().display(),
        log.first_index()
    );
    for error in refused {
        text.push_str(&format!("; {error}"));
    }
    StoreError::message(text)
}

/// The oldest snapshot from which the log goes on without a hole, or the beginning of time.
fn compacted(snapshots: &SnapshotStore, log: &Log, applied: u64) -> Result<SnapshotId, StoreError> {
    if log.first_index() == 1 {
        return Ok(SnapshotId { index: 0, term: 0 });
    }
    let listed = snapshots.list().map_err(StoreError::new)?;
    let mut usable =
        listed.into_iter().filter(|id| id.index + 1 >= log.first_index() && id.index <= applied);
    usable.next().ok_or_else(|| StoreError::message("no snapshot joins the log"))
}

fn snapshot_meta(reader: &SnapshotReader) -> Result<SnapshotMeta, StoreError> {
    let SnapshotId { index, term } = reader.id();
    let membership = Membership::decode(reader.note()).ok_or_else(|| {
        StoreError::message(format!("the members in the snapshot of record {index} are unreadable"))
    })?;
    Ok(SnapshotMeta { index, term, membership })
}

/// Writes a snapshot of the state at `meta`, durable when this returns. Then tell consensus by
/// `snapshot_taken`. May run on another thread than the log's.
///
/// # Errors
/// When the disk fails; then there is no such snapshot.
pub fn write_snapshot(
    store: &SnapshotStore,
    meta: &SnapshotMeta,
    blocks: impl IntoIterator<Item = Bytes>,
) -> Result<(), StoreError> {
    let id = SnapshotId { index: meta.index, term: meta.term };
    let mut writer = store.create(id, &meta.membership.encode()).map_err(StoreError::new)?;
    for block in blocks {
        writer.write_block(&block).map_err(StoreError::new)?;
    }
    writer.finish().map(drop).map_err(StoreError::new)
}

impl LogStore for DiskLog {
    fn start(&self) -> Result<Start, StoreError> {
        let Saved { hard_state, membership, membership_index } = self.saved.clone();
        Ok(Start { hard_state, membership, membership_index, applied: self.applied })
    }

    fn first_index(&self) -> u64 {
        self.compacted.index + 1
    }

    fn last_index(&self) -> u64 {
        self.log.last_index()
    }

    fn term(&self, index: u64) -> Option<u64> {
        match index.cmp(&self.compacted.index) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(self.compacted.term),
            std::cmp::Ordering::Greater => self.log.term(index),
        }
    }

    fn entries(&self, low: u64, high: u64, max_bytes: u64) -> Result<Vec<LogEntry>, StoreError> {
        let records = self.log.read(low, high, max_bytes).map_err(StoreError::new)?;
        let entries = records.into_iter().map(|Record { index, term, kind, data }| {
            let kind = EntryKind::from_u8(kind).ok_or_else(|| {
                StoreError::message(format!("record {index} of the log is of unknown kind {kind}"))
            })?;
            Ok(LogEntry { index, term, kind, data })
        });
        entries.collect()
    }

    fn append(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        let Some(first) = entries.first() else { return Ok(()) };
        if first.index <= self.log.last_index() {
            self.log.truncate_after(first.index - 1).map_err(StoreError::new)?;
        }
        let records: Vec<Record> = entries
            .iter()
            .map(|LogEntry { index, term, kind, data }| Record {
                index: *index,
                term: *term,
                kind: *kind as u8,
                data: data.clone(),
            })
            .collect();
        self.log.append(&records).map_err(StoreError::new)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let environment = &self.environment;
        if environment.is_planted(Fault::AckBeforeFsync)
            || environment.is_planted(Fault::AckBeforePersist)
        {
            return Ok(());
        }
        let began = Instant::now();
        let synced = self.log.sync().map_err(StoreError::new);
        self.syncs.add(began.elapsed().as_millis() as u64);
        synced
    }

    fn save_hard_state(&mut self, state: &HardState) -> Result<(), StoreError> {
        self.save(Saved { hard_state: *state, ..self.saved.clone() })
    }

    fn save_membership(&mut self, index: u64, members: &Membership) -> Result<(), StoreError> {
        let hard_state = self.saved.hard_state;
        self.save(Saved { hard_state, membership: members.clone(), membership_index: index })
    }

    fn snapshot(&self, request_index: u64) -> Option<SnapshotMeta> {
        self.newest.clone().filter(|meta| meta.index >= request_index)
    }

    fn snapshot_taken(&mut self, meta: &SnapshotMeta) -> Result<(), StoreError> {
        let kept = self.snapshots.purge(KEPT_SNAPSHOTS).map_err(StoreError::new)?;
        self.newest = Some(meta.clone());
        // The log goes back to the oldest snapshot that is kept, so that recovery can fall back
        // on any of them; with few snapshots it goes back to its beginning.
        if let (KEPT_SNAPSHOTS, Some(oldest)) = (kept.len(), kept.first())
            && oldest.index > self.compacted.index
        {
            self.compacted = *oldest;
            self.log.purge_before(oldest.index + 1).map_err(StoreError::new)?;
        }
        Ok(())
    }

    fn install_snapshot(&mut self, meta: &SnapshotMeta) -> Result<(), StoreError> {
        let id = SnapshotId { index: meta.index, term: meta.term };
        if !self.snapshots.list().map_err(StoreError::new)?.contains(&id) {
            let text = format!("the snapshot of record {} has not been received", meta.index);
            return Err(StoreError::message(text));
        }
        self.log.reset(meta.index + 1).map_err(StoreError::new)?;
        self.compacted = id;
        self.newest = Some(meta.clone());
        Ok(())
    }

    fn max_entry_size(&self) -> usize {
        MAX_RECORD_DATA
    }
}

impl Saved {
    fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(64);
        out.put_u8(REGISTER_VERSION);
        let HardState { term, vote, commit } = self.hard_state;
        for number in [term, vote, commit, self.membership_index] {
            out.put_u64_le(number);
        }
        out.put_slice(&self.membership.encode());
        out.freeze()
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        if bytes.try_get_u8().ok()? != REGISTER_VERSION {
            return None;
        }
        let term = bytes.try_get_u64_le().ok()?;
        let vote = bytes.try_get_u64_le().ok()?;
        let commit = bytes.try_get_u64_le().ok()?;
        let membership_index = bytes.try_get_u64_le().ok()?;
        let membership = Membership::decode(bytes)?;
        let hard_state = HardState { term, vote, commit };
        Some(Self { hard_state, membership, membership_index })
    }
}
