//! Consensus on raft-rs.

use std::cmp::Reverse;

use bytes::Bytes;
use raft::eraftpb::{Entry, EntryType, Message, MessageType};
use raft::{ProgressState, RawNode, Ready, SnapshotStatus, StateRole};

use crate::consensus::{
    Committed, Consensus, Error, Outgoing, Progress, Proposed, ReadState, Role, Status,
};
use crate::store::{HardState, LogStore, SnapshotMeta, StoreError};
use crate::tail::{SLICE_BYTES, Tail};
use crate::{Membership, MembershipChange, NodeId, logger, message, translate};

/// How a server takes part in its group. Times are in ticks, see [`Consensus::tick`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// This server's number, not 0.
    pub id: NodeId,
    /// Ticks without a word from the leader after which a follower stands for election (between
    /// this and twice this, at random).
    pub election_ticks: usize,
    /// Ticks between heartbeats of a leader; well below `election_ticks`.
    pub heartbeat_ticks: usize,
    /// Decides, with the server's number, how long it waits in each term before it stands for
    /// election.
    pub seed: u64,
}

impl NodeConfig {
    /// The defaults for server `id`: election after 10 ticks, a heartbeat each.
    pub fn new(id: NodeId) -> Self {
        Self { id, election_ticks: 10, heartbeat_ticks: 1, seed: 0 }
    }

    fn raft(&self, applied: u64) -> raft::Config {
        raft::Config {
            id: self.id,
            election_tick: self.election_ticks,
            heartbeat_tick: self.heartbeat_ticks,
            applied,
            max_size_per_msg: 1 << 20,
            max_inflight_msgs: 256,
            // A server that was cut off neither disturbs the group when it comes back nor goes
            // on as a leader without a majority. raft's own default is neither.
            check_quorum: true,
            pre_vote: true,
            max_committed_size_per_ready: SLICE_BYTES,
            ..raft::Config::default()
        }
    }
}

/// [`Consensus`] by raft-rs over a [`LogStore`].
pub struct RaftNode<L: LogStore> {
    raw: RawNode<Tail<L>>,
    membership: Membership,
    membership_index: u64,
    // The last index given out as committed, by Progress.
    delivered: u64,
    announced: Option<Role>,
    failed: bool,
    election_ticks: usize,
    seed: u64,
    /// The leader counts on entries that this server does not have any more.
    lacks: bool,
}

impl<L: LogStore> RaftNode<L> {
    /// Starts from what the store holds. A group of one voter elects itself at once: the first
    /// [`Consensus::advance`] makes it leader and begins to give out what the log holds after the
    /// snapshot.
    ///
    /// # Errors
    /// [`Error::Config`] for numbers that make no sense or a store whose parts do not fit
    /// together, [`Error::Store`] when it cannot be read.
    pub fn new(config: &NodeConfig, store: L) -> Result<Self, Error> {
        let start = store.start()?;
        check(&store, &start)?;
        let (membership, membership_index) = (start.membership.clone(), start.membership_index);
        let applied = start.applied;
        let single = membership.is_single(config.id);
        let raw = RawNode::new(&config.raft(applied), Tail::new(store, start), &logger::logger())
            .map_err(|error| Error::Config { reason: error.to_string() })?;
        let mut node = Self {
            raw,
            membership,
            membership_index,
            delivered: applied,
            announced: None,
            failed: false,
            election_ticks: config.election_ticks,
            seed: config.seed ^ config.id,
            lacks: false,
        };
        node.set_patience();
        if single {
            node.campaign()?;
        }
        Ok(node)
    }

    /// The log store, to look at.
    pub fn store(&self) -> &L {
        &self.raw.store().store
    }

    /// Ends this node and gives the store back, for a clean close.
    pub fn into_store(self) -> L {
        self.raw.raft.r.raft_log.store.store
    }

    /// raft draws anew how long it waits for a leader whenever its role or term changes. Here
    /// that is a matter of the seed and the term alone, so that a run can be repeated.
    fn set_patience(&mut self) {
        let mut mixed = self.seed ^ self.raw.raft.term.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let spread = (mixed >> 33) as usize % self.election_ticks.max(1);
        self.raw.raft.set_randomized_election_timeout(self.election_ticks + spread);
    }

    fn role(&self) -> Role {
        match self.raw.raft.state {
            StateRole::Leader => Role::Leader,
            StateRole::Follower => Role::Follower { leader: self.leader() },
            StateRole::Candidate | StateRole::PreCandidate => Role::Candidate,
        }
    }

    /// Who has no vote does not stand for election when the leader is silent, and raft lets it
    /// believe in that leader for ever; but it must not go on serving its clients alone.
    fn leader(&self) -> Option<NodeId> {
        let raft = &self.raw.raft;
        let is_lost = raft.state == StateRole::Follower
            && !raft.promotable()
            && raft.election_elapsed >= 2 * self.election_ticks;
        (raft.leader_id != 0 && !is_lost).then_some(raft.leader_id)
    }

    fn tail(&mut self) -> &mut Tail<L> {
        self.raw.mut_store()
    }

    fn propose_entries(&mut self, entries: Vec<Entry>) -> Result<Proposed, Error> {
        if self.raw.raft.state != StateRole::Leader {
            return Err(Error::NotLeader { leader: self.leader() });
        }
        let count = entries.len() as u64;
        let mut message = Message::default();
        message.set_msg_type(MessageType::MsgPropose);
        message.from = self.raw.raft.id;
        message.set_entries(entries.into());
        match self.raw.step(message) {
            Ok(()) => {
                let last = self.raw.raft.raft_log.last_index();
                Ok(Proposed { first: last + 1 - count, last, term: self.raw.raft.term })
            }
            Err(raft::Error::ProposalDropped) => Err(Error::Busy),
            Err(error) => Err(self.raft_error(error)),
        }
    }

    fn raft_error(&mut self, error: raft::Error) -> Error {
        match self.raw.store().take_failure() {
            Some(failure) => self.fatal(failure),
            None => Error::BadMessage { reason: error.to_string() },
        }
    }

    fn fatal(&mut self, error: StoreError) -> Error {
        self.failed = true;
        Error::Store(error)
    }

    /// A directory that was emptied, or is older than it was, lacks entries that the leader has
    /// been told are here. raft knows of no such thing, and would panic. The heartbeat says no more
    /// than there is, and its answer tells the leader what that is.
    fn admit_loss(&mut self, heartbeat: &mut Message) {
        let last = self.raw.raft.raft_log.last_index();
        let lacks = heartbeat.commit > last && heartbeat.term == self.raw.raft.term;
        if lacks && !self.lacks {
            let known = heartbeat.commit;
            tracing::warn!(
                "the log ends with entry {last} although it had entry {known}: its files were lost \
                 or are of an earlier time; the leader sends the rest again"
            );
        }
        self.lacks = lacks;
        heartbeat.commit = heartbeat.commit.min(last);
    }

    /// A follower lacks entries that it had: it gets everything behind its last one again.
    fn begin_again(&mut self, answer: &Message) {
        let raft = &mut self.raw.raft;
        if raft.state != StateRole::Leader || answer.term != raft.term {
            return;
        }
        if let Some(progress) = raft.mut_prs().get_mut(answer.from)
            && progress.matched > answer.reject_hint
        {
            progress.matched = answer.reject_hint;
            progress.become_probe();
        }
    }

    /// Hard state, snapshot and entries to the disk: at most one append and one sync.
    fn persist(&mut self, ready: &mut Ready) -> Result<(), StoreError> {
        if let Some(state) = ready.hs() {
            // A commit that moved on alone need not be durable: it is found again.
            if ready.must_sync() || !ready.snapshot().is_empty() {
                let state = state.clone();
                self.save_hard_state(&state)?;
            }
        }
        if !ready.snapshot().is_empty() {
            let meta = translate::snapshot_out(ready.snapshot());
            let tail = self.tail();
            tail.store.save_membership(meta.index, &meta.membership)?;
            tail.store.install_snapshot(&meta)?;
            tail.clear();
            self.membership = meta.membership;
            self.membership_index = meta.index;
            self.delivered = meta.index;
        }
        let entries = ready.take_entries();
        if !entries.is_empty() {
            let tail = self.tail();
            tail.append(entries)?;
            tail.store.sync()?;
        }
        Ok(())
    }

    fn save_hard_state(&mut self, state: &raft::eraftpb::HardState) -> Result<(), StoreError> {
        // Never more than what is durable here, so that a crash right after this leaves a log
        // that reaches as far as it says.
        let commit = state.commit.min(self.raw.raft.raft_log.persisted);
        let (term, vote) = (state.term, state.vote);
        self.tail().store.save_hard_state(&HardState { term, vote, commit })
    }

    fn deliver(&mut self, entries: Vec<Entry>, out: &mut Vec<Committed>) -> Result<(), Error> {
        out.reserve(entries.len());
        for entry in entries {
            let (index, term) = (entry.index, entry.term);
            self.delivered = index;
            let is_change = entry.get_entry_type() == EntryType::EntryConfChangeV2;
            // What was applied before the last stop is in the saved members already.
            if !is_change {
                out.push(Committed { index, term, data: entry.data, membership: None });
                continue;
            }
            let change = translate::change_of(&entry).map_err(|error| self.fatal(error))?;
            let membership = match index > self.membership_index {
                true => Some(self.change_members(index, &change)?),
                false => None,
            };
            out.push(Committed { index, term, data: change.data, membership });
        }
        Ok(())
    }

    fn change_members(
        &mut self,
        index: u64,
        change: &MembershipChange,
    ) -> Result<Membership, Error> {
        let members = match self.raw.apply_conf_change(&translate::change_in(change)) {
            Ok(state) => translate::members_out(&state),
            Err(error) => {
                // Every server comes to the same end here, so the change has no effect.
                tracing::warn!(%error, index, "change of members refused");
                self.membership.clone()
            }
        };
        let saved = self.tail().store.save_membership(index, &members);
        saved.map_err(|error| self.fatal(error))?;
        self.membership = members.clone();
        self.membership_index = index;
        Ok(members)
    }

    fn read_ahead(&mut self) -> Result<(), Error> {
        let log = &self.raw.raft.raft_log;
        let low = self.delivered + 1;
        // raft gives out what is decided and durable here; entries that are not yet written are
        // in its own memory.
        let high = log.committed.min(log.persisted) + 1;
        self.tail().read_ahead(low, high).map_err(|error| self.fatal(error))
    }

    fn send_all(&mut self, messages: Vec<Message>, send: &mut dyn FnMut(Outgoing)) {
        for mut message in messages {
            if self.lacks && message.get_msg_type() == MessageType::MsgHeartbeatResponse {
                message.reject = true;
                message.reject_hint = self.raw.raft.raft_log.last_index();
            }
            let snapshot = (message.get_msg_type() == MessageType::MsgSnapshot)
                .then(|| translate::snapshot_out(message.get_snapshot()));
            if let Some(bytes) = message::encode(&message) {
                send(Outgoing { to: message.to, bytes, snapshot });
            }
        }
    }
}

fn check<L: LogStore>(store: &L, start: &crate::Start) -> Result<(), Error> {
    let last_term = store.term(store.last_index()).unwrap_or(0);
    let term = start.hard_state.term;
    let refuse = |reason| Err(Error::Config { reason });
    if term < last_term {
        return refuse(format!(
            "the log has entries of term {last_term} but the saved state knows term {term} only"
        ));
    }
    let needed = start.hard_state.commit.max(start.applied);
    if store.last_index() < needed {
        let last = store.last_index();
        return refuse(format!("entry {needed} was decided but the log ends with entry {last}"));
    }
    Ok(())
}

impl<L: LogStore> Consensus for RaftNode<L> {
    fn id(&self) -> NodeId {
        self.raw.raft.id
    }

    fn status(&self) -> Status {
        let log = &self.raw.raft.raft_log;
        Status {
            role: self.role(),
            term: self.raw.raft.term,
            leader: self.leader(),
            commit: log.committed,
            applied: log.applied(),
            first_index: log.first_index(),
            last_index: log.last_index(),
        }
    }

    fn membership(&self) -> Membership {
        self.membership.clone()
    }

    fn is_busy(&self) -> bool {
        self.raw.raft.lead_transferee.is_some()
    }

    fn propose(&mut self, batch: Vec<Bytes>) -> Result<Proposed, Error> {
        let limit = self.store().max_entry_size();
        if batch.is_empty() || batch.iter().any(Bytes::is_empty) {
            return Err(Error::EmptyEntry);
        }
        if let Some(entry) = batch.iter().find(|entry| entry.len() > limit) {
            return Err(Error::EntryTooLarge { size: entry.len(), limit });
        }
        let entries = batch.into_iter().map(|data| Entry { data, ..Entry::default() });
        self.propose_entries(entries.collect())
    }

    fn propose_membership(&mut self, change: &MembershipChange) -> Result<Proposed, Error> {
        if self.raw.raft.has_pending_conf() {
            return Err(Error::Busy);
        }
        let mut entry = Entry::default();
        entry.set_entry_type(EntryType::EntryConfChangeV2);
        entry.data = translate::change_bytes(change)?;
        self.propose_entries(vec![entry])
    }

    fn step(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut message = message::decode(bytes)?;
        if message.to != self.raw.raft.id {
            return Err(Error::BadMessage {
                reason: format!("it is for server {}, this is {}", message.to, self.id()),
            });
        }
        match message.get_msg_type() {
            MessageType::MsgHeartbeat => self.admit_loss(&mut message),
            MessageType::MsgHeartbeatResponse if message.reject => self.begin_again(&message),
            _ => {}
        }
        let stepped = self.raw.step(message);
        self.set_patience();
        match stepped {
            // From a server that is no longer, or not yet, a member here.
            Ok(()) | Err(raft::Error::StepPeerNotFound) => Ok(()),
            Err(error) => Err(self.raft_error(error)),
        }
    }

    fn has_caught_up(&self, peer: NodeId) -> bool {
        let progress = self.raw.raft.prs().get(peer);
        let committed = self.raw.raft.raft_log.committed;
        progress.is_some_and(|progress| progress.recent_active && progress.matched >= committed)
    }

    fn is_changing(&self) -> bool {
        self.raw.raft.has_pending_conf() || !self.membership.voters_outgoing.is_empty()
    }

    fn tick(&mut self) {
        self.raw.tick();
        self.set_patience();
    }

    fn campaign(&mut self) -> Result<(), Error> {
        let campaign = self.raw.campaign();
        self.set_patience();
        campaign.map_err(|error| self.raft_error(error))
    }

    fn read_index(&mut self, context: Bytes) {
        self.raw.read_index(context.to_vec());
    }

    fn has_ready(&self) -> bool {
        !self.failed && (self.raw.has_ready() || self.announced != Some(self.role()))
    }

    fn advance(&mut self, send: &mut dyn FnMut(Outgoing)) -> Result<Progress, Error> {
        if self.failed {
            let text = "the log store failed before; nothing is written after that";
            return Err(Error::Store(StoreError::message(text)));
        }
        let mut progress = Progress::default();
        if self.raw.has_ready() {
            self.read_ahead()?;
            let mut ready = self.raw.ready();
            self.send_all(ready.take_messages(), send);
            if !ready.snapshot().is_empty() {
                progress.snapshot = Some(translate::snapshot_out(ready.snapshot()));
            }
            self.persist(&mut ready).map_err(|error| self.fatal(error))?;
            self.send_all(ready.take_persisted_messages(), send);
            let states = ready.take_read_states().into_iter();
            progress.read_states = states
                .map(|state| ReadState { index: state.index, context: state.request_ctx.into() })
                .collect();
            let decided = ready.take_committed_entries();
            let mut light = self.raw.advance_append(ready);
            self.send_all(light.take_messages(), send);
            self.deliver(decided, &mut progress.committed)?;
            self.deliver(light.take_committed_entries(), &mut progress.committed)?;
        }
        if let Some(failure) = self.raw.store().take_failure() {
            return Err(self.fatal(failure));
        }
        progress.persisted = self.raw.raft.raft_log.persisted;
        let role = self.role();
        if self.announced != Some(role) {
            self.announced = Some(role);
            progress.role = Some(role);
        }
        Ok(progress)
    }

    fn applied(&mut self, index: u64) {
        // Told twice, or more than was given out: not worth a panic inside raft.
        let index = index.min(self.delivered);
        if index > self.raw.raft.raft_log.applied() {
            self.raw.advance_apply_to(index);
        }
        let alone = self.membership.is_single(self.id());
        self.tail().trim(index, !alone);
    }

    fn snapshot_taken(&mut self, meta: &SnapshotMeta) -> Result<(), Error> {
        let taken = self.tail().store.snapshot_taken(meta);
        taken.map_err(|error| self.fatal(error))
    }

    fn lacks_snapshot(&mut self) -> bool {
        self.raw.store().take_lack_of_snapshot()
    }

    fn close(&mut self) -> Result<(), Error> {
        if self.failed {
            return Ok(());
        }
        let state = self.raw.raft.hard_state();
        self.save_hard_state(&state).map_err(|error| self.fatal(error))
    }

    fn report_unreachable(&mut self, peer: NodeId) {
        self.raw.report_unreachable(peer);
    }

    fn report_snapshot(&mut self, peer: NodeId, arrived: bool) {
        let status = if arrived { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
        self.raw.report_snapshot(peer, status);
    }

    fn successors(&self) -> Vec<NodeId> {
        if self.raw.raft.state != StateRole::Leader {
            return Vec::new();
        }
        let own = self.id();
        let others = self.membership.voters.iter().filter(|id| **id != own);
        let mut ranked: Vec<_> = others
            .filter_map(|id| {
                let progress = self.raw.raft.prs().get(*id)?;
                let keeps_up = progress.state == ProgressState::Replicate;
                Some((Reverse((keeps_up, progress.recent_active, progress.matched)), *id))
            })
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, id)| id).collect()
    }

    fn transfer_leader(&mut self, to: NodeId) {
        self.raw.transfer_leader(to);
    }
}
