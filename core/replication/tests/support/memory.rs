//! A log store in memory that counts what is asked of it.

use std::sync::{Arc, Mutex};

use pinfold_replication::{
    HardState, LogEntry, LogStore, Membership, SnapshotMeta, Start, StoreError,
};

/// What a test sees of the store while the node owns it.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) start: Start,
    pub(crate) entries: Vec<LogEntry>,
    pub(crate) compacted: (u64, u64),
    pub(crate) newest: Option<SnapshotMeta>,
    pub(crate) appends: u64,
    pub(crate) syncs: u64,
    pub(crate) reads: u64,
    pub(crate) fail_sync: bool,
}

/// A store whose content outlives the node.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryLog(pub(crate) Arc<Mutex<Disk>>);

impl MemoryLog {
    pub(crate) fn with_voters(voters: &[u64]) -> Self {
        let log = Self::default();
        log.0.lock().unwrap().start.membership =
            Membership { voters: voters.to_vec(), ..Membership::default() };
        log
    }
}

impl LogStore for MemoryLog {
    fn start(&self) -> Result<Start, StoreError> {
        Ok(self.0.lock().unwrap().start.clone())
    }

    fn first_index(&self) -> u64 {
        self.0.lock().unwrap().compacted.0 + 1
    }

    fn last_index(&self) -> u64 {
        let disk = self.0.lock().unwrap();
        disk.entries.last().map_or(disk.compacted.0, |entry| entry.index)
    }

    fn term(&self, index: u64) -> Option<u64> {
        let disk = self.0.lock().unwrap();
        if index == disk.compacted.0 {
            return Some(disk.compacted.1);
        }
        disk.entries.iter().find(|entry| entry.index == index).map(|entry| entry.term)
    }

    fn entries(&self, low: u64, high: u64, max_bytes: u64) -> Result<Vec<LogEntry>, StoreError> {
        let mut disk = self.0.lock().unwrap();
        disk.reads += 1;
        let mut bytes = 0;
        let wanted = disk.entries.iter().filter(|entry| (low..high).contains(&entry.index));
        let fits = wanted.take_while(|entry| {
            let fits = bytes == 0 || bytes <= max_bytes;
            bytes += entry.data.len() as u64;
            fits
        });
        Ok(fits.cloned().collect())
    }

    fn append(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        let mut disk = self.0.lock().unwrap();
        disk.appends += 1;
        disk.entries.retain(|entry| entry.index < entries[0].index);
        disk.entries.extend_from_slice(entries);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let mut disk = self.0.lock().unwrap();
        disk.syncs += 1;
        if disk.fail_sync { Err(StoreError::message("sync failed")) } else { Ok(()) }
    }

    fn save_hard_state(&mut self, state: &HardState) -> Result<(), StoreError> {
        self.0.lock().unwrap().start.hard_state = *state;
        Ok(())
    }

    fn save_membership(&mut self, index: u64, members: &Membership) -> Result<(), StoreError> {
        let mut disk = self.0.lock().unwrap();
        disk.start.membership = members.clone();
        disk.start.membership_index = index;
        Ok(())
    }

    fn snapshot(&self, request_index: u64) -> Option<SnapshotMeta> {
        self.0.lock().unwrap().newest.clone().filter(|meta| meta.index >= request_index)
    }

    fn snapshot_taken(&mut self, meta: &SnapshotMeta) -> Result<(), StoreError> {
        let mut disk = self.0.lock().unwrap();
        disk.newest = Some(meta.clone());
        disk.entries.retain(|entry| entry.index > meta.index);
        disk.compacted = (meta.index, meta.term);
        disk.start.applied = meta.index;
        Ok(())
    }

    fn install_snapshot(&mut self, meta: &SnapshotMeta) -> Result<(), StoreError> {
        let mut disk = self.0.lock().unwrap();
        disk.newest = Some(meta.clone());
        disk.entries.clear();
        disk.compacted = (meta.index, meta.term);
        disk.start.applied = meta.index;
        Ok(())
    }

    fn max_entry_size(&self) -> usize {
        1 << 16
    }
}
