//! What servers say to each other over a link.
//!
//! ```text
//! frame: length u32 | checksum u32 | kind u8 | body       (length counts kind and body)
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use pinfold_proto::Configuration;

use crate::digests::Checkpoint;
use crate::peers::snapshot::Offer;

/// Most bytes of a frame. Larger ones are never sent; the link on which one comes is closed.
pub(crate) const MAX_FRAME: usize = 256 << 20;
/// Most bytes that room is made for before they come.
const RESERVE: usize = 1 << 20;
/// Bytes before the kind.
const HEAD: usize = 8;

const RAFT: u8 = 1;
const FORWARD: u8 = 2;
const HEARD: u8 = 3;
const OFFER: u8 = 4;
const BLOCK: u8 = 5;
const ANNOUNCED: u8 = 6;
const DIGEST: u8 = 7;
const MEMBERS: u8 = 8;

/// One thing that a server says to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A message of consensus, in its own form.
    Raft(Bytes),
    /// Entries for the leader to order.
    Forward(Forward),
    /// Sessions whose clients were heard of, by id.
    Heard(Vec<i64>),
    /// A snapshot begins.
    Offer(Offer),
    /// The next block of the snapshot.
    Block(Bytes),
    /// The snapshot is complete; the message of consensus that announces it.
    Announced(Bytes),
    /// The sender's state after a record of the log.
    Digest(Checkpoint),
    /// The servers of the ensemble as its sender knows them, as in `/zookeeper/config`.
    Members(Configuration),
}

/// Entries of one server, in its order, for the leader of a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forward {
    /// The term for which they are meant; another one's leader drops them.
    pub(crate) term: u64,
    /// Sequence number of the first entry that the sender still waits for.
    pub(crate) oldest: u64,
    /// The entries, encoded.
    pub(crate) entries: Vec<Bytes>,
}

/// Bytes that are no frame; the link ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of a peer is damaged: {0}")]
pub(crate) struct Damaged(&'static str);

impl Frame {
    /// Appends the bytes for the wire.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let start = out.len();
        out.put_bytes(0, HEAD);
        match self {
            Frame::Raft(message) => {
                out.put_u8(RAFT);
                out.put_slice(message);
            }
            Frame::Forward(Forward { term, oldest, entries }) => {
                out.put_u8(FORWARD);
                out.put_u64_le(*term);
                out.put_u64_le(*oldest);
                for entry in entries {
                    out.put_u32_le(entry.len() as u32);
                    out.put_slice(entry);
                }
            }
            Frame::Heard(sessions) => {
                out.put_u8(HEARD);
                sessions.iter().for_each(|id| out.put_i64_le(*id));
            }
            Frame::Offer(Offer { index, term, note }) => {
                out.put_u8(OFFER);
                out.put_u64_le(*index);
                out.put_u64_le(*term);
                out.put_slice(note);
            }
            Frame::Block(block) => {
                out.put_u8(BLOCK);
                out.put_slice(block);
            }
            Frame::Announced(message) => {
                out.put_u8(ANNOUNCED);
                out.put_slice(message);
            }
            Frame::Digest(Checkpoint { index, digest }) => {
                out.put_u8(DIGEST);
                out.put_u64_le(*index);
                out.put_u64_le(*digest);
            }
            Frame::Members(configuration) => {
                out.put_u8(MEMBERS);
                out.put_slice(configuration.to_string().as_bytes());
            }
        }
        let length = out.len() - start - HEAD;
        let checksum = crc32fast::hash(&out[start + HEAD..]);
        out[start..start + 4].copy_from_slice(&(length as u32).to_le_bytes());
        out[start + 4..start + HEAD].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Bytes that it weighs, about.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Frame::Raft(bytes) | Frame::Block(bytes) | Frame::Announced(bytes) => bytes.len(),
            Frame::Offer(offer) => offer.note.len(),
            Frame::Forward(forward) => forward.entries.iter().map(|entry| entry.len() + 4).sum(),
            Frame::Heard(sessions) => sessions.len() * 8,
            Frame::Digest(_) => 16,
            Frame::Members(configuration) => configuration.members.len() * 64,
        }
    }

    /// Takes the next frame from the front of `input`; `None` when it is not whole yet.
    pub(crate) fn decode(input: &mut BytesMut) -> Result<Option<Frame>, Damaged> {
        let Some(head) = input.first_chunk::<HEAD>() else { return Ok(None) };
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let checksum = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if length == 0 || length > MAX_FRAME {
            return Err(Damaged("its length"));
        }
        if input.len() < HEAD + length {
            // Not more than a little ahead: so far there is only somebody's word for the length.
            input.reserve((HEAD + length - input.len()).min(RESERVE));
            return Ok(None);
        }
        input.advance(HEAD);
        let body = input.split_to(length).freeze();
        if crc32fast::hash(&body) != checksum {
            return Err(Damaged("its checksum"));
        }
        Frame::body(body).map(Some)
    }

    fn body(mut body: Bytes) -> Result<Frame, Damaged> {
        let cut = |_| Damaged("it is cut short");
        match body.try_get_u8().map_err(cut)? {
            RAFT => Ok(Frame::Raft(body)),
            FORWARD => {
                let term = body.try_get_u64_le().map_err(cut)?;
                let oldest = body.try_get_u64_le().map_err(cut)?;
                let mut entries = Vec::new();
                while body.has_remaining() {
                    let length = body.try_get_u32_le().map_err(cut)? as usize;
                    if length > body.len() {
                        return Err(Damaged("an entry in it is cut short"));
                    }
                    entries.push(body.split_to(length));
                }
                Ok(Frame::Forward(Forward { term, oldest, entries }))
            }
            HEARD => {
                let mut sessions = Vec::with_capacity(body.len() / 8);
                while body.has_remaining() {
                    sessions.push(body.try_get_i64_le().map_err(cut)?);
                }
                Ok(Frame::Heard(sessions))
            }
            OFFER => {
                let index = body.try_get_u64_le().map_err(cut)?;
                let term = body.try_get_u64_le().map_err(cut)?;
                Ok(Frame::Offer(Offer { index, term, note: body }))
            }
            BLOCK => Ok(Frame::Block(body)),
            ANNOUNCED => Ok(Frame::Announced(body)),
            DIGEST => {
                let index = body.try_get_u64_le().map_err(cut)?;
                let digest = body.try_get_u64_le().map_err(cut)?;
                match body.is_empty() {
                    true => Ok(Frame::Digest(Checkpoint { index, digest })),
                    false => Err(Damaged("it has a rest")),
                }
            }
            MEMBERS => {
                let text = str::from_utf8(&body).ok();
                let configuration = text.and_then(|text| Configuration::parse(text).ok());
                // In the one form in which it is written.
                let configuration = configuration.filter(|found| found.to_string() == body);
                configuration.map(Frame::Members).ok_or(Damaged("the members in it"))
            }
            _ => Err(Damaged("its kind")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<Frame> {
        let entries = vec![Bytes::from_static(b"one"), Bytes::new()];
        vec![
            Frame::Raft(Bytes::from_static(b"message")),
            Frame::Forward(Forward { term: 3, oldest: 9, entries }),
            Frame::Heard(vec![1, -1]),
            Frame::Heard(Vec::new()),
            Frame::Offer(Offer { index: 7, term: 2, note: Bytes::from_static(b"members") }),
            Frame::Block(Bytes::from_static(b"block")),
            Frame::Announced(Bytes::from_static(b"message")),
            Frame::Digest(Checkpoint { index: 9, digest: u64::MAX }),
            Frame::Members(Configuration::parse("server.3=c:1:2;c:3\nversion=1f").unwrap()),
        ]
    }

    #[test]
    fn frames_survive_the_wire_however_it_cuts_them() {
        let mut wire = BytesMut::new();
        frames().iter().for_each(|frame| frame.encode(&mut wire));
        let (mut input, mut heard) = (BytesMut::new(), Vec::new());
        for byte in wire {
            input.put_u8(byte);
            heard.extend(Frame::decode(&mut input).unwrap());
        }
        assert_eq!(heard, frames());
        assert!(input.is_empty());
    }

    #[test]
    fn no_damage_goes_unseen() {
        for frame in frames() {
            let mut wire = BytesMut::new();
            frame.encode(&mut wire);
            for at in 0..wire.len() {
                let mut damaged = wire.clone();
                damaged[at] ^= 0x04;
                // A greater length waits for more; nothing else is taken for a frame.
                assert!(!matches!(Frame::decode(&mut damaged), Ok(Some(_))), "{frame:?} at {at}");
            }
        }
    }
}
