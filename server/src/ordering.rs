//! Where this server's entries go to be ordered: its own log while it leads, or the leader.
//!
//! Every entry that somebody here waits for has a sequence number, and goes to the leader of a
//! term in that order. When an entry of that term has been applied here, everything of ours that
//! came before it in the log has been applied as well; so what still waits is in nobody's log and
//! never will be, and goes to the new leader, again in order. A leader takes an entry only for
//! its own term and only after the one before it. Thus each entry is ordered once at most, and
//! none overtakes another, however often leaders change and links break.

use std::collections::HashMap;

use bytes::Bytes;
use pinfold_replication::{Consensus, Error as ConsensusError, NodeId, Role};
use pinfold_state::{Entry, Origin};

use crate::error::ServerError;
use crate::peers::{Courier, Forward, Frame};
use crate::pipeline::{Pipeline, Waiting};

/// Bytes of entries after which a forwarded portion is closed.
const FORWARD_BYTES: usize = 1 << 20;

/// Who orders this server's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Nobody that is known, or no entry of its term has been applied here yet.
    Closed,
    /// This server, in this term.
    Own { term: u64 },
    /// That server, in this term.
    Leader { id: NodeId, term: u64 },
}

/// What a leader has taken from each server, in its term.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    term: u64,
    last: HashMap<u64, u64>,
}

impl Taken {
    /// True when this is the next entry of its server, which counts as taken from now on. `oldest`
    /// is the first one that its server still waits for.
    fn is_next(&mut self, term: u64, oldest: u64, origin: Origin) -> bool {
        if self.term != term {
            self.term = term;
            self.last.clear();
        }
        let last = self.last.entry(origin.server).or_insert(oldest.saturating_sub(1));
        let is_next = origin.sequence == *last + 1;
        if is_next {
            *last = origin.sequence;
        }
        is_next
    }
}

impl<C: Consensus, P: Courier> Pipeline<C, P> {
    /// The stream ends when the leader or the term is another one, and what was to be proposed in
    /// an earlier term goes with it. It begins when the new leader's log is known here as far as
    /// it had it from others.
    fn check_stream(&mut self) {
        let status = self.consensus.status();
        if self.led != (status.role == Role::Leader).then_some(status.term) {
            self.proposals.clear();
        }
        let holds = match self.stream {
            Stream::Closed => true,
            Stream::Own { term } => status.role == Role::Leader && status.term == term,
            Stream::Leader { id, term } => status.leader == Some(id) && status.term == term,
        };
        if !holds {
            self.stream = Stream::Closed;
        }
        if self.stream == Stream::Closed && self.applied_term == status.term {
            let term = status.term;
            self.stream = match (status.role, status.leader) {
                (Role::Leader, _) => Stream::Own { term },
                (_, Some(id)) => Stream::Leader { id, term },
                _ => return,
            };
            tracing::debug!(term, leader = ?status.leader, "writes are ordered");
            self.shared.serve(status.role);
            self.repeat();
        }
    }

    /// The link to this server is new: what it carried before may not have arrived.
    pub(crate) fn link_is_up(&mut self, peer: NodeId) {
        self.note_link(peer, true);
        self.tell_members(peer);
        for checkpoint in self.digests.known() {
            self.courier.send(peer, Frame::Digest(checkpoint));
        }
        if matches!(self.stream, Stream::Leader { id, .. } if id == peer) {
            self.repeat();
        }
    }

    /// Everything that still waits goes out again, from the oldest on.
    fn repeat(&mut self) {
        self.outgoing.clear();
        let time_ms = self.time_ms();
        for waiting in self.waiting.iter_mut().chain(&mut self.arrived) {
            if let Waiting::Entry { entry, .. } = waiting {
                entry.time_ms = time_ms;
                self.outgoing.push(entry.encode());
            }
        }
    }

    /// Entries that a follower wants to have ordered.
    pub(crate) fn take_forward(&mut self, forward: Forward) -> Result<(), ServerError> {
        let status = self.consensus.status();
        if status.role != Role::Leader || status.term != forward.term {
            // Its sender learns of the right leader and sends them there.
            return Ok(());
        }
        let time_ms = self.time_ms();
        for bytes in forward.entries {
            let (_, origin) = Entry::peek(&bytes)?;
            if self.taken.is_next(forward.term, forward.oldest, origin) {
                self.batch_bytes += bytes.len();
                self.proposals.push(Entry::stamp(&bytes, time_ms)?);
            }
        }
        Ok(())
    }

    /// Hands over what has gathered: to the log while this server leads, to the leader otherwise.
    pub(crate) fn send_out(&mut self) -> Result<(), ServerError> {
        self.check_stream();
        match self.stream {
            // They wait, and go out when there is a leader.
            Stream::Closed => self.outgoing.clear(),
            Stream::Own { .. } => self.proposals.append(&mut self.outgoing),
            Stream::Leader { id, term } if !self.outgoing.is_empty() => {
                let oldest = self.oldest_waiting();
                for entries in portions(std::mem::take(&mut self.outgoing)) {
                    self.courier.send(id, Frame::Forward(Forward { term, oldest, entries }));
                }
            }
            Stream::Leader { .. } => {}
        }
        if self.proposals.is_empty() {
            return Ok(());
        }
        if self.consensus.is_busy() {
            // Leadership is being handed over, or comes back: then they have their turn.
            return Ok(());
        }
        self.shared.statistics.batches.add(self.proposals.len() as u64);
        if self.shared.config.is_distributed() {
            self.proposals.iter().for_each(|one| self.shared.statistics.proposed(one.len()));
        }
        let proposals: Vec<Bytes> = std::mem::take(&mut self.proposals);
        match self.consensus.propose(proposals) {
            Ok(_) => Ok(()),
            // They have not been taken; what somebody waits for goes to the next leader.
            Err(ConsensusError::NotLeader { .. }) => {
                self.stream = Stream::Closed;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The sequence number of the first entry that somebody here waits for.
    pub(crate) fn oldest_waiting(&self) -> u64 {
        let mut all = self.waiting.iter().chain(&self.arrived);
        let oldest = all.find_map(|waiting| match waiting {
            Waiting::Entry { entry, .. } => Some(entry.origin.sequence),
            _ => None,
        });
        oldest.unwrap_or(self.origin.sequence + 1)
    }
}

/// Entries in their order, so many at a time that each portion makes a frame of modest size.
fn portions(entries: Vec<Bytes>) -> Vec<Vec<Bytes>> {
    let mut portions = Vec::new();
    let (mut portion, mut weight) = (Vec::new(), 0);
    for entry in entries {
        weight += entry.len();
        portion.push(entry);
        if weight >= FORWARD_BYTES {
            portions.push(std::mem::take(&mut portion));
            weight = 0;
        }
    }
    if !portion.is_empty() {
        portions.push(portion);
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_waits_goes_out_in_portions() {
        let entry = Bytes::from(vec![0; FORWARD_BYTES / 2]);
        let sizes: Vec<usize> = portions(vec![entry; 5]).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2, 1]);
        assert!(portions(Vec::new()).is_empty());
    }

    #[test]
    fn a_leader_takes_each_entry_once_and_none_before_its_turn() {
        let mut taken = Taken::default();
        let mut is_next =
            |term, oldest, sequence| taken.is_next(term, oldest, Origin { server: 7, sequence });
        assert!(is_next(1, 5, 5));
        assert!(!is_next(1, 5, 5), "a repetition");
        assert!(!is_next(1, 5, 7), "a gap");
        assert!(is_next(1, 6, 6));
        assert!(is_next(1, 6, 7));
        // A new term begins where the other server says.
        assert!(is_next(2, 6, 6));
        assert!(!is_next(2, 6, 8));
    }
}
