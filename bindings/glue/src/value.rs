//! What comes back: values of completions, and the items of the inbox.

use bytes::Bytes;
use pinfold_client::{
    Acl, ClientInfo, MultiResult, ReadResult, Response, SessionState, Stat, WatchEvent,
};

use crate::Error;

/// What a successful operation returns; the record's meaning is in [`crate::api`].
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the fields' docs are the table's
pub enum Value {
    Done,
    Created {
        path: String,
        stat: Stat,
    },
    Exists(Option<Stat>),
    Data {
        data: Option<Bytes>,
        stat: Stat,
    },
    Stat(Stat),
    Children {
        names: Vec<String>,
        stat: Stat,
    },
    Acl {
        acl: Vec<Acl>,
        stat: Stat,
    },
    Multi(Vec<MultiResult>),
    /// Each read succeeds or fails by itself.
    MultiRead(Vec<Result<ReadResult, Error>>),
    Paths(Vec<String>),
    Count(i32),
    Identities(Vec<ClientInfo>),
    Leadership {
        recipe: u64,
        token: i64,
    },
    Leader(Option<Leader>),
    Task(String),
    TaskResult {
        task: String,
        attempt: u32,
        worker: String,
        result: Bytes,
    },
    Counts(QueueCounts),
    Claim {
        recipe: u64,
        task: String,
        payload: Bytes,
        attempt: u32,
    },
    Recipe(u64),
}

impl From<Response> for Value {
    fn from(response: Response) -> Value {
        match response {
            Response::Created { path, stat } => Value::Created { path, stat },
            Response::Exists(stat) => Value::Exists(stat),
            Response::Data { data, stat } => Value::Data { data, stat },
            Response::Stat(stat) => Value::Stat(stat),
            Response::Children { names, stat } => Value::Children { names, stat },
            Response::Acl { acl, stat } => Value::Acl { acl, stat },
            Response::Multi(results) => Value::Multi(results),
            Response::MultiRead(results) => {
                let result = |result: Result<_, pinfold_client::Error>| result.map_err(Error::from);
                Value::MultiRead(results.into_iter().map(result).collect())
            }
            Response::Ephemerals(paths) => Value::Paths(paths),
            Response::Count(count) => Value::Count(count),
            Response::Identities(identities) => Value::Identities(identities),
            Response::Deleted | Response::Synced | Response::Done => Value::Done,
        }
    }
}

/// Who leads an election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// What the leader said of itself.
    pub data: Bytes,
    /// Its fencing token.
    pub token: i64,
}

/// Where the tasks of a queue are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the fields' docs are the table's
pub struct QueueCounts {
    pub waiting: u32,
    pub assigned: u32,
    pub done: u32,
    pub dead: u32,
    pub workers: u32,
    pub master: Option<Bytes>,
}

/// One thing that the host is told, in the order the session saw it.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A submitted operation is complete.
    Reply {
        /// The operation's ticket.
        ticket: u64,
        /// Its value, or why it failed.
        result: Result<Value, Error>,
    },
    /// A watch delivered.
    Watch {
        /// Ticket of the operation that armed the watch.
        watch: u64,
        /// What happened.
        event: WatchEvent,
    },
    /// The session changed its state.
    State(SessionState),
    /// A running recipe tells something.
    Recipe {
        /// The recipe's handle.
        recipe: u64,
        /// What it tells.
        event: RecipeEvent,
    },
    /// The last item: the client is closed and every ticket was completed before it.
    Closed,
}

/// What a running recipe tells. Fields that do not apply to the kind are empty or 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the fields' docs are the table's
pub struct RecipeEvent {
    pub kind: RecipeEventKind,
    pub task: String,
    pub worker: String,
    pub payload: Bytes,
    pub attempt: u32,
    pub token: i64,
    pub reason: String,
}

impl RecipeEvent {
    pub(crate) fn of(kind: RecipeEventKind) -> RecipeEvent {
        RecipeEvent { kind, ..RecipeEvent::default() }
    }

    pub(crate) fn task(kind: RecipeEventKind, task: impl ToString) -> RecipeEvent {
        RecipeEvent { task: task.to_string(), ..RecipeEvent::of(kind) }
    }
}

/// Kinds of recipe events, with the table's values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(i32)]
#[allow(missing_docs)] // the variants' docs are the table's
pub enum RecipeEventKind {
    LeadershipLost = 1,
    MasterElected = 10,
    MasterDeposed = 11,
    WorkerJoined = 12,
    WorkerLeft = 13,
    TaskAssigned = 14,
    TaskReassigned = 15,
    TaskCompleted = 16,
    TaskDead = 17,
    Assigned = 20,
    Revoked = 21,
    SessionLost = 22,
    SessionRenewed = 23,
    #[default]
    Ended = 30,
}
