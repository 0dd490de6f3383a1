//! What is decided becomes state, then events, then answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use pinfold_proto::Perms;
use pinfold_replication::{Committed, Consensus};
use pinfold_state::{Applied, Entry, Outcome, StateMachine, TreeEvent, acl};

use crate::connection::Connection;
use crate::error::ServerError;
use crate::pipeline::{Opening, Owner, Pipeline, Submission, Waiting};
use crate::reader;
use crate::reply::{self, Form};
use crate::request::Ordered;
use crate::shared::{Shared, lock};

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
    finished: Vec<Submission>,
    flush: BTreeMap<u64, Arc<Connection>>,
}

impl Aftermath {
    fn settle(self, shared: &Shared) {
        self.finished.iter().for_each(|submission| submission.finish(shared));
        self.flush.values().for_each(|connection| connection.flush());
    }
}

impl<C: Consensus> Pipeline<C> {
    /// Applies entries, in order. Gives back those whose turn has not come.
    ///
    /// Events and answers are appended while the state is held: whoever reads a change afterwards
    /// finds its event already in the output before the answer.
    pub(crate) fn apply_chunk(&mut self, chunk: Vec<Committed>) -> Result<Rest, ServerError> {
        let shared = self.shared.clone();
        let mut after = Aftermath::default();
        let mut state = shared.state_mut();
        let mut rest = chunk.into_iter();
        while self.pass_barriers(&state, &mut after)
            && let Some(committed) = rest.next()
        {
            if committed.data.is_empty() {
                continue;
            }
            let (entry, owner) = match self.take_own(&committed) {
                Some(own) => own,
                None => (Entry::decode(&committed.data)?, Owner::Nobody),
            };
            let applied = state.apply(&entry);
            deliver(&shared, &applied.events, &mut after);
            self.conclude(&entry, applied, owner, &mut after);
        }
        drop(state);
        let more = after.turns >= TURNS;
        after.settle(&shared);
        Ok(Rest { entries: rest.collect(), more })
    }

    /// The entry and its owner, if this server proposed what was decided.
    fn take_own(&mut self, committed: &Committed) -> Option<(Entry, Owner)> {
        let Some(Waiting::Entry { index, .. }) = self.waiting.front() else { return None };
        if *index != committed.index {
            return None;
        }
        match self.waiting.pop_front() {
            Some(Waiting::Entry { term, entry, owner, .. }) if term == committed.term => {
                Some((entry, owner))
            }
            // Another leader's entry took the place: what became of ours is told by nobody.
            Some(Waiting::Entry { owner: Owner::Request { submission, .. }, .. }) => {
                submission.connection.kill();
                None
            }
            _ => None,
        }
    }

    /// Answers what waits at the front for no entry; false when it has to wait on.
    fn pass_barriers(&mut self, state: &StateMachine, after: &mut Aftermath) -> bool {
        loop {
            if after.turns >= TURNS {
                return false;
            }
            match self.waiting.front() {
                None | Some(Waiting::Entry { .. }) => return true,
                Some(Waiting::Sync { confirmed: false, .. }) => return false,
                Some(Waiting::Sync { .. } | Waiting::Attach(_) | Waiting::Turn(_)) => {}
            }
            match self.waiting.pop_front() {
                Some(Waiting::Attach(opening)) => self.attach(state, opening, after),
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
                        _ => {}
                    }
                    after.finished.push(owner);
                }
                Some(Waiting::Sync { mut owner, .. }) => {
                    if let Ordered::Sync { path } = &mut owner.ordered {
                        let (xid, path) = (owner.xid, std::mem::take(path));
                        let zxid = state.last_zxid();
                        owner.connection.append(|out| reply::synced(out, xid, zxid, path));
                    }
                    after.finished.push(owner);
                }
                _ => {}
            }
        }
    }

    fn attach(&mut self, state: &StateMachine, opening: Opening, after: &mut Aftermath) {
        let Some((id, shown)) = opening.session else { return };
        let (session, activity) = (state.sessions().get(id), self.clock.get(id));
        let (Some(session), Some(activity)) = (session, activity) else {
            let _ = opening.done.send(false);
            return;
        };
        if shown != Some(session.password) {
            tracing::warn!(peer = %opening.connection.peer, "wrong password for session {id:#x}");
            let _ = opening.done.send(false);
            return;
        }
        activity.touch(self.shared.elapsed_ms());
        opening.connection.begin_session(id, activity.clone());
        let answer = (id, session.password, activity.timeout_ms);
        self.begin(answer, opening, after);
    }

    fn begin(&mut self, session: (i64, [u8; 16], i32), opening: Opening, after: &mut Aftermath) {
        let Opening { connection, mirror_read_only, done, .. } = opening;
        connection.append(|out| reply::connected(out, Some(session), mirror_read_only));
        // A client that did not wait for its session leaves it to the clock.
        if done.send(true).is_ok()
            && let Some(old) = self.attached.insert(session.0, connection.clone())
            && old.id != connection.id
        {
            old.kill();
        }
        after.flush.insert(connection.id, connection);
    }

    fn conclude(&mut self, entry: &Entry, applied: Applied, owner: Owner, after: &mut Aftermath) {
        let id = entry.session_id;
        let closed = match applied.outcome {
            Outcome::SessionClosed => {
                self.clock.end(id);
                self.attached.remove(&id)
            }
            _ => None,
        };
        match owner {
            Owner::Request { submission, form: Form::Header } => {
                let (xid, zxid) = (submission.xid, applied.zxid);
                submission.connection.append_last(|out| {
                    reply::outcome(out, xid, zxid, &Form::Header, &applied.outcome);
                });
                after.finished.push(submission);
                return;
            }
            Owner::Request { submission, form } => {
                submission.answer(&form, applied.zxid, &applied.outcome);
                after.finished.push(submission);
            }
            Owner::NewSession { opening, password } => {
                if applied.outcome == Outcome::SessionOpened {
                    let now = self.shared.elapsed_ms();
                    let timeout_ms = opening.timeout_ms;
                    let activity = self.clock.begin(id, timeout_ms, now);
                    opening.connection.begin_session(id, activity);
                    self.begin((id, password, timeout_ms), opening, after);
                }
            }
            Owner::Nobody => {}
        }
        if let Some(connection) = closed {
            connection.kill();
        }
    }
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
        let connections = lock(&shared.connections);
        for watcher in heard {
            let Some(connection) = connections.get(&watcher) else { continue };
            // Who may not read the node must not learn from its watch either.
            if acl::allows(&event.acl, Perms::READ, &connection.auth()) {
                connection.append(|out| out.extend_from_slice(&bytes));
                shared.statistics.event_sent();
                after.flush.insert(watcher, connection.clone());
            }
        }
    }
}
