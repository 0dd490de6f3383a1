//! Our types to raft's ("in") and back ("out").

use bytes::{Buf, BufMut, Bytes, BytesMut};
use protobuf::Message as _;
use raft::eraftpb::{
    ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2, ConfState, Entry,
    EntryType, Snapshot,
};

use crate::store::{EntryKind, LogEntry, SnapshotMeta, StoreError};
use crate::{Membership, MembershipChange, MembershipStep};

/// First byte of a change of members in our own form.
const CHANGE_FORMAT: u8 = 2;
/// Of changes that carry nothing for the state. They are still read.
const CHANGE_FORMAT_WITHOUT_DATA: u8 = 1;

pub(crate) fn members_in(members: &Membership) -> ConfState {
    let mut state = ConfState::default();
    state.set_voters(members.voters.clone());
    state.set_learners(members.learners.clone());
    state.set_voters_outgoing(members.voters_outgoing.clone());
    state.set_learners_next(members.learners_next.clone());
    state.set_auto_leave(members.auto_leave);
    state
}

pub(crate) fn members_out(state: &ConfState) -> Membership {
    Membership {
        voters: state.voters.clone(),
        learners: state.learners.clone(),
        voters_outgoing: state.voters_outgoing.clone(),
        learners_next: state.learners_next.clone(),
        auto_leave: state.auto_leave,
    }
}

pub(crate) fn change_in(change: &MembershipChange) -> ConfChangeV2 {
    let mut out = ConfChangeV2::default();
    out.set_transition(ConfChangeTransition::Auto);
    out.set_context(change.data.clone());
    for step in &change.steps {
        let (kind, id) = match *step {
            MembershipStep::AddVoter(id) => (ConfChangeType::AddNode, id),
            MembershipStep::AddLearner(id) => (ConfChangeType::AddLearnerNode, id),
            MembershipStep::Remove(id) => (ConfChangeType::RemoveNode, id),
        };
        let mut single = ConfChangeSingle::default();
        single.set_change_type(kind);
        single.node_id = id;
        out.mut_changes().push(single);
    }
    out
}

/// A change in the form that raft itself parses, out of our own struct and never out of bytes
/// from outside.
pub(crate) fn change_bytes(change: &MembershipChange) -> Result<Bytes, StoreError> {
    let change = change_in(change);
    change.write_to_bytes().map(Bytes::from).map_err(StoreError::new)
}

pub(crate) fn change_of(entry: &Entry) -> Result<MembershipChange, StoreError> {
    let mut parsed = ConfChangeV2::default();
    parsed.merge_from_bytes(&entry.data).map_err(StoreError::new)?;
    let steps = parsed
        .get_changes()
        .iter()
        .map(|single| match single.get_change_type() {
            ConfChangeType::AddNode => MembershipStep::AddVoter(single.node_id),
            ConfChangeType::AddLearnerNode => MembershipStep::AddLearner(single.node_id),
            ConfChangeType::RemoveNode => MembershipStep::Remove(single.node_id),
        })
        .collect();
    Ok(MembershipChange { steps, data: parsed.take_context() })
}

/// An entry as it goes to the disk and to peers: a change of members in our own form.
pub(crate) fn entry_out(entry: &Entry) -> Result<LogEntry, StoreError> {
    let (kind, data) = match entry.get_entry_type() {
        EntryType::EntryNormal => (EntryKind::Normal, entry.data.clone()),
        EntryType::EntryConfChangeV2 => (EntryKind::Membership, encode_change(&change_of(entry)?)),
        EntryType::EntryConfChange => {
            return Err(StoreError::message("a change of members of the old kind in the log"));
        }
    };
    Ok(LogEntry { index: entry.index, term: entry.term, kind, data })
}

pub(crate) fn entry_in(entry: LogEntry) -> Result<Entry, StoreError> {
    let mut out = Entry { index: entry.index, term: entry.term, ..Entry::default() };
    match entry.kind {
        EntryKind::Normal => out.data = entry.data,
        EntryKind::Membership => {
            let change = decode_change(&entry.data).ok_or_else(|| {
                let index = entry.index;
                StoreError::message(format!("entry {index} holds no readable member change"))
            })?;
            out.set_entry_type(EntryType::EntryConfChangeV2);
            // An empty change, the end of a joint one, has no bytes in raft's form.
            out.data = change_bytes(&change)?;
        }
    }
    Ok(out)
}

fn encode_change(change: &MembershipChange) -> Bytes {
    let mut out = BytesMut::new();
    out.put_u8(CHANGE_FORMAT);
    out.put_u32_le(change.data.len() as u32);
    out.put_slice(&change.data);
    for step in &change.steps {
        let (kind, id) = match *step {
            MembershipStep::AddVoter(id) => (1, id),
            MembershipStep::AddLearner(id) => (2, id),
            MembershipStep::Remove(id) => (3, id),
        };
        out.put_u8(kind);
        out.put_u64_le(id);
    }
    out.freeze()
}

fn decode_change(mut bytes: &[u8]) -> Option<MembershipChange> {
    let data = match bytes.try_get_u8().ok()? {
        CHANGE_FORMAT_WITHOUT_DATA => Bytes::new(),
        CHANGE_FORMAT => {
            let length = bytes.try_get_u32_le().ok()? as usize;
            let (data, rest) = bytes.split_at_checked(length)?;
            bytes = rest;
            Bytes::copy_from_slice(data)
        }
        _ => return None,
    };
    let mut steps = Vec::new();
    while bytes.has_remaining() {
        let kind = bytes.try_get_u8().ok()?;
        let id = bytes.try_get_u64_le().ok()?;
        steps.push(match kind {
            1 => MembershipStep::AddVoter(id),
            2 => MembershipStep::AddLearner(id),
            3 => MembershipStep::Remove(id),
            _ => return None,
        });
    }
    Some(MembershipChange { steps, data })
}

pub(crate) fn snapshot_in(meta: &SnapshotMeta) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let out = snapshot.mut_metadata();
    out.index = meta.index;
    out.term = meta.term;
    out.set_conf_state(members_in(&meta.membership));
    snapshot
}

pub(crate) fn snapshot_out(snapshot: &Snapshot) -> SnapshotMeta {
    let meta = snapshot.get_metadata();
    SnapshotMeta {
        index: meta.index,
        term: meta.term,
        membership: members_out(meta.get_conf_state()),
    }
}
