//! A message between servers in our own form: version, checksum, fixed fields.
//!
//! raft's protobuf form is never used between servers, so its parser (RUSTSEC-2024-0437) sees no
//! bytes from outside.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use raft::eraftpb::{Message, MessageType};

use crate::store::{EntryKind, LogEntry, SnapshotMeta};
use crate::{Error, Membership, translate};

const VERSION: u8 = 1;

/// The kinds that go between servers; the place in this list is the number on the wire.
const KINDS: [MessageType; 13] = [
    MessageType::MsgAppend,
    MessageType::MsgAppendResponse,
    MessageType::MsgRequestVote,
    MessageType::MsgRequestVoteResponse,
    MessageType::MsgSnapshot,
    MessageType::MsgHeartbeat,
    MessageType::MsgHeartbeatResponse,
    MessageType::MsgTransferLeader,
    MessageType::MsgTimeoutNow,
    MessageType::MsgReadIndex,
    MessageType::MsgReadIndexResp,
    MessageType::MsgRequestPreVote,
    MessageType::MsgRequestPreVoteResponse,
];

/// The bytes for a peer; `None` for a kind that stays inside.
pub(crate) fn encode(message: &Message) -> Option<Bytes> {
    let kind = KINDS.iter().position(|kind| *kind == message.get_msg_type())?;
    let mut out = BytesMut::with_capacity(160);
    out.put_u32_le(0);
    out.put_u8(VERSION);
    out.put_u8(kind as u8);
    out.put_u8(u8::from(message.reject));
    for number in [
        message.to,
        message.from,
        message.term,
        message.log_term,
        message.index,
        message.commit,
        message.commit_term,
        message.request_snapshot,
        message.reject_hint,
        message.priority as u64,
    ] {
        out.put_u64_le(number);
    }
    put_bytes(&mut out, &message.context);
    let snapshot = message.get_snapshot();
    if snapshot.is_empty() {
        out.put_u8(0);
    } else {
        let meta = translate::snapshot_out(snapshot);
        out.put_u8(1);
        out.put_u64_le(meta.index);
        out.put_u64_le(meta.term);
        put_bytes(&mut out, &meta.membership.encode());
    }
    out.put_u32_le(message.entries.len() as u32);
    for entry in message.get_entries() {
        let entry = translate::entry_out(entry).ok()?;
        out.put_u64_le(entry.index);
        out.put_u64_le(entry.term);
        out.put_u8(entry.kind as u8);
        put_bytes(&mut out, &entry.data);
    }
    let checksum = crc32fast::hash(&out[4..]);
    out[..4].copy_from_slice(&checksum.to_le_bytes());
    Some(out.freeze())
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Message, Error> {
    let refuse = |reason: &str| Error::BadMessage { reason: reason.to_owned() };
    let short = || refuse("it is cut short");
    let mut input = bytes;
    let checksum = input.try_get_u32_le().map_err(|_| short())?;
    if crc32fast::hash(input) != checksum {
        return Err(refuse("its checksum is wrong"));
    }
    let version = input.try_get_u8().map_err(|_| short())?;
    if version != VERSION {
        return Err(Error::BadMessage {
            reason: format!("it has format version {version}, this server speaks {VERSION}"),
        });
    }
    fields(&mut input).ok_or_else(short)?.ok_or_else(|| refuse("a field of it makes no sense"))
}

/// The outer `None` is "too short", the inner one "unknown value".
fn fields(input: &mut &[u8]) -> Option<Option<Message>> {
    let mut message = Message::default();
    let kind = KINDS.get(usize::from(input.try_get_u8().ok()?)).copied();
    message.reject = input.try_get_u8().ok()? != 0;
    message.to = input.try_get_u64_le().ok()?;
    message.from = input.try_get_u64_le().ok()?;
    message.term = input.try_get_u64_le().ok()?;
    message.log_term = input.try_get_u64_le().ok()?;
    message.index = input.try_get_u64_le().ok()?;
    message.commit = input.try_get_u64_le().ok()?;
    message.commit_term = input.try_get_u64_le().ok()?;
    message.request_snapshot = input.try_get_u64_le().ok()?;
    message.reject_hint = input.try_get_u64_le().ok()?;
    message.priority = input.try_get_u64_le().ok()? as i64;
    message.context = take_bytes(input)?;
    if input.try_get_u8().ok()? == 1 {
        let index = input.try_get_u64_le().ok()?;
        let term = input.try_get_u64_le().ok()?;
        let Some(membership) = Membership::decode(&take_bytes(input)?) else {
            return Some(None);
        };
        message.set_snapshot(translate::snapshot_in(&SnapshotMeta { index, term, membership }));
    }
    for _ in 0..input.try_get_u32_le().ok()? {
        let index = input.try_get_u64_le().ok()?;
        let term = input.try_get_u64_le().ok()?;
        let kind = EntryKind::from_u8(input.try_get_u8().ok()?);
        let data = take_bytes(input)?;
        let entry = kind.map(|kind| LogEntry { index, term, kind, data });
        let Some(Ok(entry)) = entry.map(translate::entry_in) else { return Some(None) };
        message.mut_entries().push(entry);
    }
    if input.has_remaining() {
        return Some(None);
    }
    Some(kind.map(|kind| {
        message.set_msg_type(kind);
        message
    }))
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32_le(bytes.len() as u32);
    out.put_slice(bytes);
}

fn take_bytes(input: &mut &[u8]) -> Option<Bytes> {
    let length = input.try_get_u32_le().ok()? as usize;
    if input.remaining() < length {
        return None;
    }
    let (head, rest) = input.split_at(length);
    *input = rest;
    Some(Bytes::copy_from_slice(head))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MembershipChange, MembershipStep};
    use raft::eraftpb::{Entry, EntryType};

    fn full() -> Message {
        let mut message = Message::default();
        message.set_msg_type(MessageType::MsgAppend);
        message.to = 2;
        message.from = 1;
        message.term = 7;
        message.priority = -3;
        message.context = Bytes::from_static(b"context");
        let data = Bytes::from_static(b"data");
        let normal = Entry { index: 5, term: 7, data, ..Entry::default() };
        let change = MembershipChange {
            steps: vec![MembershipStep::AddVoter(3)],
            data: Bytes::from_static(b"with it"),
        };
        let mut members = Entry { index: 6, term: 7, ..Entry::default() };
        members.set_entry_type(EntryType::EntryConfChangeV2);
        members.data = translate::change_bytes(&change).unwrap();
        message.set_entries(vec![normal, members].into());
        let membership = Membership::single(1);
        message.set_snapshot(translate::snapshot_in(&SnapshotMeta {
            index: 4,
            term: 2,
            membership,
        }));
        message
    }

    #[test]
    fn a_message_survives_its_own_form() {
        let message = full();
        assert_eq!(decode(&encode(&message).unwrap()).unwrap(), message);
    }

    #[test]
    fn no_damage_goes_unseen() {
        let bytes = encode(&full()).unwrap();
        for at in 0..bytes.len() {
            assert!(decode(&bytes[..at]).is_err());
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 0x10;
            assert!(decode(&flipped).is_err());
        }
    }
}
