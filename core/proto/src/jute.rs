//! Jute, ZooKeeper's record encoding, as a serde data format.
//!
//! Everything is big-endian. A string, a buffer and a vector begin with an `int` length, and -1
//! stands for null: `Option` of those three is how a type tells null from empty. Without the
//! `Option`, null decodes as empty. Records are their fields in order, without any tag.

mod de;
mod ser;

use bytes::{Bytes, BytesMut};
use serde::{Serialize, de::DeserializeOwned};

pub use de::DecodeError;
pub use ser::EncodeError;

/// Encodes a record.
///
/// # Panics
/// Never for the records of this crate: they hold only what jute can express, and lengths past
/// `i32::MAX` cannot be reached by a frame.
pub fn to_bytes<T: Serialize + ?Sized>(record: &T) -> Bytes {
    let mut out = BytesMut::new();
    write(&mut out, record);
    out.freeze()
}

/// Appends an encoded record to `out`; see [`to_bytes`].
pub fn write<T: Serialize + ?Sized>(out: &mut BytesMut, record: &T) {
    record
        .serialize(&mut ser::Serializer { out })
        .expect("records hold only what jute can express");
}

/// Decodes a record that takes all of `input`.
pub fn from_bytes<T: DeserializeOwned>(input: &[u8]) -> Result<T, DecodeError> {
    let (record, rest) = from_bytes_prefix(input)?;
    if rest.is_empty() { Ok(record) } else { Err(DecodeError::TrailingBytes(rest.len())) }
}

/// Decodes a record from the beginning of `input` and returns what follows it.
pub fn from_bytes_prefix<T: DeserializeOwned>(input: &[u8]) -> Result<(T, &[u8]), DecodeError> {
    let mut deserializer = de::Deserializer { input };
    let record = T::deserialize(&mut deserializer)?;
    Ok((record, deserializer.input))
}
