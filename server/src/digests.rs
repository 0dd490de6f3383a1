//! Whether this server's state is still that of the others.
//!
//! At every so manieth record of the log each server tells the others the digest of its state. A
//! server that differs from what most voters agree on has a wrong state, whatever the reason, and
//! must not go on: it stops. Nobody stops while no majority is against it, so two servers that
//! merely differ from one another, or a wrong leader, never stop the others.

use std::collections::{BTreeMap, VecDeque};

use pinfold_replication::{Membership, NodeId};

/// Digests of one server that are remembered, for those who come there later.
const REMEMBERED: usize = 64;

/// The digest of a state after a record of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) index: u64,
    pub(crate) digest: u64,
}

/// A majority has another state than this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Divergence {
    pub(crate) own: Checkpoint,
    pub(crate) others: u64,
    pub(crate) servers: Vec<NodeId>,
}

/// What this server and the others came to.
#[derive(Debug)]
pub(crate) struct Digests {
    every: u64,
    own: VecDeque<Checkpoint>,
    heard: BTreeMap<NodeId, VecDeque<Checkpoint>>,
}

impl Digests {
    /// A checkpoint is at every so manieth record; 0 for none.
    pub(crate) fn new(every: u64) -> Digests {
        Digests { every, own: VecDeque::new(), heard: BTreeMap::new() }
    }

    /// True when the state after this record is to be told.
    pub(crate) fn is_due(&self, index: u64) -> bool {
        self.every > 0 && index.is_multiple_of(self.every)
    }

    /// What this server came to, for somebody who may not have heard it.
    pub(crate) fn known(&self) -> impl Iterator<Item = Checkpoint> {
        self.own.iter().copied()
    }

    /// This server has come to a checkpoint.
    pub(crate) fn reached(&mut self, checkpoint: Checkpoint, members: &Membership) -> Verdict {
        remember(&mut self.own, checkpoint);
        self.judge(checkpoint.index, members)
    }

    /// Another server has.
    pub(crate) fn heard(
        &mut self,
        from: NodeId,
        checkpoint: Checkpoint,
        members: &Membership,
    ) -> Verdict {
        remember(self.heard.entry(from).or_default(), checkpoint);
        self.judge(checkpoint.index, members)
    }

    /// The state has been replaced by the leader's.
    pub(crate) fn begin_again(&mut self) {
        self.own.clear();
    }

    fn judge(&self, index: u64, members: &Membership) -> Result<(), Divergence> {
        let Some(own) = find(&self.own, index) else { return Ok(()) };
        let mut against: BTreeMap<u64, Vec<NodeId>> = BTreeMap::new();
        for (id, checkpoints) in &self.heard {
            if let Some(other) = find(checkpoints, index).filter(|other| other.digest != own.digest)
            {
                against.entry(other.digest).or_default().push(*id);
            }
        }
        for (others, servers) in against {
            let outvoted = |voters: &[NodeId]| {
                servers.iter().filter(|id| voters.contains(id)).count() > voters.len() / 2
            };
            let is_joint = !members.voters_outgoing.is_empty();
            if outvoted(&members.voters) && (!is_joint || outvoted(&members.voters_outgoing)) {
                return Err(Divergence { own, others, servers });
            }
            tracing::error!(
                index,
                ?servers,
                "the state has digest {:016x} here and {others:016x} there, and no majority says \
                 who is right; compare the data directories: pinfold snapshot diff --at {index}",
                own.digest
            );
        }
        Ok(())
    }
}

/// An error when this server is the one that is wrong.
pub(crate) type Verdict = Result<(), Divergence>;

fn find(checkpoints: &VecDeque<Checkpoint>, index: u64) -> Option<Checkpoint> {
    checkpoints.iter().find(|checkpoint| checkpoint.index == index).copied()
}

fn remember(checkpoints: &mut VecDeque<Checkpoint>, new: Checkpoint) {
    // A server that replays its log comes by a second time.
    checkpoints.retain(|known| known.index != new.index);
    if checkpoints.len() >= REMEMBERED {
        checkpoints.pop_front();
    }
    checkpoints.push_back(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(voters: &[NodeId], learners: &[NodeId]) -> Membership {
        let (voters, learners) = (voters.to_vec(), learners.to_vec());
        Membership { voters, learners, ..Membership::default() }
    }

    fn at(index: u64, digest: u64) -> Checkpoint {
        Checkpoint { index, digest }
    }

    #[test]
    fn whom_a_majority_contradicts_stops_and_nobody_else() {
        let members = members(&[1, 2, 3], &[]);
        // Server 1 is wrong, wherever it is: here, or with its word coming first or last.
        let mut first = Digests::new(10);
        assert!(first.is_due(20) && !first.is_due(21));
        assert_eq!(first.heard(2, at(10, 7), &members), Ok(()));
        assert_eq!(first.heard(3, at(10, 7), &members), Ok(()));
        let divergence = first.reached(at(10, 8), &members).unwrap_err();
        assert_eq!((divergence.others, divergence.servers), (7, vec![2, 3]));
        let mut second = Digests::new(10);
        assert_eq!(second.heard(1, at(10, 8), &members), Ok(()));
        assert_eq!(second.reached(at(10, 7), &members), Ok(()));
        assert_eq!(second.heard(3, at(10, 7), &members), Ok(()));
        let mut late = Digests::new(10);
        assert_eq!(late.reached(at(10, 8), &members), Ok(()));
        assert_eq!(late.heard(2, at(10, 7), &members), Ok(()));
        assert!(late.heard(3, at(10, 7), &members).is_err());
    }

    #[test]
    fn no_majority_no_verdict() {
        let pair = members(&[1, 2], &[]);
        let mut digests = Digests::new(10);
        assert_eq!(digests.reached(at(10, 8), &pair), Ok(()));
        assert_eq!(digests.heard(2, at(10, 7), &pair), Ok(()));
        // Each says something else.
        let three = members(&[1, 2, 3], &[]);
        assert_eq!(digests.heard(3, at(10, 6), &three), Ok(()));
        // Other records prove nothing.
        assert_eq!(digests.heard(3, at(20, 7), &three), Ok(()));
        // The word of a server without a vote does not count, but it hears that of those with one.
        let observed = members(&[2, 3], &[1, 4]);
        let mut digests = Digests::new(10);
        assert_eq!(digests.heard(4, at(10, 7), &observed), Ok(()));
        assert_eq!(digests.heard(2, at(10, 7), &observed), Ok(()));
        assert_eq!(digests.reached(at(10, 8), &observed), Ok(()));
        assert!(digests.heard(3, at(10, 7), &observed).is_err());
    }

    #[test]
    fn in_a_joint_change_both_majorities_are_needed() {
        let voters_outgoing = vec![1, 4, 5];
        let joint = Membership { voters_outgoing, ..members(&[1, 2, 3], &[]) };
        let mut digests = Digests::new(10);
        assert_eq!(digests.reached(at(10, 8), &joint), Ok(()));
        assert_eq!(digests.heard(2, at(10, 7), &joint), Ok(()));
        assert_eq!(digests.heard(3, at(10, 7), &joint), Ok(()));
        assert_eq!(digests.heard(4, at(10, 7), &joint), Ok(()));
        assert!(digests.heard(5, at(10, 7), &joint).is_err());
    }

    #[test]
    fn a_state_from_the_leader_begins_again() {
        let members = members(&[1, 2, 3], &[]);
        let mut digests = Digests::new(10);
        assert_eq!(digests.reached(at(10, 8), &members), Ok(()));
        digests.begin_again();
        assert_eq!(digests.heard(2, at(10, 7), &members), Ok(()));
        assert_eq!(digests.heard(3, at(10, 7), &members), Ok(()));
        for index in 11..200 {
            assert_eq!(digests.reached(at(index, 1), &members), Ok(()));
        }
        assert_eq!(digests.own.len(), REMEMBERED);
    }
}
