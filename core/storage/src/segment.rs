//! One file of the log.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::error::{Context, Error, Result};
use crate::filesystem::{File, FileSystem};
use crate::record::{self, Record, Salt};

const MAGIC: &[u8; 8] = b"PINFLOG1";

/// Bytes before the first record.
pub(crate) const HEADER: u32 = 64;

/// A segment holds records `first..first + offsets.len()`.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) first: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn File>,
    /// Where each record begins.
    pub(crate) offsets: Vec<u32>,
    /// Where the next record goes.
    pub(crate) end: u32,
    /// Length of the file, at least `end`; what is between them is zeros.
    pub(crate) allocated: u64,
    cluster: u64,
}

impl Segment {
    pub(crate) fn name(number: u64) -> String {
        format!("{number:016x}.log")
    }

    pub(crate) fn number_of(name: &str) -> Option<u64> {
        let digits = name.strip_suffix(".log")?;
        (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
    }

    /// Makes an empty segment, durable with its header before its name appears.
    pub(crate) fn create(
        fs: &dyn FileSystem,
        dir: &Path,
        cluster: u64,
        number: u64,
        first: u64,
        room: u64,
    ) -> Result<Self> {
        let temporary = dir.join(format!("{number:016x}.tmp"));
        let path = dir.join(Self::name(number));
        let file = fs.create(&temporary).context("create", &temporary)?;
        file.write_at(&header(cluster, number, first), 0).context("write", &temporary)?;
        let allocated = room.max(u64::from(HEADER));
        file.allocate(allocated).context("make room in", &temporary)?;
        file.sync().context("sync", &temporary)?;
        fs.rename(&temporary, &path).context("rename", &temporary)?;
        fs.sync_dir(dir).context("sync", dir)?;
        let (offsets, end) = (Vec::new(), HEADER);
        Ok(Self { number, first, path, file, offsets, end, allocated, cluster })
    }

    /// Opens a segment and reads it whole; its records are still to be found, see `recovery`.
    pub(crate) fn open(
        fs: &dyn FileSystem,
        dir: &Path,
        cluster: u64,
        number: u64,
    ) -> Result<(Self, Bytes)> {
        let path = dir.join(Self::name(number));
        let file = fs.open(&path).context("open", &path)?;
        Self::read_whole(path, file, cluster, number)
    }

    /// As [`Segment::open`], of a segment that is not to be changed.
    pub(crate) fn inspect(
        fs: &dyn FileSystem,
        dir: &Path,
        cluster: u64,
        number: u64,
    ) -> Result<(Self, Bytes)> {
        let path = dir.join(Self::name(number));
        let file = fs.open_to_read(&path).context("open", &path)?;
        Self::read_whole(path, file, cluster, number)
    }

    fn read_whole(
        path: PathBuf,
        file: Box<dyn File>,
        cluster: u64,
        number: u64,
    ) -> Result<(Self, Bytes)> {
        let allocated = file.size().context("read the size of", &path)?;
        let length = usize::try_from(allocated).unwrap_or(0);
        let mut bytes = vec![0; length];
        file.read_at(&mut bytes, 0).context("read", &path)?;
        let bytes = Bytes::from(bytes);
        let first = read_header(&path, &bytes, cluster, number)?;
        let (offsets, end) = (Vec::new(), HEADER);
        Ok((Self { number, first, path, file, offsets, end, allocated, cluster }, bytes))
    }

    pub(crate) fn salt(&self) -> Salt {
        Salt { cluster: self.cluster, segment: self.number }
    }

    /// Index of the last record; `first - 1` without any.
    pub(crate) fn last(&self) -> u64 {
        self.first + self.offsets.len() as u64 - 1
    }

    /// Where a record begins, or for one past the last, where the records end.
    pub(crate) fn offset(&self, index: u64) -> u32 {
        self.offsets.get((index - self.first) as usize).copied().unwrap_or(self.end)
    }

    /// Reads `low..high`, which are here, in one go; stops once their data have more than
    /// `max_bytes`, with one record at least.
    pub(crate) fn read(&self, low: u64, high: u64, max_bytes: u64) -> Result<Vec<Record>> {
        let from = self.offset(low);
        let mut until = low + 1;
        while until < high && u64::from(self.offset(until) - from) <= max_bytes {
            until += 1;
        }
        let mut bytes = vec![0; (self.offset(until) - from) as usize];
        self.file.read_at(&mut bytes, u64::from(from)).context("read", &self.path)?;
        let bytes = Bytes::from(bytes);
        let mut records = Vec::with_capacity((until - low) as usize);
        let mut at = 0;
        for index in low..until {
            let found = record::decode(&bytes, at, u64::from(from), self.salt())
                .filter(|found| found.record.index == index);
            let Some(found) = found else {
                let offset = u64::from(from) + at as u64;
                let reason = format!("record {index} cannot be read back");
                return Err(Error::corrupt(&self.path, offset, reason));
            };
            at = found.end;
            records.push(found.record);
        }
        Ok(records)
    }

    /// All records, each with its offset; `bytes` are those of the whole file.
    pub(crate) fn records(&self, bytes: &Bytes) -> Vec<(u64, Record)> {
        let found = self.offsets.iter().filter_map(|offset| {
            let found = record::decode(bytes, *offset as usize, 0, self.salt())?;
            Some((u64::from(*offset), found.record))
        });
        found.collect()
    }

    /// Cuts the file at `end`, so that no bytes are left that could pass for a record.
    pub(crate) fn cut(&mut self, end: u32) -> Result<()> {
        self.file.truncate(u64::from(end)).context("cut", &self.path)?;
        self.file.sync().context("sync", &self.path)?;
        self.offsets.truncate(self.offsets.partition_point(|offset| *offset < end));
        self.end = end;
        self.allocated = u64::from(end);
        Ok(())
    }
}

fn header(cluster: u64, number: u64, first: u64) -> [u8; HEADER as usize] {
    let mut header = [0; HEADER as usize];
    header[..8].copy_from_slice(MAGIC);
    header[8..16].copy_from_slice(&cluster.to_le_bytes());
    header[16..24].copy_from_slice(&number.to_le_bytes());
    header[24..32].copy_from_slice(&first.to_le_bytes());
    let checksum = crc32fast::hash(&header[..32]);
    header[32..36].copy_from_slice(&checksum.to_le_bytes());
    header
}

fn read_header(path: &Path, bytes: &Bytes, cluster: u64, number: u64) -> Result<u64> {
    let damaged = |offset, reason: &str| Err(Error::corrupt(path, offset, reason));
    let Some(found) = bytes.get(..HEADER as usize) else {
        return damaged(bytes.len() as u64, "it ends inside its header");
    };
    if &found[..8] != MAGIC {
        return damaged(0, "it does not begin as a log segment does");
    }
    let mut first = [0; 8];
    first.copy_from_slice(&found[24..32]);
    let first = u64::from_le_bytes(first);
    if found[32..36] != crc32fast::hash(&found[..32]).to_le_bytes() || found[36..] != [0; 28] {
        return damaged(0, "the checksum of its header is wrong");
    }
    if found != header(cluster, number, first) {
        return damaged(8, "it belongs to another directory or has another number");
    }
    Ok(first)
}
