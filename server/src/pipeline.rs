//! The write path: one thread that orders, logs, applies and answers.
//!
//! It takes everything that waits, proposes it as one batch (one append, one sync), applies what
//! is decided, hands out the events, then the answers. It is the only one that changes the state.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pinfold_proto::{Configuration, Id, OpCode};
use pinfold_replication::{
    Committed, Consensus, Error as ConsensusError, Membership, NodeId, ReadState, SnapshotMeta,
    StoreError,
};
use pinfold_state::{Body, Entry, Origin};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::connection::Connection;
use crate::digests::{Checkpoint, Digests, Verdict};
use crate::error::ServerError;
use crate::handover::{Handed, Handover};
use crate::ordering::{Stream, Taken};
use crate::peers::{Courier, Frame};
use crate::reply::Form;
use crate::request::Ordered;
use crate::roles::Timetable;
use crate::sessions::SessionClock;
use crate::shared::{Shared, lock};
use crate::snapshots::Snapshots;
use crate::syncs::{SyncId, Syncs};

/// Bytes of entries after which a batch is closed.
const BATCH_BYTES: usize = 4 << 20;
/// Entries that are applied before readers get a turn.
const APPLY_CHUNK: usize = 256;

/// What the pipeline is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Requests of one connection, in its order.
    Submit(Vec<Submission>),
    /// A handshake.
    Open(Opening),
    /// A connection has ended.
    Gone(Arc<Connection>),
    /// What another server says.
    Peer { from: NodeId, frame: Frame },
    /// The link to another server can be used, from now on or again.
    LinkUp(NodeId),
    /// The link to another server is broken.
    LinkDown(NodeId),
    /// A snapshot was sent to another server, or could not be.
    SnapshotSent { to: NodeId, arrived: bool },
    /// A snapshot is durable, or could not be written.
    SnapshotWritten(Result<SnapshotMeta, StoreError>),
    /// Somebody asks for the open sessions and the times at which silence will end them.
    Sessions(oneshot::Sender<Vec<(i64, i64)>>),
    /// Somebody wants another server to lead.
    HandOver(oneshot::Sender<Handed>),
    /// The server stops.
    Stop,
}

/// One ordered request on its way.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) connection: Arc<Connection>,
    pub(crate) xid: i32,
    /// Its operation; `None` for one that is not known.
    pub(crate) operation: Option<OpCode>,
    pub(crate) ordered: Ordered,
    /// The caller's identities when it asked.
    pub(crate) auth: Arc<Vec<Id>>,
    /// Bytes it counts for in its connection's backlog.
    pub(crate) bytes: usize,
    pub(crate) received: Instant,
}

/// A handshake on its way.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) connection: Arc<Connection>,
    /// The session to take over, and the password shown for it if it has the right form.
    pub(crate) session: Option<(i64, Option<[u8; 16]>)>,
    /// The timeout, clamped already.
    pub(crate) timeout_ms: i32,
    pub(crate) mirror_read_only: bool,
    pub(crate) received: Instant,
    /// Told whether there is a session.
    pub(crate) done: oneshot::Sender<bool>,
}

/// What waits for its turn, in the order in which it came.
pub(crate) enum Waiting {
    /// An entry of this server, found again by the sequence number of its origin.
    Entry { entry: Entry, owner: Owner },
    /// A read or a refusal, to be answered once everything before it has been applied.
    Turn(Submission),
    /// A sync, likewise, and once the state holds all that had been acknowledged when it came.
    Sync(Submission, SyncId),
}

/// Who gets to hear what came of an entry.
pub(crate) enum Owner {
    /// A request of a client.
    Request { submission: Submission, form: Form },
    /// A handshake, of a new session or one that is taken over, with the session's password.
    Handshake { opening: Opening, password: [u8; 16] },
}

pub(crate) struct Pipeline<C: Consensus, P: Courier> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) consensus: C,
    pub(crate) courier: P,
    pub(crate) clock: SessionClock,
    /// The connection that each session is served on.
    pub(crate) attached: BTreeMap<i64, Arc<Connection>>,
    /// Ordered requests that were taken and not yet answered.
    pub(crate) waiting: VecDeque<Waiting>,
    /// What came since the last batch went out; its turn is behind `waiting`.
    pub(crate) arrived: Vec<Waiting>,
    /// Encoded entries of this server that have not gone to whoever orders them.
    pub(crate) outgoing: Vec<Bytes>,
    /// Entries to be written into this leader's log next.
    pub(crate) proposals: Vec<Bytes>,
    /// The term in which this server leads, if it does.
    pub(crate) led: Option<u64>,
    pub(crate) stream: Stream,
    pub(crate) taken: Taken,
    pub(crate) batch_bytes: usize,
    inbox: UnboundedReceiver<Message>,
    committed: VecDeque<Committed>,
    snapshots: Snapshots,
    /// How often sessions are looked through.
    pub(crate) interval: Duration,
    pub(crate) times: Timetable,
    /// Index and term of the last entry in the state, and the members as of there.
    pub(crate) applied: u64,
    pub(crate) applied_term: u64,
    pub(crate) membership: Membership,
    next_session: i64,
    pub(crate) syncs: Syncs,
    /// A client's change of members that is pending, until it is answered.
    pub(crate) reconfiguring: Option<(Submission, Form)>,
    /// The configuration names this server.
    pub(crate) is_member: bool,
    /// The members are, or are to be, others than the courier knows.
    pub(crate) members_changed: bool,
    /// The members as another server has told of them, which may know of a later change.
    pub(crate) told: Configuration,
    pub(crate) digests: Digests,
    /// Of the last entry of this server that somebody waits for.
    pub(crate) origin: Origin,
    last_time_ms: i64,
    pub(crate) handover: Handover,
}

impl<C: Consensus, P: Courier> Pipeline<C, P> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        consensus: C,
        courier: P,
        inbox: UnboundedReceiver<Message>,
        snapshots: Snapshots,
        applied_term: u64,
    ) -> Result<Pipeline<C, P>, ServerError> {
        let interval = Duration::from_millis(u64::from(shared.config.tick_time_ms / 2).max(1));
        let now = Instant::now();
        let collect_interval = shared.config.collect_interval;
        let times = Timetable::new(now, interval, collect_interval);
        let mut clock = SessionClock::new(interval.as_millis() as i64, shared.elapsed_ms());
        for (id, session) in shared.state().sessions().iter() {
            clock.begin(id, session.timeout_ms, shared.elapsed_ms());
        }
        let digests = Digests::new(shared.config.digest_every);
        let (applied, membership) = (consensus.status().applied, consensus.membership());
        // As ZooKeeper makes them: the server's number, the time, a counter.
        let time_bits = ((shared.environment.wall_ms() as u64) << 24) >> 8;
        let next_session = (time_bits & 0x00ff_ffff_ffff_0000 | consensus.id() << 56) as i64;
        let server = shared.environment.random()?;
        Ok(Pipeline {
            shared,
            consensus,
            courier,
            clock,
            attached: BTreeMap::new(),
            waiting: VecDeque::new(),
            arrived: Vec::new(),
            outgoing: Vec::new(),
            proposals: Vec::new(),
            led: None,
            stream: Stream::Closed,
            taken: Taken::default(),
            batch_bytes: 0,
            inbox,
            committed: VecDeque::new(),
            snapshots,
            interval,
            times,
            applied,
            applied_term,
            membership,
            next_session,
            syncs: Syncs::new(server),
            reconfiguring: None,
            is_member: false,
            members_changed: true,
            told: Configuration::default(),
            digests,
            origin: Origin { server, sequence: 0 },
            last_time_ms: 0,
            handover: Handover::default(),
        })
    }

    /// Replays the log. A server that is alone leads afterwards, and may be reached.
    pub(crate) fn recover(&mut self) -> Result<(), ServerError> {
        self.run_batch()
    }

    /// Runs until the server stops. An error is final: what is durable is not known any more.
    pub(crate) async fn run(&mut self) -> Result<(), ServerError> {
        while !self.has_left() {
            match timeout_at(self.next_wake(), self.inbox.recv()).await {
                Ok(Some(message)) => self.take(message)?,
                Ok(None) => return Ok(()),
                Err(_) => {}
            }
            while self.batch_bytes < BATCH_BYTES
                && let Ok(message) = self.inbox.try_recv()
            {
                self.take(message)?;
            }
            self.pass_time()?;
            self.hand_over();
            self.run_batch()?;
            self.hand_over();
        }
        Ok(())
    }

    /// Ends the pipeline and gives up its consensus, so that files are closed.
    pub(crate) fn finish(mut self) {
        // Without it only the next start is less sure whether its log was cut short or damaged.
        if let Err(error) = self.consensus.close() {
            tracing::warn!(%error, "how far the log is decided could not be written down");
        }
        self.snapshots.wait();
    }

    fn take(&mut self, message: Message) -> Result<(), ServerError> {
        match message {
            Message::Submit(submissions) => submissions.into_iter().for_each(|s| self.submit(s)),
            Message::Open(opening) => self.open(opening)?,
            Message::Gone(connection) => {
                let id = connection.session_id();
                if self.attached.get(&id).is_some_and(|current| current.id == connection.id) {
                    self.attached.remove(&id);
                }
                for submission in self.syncs.forget(connection.id) {
                    submission.finish(&self.shared, None, Instant::now());
                }
            }
            Message::Peer { from, frame } => self.hear(from, frame)?,
            Message::SnapshotSent { to, arrived } => self.consensus.report_snapshot(to, arrived),
            Message::LinkUp(peer) => self.link_is_up(peer),
            Message::LinkDown(peer) => self.link_is_down(peer),
            Message::SnapshotWritten(Ok(meta)) => {
                let took = self.snapshots.written();
                self.shared.statistics.snapshots.add(took.as_millis() as u64);
                self.consensus.snapshot_taken(&meta)?;
            }
            Message::SnapshotWritten(Err(error)) => {
                self.snapshots.written();
                self.shared.statistics.snapshot_errors.add(1);
                tracing::error!(%error, "no snapshot; the log is kept instead");
            }
            Message::Sessions(asker) => {
                let _ = asker.send(self.clock.ends().collect());
            }
            Message::HandOver(asker) => self.begin_handover(Some(asker)),
            Message::Stop => self.begin_departure(),
        }
        Ok(())
    }

    pub(crate) fn submit(&mut self, submission: Submission) {
        // Nothing overtakes a sync of the same connection.
        if let Some(submission) = self.syncs.pass(submission) {
            self.order(submission);
        }
    }

    fn order(&mut self, mut submission: Submission) {
        let ordered = std::mem::replace(&mut submission.ordered, Ordered::Close);
        let (body, form) = match ordered {
            Ordered::Write { op, code } => (Body::Request(op), Form::Op(code)),
            Ordered::Multi { ops, codes } => (Body::Multi(ops), Form::Multi(codes)),
            Ordered::Void { error, code } => (Body::Void(error), Form::Op(code)),
            Ordered::Reconfigure(asked) => {
                self.syncs.hold(submission.connection.id);
                (Body::Reconfigure(asked), Form::Op(OpCode::Reconfig))
            }
            Ordered::Close => (Body::CloseSession, Form::Header),
            ordered @ (Ordered::Read(_) | Ordered::Refuse(_) | Ordered::RefuseSasl(_)) => {
                submission.ordered = ordered;
                self.arrived.push(Waiting::Turn(submission));
                return;
            }
            Ordered::Sync { path } => {
                submission.ordered = Ordered::Sync { path };
                let sync = self.syncs.begin(submission.connection.id);
                self.consensus.read_index(sync.context());
                self.arrived.push(Waiting::Sync(submission, sync));
                return;
            }
        };
        let served = submission.connection.served();
        let entry = Entry {
            attachment: served.map(|served| served.attachment),
            enforce_quota: self.shared.config.limits.enforce_quota,
            cxid: submission.xid,
            auth: submission.auth.clone(),
            ..Entry::internal(self.time_ms(), submission.connection.session_id(), body)
        };
        self.push_own(entry, Owner::Request { submission, form });
    }

    fn open(&mut self, opening: Opening) -> Result<(), ServerError> {
        let timeout_ms = opening.timeout_ms;
        let (id, password, body) = match opening.session {
            None => {
                let mut password = [0; 16];
                self.shared.environment.fill(&mut password)?;
                let id = self.new_session_id();
                (id, password, Body::CreateSession { password, timeout_ms })
            }
            // What the session's password refuses here takes no place in the log. A session that
            // is not known may be new, and this server behind: only the log can say.
            Some((id, shown)) => match shown.filter(|shown| self.may_be(id, shown, &opening)) {
                Some(password) => (id, password, Body::Attach { password, timeout_ms }),
                None => {
                    let _ = opening.done.send(false);
                    return Ok(());
                }
            },
        };
        let entry = Entry::internal(self.time_ms(), id, body);
        self.push_own(entry, Owner::Handshake { opening, password });
        Ok(())
    }

    fn new_session_id(&mut self) -> i64 {
        while self.shared.state().sessions().get(self.next_session).is_some() {
            self.next_session += 1;
        }
        self.next_session += 1;
        self.next_session - 1
    }

    /// Whether this is the password of the session, as far as is known here.
    fn may_be(&self, id: i64, shown: &[u8; 16], opening: &Opening) -> bool {
        let state = self.shared.state();
        let is_wrong = state.sessions().get(id).is_some_and(|known| known.password != *shown);
        if is_wrong {
            tracing::warn!(peer = %opening.connection.peer, "wrong password for session {id:#x}");
        }
        !is_wrong
    }

    /// An entry of this leader itself, whose outcome nobody waits for.
    pub(crate) fn push(&mut self, entry: &Entry) {
        let bytes = entry.encode();
        self.batch_bytes += bytes.len();
        self.proposals.push(bytes);
    }

    /// An entry that somebody here waits for.
    fn push_own(&mut self, mut entry: Entry, owner: Owner) {
        self.origin.sequence += 1;
        entry.origin = self.origin;
        let bytes = entry.encode();
        self.batch_bytes += bytes.len();
        self.outgoing.push(bytes);
        self.arrived.push(Waiting::Entry { entry, owner });
    }

    /// What another server says.
    fn hear(&mut self, from: NodeId, frame: Frame) -> Result<(), ServerError> {
        match frame {
            Frame::Raft(message) | Frame::Announced(message) => match self.consensus.step(&message)
            {
                Err(error @ ConsensusError::BadMessage { .. }) => {
                    tracing::warn!(from, %error, "a message of a peer is dropped");
                    Ok(())
                }
                other => Ok(other?),
            },
            Frame::Forward(forward) => self.take_forward(forward),
            Frame::Heard(sessions) => {
                let now = self.shared.elapsed_ms();
                sessions.into_iter().for_each(|id| self.clock.touch(id, now));
                Ok(())
            }
            Frame::Digest(checkpoint) => {
                let verdict = self.digests.heard(from, checkpoint, &self.membership);
                self.abide(verdict)
            }
            Frame::Members(members) => {
                if members.version >= self.told.version && members != self.told {
                    self.told = members;
                    self.members_changed = true;
                }
                Ok(())
            }
            // Written to the disk where they came in.
            Frame::Offer(_) | Frame::Block(_) => Ok(()),
        }
    }

    /// A snapshot of the leader has taken the place of the log.
    fn take_snapshot(&mut self, meta: &SnapshotMeta) -> Result<(), ServerError> {
        let state = self.snapshots.read(meta)?;
        tracing::info!(index = meta.index, zxid = state.last_zxid(), "a snapshot of the leader");
        self.shared.environment.state(self.consensus.id(), meta.index, || state.digest());
        *self.shared.state_mut() = state;
        (self.applied, self.applied_term) = (meta.index, meta.term);
        self.consensus.applied(meta.index);
        self.membership = meta.membership.clone();
        self.committed.clear();
        self.digests.begin_again();
        // What became of what waits here is hidden in the snapshot, and so is what the watchers
        // missed: their clients ask again over new connections.
        self.origin.server = self.shared.environment.random()?;
        lock(&self.shared.connections).values().for_each(|connection| connection.kill());
        self.abandon_waiting();
        self.members_changed = true;
        self.outgoing.clear();
        Ok(())
    }

    /// A snapshot of the state as it is now.
    fn write_snapshot(&mut self) {
        let (index, term, membership) = (self.applied, self.applied_term, self.membership.clone());
        let image = self.shared.state().snapshot();
        let meta = SnapshotMeta { index, term, membership };
        self.snapshots.write(meta, image, self.shared.pipeline());
    }

    /// A new server needs a snapshot of a time at which it is a member: then one is due, however
    /// few entries there were.
    pub(crate) fn provide_snapshot(&mut self) {
        if !self.snapshots.is_writing() && self.consensus.lacks_snapshot() {
            tracing::info!(index = self.applied, "a snapshot for a new server");
            self.write_snapshot();
        }
    }

    /// Nobody hears any more of what waits here; it counts as outstanding no longer.
    fn abandon_waiting(&mut self) {
        let now = Instant::now();
        let reconfiguring = self.reconfiguring.take().map(|(submission, _)| submission);
        let waiting = self.waiting.drain(..).chain(self.arrived.drain(..));
        let submissions = waiting.filter_map(|waiting| match waiting {
            Waiting::Entry { owner: Owner::Request { submission, .. }, .. } => Some(submission),
            // Who shakes hands is told by the end of the connection.
            Waiting::Entry { owner: Owner::Handshake { .. }, .. } => None,
            Waiting::Turn(submission) => Some(submission),
            Waiting::Sync(submission, id) => {
                self.syncs.give_up(id);
                Some(submission)
            }
        });
        for submission in submissions.chain(reconfiguring) {
            submission.finish(&self.shared, None, now);
        }
    }

    /// Tells the other servers what this one came to, and hears what that means.
    pub(crate) fn compare(&mut self, checkpoint: Checkpoint) -> Result<(), ServerError> {
        let own = self.consensus.id();
        let Membership { voters, learners, .. } = &self.membership;
        for id in voters.iter().chain(learners).filter(|id| **id != own) {
            self.courier.send(*id, Frame::Digest(checkpoint));
        }
        let verdict = self.digests.reached(checkpoint, &self.membership);
        self.abide(verdict)
    }

    /// A server that is wrong does not go on.
    fn abide(&self, verdict: Verdict) -> Result<(), ServerError> {
        verdict.map_err(|divergence| ServerError::Diverged {
            index: divergence.own.index,
            own: divergence.own.digest,
            others: divergence.others,
            servers: divergence.servers,
            data_dir: self.shared.config.data_dir.clone(),
        })
    }

    /// True for an entry that somebody here waits for.
    pub(crate) fn is_own(&self, origin: Origin) -> bool {
        origin.server == self.origin.server
    }

    /// The time to stamp entries with: the clock's, but never going back.
    pub(crate) fn time_ms(&mut self) -> i64 {
        self.last_time_ms = self.last_time_ms.max(self.shared.environment.wall_ms());
        self.last_time_ms
    }

    /// Orders, logs and applies until nothing is left to do for now.
    fn run_batch(&mut self) -> Result<(), ServerError> {
        self.batch_bytes = 0;
        loop {
            self.send_out()?;
            self.waiting.extend(self.arrived.drain(..));
            while self.consensus.has_ready() {
                self.advance()?;
            }
            self.apply_committed()?;
            self.settle_syncs();
            self.know_members()?;
            let is_done = self.arrived.is_empty() && self.outgoing.is_empty();
            if is_done && (self.proposals.is_empty() || self.consensus.is_busy()) {
                return Ok(());
            }
        }
    }

    fn advance(&mut self) -> Result<(), ServerError> {
        let courier = &mut self.courier;
        let progress = self.consensus.advance(&mut |outgoing| courier.carry(outgoing))?;
        if let Some(role) = progress.role {
            self.change_role(role);
        }
        if let Some(meta) = progress.snapshot {
            self.take_snapshot(&meta)?;
        }
        for ReadState { index, context } in progress.read_states {
            self.syncs.confirm(&context, index);
        }
        self.committed.extend(progress.committed);
        self.apply_committed()
    }

    fn apply_committed(&mut self) -> Result<(), ServerError> {
        loop {
            let taken = self.committed.len().min(APPLY_CHUNK);
            let chunk: Vec<Committed> = self.committed.drain(..taken).collect();
            let place = |c: &Committed| (c.index, c.term, c.data.len() as u64);
            let places: Vec<(u64, u64, u64)> = chunk.iter().map(place).collect();
            let rest = self.apply_chunk(chunk)?;
            let held = rest.entries.len();
            rest.entries.into_iter().rev().for_each(|c| self.committed.push_front(c));
            let done = places.len() - held;
            if let Some(&(index, term, _)) = places[..done].last() {
                self.consensus.applied(index);
                (self.applied, self.applied_term) = (index, term);
                let bytes = places[..done].iter().map(|(_, _, bytes)| bytes).sum();
                self.snapshots.applied(done as u64, bytes);
                let state_bytes = self.shared.state().data_size();
                if self.snapshots.is_due(state_bytes) {
                    self.write_snapshot();
                }
            }
            if !rest.more && (places.is_empty() || held > 0) {
                return Ok(());
            }
        }
    }
}
