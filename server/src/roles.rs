//! What a server does in its role as time passes: a leader expires and collects, a follower tells
//! the leader whom it has heard, and one that hears of no leader sends its clients elsewhere.

use std::time::Duration;

use pinfold_replication::{Consensus, NodeId, Role};
use pinfold_state::{Body, Entry, Op};
use tokio::time::Instant;

use crate::environment::Fault;
use crate::error::ServerError;
use crate::ordering::Stream;
use crate::peers::{Courier, Frame};
use crate::pipeline::Pipeline;
use crate::shared::lock;

/// Consensus counts time in these while there is more than one server.
const CONSENSUS_TICK: Duration = Duration::from_millis(50);
/// Two followers that lose the same leader stand for election this much apart at most.
const CAMPAIGN_SPREAD_MS: u64 = 150;

/// When what is due next. All on a clock that never goes back.
#[derive(Debug)]
pub(crate) struct Timetable {
    tick: Instant,
    sessions: Instant,
    collection: Instant,
    /// This server stands for election, because the leader's process has gone.
    campaign: Option<Instant>,
    /// Since when no leader is known.
    leaderless: Option<Instant>,
    /// Since when this leader works at the change of members that is pending.
    pub(crate) changing: Option<Instant>,
    /// Clients that were heard after this, in milliseconds since the start, are to be told.
    told_ms: i64,
}

impl Timetable {
    pub(crate) fn new(now: Instant, sessions: Duration, collection: Duration) -> Timetable {
        Timetable {
            tick: now,
            sessions: now + sessions,
            collection: now + collection,
            campaign: None,
            leaderless: Some(now),
            changing: None,
            told_ms: 0,
        }
    }
}

impl<C: Consensus, P: Courier> Pipeline<C, P> {
    /// When time has to be passed on at the latest.
    pub(crate) fn next_wake(&self) -> Instant {
        let next = self.times.tick.min(self.times.sessions);
        self.times.campaign.map_or(next, |campaign| next.min(campaign))
    }

    /// Does what has become due.
    pub(crate) fn pass_time(&mut self) -> Result<(), ServerError> {
        let now = Instant::now();
        if now >= self.times.tick {
            self.times.tick = now + self.tick_interval();
            self.consensus.tick();
            self.watch_leader(now);
            self.change_members(now)?;
            self.provide_snapshot();
        }
        if self.times.campaign.is_some_and(|at| now >= at) {
            self.times.campaign = None;
            self.consensus.campaign()?;
        }
        if now >= self.times.sessions {
            self.times.sessions = now + self.interval;
            self.check_sessions();
            for context in self.syncs.unconfirmed() {
                self.consensus.read_index(context);
            }
        }
        if now >= self.times.collection {
            self.times.collection = now + self.shared.config.collect_interval;
            self.collect();
        }
        Ok(())
    }

    /// A server that is alone needs no heartbeat, so it does not wake up for one.
    fn tick_interval(&self) -> Duration {
        match self.consensus.membership().is_single(self.consensus.id()) {
            true => self.interval,
            false => CONSENSUS_TICK,
        }
    }

    pub(crate) fn change_role(&mut self, role: Role) {
        let status = self.consensus.status();
        tracing::info!(?role, term = status.term, "role");
        self.proposals.clear();
        self.led = (role == Role::Leader).then_some(status.term);
        if status.leader.is_some() {
            self.times.campaign = None;
        }
        let (now, sessions) = (self.shared.elapsed_ms(), self.shared.clone());
        for (id, session) in sessions.state().sessions().iter() {
            // Also those whose end a deposed leader had begun.
            self.clock.begin(id, session.timeout_ms, now);
        }
        if role == Role::Leader {
            self.shared.environment.leads(self.consensus.id(), status.term);
            // Nobody could reach a leader meanwhile: everybody has the full time again.
            self.clock.restart(now);
            let epoch = Entry::internal(self.time_ms(), 0, Body::Epoch);
            self.push(&epoch);
        }
    }

    /// The process of a peer has gone. If it led, nobody needs to wait for its silence.
    pub(crate) fn link_is_down(&mut self, peer: NodeId) {
        self.note_link(peer, false);
        self.consensus.report_unreachable(peer);
        if self.consensus.status().leader == Some(peer) {
            let random = self.shared.environment.random().unwrap_or_default();
            let spread = random % CAMPAIGN_SPREAD_MS;
            self.times.campaign = Some(Instant::now() + Duration::from_millis(spread));
        }
    }

    /// Without a leader nobody keeps the sessions: their clients have to find a better server
    /// before they run out.
    fn watch_leader(&mut self, now: Instant) {
        if self.consensus.status().leader.is_some() {
            self.times.leaderless = None;
            return;
        }
        let since = *self.times.leaderless.get_or_insert(now);
        let (shortest_ms, _) = self.shared.config.session_timeouts_ms();
        let patience = Duration::from_millis(shortest_ms as u64 / 4);
        if now - since >= patience && self.shared.stop_serving() {
            tracing::warn!("no leader for {} ms: clients are sent away", patience.as_millis());
            lock(&self.shared.connections).values().for_each(|connection| connection.kill());
        }
    }

    fn check_sessions(&mut self) {
        if self.shared.environment.is_planted(Fault::DeposedExpiry) {
            return self.expire();
        }
        match self.stream {
            Stream::Own { .. } => self.expire(),
            Stream::Leader { id, .. } => self.tell_heard(id),
            Stream::Closed => {}
        }
    }

    fn expire(&mut self) {
        for id in self.clock.expired(self.shared.elapsed_ms()) {
            tracing::info!("session {id:#x} expired");
            self.shared.statistics.sessions_expired.add(1);
            // One entry is enough: nothing is expired twice while it is on its way.
            self.clock.end(id);
            let mut entry = Entry::internal(self.time_ms(), id, Body::CloseSession);
            if matches!(self.stream, Stream::Own { .. }) {
                self.push(&entry);
            } else {
                // Only where this fault is planted does a server get here that does not lead.
                self.origin.sequence += 1;
                entry.origin = self.origin;
                self.outgoing.push(entry.encode());
            }
        }
    }

    fn tell_heard(&mut self, leader: NodeId) {
        let since = std::mem::replace(&mut self.times.told_ms, self.shared.elapsed_ms());
        let heard: Vec<i64> =
            self.attached.keys().copied().filter(|id| self.clock.was_heard(*id, since)).collect();
        if !heard.is_empty() {
            self.courier.send(leader, Frame::Heard(heard));
        }
    }

    fn collect(&mut self) {
        if !matches!(self.stream, Stream::Own { .. }) {
            return;
        }
        let time_ms = self.time_ms();
        let unused_after_ms = self.shared.config.unused_after_ms;
        let due = self.shared.state().collectable(time_ms, unused_after_ms);
        // The others are still due the next time.
        for path in due.into_iter().take(self.shared.config.collected_at_once()) {
            let op = Op::Collect { path: path.to_string(), unused_after_ms };
            self.push(&Entry::internal(time_ms, 0, Body::Request(op)));
        }
    }
}
