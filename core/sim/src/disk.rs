//! A disk that tears, loses and fails as a seed says.
//!
//! It promises what POSIX promises and no more. Bytes that were written and not synced survive a
//! power cut by sectors, in any order; names that were made, changed or removed and not synced by
//! their directory survive as a prefix of what was done, because file systems journal them in
//! order. Directories themselves are always durable.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pinfold_storage::{File, FileSystem, Lock};

use crate::Random;

const SECTOR: usize = 512;

/// How a machine goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashKind {
    /// The process alone is killed; the operating system keeps what was written.
    Process,
    /// The power goes: nothing that was not synced survives.
    PowerLossAll,
    /// The power goes: some sectors of what was not synced survive.
    PowerLossSome,
}

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<Inner>>);

struct Inner {
    random: Random,
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<NameChange>,
    dirs: BTreeSet<PathBuf>,
    locks: BTreeSet<PathBuf>,
    // Handles of an earlier life are dead.
    life: u64,
    down: bool,
    crash_after: Option<u64>,
    fail_sync_after: Option<u64>,
    is_full: bool,
    // Something has gone wrong in this life.
    has_failed: bool,
    // What a sync takes, and what syncs have taken that nobody has waited for.
    sync_ms: u64,
    owed_ms: u64,
    operations: u64,
    syncs: u64,
}

#[derive(Clone, Default)]
struct Inode {
    current: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Size(usize),
}

enum NameChange {
    Set(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimDisk")
    }
}

impl SimDisk {
    /// An empty disk whose faults this seed decides.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            random: Random::new(seed),
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            dirs: BTreeSet::new(),
            locks: BTreeSet::new(),
            life: 0,
            down: false,
            crash_after: None,
            fail_sync_after: None,
            is_full: false,
            has_failed: false,
            sync_ms: 0,
            owed_ms: 0,
            operations: 0,
            syncs: 0,
        })))
    }

    /// The machine goes down during the `count`-th operation from now that changes something;
    /// a write is then done in part. Every operation after it fails.
    pub fn crash_after(&self, count: u64) {
        self.inner().crash_after = Some(count);
    }

    /// The `count`-th sync from now fails.
    pub fn fail_sync_after(&self, count: u64) {
        self.inner().fail_sync_after = Some(count);
    }

    /// From now on there is no room for anything more, or there is again.
    pub fn set_full(&self, is_full: bool) {
        self.inner().is_full = is_full;
    }

    /// Each sync takes this long from now on.
    pub fn set_sync_ms(&self, sync_ms: u64) {
        self.inner().sync_ms = sync_ms;
    }

    /// Milliseconds that syncs have taken since the last time that this was asked.
    pub fn take_owed_ms(&self) -> u64 {
        std::mem::take(&mut self.inner().owed_ms)
    }

    /// What was to go wrong later does not.
    pub fn calm(&self) {
        let mut inner = self.inner();
        (inner.crash_after, inner.fail_sync_after) = (None, None);
    }

    /// Whether the disk has failed its user since the last restart.
    pub fn has_failed(&self) -> bool {
        let inner = self.inner();
        inner.down || inner.has_failed
    }

    /// Whether the machine went down.
    pub fn is_down(&self) -> bool {
        self.inner().down
    }

    /// Changes and syncs so far.
    pub fn counts(&self) -> (u64, u64) {
        let inner = self.inner();
        (inner.operations, inner.syncs)
    }

    /// Takes the machine down if it is not, and up again with what survived.
    pub fn restart(&self, kind: CrashKind) {
        let mut inner = self.inner();
        if kind != CrashKind::Process {
            inner.lose_power(kind == CrashKind::PowerLossSome);
        }
        inner.life += 1;
        inner.down = false;
        inner.crash_after = None;
        inner.fail_sync_after = None;
        inner.has_failed = false;
        inner.locks.clear();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, inode: usize, life: u64) -> Box<dyn File> {
        Box::new(SimFile { disk: self.clone(), inode, life })
    }
}

impl Inode {
    fn apply(target: &mut Vec<u8>, change: &Change) {
        match change {
            Change::Size(size) => target.resize(*size, 0),
            Change::Write(offset, bytes) => {
                let end = offset + bytes.len();
                if target.len() < end {
                    target.resize(end, 0);
                }
                target[*offset..end].copy_from_slice(bytes);
            }
        }
    }

    fn change(&mut self, change: Change) {
        Self::apply(&mut self.current, &change);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            Self::apply(&mut self.durable, &change);
        }
    }

    /// Lets some of what was not synced reach the disk, sector by sector.
    fn tear(&mut self, random: &mut Random) {
        for change in std::mem::take(&mut self.pending) {
            let Change::Write(offset, bytes) = change else {
                if random.one_in(2) {
                    Self::apply(&mut self.durable, &change);
                }
                continue;
            };
            let mut at = 0;
            while at < bytes.len() {
                let until = bytes.len().min(at + SECTOR - (offset + at) % SECTOR);
                if random.one_in(2) {
                    let part = Change::Write(offset + at, bytes[at..until].to_vec());
                    Self::apply(&mut self.durable, &part);
                }
                at = until;
            }
        }
    }
}

impl Inner {
    /// Called before every change. `Err` when the machine is down or goes down now.
    fn step(&mut self, life: u64) -> io::Result<()> {
        self.alive(life)?;
        self.operations += 1;
        if let Some(left) = &mut self.crash_after {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.down = true;
                return Err(down());
            }
        }
        Ok(())
    }

    fn alive(&self, life: u64) -> io::Result<()> {
        if self.down || life != self.life { Err(down()) } else { Ok(()) }
    }

    fn lookup(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change_name(&mut self, change: NameChange) {
        apply_name(&mut self.names, &change);
        self.pending_names.push(change);
    }

    fn sync_fails(&mut self) -> bool {
        self.syncs += 1;
        self.owed_ms += self.sync_ms;
        let Some(left) = &mut self.fail_sync_after else { return false };
        *left = left.saturating_sub(1);
        self.has_failed |= *left == 0;
        *left == 0
    }

    fn room(&mut self) -> io::Result<()> {
        if self.is_full {
            self.has_failed = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn lose_power(&mut self, some: bool) {
        let kept = match self.pending_names.len() as u64 {
            waiting if some => self.random.below(waiting + 1) as usize,
            _ => 0,
        };
        for change in std::mem::take(&mut self.pending_names).into_iter().take(kept) {
            apply_name(&mut self.durable_names, &change);
        }
        self.names = self.durable_names.clone();
        for inode in &mut self.inodes {
            if some {
                inode.tear(&mut self.random);
            }
            inode.pending.clear();
            inode.current = inode.durable.clone();
        }
    }
}

fn apply_name(names: &mut BTreeMap<PathBuf, usize>, change: &NameChange) {
    match change {
        NameChange::Set(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        NameChange::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        NameChange::Remove(path) => {
            names.remove(path);
        }
    }
}

fn down() -> io::Error {
    io::Error::other("the simulated machine is down")
}

impl FileSystem for SimDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        let life = inner.life;
        inner.alive(life)?;
        inner.dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut inner = self.inner();
        let life = inner.life;
        inner.step(life)?;
        inner.room()?;
        let inode = inner.inodes.len();
        inner.inodes.push(Inode::default());
        inner.change_name(NameChange::Set(path.to_owned(), inode));
        Ok(self.file(inode, life))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let inner = self.inner();
        inner.alive(inner.life)?;
        let inode = inner.lookup(path)?;
        Ok(self.file(inode, inner.life))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        let life = inner.life;
        inner.step(life)?;
        inner.lookup(from)?;
        inner.change_name(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        let life = inner.life;
        inner.step(life)?;
        inner.lookup(path)?;
        inner.change_name(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        let life = inner.life;
        inner.step(life)?;
        if inner.sync_fails() {
            return Err(io::Error::other("simulated failure of a directory sync"));
        }
        // One journal for all directories: syncing one makes what came before durable too.
        for change in std::mem::take(&mut inner.pending_names) {
            apply_name(&mut inner.durable_names, &change);
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let inner = self.inner();
        inner.alive(inner.life)?;
        let files = inner.names.keys();
        let here = files.chain(&inner.dirs).filter(|path| path.parent() == Some(dir));
        let names = here.filter_map(|path| path.file_name());
        Ok(names.map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let mut inner = self.inner();
        let life = inner.life;
        inner.step(life)?;
        if !inner.names.contains_key(path) {
            let inode = inner.inodes.len();
            inner.inodes.push(Inode::default());
            inner.change_name(NameChange::Set(path.to_owned(), inode));
        }
        if !inner.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned(), life }))
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    life: u64,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut inner = self.disk.inner();
        if inner.life == self.life {
            inner.locks.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: usize,
    life: u64,
}

impl SimFile {
    fn change(&self, change: Change) -> io::Result<()> {
        let mut inner = self.disk.inner();
        let size = inner.inodes[self.inode].current.len();
        let grows = match &change {
            Change::Write(offset, bytes) => offset + bytes.len() > size,
            Change::Size(wanted) => *wanted > size,
        };
        if grows {
            inner.room()?;
        }
        let result = inner.step(self.life);
        let inode = &mut inner.inodes[self.inode];
        match (result, change) {
            (Ok(()), change) => {
                inode.change(change);
                Ok(())
            }
            (Err(error), Change::Write(offset, mut bytes)) => {
                if inner.life == self.life {
                    let part = inner.random.below(bytes.len() as u64 + 1) as usize;
                    bytes.truncate(part);
                    inner.inodes[self.inode].change(Change::Write(offset, bytes));
                }
                Err(error)
            }
            (Err(error), Change::Size(_)) => Err(error),
        }
    }
}

impl File for SimFile {
    fn size(&self) -> io::Result<u64> {
        let inner = self.disk.inner();
        inner.alive(self.life)?;
        Ok(inner.inodes[self.inode].current.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let inner = self.disk.inner();
        inner.alive(self.life)?;
        let current = &inner.inodes[self.inode].current;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = from.checked_add(buffer.len()).and_then(|end| current.get(from..end));
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(Change::Write(offset as usize, bytes.to_vec()))
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        if self.size()? >= size { Ok(()) } else { self.change(Change::Size(size as usize)) }
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.change(Change::Size(size as usize))
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.step(self.life)?;
        if inner.sync_fails() {
            // Some of it may have arrived; the operating system forgets that the rest did not.
            let mut random = inner.random.clone();
            inner.inodes[self.inode].tear(&mut random);
            inner.random = random;
            return Err(io::Error::other("simulated failure of a sync"));
        }
        inner.inodes[self.inode].sync();
        Ok(())
    }
}
