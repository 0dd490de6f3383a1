//! Leaving things in order: a leader that is to stop, or is told to, has another one lead first,
//! and a server that is to stop answers what it has been asked before.
//!
//! Both have an end: whoever is told to stop stops, even when nobody takes over.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use pinfold_replication::{Consensus, NodeId, Role};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::ordering::Stream;
use crate::peers::Courier;
use crate::pipeline::Pipeline;
use crate::shared::lock;

/// How long a server tries to leave things in order.
const PATIENCE: Duration = Duration::from_secs(3);

/// What came of handing over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handed {
    /// That server leads now.
    To(NodeId),
    /// This server did not lead; that one does, if one is known.
    NotMine(Option<NodeId>),
    /// Nobody was there who could lead, or nobody did in time. This server still does.
    Nobody,
}

impl fmt::Display for Handed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Handed::To(id) => write!(f, "handed over: server {id} leads"),
            Handed::NotMine(Some(id)) => write!(f, "not the leader: server {id} leads"),
            Handed::NotMine(None) => write!(f, "not the leader: no server leads"),
            Handed::Nobody => write!(f, "not handed over: no other server could take over"),
        }
    }
}

/// Where a server is with leaving.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    attempt: Option<Attempt>,
    /// Who wants to know what comes of it.
    askers: Vec<oneshot::Sender<Handed>>,
    departure: Option<Departure>,
}

/// Another server is to lead.
#[derive(Debug)]
struct Attempt {
    until: Instant,
    /// This server led when it began.
    has_begun: bool,
    /// Those that had their chance in this round.
    tried: BTreeSet<NodeId>,
}

/// This server is to stop.
#[derive(Debug)]
struct Departure {
    until: Instant,
    /// Of the last entry here that is still waited for, once somebody else leads.
    last: Option<u64>,
}

impl<C: Consensus, P: Courier> Pipeline<C, P> {
    /// Whether there is a link to this server, for those who look for a successor.
    pub(crate) fn note_link(&mut self, peer: NodeId, is_up: bool) {
        let mut reachable = lock(&self.shared.reachable);
        match is_up {
            true => reachable.insert(peer),
            false => reachable.remove(&peer),
        };
    }

    /// Somebody else is to lead; the asker hears what came of it.
    pub(crate) fn begin_handover(&mut self, asker: Option<oneshot::Sender<Handed>>) {
        self.handover.askers.extend(asker);
        let until = Instant::now() + PATIENCE;
        let attempt = Attempt { until, has_begun: false, tried: BTreeSet::new() };
        self.handover.attempt.get_or_insert(attempt);
    }

    /// This server is to stop.
    pub(crate) fn begin_departure(&mut self) {
        let until = Instant::now() + PATIENCE;
        if self.consensus.status().role == Role::Leader {
            self.begin_handover(None);
        }
        self.handover.departure.get_or_insert(Departure { until, last: None });
    }

    /// Goes on with what was begun, as far as it can go by now.
    pub(crate) fn hand_over(&mut self) {
        let stream = self.stream;
        let follows = |leader| matches!(stream, Stream::Leader { id, .. } if id == leader);
        let Some(attempt) = &mut self.handover.attempt else { return };
        let now = Instant::now();
        let status = self.consensus.status();
        let outcome = match (status.role, status.leader) {
            (Role::Leader, _) if now >= attempt.until => Handed::Nobody,
            // Under way; consensus gives it up by itself when it takes too long.
            (Role::Leader, _) if self.consensus.is_busy() => return,
            (Role::Leader, _) => {
                let mut able = self.consensus.successors();
                able.retain(|id| lock(&self.shared.reachable).contains(id));
                if able.iter().all(|id| attempt.tried.contains(id)) {
                    attempt.tried.clear();
                }
                match able.into_iter().find(|id| !attempt.tried.contains(id)) {
                    Some(id) => {
                        tracing::info!(to = id, "handing over");
                        attempt.has_begun = true;
                        attempt.tried.insert(id);
                        self.consensus.transfer_leader(id);
                        return;
                    }
                    None => Handed::Nobody,
                }
            }
            (_, leader) if !attempt.has_begun => Handed::NotMine(leader),
            // It has begun to order what is written here.
            (_, Some(leader)) if follows(leader) => Handed::To(leader),
            (_, leader) if now >= attempt.until => Handed::NotMine(leader),
            _ => return,
        };
        tracing::info!("{outcome}");
        self.handover.attempt = None;
        for asker in self.handover.askers.drain(..) {
            let _ = asker.send(outcome);
        }
    }

    /// True when this server has to stop and nothing is left to wait for.
    pub(crate) fn has_left(&mut self) -> bool {
        if self.handover.departure.is_none() {
            return false;
        }
        let oldest = self.oldest_waiting();
        let Some(departure) = &mut self.handover.departure else { return false };
        if Instant::now() >= departure.until {
            return true;
        }
        if self.handover.attempt.is_some() {
            return false;
        }
        // Nobody orders what waits, so it waits for nothing.
        if self.consensus.status().leader.is_none() && self.stream == Stream::Closed {
            return true;
        }
        oldest > *departure.last.get_or_insert(self.origin.sequence)
    }
}
