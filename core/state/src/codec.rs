//! The bytes of entries and snapshots: little-endian numbers, length-prefixed texts.

use bytes::{BufMut, Bytes, BytesMut};
use pinfold_proto::acl::{Acl, Id};
use thiserror::Error;

/// Stored bytes that this version cannot read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CodecError {
    /// The bytes end inside a value.
    #[error("the stored bytes end at offset {offset}, inside a value")]
    Truncated {
        /// Where the missing value starts.
        offset: usize,
    },
    /// A kind number, a text or a version that this version does not know.
    #[error("{what} is not valid at offset {offset}")]
    Invalid {
        /// What was being read.
        what: &'static str,
        /// Where it starts.
        offset: usize,
    },
}

pub(crate) struct Reader<'a> {
    bytes: &'a Bytes,
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a Bytes) -> Reader<'a> {
        Reader { bytes, offset: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.offset == self.bytes.len()
    }

    pub(crate) fn invalid(&self, what: &'static str) -> CodecError {
        CodecError::Invalid { what, offset: self.offset }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let end = self.offset.checked_add(len).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else { return Err(CodecError::Truncated { offset: self.offset }) };
        let taken = &self.bytes[self.offset..end];
        self.offset = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, CodecError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, CodecError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32, CodecError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, CodecError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, CodecError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    pub(crate) fn password(&mut self) -> Result<[u8; 16], CodecError> {
        self.array()
    }

    pub(crate) fn text(&mut self) -> Result<String, CodecError> {
        let at = self.offset;
        let len = self.u32()? as usize;
        let text = std::str::from_utf8(self.take(len)?);
        text.map(str::to_owned).map_err(|_| CodecError::Invalid { what: "a text", offset: at })
    }

    pub(crate) fn buffer(&mut self) -> Result<Option<Bytes>, CodecError> {
        let len = self.u32()?;
        if len == u32::MAX {
            return Ok(None);
        }
        let start = self.offset;
        self.take(len as usize)?;
        Ok(Some(self.bytes.slice(start..self.offset)))
    }

    pub(crate) fn id(&mut self) -> Result<Id, CodecError> {
        Ok(Id { scheme: self.text()?, id: self.text()? })
    }

    pub(crate) fn ids(&mut self) -> Result<Vec<Id>, CodecError> {
        (0..self.u32()?).map(|_| self.id()).collect()
    }

    pub(crate) fn acl(&mut self) -> Result<Vec<Acl>, CodecError> {
        let count = self.u32()?;
        (0..count).map(|_| Ok(Acl { perms: self.i32()?, id: self.id()? })).collect()
    }
}

pub(crate) fn put_text(out: &mut BytesMut, text: &str) {
    out.put_u32_le(text.len() as u32);
    out.put_slice(text.as_bytes());
}

pub(crate) fn put_buffer(out: &mut BytesMut, buffer: Option<&[u8]>) {
    out.put_u32_le(buffer.map_or(u32::MAX, |b| b.len() as u32));
    out.put_slice(buffer.unwrap_or_default());
}

pub(crate) fn put_id(out: &mut BytesMut, id: &Id) {
    put_text(out, &id.scheme);
    put_text(out, &id.id);
}

pub(crate) fn put_ids(out: &mut BytesMut, ids: &[Id]) {
    out.put_u32_le(ids.len() as u32);
    ids.iter().for_each(|id| put_id(out, id));
}

pub(crate) fn put_acl(out: &mut BytesMut, acl: &[Acl]) {
    out.put_u32_le(acl.len() as u32);
    for acl in acl {
        out.put_i32_le(acl.perms);
        put_id(out, &acl.id);
    }
}
