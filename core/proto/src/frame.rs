//! Frames: an `int` length, then that many bytes.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// ZooKeeper's default for `jute.maxbuffer`, bytes.
pub const DEFAULT_MAX_FRAME: usize = 0xf_ffff;

/// A frame whose length is negative or above the limit; nothing after it can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {length} bytes; the limit is {max}")]
pub struct FrameError {
    /// The length that the frame claims.
    pub length: i32,
    /// The limit, bytes.
    pub max: usize,
}

/// Cuts a stream of bytes into frames.
#[derive(Debug, Clone, Copy)]
pub struct FrameDecoder {
    /// Longest body that is accepted, bytes.
    pub max: usize,
}

impl FrameDecoder {
    /// Takes the next whole body out of `input`, without a copy; none if it has not all come.
    pub fn decode(&self, input: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        let Some(header) = input.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = i32::from_be_bytes(*header);
        let error = FrameError { length, max: self.max };
        let body = usize::try_from(length).map_err(|_| error)?;
        if body > self.max {
            return Err(error);
        }
        if input.len() < 4 + body {
            return Ok(None);
        }
        input.advance(4);
        Ok(Some(input.split_to(body).freeze()))
    }
}

/// A frame around a body.
pub fn frame(body: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(4 + body.len());
    write(&mut out, |out| out.put_slice(body));
    out.freeze()
}

/// Appends a frame whose body `body` appends; the length is filled in afterwards.
pub fn write(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_i32(0);
    body(out);
    let length = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}
