//! A record of the log and its bytes.
//!
//! ```text
//! length u32 | checksum u32 | durable u32 | kind u8 | index u64 | term u64 | data
//!                           '-------------------- length bytes -----------------'
//! ```
//! All numbers are little-endian. The checksum covers the length and everything after it, and is
//! salted with the directory's id, the format, the segment's number and the record's offset, so
//! bytes of another place never pass for a record here.
//!
//! `durable` is the offset in this segment up to which everything was known to be on the disk
//! when the record was written. It tells damage from a torn write: a record that cannot be read,
//! before an offset which a later record calls durable, has been damaged after it was written.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Most bytes of data in a record.
pub const MAX_RECORD_DATA: usize = 64 << 20;

pub(crate) const PREFIX: usize = 8;
const BODY: usize = 21;

/// The bytes of a record without data.
pub(crate) const OVERHEAD: usize = PREFIX + BODY;

const FORMAT: u16 = 1;

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Place in the log; each record's is one more than the one before.
    pub index: u64,
    /// The writer's term.
    pub term: u64,
    /// What the data are, for the reader.
    pub kind: u8,
    /// The content, at most [`MAX_RECORD_DATA`] bytes.
    pub data: Bytes,
}

impl Record {
    pub(crate) fn size(&self) -> usize {
        OVERHEAD + self.data.len()
    }
}

/// What makes the checksums of one segment its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Salt {
    pub(crate) cluster: u64,
    pub(crate) segment: u64,
}

impl Salt {
    fn checksum(self, offset: u64, length: u32, body: &[&[u8]]) -> u32 {
        let mut salt = [0; 30];
        salt[..8].copy_from_slice(&self.cluster.to_le_bytes());
        salt[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        salt[10..18].copy_from_slice(&self.segment.to_le_bytes());
        salt[18..26].copy_from_slice(&offset.to_le_bytes());
        salt[26..].copy_from_slice(&length.to_le_bytes());
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&salt);
        for part in body {
            hasher.update(part);
        }
        hasher.finalize()
    }
}

/// Adds a record to `out`; it will stand at `offset`.
pub(crate) fn encode(record: &Record, salt: Salt, offset: u64, durable: u32, out: &mut BytesMut) {
    let mut body = [0; BODY];
    let mut rest = &mut body[..];
    rest.put_u32_le(durable);
    rest.put_u8(record.kind);
    rest.put_u64_le(record.index);
    rest.put_u64_le(record.term);
    let length = (BODY + record.data.len()) as u32;
    out.put_u32_le(length);
    out.put_u32_le(salt.checksum(offset, length, &[&body, &record.data]));
    out.put_slice(&body);
    out.put_slice(&record.data);
}

/// A record as found at some offset.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) record: Record,
    pub(crate) durable: u32,
    /// Where the next one begins, from the start of `bytes` as given to [`decode`].
    pub(crate) end: usize,
}

/// The fields `durable` and `index` of what would be a record at `at`, whatever it is.
pub(crate) fn peek(bytes: &Bytes, at: usize) -> Option<(u32, u64)> {
    let mut body = bytes.get(at + PREFIX..)?;
    let durable = body.try_get_u32_le().ok()?;
    let _kind = body.try_get_u8().ok()?;
    Some((durable, body.try_get_u64_le().ok()?))
}

/// Reads the record at `at` in `bytes`, which begin at `base` in the segment.
pub(crate) fn decode(bytes: &Bytes, at: usize, base: u64, salt: Salt) -> Option<Found> {
    let mut head = bytes.get(at..)?;
    let length = head.try_get_u32_le().ok()?;
    let checksum = head.try_get_u32_le().ok()?;
    let length_bytes = length as usize;
    if !(BODY..=BODY + MAX_RECORD_DATA).contains(&length_bytes) || head.len() < length_bytes {
        return None;
    }
    let offset = base + at as u64;
    if salt.checksum(offset, length, &[&head[..length_bytes]]) != checksum {
        return None;
    }
    let durable = head.get_u32_le();
    let kind = head.get_u8();
    let index = head.get_u64_le();
    let term = head.get_u64_le();
    let end = at + PREFIX + length_bytes;
    let data = bytes.slice(at + OVERHEAD..end);
    Some(Found { record: Record { index, term, kind, data }, durable, end })
}
