//! For fuzz targets: what is private here and reads bytes.

use bytes::Bytes;
use pinfold_state::Body;

use crate::request::{Decoder, Ordered, RequestBody};

/// What a frame of a client is.
#[derive(Debug)]
pub enum Taken {
    /// A write, with what goes into the log for it.
    Write(Body),
    /// Anything else that is answered.
    Other,
}

/// Reads a frame as the server does; `None` when not even its header can be read.
pub fn request(frame: &Bytes, ttl_enabled: bool) -> Option<Taken> {
    let request = Decoder { ttl_enabled }.decode(frame)?;
    Some(match request.body {
        RequestBody::Ordered(Ordered::Write { op, .. }) => Taken::Write(Body::Request(op)),
        RequestBody::Ordered(Ordered::Multi { ops, .. }) => Taken::Write(Body::Multi(ops)),
        RequestBody::Ordered(Ordered::Close) => Taken::Write(Body::CloseSession),
        _ => Taken::Other,
    })
}
