//! Snapshots of the state.
//!
//! ```text
//! header:  magic 8 | cluster u64 | index u64 | term u64 | note length u32 | checksum u32 | note
//! block:   length u32 | checksum u32 | data          (as often as need be)
//! trailer: u32::MAX   | checksum u32 | blocks u64 | bytes u64
//! ```
//! Checksums are salted with the block's number and where the snapshot was taken. A file has its
//! final name only when all of it is durable.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::{Context, Error, Result};
use crate::filesystem::{File, FileSystem};

/// How many snapshots are kept.
pub const KEPT_SNAPSHOTS: usize = 3;

/// Most bytes in a block.
pub const MAX_BLOCK: usize = 64 << 20;

const MAGIC: &[u8; 8] = b"PINFSNP1";
const HEADER: usize = 40;
const BLOCK: usize = 8;
const TRAILER: usize = 24;
const END: u32 = u32::MAX;
const MAX_NOTE: usize = 1 << 20;
const FLUSH_AT: usize = 1 << 20;

/// Which snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId {
    /// Index of the last log record in it.
    pub index: u64,
    /// That record's term.
    pub term: u64,
}

impl SnapshotId {
    /// The name of its file.
    pub(crate) fn name(self) -> String {
        format!("{:016x}-{:016x}.snapshot", self.index, self.term)
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (index, term) = name.strip_suffix(".snapshot")?.split_once('-')?;
        if index.len() != 16 || term.len() != 16 {
            return None;
        }
        let index = u64::from_str_radix(index, 16).ok()?;
        Some(Self { index, term: u64::from_str_radix(term, 16).ok()? })
    }
}

/// The snapshots of a directory. Clones share them, and may be used by other threads: one can
/// write a snapshot while the log goes on.
#[derive(Clone)]
pub struct SnapshotStore {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    cluster: u64,
}

impl fmt::Debug for SnapshotStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotStore").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl SnapshotStore {
    /// Opens the directory, which is made if need be. Snapshots that were never finished go.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(fs: Arc<dyn FileSystem>, dir: &Path, cluster: u64) -> Result<Self> {
        fs.create_dir_all(dir).context("create", dir)?;
        for name in fs.list(dir).context("list", dir)? {
            if name.ends_with(".tmp") {
                let path = dir.join(name);
                fs.remove(&path).context("remove", &path)?;
            }
        }
        fs.sync_dir(dir).context("sync", dir)?;
        Ok(Self { fs, dir: dir.to_owned(), cluster })
    }

    /// The finished snapshots, oldest first, valid or not.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn list(&self) -> Result<Vec<SnapshotId>> {
        let names = self.fs.list(&self.dir).context("list", &self.dir)?;
        let mut found: Vec<_> = names.iter().filter_map(|name| SnapshotId::parse(name)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Begins a snapshot. `note` is kept with it for its reader.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a note over 1 MiB, [`Error::Io`].
    pub fn create(&self, id: SnapshotId, note: &[u8]) -> Result<SnapshotWriter> {
        if note.len() > MAX_NOTE {
            let (size, limit) = (note.len(), MAX_NOTE);
            return Err(Error::TooLarge { what: "a snapshot note", size, limit });
        }
        let path = self.dir.join(id.name());
        let temporary = path.with_extension("tmp");
        let file = self.fs.create(&temporary).context("create", &temporary)?;
        let mut buffer = BytesMut::with_capacity(FLUSH_AT);
        buffer.put_slice(&header(self.cluster, id, note));
        buffer.put_slice(note);
        let store = self.clone();
        Ok(SnapshotWriter { store, id, temporary, file, buffer, written: 0, blocks: 0, bytes: 0 })
    }

    /// The newest snapshot that is whole, and those newer ones that are not, with what is wrong
    /// with them. Every block of it has been checked.
    ///
    /// # Errors
    /// [`Error::Io`] when the directory cannot be listed.
    pub fn latest_valid(&self) -> Result<(Option<SnapshotReader>, Vec<Error>)> {
        let mut refused = Vec::new();
        for id in self.list()?.into_iter().rev() {
            match self.open_checked(id) {
                Ok(reader) => return Ok((Some(reader), refused)),
                Err(error) => {
                    tracing::warn!(%error, "a snapshot is passed over");
                    refused.push(error);
                }
            }
        }
        Ok((None, refused))
    }

    /// Opens a snapshot after reading all of it once to check it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`].
    pub fn open_checked(&self, id: SnapshotId) -> Result<SnapshotReader> {
        for block in self.open_one(id)? {
            block?;
        }
        self.open_one(id)
    }

    /// Removes all but the newest `keep` snapshots; gives back those that stay, oldest first.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn purge(&self, keep: usize) -> Result<Vec<SnapshotId>> {
        let mut found = self.list()?;
        let gone = found.len().saturating_sub(keep);
        for id in found.drain(..gone) {
            let path = self.dir.join(id.name());
            self.fs.remove(&path).context("remove", &path)?;
        }
        if gone > 0 {
            self.fs.sync_dir(&self.dir).context("sync", &self.dir)?;
        }
        Ok(found)
    }

    fn open_one(&self, id: SnapshotId) -> Result<SnapshotReader> {
        let reader = SnapshotReader::open(&*self.fs, &self.dir.join(id.name()))?;
        match reader.id == id && reader.cluster == self.cluster {
            true => Ok(reader),
            false => Err(Error::corrupt(&reader.path, 8, "it is of another directory")),
        }
    }
}

/// A snapshot that is being written. Dropped before [`finish`](Self::finish) it leaves a
/// temporary file that the next opening removes.
#[derive(Debug)]
pub struct SnapshotWriter {
    store: SnapshotStore,
    id: SnapshotId,
    temporary: PathBuf,
    file: Box<dyn File>,
    buffer: BytesMut,
    written: u64,
    blocks: u64,
    bytes: u64,
}

impl SnapshotWriter {
    /// Adds a block.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`MAX_BLOCK`], [`Error::Io`].
    pub fn write_block(&mut self, data: &[u8]) -> Result<()> {
        let (size, limit) = (data.len(), MAX_BLOCK);
        if size > limit {
            return Err(Error::TooLarge { what: "a snapshot block", size, limit });
        }
        let checksum = checksum(self.id, self.blocks, size as u32, data);
        self.buffer.put_u32_le(size as u32);
        self.buffer.put_u32_le(checksum);
        self.buffer.put_slice(data);
        self.blocks += 1;
        self.bytes += size as u64;
        if self.buffer.len() >= FLUSH_AT { self.flush() } else { Ok(()) }
    }

    /// Makes the snapshot durable and gives it its name. Which older ones stay is up to
    /// [`SnapshotStore::purge`].
    ///
    /// # Errors
    /// [`Error::Io`]; then there is no such snapshot.
    pub fn finish(mut self) -> Result<SnapshotId> {
        let mut tail = [0; 16];
        tail[..8].copy_from_slice(&self.blocks.to_le_bytes());
        tail[8..].copy_from_slice(&self.bytes.to_le_bytes());
        self.buffer.put_u32_le(END);
        self.buffer.put_u32_le(checksum(self.id, self.blocks, END, &tail));
        self.buffer.put_slice(&tail);
        self.flush()?;
        self.file.sync().context("sync", &self.temporary)?;
        let SnapshotStore { fs, dir, .. } = &self.store;
        let path = dir.join(self.id.name());
        fs.rename(&self.temporary, &path).context("rename", &self.temporary)?;
        fs.sync_dir(dir).context("sync", dir)?;
        Ok(self.id)
    }

    fn flush(&mut self) -> Result<()> {
        let result = self.file.write_at(&self.buffer, self.written);
        result.context("write", &self.temporary)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// A snapshot that is being read: its blocks in order, each checked. After an error it ends.
#[derive(Debug)]
pub struct SnapshotReader {
    id: SnapshotId,
    cluster: u64,
    note: Bytes,
    path: PathBuf,
    file: Box<dyn File>,
    size: u64,
    at: u64,
    blocks: u64,
    bytes: u64,
    ended: bool,
}

impl SnapshotReader {
    /// Opens a snapshot wherever its file is, to read it alone. Only its header has been checked
    /// when this returns.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`].
    pub fn open(fs: &dyn FileSystem, path: &Path) -> Result<Self> {
        let file = fs.open_to_read(path).context("open", path)?;
        let size = file.size().context("read the size of", path)?;
        let mut head = [0; HEADER];
        if size < HEADER as u64 {
            return Err(Error::corrupt(path, size, "it ends inside its header"));
        }
        file.read_at(&mut head, 0).context("read", path)?;
        let length = u32::from_le_bytes([head[32], head[33], head[34], head[35]]) as usize;
        if &head[..8] != MAGIC || length > MAX_NOTE || size < (HEADER + length) as u64 {
            return Err(Error::corrupt(path, 0, "it does not begin as a snapshot does"));
        }
        let mut note = vec![0; length];
        file.read_at(&mut note, HEADER as u64).context("read", path)?;
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&head[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let (cluster, id) = (number(8), SnapshotId { index: number(16), term: number(24) });
        if head != header(cluster, id, &note) {
            return Err(Error::corrupt(path, 8, "the checksum of its header is wrong"));
        }
        let (at, note, path) = ((HEADER + length) as u64, note.into(), path.to_owned());
        let (blocks, bytes, ended) = (0, 0, false);
        Ok(Self { id, cluster, note, path, file, size, at, blocks, bytes, ended })
    }

    /// The random number of the group that it belongs to.
    pub fn cluster(&self) -> u64 {
        self.cluster
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next block begins, in bytes from the start of the file.
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// Which one it is.
    pub fn id(&self) -> SnapshotId {
        self.id
    }

    /// What was given to [`SnapshotStore::create`].
    pub fn note(&self) -> &Bytes {
        &self.note
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, length: usize) -> Result<Bytes> {
        if self.size - self.at < length as u64 {
            return Err(Error::corrupt(&self.path, self.at, "it ends before its trailer"));
        }
        let mut bytes = vec![0; length];
        self.file.read_at(&mut bytes, self.at).context("read", &self.path)?;
        self.at += length as u64;
        Ok(bytes.into())
    }

    fn next_block(&mut self) -> Result<Option<Bytes>> {
        let start = self.at;
        let head = self.read(BLOCK)?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let is_end = length == END;
        if !is_end && length as usize > MAX_BLOCK {
            return Err(Error::corrupt(&self.path, start, "a block has an impossible length"));
        }
        let data = self.read(if is_end { TRAILER - BLOCK } else { length as usize })?;
        if head[4..] != checksum(self.id, self.blocks, length, &data).to_le_bytes() {
            let reason = format!("the checksum of block {} is wrong", self.blocks);
            return Err(Error::corrupt(&self.path, start, reason));
        }
        if !is_end {
            self.blocks += 1;
            self.bytes += u64::from(length);
            return Ok(Some(data));
        }
        let totals = [self.blocks.to_le_bytes(), self.bytes.to_le_bytes()].concat();
        if data[..] != totals || self.at != self.size {
            return Err(Error::corrupt(&self.path, start, "its trailer does not fit its blocks"));
        }
        Ok(None)
    }
}

impl Iterator for SnapshotReader {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Result<Bytes>> {
        if self.ended {
            return None;
        }
        let block = self.next_block();
        self.ended = !matches!(block, Ok(Some(_)));
        block.transpose()
    }
}

fn header(cluster: u64, id: SnapshotId, note: &[u8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..16].copy_from_slice(&cluster.to_le_bytes());
    header[16..24].copy_from_slice(&id.index.to_le_bytes());
    header[24..32].copy_from_slice(&id.term.to_le_bytes());
    header[32..36].copy_from_slice(&(note.len() as u32).to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..36]);
    hasher.update(note);
    header[36..].copy_from_slice(&hasher.finalize().to_le_bytes());
    header
}

fn checksum(id: SnapshotId, block: u64, length: u32, data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for number in [id.index, id.term, block] {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(&length.to_le_bytes());
    hasher.update(data);
    hasher.finalize()
}
