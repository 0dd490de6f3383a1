//! Who is in the group.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::NodeId;

/// The members of the group at some point of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Servers that vote and count for a majority.
    pub voters: Vec<NodeId>,
    /// Servers that only follow.
    pub learners: Vec<NodeId>,
    /// In a joint change: the voters before it, whose majority is still needed as well.
    pub voters_outgoing: Vec<NodeId>,
    /// In a joint change: voters that become learners at its end.
    pub learners_next: Vec<NodeId>,
    /// In a joint change: whether the leader ends it by itself.
    pub auto_leave: bool,
}

impl Membership {
    /// A group of one voter.
    pub fn single(id: NodeId) -> Self {
        Self { voters: vec![id], ..Self::default() }
    }

    /// Whether this server alone is a majority.
    pub fn is_single(&self, id: NodeId) -> bool {
        self.voters == [id] && self.voters_outgoing.is_empty()
    }

    /// Whether this server votes or follows.
    pub fn contains(&self, id: NodeId) -> bool {
        let mut all = self.voters.iter().chain(&self.learners).chain(&self.voters_outgoing);
        all.any(|member| *member == id)
    }

    /// Our own versioned form, for files and frames.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(64);
        out.put_u8(1);
        for list in [&self.voters, &self.learners, &self.voters_outgoing, &self.learners_next] {
            out.put_u32_le(list.len() as u32);
            for id in list {
                out.put_u64_le(*id);
            }
        }
        out.put_u8(u8::from(self.auto_leave));
        out.freeze()
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` for anything else.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        if bytes.try_get_u8().ok()? != 1 {
            return None;
        }
        let mut lists: [Vec<NodeId>; 4] = Default::default();
        for list in &mut lists {
            let count = bytes.try_get_u32_le().ok()? as usize;
            if bytes.remaining() < count.checked_mul(8)? {
                return None;
            }
            list.extend((0..count).map(|_| bytes.get_u64_le()));
        }
        let auto_leave = match bytes.try_get_u8().ok()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        if bytes.has_remaining() {
            return None;
        }
        let [voters, learners, voters_outgoing, learners_next] = lists;
        Some(Self { voters, learners, voters_outgoing, learners_next, auto_leave })
    }
}

/// A change of members, decided as one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MembershipChange {
    /// The single steps; more than one voter step makes the change a joint one, which ends by
    /// itself.
    pub steps: Vec<MembershipStep>,
    /// What the state is to apply at the same place of the log; may be empty.
    pub data: Bytes,
}

/// One step of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembershipStep {
    /// Becomes a voter, from outside or from learner.
    AddVoter(NodeId),
    /// Becomes a learner, from outside or from voter.
    AddLearner(NodeId),
    /// Leaves the group.
    Remove(NodeId),
}

#[cfg(test)]
mod tests {
    use super::Membership;

    #[test]
    fn membership_survives_its_own_form_and_refuses_others() {
        let full = Membership {
            voters: vec![1, 2, 3],
            learners: vec![9],
            voters_outgoing: vec![1],
            learners_next: vec![2],
            auto_leave: true,
        };
        for one in [Membership::default(), Membership::single(1), full] {
            let bytes = one.encode();
            assert_eq!(Membership::decode(&bytes), Some(one));
            for cut in 0..bytes.len() {
                assert_eq!(Membership::decode(&bytes[..cut]), None);
            }
        }
        assert_eq!(Membership::decode(&[1, 255, 255, 255, 255]), None);
    }
}
