//! For fuzz targets: what is private here and reads bytes.

use bytes::Bytes;

use crate::message;

/// Reads a message of a peer and writes it again; `None` when it is refused.
pub fn message(bytes: &[u8]) -> Option<Bytes> {
    message::encode(&message::decode(bytes).ok()?)
}
