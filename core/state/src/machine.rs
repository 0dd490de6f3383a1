//! The state machine: entries in, outcomes and events out.

use std::sync::Arc;

use bytes::Bytes;
use pinfold_proto::Configuration;
use pinfold_proto::error::ErrorCode;
use pinfold_proto::stat::Stat;

use crate::acl::{AclList, AclPool};
use crate::entry::{Body, Entry, Op};
use crate::initial;
use crate::quota::Exceeded;
use crate::session::{Session, SessionTable};
use crate::tree::Tree;

/// What applying one entry brought.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The entry's zxid. A failed write has one too.
    pub zxid: i64,
    /// What came of it.
    pub outcome: Outcome,
    /// What watchers get to hear, in order.
    pub events: Vec<TreeEvent>,
    /// Limits of quotas that it went beyond, or would have.
    pub exceeded: Vec<Exceeded>,
}

/// What came of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The next epoch began.
    Epoch,
    /// The session is open.
    SessionOpened,
    /// The session goes on over a new connection, its attachment of this number.
    SessionAttached {
        /// What later entries of the session have to name.
        attachment: u32,
    },
    /// The session is closed and its ephemerals are gone.
    SessionClosed,
    /// A single write was done.
    Done(OpOutcome),
    /// Every write of a multi was done.
    Multi(Vec<OpOutcome>),
    /// A multi changed nothing, because the write at `index` failed with `error`.
    MultiFailed {
        /// Place of the write that failed, from 0.
        index: usize,
        /// Why.
        error: ErrorCode,
    },
    /// A new ensemble has its first configuration.
    Founded,
    /// A change of members is on its way; what came of it follows later.
    Pending,
    /// The write changed nothing, because of this.
    Failed(ErrorCode),
}

/// What a write that was done answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpOutcome {
    /// A node was created under this name, which includes the sequence number.
    Created {
        /// Its full path.
        path: Arc<str>,
        /// Its first Stat.
        stat: Stat,
    },
    /// A node is gone.
    Deleted,
    /// Data or ACL were set; the Stat after it.
    Stat(Stat),
    /// A check passed.
    Checked,
    /// The ensemble has other members.
    Configured {
        /// What `/zookeeper/config` says now.
        text: Bytes,
        /// Its Stat.
        stat: Stat,
    },
}

/// One change that watchers may want to hear of.
#[derive(Clone, Debug)]
pub struct TreeEvent {
    /// What happened.
    pub kind: TreeEventKind,
    /// The node it happened to.
    pub path: Arc<str>,
    /// The zxid of the entry.
    pub zxid: i64,
    /// The node's access list: who may not read the node does not hear of it.
    pub acl: Arc<AclList>,
}

/// The kinds of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeEventKind {
    /// The node was created.
    Created,
    /// The node was deleted.
    Deleted,
    /// The node's data were set.
    DataChanged,
    /// A child was created or deleted.
    ChildrenChanged,
}

/// The replicated state: tree, sessions and the zxid.
///
/// One thread applies; any number may read between two calls of `apply`.
#[derive(Debug)]
pub struct StateMachine {
    pub(crate) tree: Tree,
    pub(crate) acls: AclPool,
    pub(crate) sessions: SessionTable,
    pub(crate) last_zxid: i64,
    /// The members that are to be.
    pub(crate) pending: Option<Configuration>,
}

impl Default for StateMachine {
    fn default() -> Self {
        StateMachine::new()
    }
}

impl StateMachine {
    /// The state before the first entry: only the nodes that are always there.
    pub fn new() -> StateMachine {
        let mut machine = StateMachine::empty();
        initial::plant(&mut machine);
        machine
    }

    /// Without any node; to be filled from a snapshot.
    pub(crate) fn empty() -> StateMachine {
        StateMachine {
            tree: Tree::new(),
            acls: AclPool::default(),
            sessions: SessionTable::default(),
            last_zxid: 0,
            pending: None,
        }
    }

    /// The zxid of the last applied entry, 0 at the very start.
    pub fn last_zxid(&self) -> i64 {
        self.last_zxid
    }

    /// The open sessions.
    pub fn sessions(&self) -> &SessionTable {
        &self.sessions
    }

    /// Applies the next entry of the log. The result depends on the state and the entry alone.
    pub fn apply(&mut self, entry: &Entry) -> Applied {
        self.last_zxid = self.next_zxid(&entry.body);
        let mut write = Write {
            time_ms: entry.time_ms,
            zxid: self.last_zxid,
            session_id: entry.session_id,
            auth: &entry.auth,
            enforce_quota: entry.enforce_quota,
            events: Vec::new(),
            exceeded: Vec::new(),
        };
        let outcome = match &entry.body {
            _ if self.has_moved(entry) => Outcome::Failed(ErrorCode::SessionMoved),
            Body::Epoch => Outcome::Epoch,
            Body::Attach { password, timeout_ms } => {
                match self.sessions.attach(entry.session_id, password, *timeout_ms) {
                    Some(attachment) => Outcome::SessionAttached { attachment },
                    None => Outcome::Failed(ErrorCode::SessionExpired),
                }
            }
            Body::CreateSession { password, timeout_ms } => {
                let (password, timeout_ms) = (*password, *timeout_ms);
                let session = Session { password, timeout_ms, attachment: 0 };
                match self.sessions.open(entry.session_id, session) {
                    true => Outcome::SessionOpened,
                    false => Outcome::Failed(ErrorCode::RuntimeInconsistency),
                }
            }
            Body::CloseSession => self.close_session(&mut write),
            Body::Request(op) => match self.write(&mut write, op) {
                Ok(done) => Outcome::Done(done),
                Err(error) => Outcome::Failed(error),
            },
            Body::Multi(ops) => self.multi(&mut write, ops),
            Body::Void(error) => Outcome::Failed(*error),
            Body::Found(first) => self.found(first),
            Body::Reconfigure(asked) => {
                self.reconfigure(&write, asked).unwrap_or_else(Outcome::Failed)
            }
            Body::Activate { asked } => self.activate(&mut write, *asked),
            Body::Abandon { asked, error } => self.abandon(*asked, *error),
        };
        Applied { zxid: write.zxid, outcome, events: write.events, exceeded: write.exceeded }
    }

    fn next_zxid(&self, body: &Body) -> i64 {
        match body {
            Body::Epoch => ((self.last_zxid >> 32) + 1) << 32,
            Body::Attach { .. } | Body::Found(_) => self.last_zxid,
            // When the low half is used up this carries into the epoch, without an election.
            _ => self.last_zxid + 1,
        }
    }

    /// True when the session has been taken over since the entry was sent.
    fn has_moved(&self, entry: &Entry) -> bool {
        let session = self.sessions.get(entry.session_id);
        entry.attachment.is_some_and(|number| session.is_some_and(|s| s.attachment != number))
    }

    fn multi(&mut self, write: &mut Write<'_>, ops: &[Op]) -> Outcome {
        self.tree.begin();
        let mut done = Vec::with_capacity(ops.len());
        for (index, op) in ops.iter().enumerate() {
            match self.write(write, op) {
                Ok(outcome) => done.push(outcome),
                Err(error) => {
                    self.tree.roll_back();
                    write.events.clear();
                    return Outcome::MultiFailed { index, error };
                }
            }
        }
        self.tree.commit();
        Outcome::Multi(done)
    }

    fn close_session(&mut self, write: &mut Write<'_>) -> Outcome {
        if !self.sessions.close(write.session_id) {
            return Outcome::Failed(ErrorCode::SessionExpired);
        }
        let owned = self.tree.ephemerals().get(&write.session_id);
        let paths: Vec<_> = owned.into_iter().flatten().cloned().collect();
        for path in paths {
            self.remove(write, &path);
        }
        Outcome::SessionClosed
    }
}

/// What the writes of one entry share.
pub(crate) struct Write<'a> {
    pub(crate) time_ms: i64,
    pub(crate) zxid: i64,
    pub(crate) session_id: i64,
    pub(crate) auth: &'a [pinfold_proto::acl::Id],
    pub(crate) enforce_quota: bool,
    pub(crate) events: Vec<TreeEvent>,
    pub(crate) exceeded: Vec<Exceeded>,
}

impl Write<'_> {
    pub(crate) fn event(&mut self, kind: TreeEventKind, path: &Arc<str>, acl: &Arc<AclList>) {
        let (path, acl) = (path.clone(), acl.clone());
        self.events.push(TreeEvent { kind, path, zxid: self.zxid, acl });
    }
}
