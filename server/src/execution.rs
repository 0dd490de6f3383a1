//! What is decided becomes state, then events, then answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pinfold_proto::{ErrorCode, OpCode, Perms};
use pinfold_replication::{Committed, Consensus};
use pinfold_state::{
    Applied, Body, Entry, Exceeded, Outcome, StateMachine, TreeEvent, TreeEventKind, acl,
};
use tokio::time::Instant;

use crate::connection::{Connection, Finished, Served, finish_all};
use crate::digests::Checkpoint;
use crate::environment::Fault;
use crate::error::ServerError;
use crate::peers::Courier;
use crate::pipeline::{Opening, Owner, Pipeline, Submission, Waiting};
use crate::reader;
use crate::reply::{self, Form};
use crate::request::Ordered;
use crate::shared::{Shared, lock};
use crate::statistics::{Answer, Statistics};
use crate::syncs;

/// Reads that are answered here before other readers get a turn.
const TURNS: usize = 256;

/// What could not be applied yet.
pub(crate) struct Rest {
    pub(crate) entries: Vec<Committed>,
    /// It may be tried again at once.
    pub(crate) more: bool,
}

/// What is left to do when the state is no longer held.
#[derive(Default)]
struct Aftermath {
    turns: usize,
    finished: Finished,
    flush: BTreeMap<u64, Arc<Connection>>,
}

impl Aftermath {
    fn answered(&mut self, submission: Submission, zxid: i64) {
        let answer = Answer { operation: submission.operation, xid: submission.xid, zxid };
        self.finished.push((submission, Some(answer)));
    }

    fn settle(self, shared: &Shared) {
        let now = Instant::now();
        finish_all(&self.finished, shared, now);
        self.flush.values().for_each(|connection| connection.flush());
    }
}

impl<C: Consensus, P: Courier> Pipeline<C, P> {
    /// Applies entries, in order. Gives back those whose turn has not come.
    ///
    /// Events and answers are appended while the state is held: whoever reads a change afterwards
    /// finds its event already in the output before the answer.
    pub(crate) fn apply_chunk(&mut self, chunk: Vec<Committed>) -> Result<Rest, ServerError> {
        let shared = self.shared.clone();
        let environment = &shared.environment;
        let mut after = Aftermath::default();
        let mut last = self.applied;
        let mut state = shared.state_mut();
        let mut rest = chunk.into_iter();
        let mut checkpoints = Vec::new();
        while self.pass_barriers(&state, &mut after)
            && let Some(committed) = rest.next()
        {
            last = committed.index;
            self.apply(&committed, &mut state, &mut after)?;
            if self.digests.is_due(committed.index) {
                let (index, digest) = (committed.index, state.digest());
                checkpoints.push(Checkpoint { index, digest });
            }
        }
        environment.state(self.consensus.id(), last, || state.digest());
        drop(state);
        let more = after.turns >= TURNS;
        after.settle(&shared);
        for checkpoint in checkpoints {
            self.compare(checkpoint)?;
        }
        Ok(Rest { entries: rest.collect(), more })
    }

    fn apply(
        &mut self,
        committed: &Committed,
        state: &mut StateMachine,
        after: &mut Aftermath,
    ) -> Result<(), ServerError> {
        if let Some(membership) = &committed.membership {
            self.membership = membership.clone();
        }
        if committed.data.is_empty() {
            return Ok(());
        }
        let (entry, owner) = match self.take_own(committed)? {
            Some((entry, owner)) => (entry, Some(owner)),
            None => (Entry::decode(&committed.data)?, None),
        };
        let applied = state.apply(&entry);
        let shared = self.shared.clone();
        let place = (committed.index, committed.term);
        shared.environment.applied(self.consensus.id(), place, &committed.data, applied.zxid);
        applied.exceeded.iter().for_each(|exceeded| tell_exceeded(&shared, exceeded));
        if shared.environment.is_planted(Fault::WatchAfterReply) {
            let events = applied.events.clone();
            self.conclude(&entry, applied, owner, after);
            deliver(&shared, &events, after);
            return Ok(());
        }
        deliver(&shared, &applied.events, after);
        self.conclude(&entry, applied, owner, after);
        Ok(())
    }

    /// The entry and its owner, if somebody here waits for what was decided.
    fn take_own(&mut self, committed: &Committed) -> Result<Option<(Entry, Owner)>, ServerError> {
        let (time_ms, origin) = Entry::peek(&committed.data)?;
        if !self.is_own(origin) {
            return Ok(None);
        }
        match self.waiting.pop_front() {
            Some(Waiting::Entry { mut entry, owner }) if entry.origin == origin => {
                entry.time_ms = time_ms;
                Ok(Some((entry, owner)))
            }
            // Nobody waits for it, as far as this server knows.
            other => {
                other.into_iter().for_each(|waiting| self.waiting.push_front(waiting));
                Ok(None)
            }
        }
    }

    /// Answers what waits at the front for no entry; false when others are to have a turn.
    fn pass_barriers(&mut self, state: &StateMachine, after: &mut Aftermath) -> bool {
        loop {
            if after.turns >= TURNS {
                return false;
            }
            match self.waiting.front() {
                None | Some(Waiting::Entry { .. }) => return true,
                Some(Waiting::Sync(..) | Waiting::Turn(_)) => {}
            }
            match self.waiting.pop_front() {
                Some(Waiting::Turn(mut owner)) => {
                    after.turns += 1;
                    let ordered = std::mem::replace(&mut owner.ordered, Ordered::Close);
                    let (connection, xid) = (&owner.connection, owner.xid);
                    match ordered {
                        Ordered::Read(read) => {
                            let shared = &self.shared;
                            reader::answer(shared, state, connection, &owner.auth, xid, read);
                        }
                        Ordered::Refuse(error) => connection.refuse(xid, state.last_zxid(), error),
                        Ordered::RefuseSasl(error) => connection.refuse_sasl(xid, error),
                        _ => {}
                    }
                    after.answered(owner, state.last_zxid());
                }
                Some(Waiting::Sync(owner, id)) => self.syncs.is_ready(id, owner),
                _ => {}
            }
        }
    }

    /// Answers the syncs whose time has come, and goes on with what was held behind them.
    pub(crate) fn settle_syncs(&mut self) {
        let shared = self.shared.clone();
        for (mut owner, held) in self.syncs.take(self.applied) {
            let zxid = shared.state().last_zxid();
            let (xid, path) = (owner.xid, syncs::path_of(&mut owner));
            owner.connection.append(|out| reply::synced(out, xid, zxid, path));
            let answer = Answer { operation: owner.operation, xid, zxid };
            owner.finish(&shared, Some(answer), Instant::now());
            held.into_iter().for_each(|submission| self.submit(submission));
        }
        let released = self.syncs.take_released();
        released.into_iter().for_each(|submission| self.submit(submission));
    }

    /// What the state says to a handshake.
    fn shake_hands(
        &mut self,
        id: i64,
        applied: &Applied,
        handshake: (Opening, [u8; 16]),
        after: &mut Aftermath,
    ) {
        let (opening, password) = handshake;
        let Opening { connection, mirror_read_only, done, timeout_ms, received, .. } = opening;
        let attachment = match &applied.outcome {
            Outcome::SessionOpened => 0,
            Outcome::SessionAttached { attachment } => *attachment,
            _ => {
                let _ = done.send(false);
                return;
            }
        };
        let now = self.shared.elapsed_ms();
        if applied.outcome == Outcome::SessionOpened {
            let operation = Some(OpCode::CreateSession);
            let answer = Answer { operation, xid: 0, zxid: applied.zxid };
            let took_ms = received.elapsed().as_millis() as u64;
            connection.traffic.answered(1, answer, took_ms, now);
            self.shared.statistics.answered(true, took_ms);
        }
        connection.count_sent(&self.shared, 1);
        let activity = self.clock.begin(id, timeout_ms, now);
        connection.begin_session(Served { session_id: id, attachment, activity, read_only: false });
        let answer = (id, password, timeout_ms);
        connection
            .append(|out| reply::connected(out, Some(answer), mirror_read_only.then_some(false)));
        // A client that did not wait for its session leaves it to the clock.
        if done.send(true).is_ok() {
            self.attached.insert(id, connection.clone());
        }
        after.flush.insert(connection.id, connection);
    }

    /// Who gets to hear of the entry now. Who asked for a change of members hears of its end.
    fn owner_of(&mut self, body: &Body, outcome: &Outcome, owner: Option<Owner>) -> Option<Owner> {
        self.members_changed |= matches!(
            body,
            Body::Found(_) | Body::Reconfigure(_) | Body::Activate { .. } | Body::Abandon { .. }
        );
        match (body, owner) {
            (Body::Reconfigure(_), Some(Owner::Request { submission, form })) => {
                if *outcome == Outcome::Pending {
                    self.reconfiguring = Some((submission, form));
                    return None;
                }
                self.syncs.release(submission.connection.id);
                Some(Owner::Request { submission, form })
            }
            (Body::Activate { .. } | Body::Abandon { .. }, _)
                if *outcome != Outcome::Failed(ErrorCode::RuntimeInconsistency) =>
            {
                let (submission, form) = self.reconfiguring.take()?;
                self.syncs.release(submission.connection.id);
                Some(Owner::Request { submission, form })
            }
            (_, owner) => owner,
        }
    }

    fn conclude(
        &mut self,
        entry: &Entry,
        applied: Applied,
        owner: Option<Owner>,
        after: &mut Aftermath,
    ) {
        let id = entry.session_id;
        let ended = match (&applied.outcome, &entry.body) {
            (Outcome::SessionClosed, _) => {
                self.clock.end(id);
                self.attached.remove(&id)
            }
            (_, Body::CreateSession { timeout_ms, .. } | Body::Attach { timeout_ms, .. })
                if !matches!(applied.outcome, Outcome::Failed(_)) =>
            {
                self.clock.begin(id, *timeout_ms, self.shared.elapsed_ms());
                // It goes on elsewhere, or here over another connection.
                self.attached.remove(&id)
            }
            _ => None,
        };
        match self.owner_of(&entry.body, &applied.outcome, owner) {
            Some(Owner::Request { submission, form }) => {
                let (xid, zxid, outcome) = (submission.xid, applied.zxid, &applied.outcome);
                let write = |out: &mut _| reply::outcome(out, xid, zxid, &form, outcome);
                let operation = match outcome {
                    Outcome::Failed(_) => None,
                    _ => submission.operation,
                };
                let mut answer = Some(Answer { operation, xid, zxid });
                match outcome {
                    // What came too late is never answered; its connection ends.
                    Outcome::Failed(ErrorCode::SessionMoved) => {
                        submission.connection.kill();
                        answer = None;
                    }
                    _ if form == Form::Header => {
                        submission.connection.append_last(write);
                        after.finished.push((submission, answer));
                        return;
                    }
                    _ => submission.connection.append(write),
                }
                after.finished.push((submission, answer));
            }
            Some(Owner::Handshake { opening, password }) => {
                self.shake_hands(id, &applied, (opening, password), after);
            }
            None => {}
        }
        if let Some(connection) = ended {
            connection.kill();
        }
    }
}

/// Says so in the log; at most once a second, since who goes beyond a limit does it often.
fn tell_exceeded(shared: &Shared, exceeded: &Exceeded) {
    shared.statistics.quota_exceeded.add(1);
    let now = shared.elapsed_ms();
    let last = shared.quota_told_ms.load(Ordering::Relaxed);
    if last != 0 && now - last < 1000 {
        return;
    }
    shared.quota_told_ms.store(now.max(1), Ordering::Relaxed);
    let Exceeded { path, what, would_be, limit, is_hard } = exceeded;
    let kind = if *is_hard { "hard" } else { "soft" };
    tracing::warn!("quota exceeded: {path} has {what} {would_be} over its {kind} limit {limit}");
}

fn deliver(shared: &Shared, events: &[TreeEvent], after: &mut Aftermath) {
    if events.is_empty() {
        return;
    }
    let mut watches = lock(&shared.watches);
    for event in events {
        let heard = watches.trigger(event);
        if heard.is_empty() {
            continue;
        }
        let bytes = reply::event(reply::event_type(event.kind), &event.path, event.zxid);
        count_watchers(&shared.statistics, event.kind, heard.len());
        let connections = lock(&shared.connections);
        for watcher in heard {
            let Some(connection) = connections.get(&watcher) else { continue };
            // Who may not read the node must not learn from its watch either.
            if acl::allows(&event.acl, Perms::READ, &connection.auth()) {
                connection.append(|out| out.extend_from_slice(&bytes));
                connection.count_sent(shared, 1);
                after.flush.insert(watcher, connection.clone());
            }
        }
    }
}

fn count_watchers(statistics: &Statistics, kind: TreeEventKind, watchers: usize) {
    let summary = match kind {
        TreeEventKind::Created => &statistics.created_watchers,
        TreeEventKind::Deleted => &statistics.deleted_watchers,
        TreeEventKind::DataChanged => &statistics.changed_watchers,
        TreeEventKind::ChildrenChanged => &statistics.children_watchers,
    };
    summary.add(watchers as u64);
}
