//! The leader's part in a change of members: new servers learn first, and get their vote when they
//! have caught up; then members and `/zookeeper/config` change at the same place of the log.
//!
//! Everything it goes by is in the replicated state, so that the next leader goes on with it.

use std::collections::BTreeSet;
use std::time::Duration;

use pinfold_proto::{Configuration, ErrorCode};
use pinfold_replication::{
    Consensus, Error as ConsensusError, Membership, MembershipChange, MembershipStep, NodeId,
};
use pinfold_state::{Body, Entry};
use tokio::time::Instant;

use crate::error::ServerError;
use crate::ordering::Stream;
use crate::peers::{Courier, Frame};
use crate::pipeline::Pipeline;
use crate::shared::lock;

impl<C: Consensus, P: Courier> Pipeline<C, P> {
    /// Ways to all members, also to those that are to be.
    pub(crate) fn know_members(&mut self) -> Result<(), ServerError> {
        if !std::mem::take(&mut self.members_changed) {
            return Ok(());
        }
        let (current, pending) = {
            let state = self.shared.state();
            (state.configuration(), state.pending_configuration().cloned())
        };
        let is_member = current.members.contains_key(&self.consensus.id());
        if std::mem::replace(&mut self.is_member, is_member) && !is_member {
            self.retire();
        }
        let version = current.version;
        let mut members = current.members;
        members.extend(pending.unwrap_or_default().members);
        if self.told.version >= version {
            // Who has just come, or comes back after a while, has to answer the leader of today.
            members.extend(self.told.members.iter().map(|(id, told)| (*id, told.clone())));
        }
        if !members.is_empty() {
            self.courier.know(&members);
        }
        self.change_members(Instant::now())
    }

    /// Tells another server who there is, lest it cannot answer whom it has never heard of.
    pub(crate) fn tell_members(&mut self, peer: NodeId) {
        let (mut known, pending) = {
            let state = self.shared.state();
            (state.configuration(), state.pending_configuration().cloned())
        };
        if let Some(pending) = pending {
            known.version = pending.version;
            known.members.extend(pending.members);
        }
        if !known.members.is_empty() {
            self.courier.send(peer, Frame::Members(known));
        }
    }

    /// The others go on without this server. Its clients find one that still hears of them.
    fn retire(&self) {
        tracing::warn!("this server is no member of the ensemble any more: stop it");
        self.shared.stop_serving();
        lock(&self.shared.connections).values().for_each(|connection| connection.kill());
    }

    /// Takes the next step of a change, if there is one.
    pub(crate) fn change_members(&mut self, now: Instant) -> Result<(), ServerError> {
        if !matches!(self.stream, Stream::Own { .. }) {
            self.times.changing = None;
            return Ok(());
        }
        if self.consensus.is_changing() || self.consensus.is_busy() {
            return Ok(());
        }
        let (current, pending) = {
            let state = self.shared.state();
            (state.configuration(), state.pending_configuration().cloned())
        };
        match pending {
            Some(next) => self.approach(&next, now),
            None if current.members.is_empty() => {
                self.found();
                Ok(())
            }
            None => {
                self.times.changing = None;
                self.dismiss(&current)
            }
        }
    }

    /// The first configuration is that of the file, as far as it names members of the group: a
    /// server that was alone may have been given companions in its file.
    fn found(&mut self) {
        if !self.shared.config.is_distributed() {
            return;
        }
        let mut first = self.shared.config.ensemble.configuration();
        let Membership { voters, learners, .. } = self.consensus.membership();
        first.members.retain(|id, _| voters.contains(id) || learners.contains(id));
        if !first.members.is_empty() && self.times.changing.is_none() {
            // Once in this leadership is enough.
            self.times.changing = Some(Instant::now());
            let entry = Entry::internal(self.time_ms(), 0, Body::Found(first.to_string()));
            self.push(&entry);
        }
    }

    fn approach(&mut self, next: &Configuration, now: Instant) -> Result<(), ServerError> {
        let members = self.consensus.membership();
        let known = |id: &NodeId| members.voters.contains(id) || members.learners.contains(id);
        if let Some(id) = next.members.keys().find(|id| !known(id)) {
            return self.propose_members(vec![MembershipStep::AddLearner(*id)], None);
        }
        let since = *self.times.changing.get_or_insert(now);
        let voters: BTreeSet<NodeId> = next.voters().collect();
        let own = self.consensus.id();
        let is_ready = |id: &NodeId| *id == own || self.consensus.has_caught_up(*id);
        let behind = voters.iter().filter(|id| !members.voters.contains(id) && !is_ready(id));
        let ready = voters.iter().filter(|id| is_ready(id)).count();
        if behind.count() > 0 || ready * 2 <= voters.len() {
            if now - since < self.patience() {
                return Ok(());
            }
            if ready * 2 <= voters.len() {
                self.give_up(next);
                return Ok(());
            }
        }
        if !voters.contains(&own)
            && let Some(heir) = voters.iter().find(|id| members.voters.contains(id) && is_ready(id))
        {
            // It goes on with the change, without this server.
            self.consensus.transfer_leader(*heir);
            return Ok(());
        }
        self.times.changing = None;
        let data = Entry::internal(self.time_ms(), 0, Body::Activate { asked: next.version });
        match steps(&members, next) {
            // Addresses alone change.
            steps if steps.is_empty() => {
                self.push(&data);
                Ok(())
            }
            steps => self.propose_members(steps, Some(&data)),
        }
    }

    /// How long new servers have to catch up before a change is given up, or done without those
    /// that are behind if the others are enough.
    fn patience(&self) -> Duration {
        let config = &self.shared.config;
        Duration::from_millis(u64::from(config.tick_time_ms) * u64::from(config.init_limit))
    }

    fn give_up(&mut self, next: &Configuration) {
        tracing::warn!("a change of members is given up: the new servers did not catch up");
        self.times.changing = None;
        let (asked, error) = (next.version, ErrorCode::NewConfigNoQuorum);
        let entry = Entry::internal(self.time_ms(), 0, Body::Abandon { asked, error });
        self.push(&entry);
    }

    /// Those that learnt for a change that was given up.
    fn dismiss(&mut self, current: &Configuration) -> Result<(), ServerError> {
        let members = self.consensus.membership();
        match members.learners.iter().find(|id| !current.members.contains_key(id)) {
            Some(id) => self.propose_members(vec![MembershipStep::Remove(*id)], None),
            None => Ok(()),
        }
    }

    fn propose_members(
        &mut self,
        steps: Vec<MembershipStep>,
        data: Option<&Entry>,
    ) -> Result<(), ServerError> {
        tracing::info!(?steps, "the members change");
        let data = data.map(Entry::encode).unwrap_or_default();
        match self.consensus.propose_membership(&MembershipChange { steps, data }) {
            // Not now: it is tried again.
            Ok(_) | Err(ConsensusError::Busy | ConsensusError::NotLeader { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// From these members to those of the configuration.
fn steps(members: &Membership, next: &Configuration) -> Vec<MembershipStep> {
    let joining = next.voters().filter(|id| !members.voters.contains(id));
    let mut steps: Vec<MembershipStep> = joining.map(MembershipStep::AddVoter).collect();
    let following = next.observers().filter(|id| !members.learners.contains(id));
    steps.extend(following.map(MembershipStep::AddLearner));
    let all = members.voters.iter().chain(&members.learners);
    let leaving = all.filter(|id| !next.members.contains_key(id));
    steps.extend(leaving.map(|id| MembershipStep::Remove(*id)));
    steps
}
