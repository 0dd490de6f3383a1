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
    Number(i64),
    Bool(bool),
    /// Nothing, where there might have been a record.
    Null,
    Record(Record),
    Records(Vec<Record>),
    Task(String),
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

impl Value {
    /// The handle of the recipe that the operation started.
    pub fn handle(&self) -> Option<u64> {
        match self {
            Value::Recipe(recipe) => Some(*recipe),
            Value::Record(record) => match record.get("recipe") {
                Some(Field::Handle(recipe)) => Some(*recipe),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What an operation of a recipe returns: the fields of a record of the table, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    fields: Vec<(&'static str, Field)>,
}

/// The value of a record's field.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// Nothing.
    Null,
    /// Texts and paths.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
    /// Numbers of 32 bits.
    Int(u32),
    /// Numbers of 64 bits.
    Long(i64),
    /// The handle of a recipe.
    Handle(u64),
    /// Truth values.
    Bool(bool),
}

impl Record {
    pub(crate) fn new(fields: impl Into<Vec<(&'static str, Field)>>) -> Record {
        Record { fields: fields.into() }
    }

    /// The values, in the table's order.
    pub fn into_fields(self) -> impl Iterator<Item = (&'static str, Field)> {
        self.fields.into_iter()
    }

    /// The names, in the table's order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|(name, _)| *name)
    }

    /// The value of a field; `None` where the record has no such field.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, field)| field)
    }
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
    pub path: String,
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
    Lost = 2,
    LeaderChanged = 3,
    MasterElected = 10,
    MasterDeposed = 11,
    WorkerJoined = 12,
    WorkerLeft = 13,
    TaskAssigned = 14,
    TaskReassigned = 15,
    TaskCompleted = 16,
    TaskDead = 17,
    TaskProgress = 18,
    Assigned = 20,
    Revoked = 21,
    SessionLost = 22,
    SessionRenewed = 23,
    #[default]
    Ended = 30,
    MemberJoined = 40,
    MemberUpdated = 41,
    MemberLeft = 42,
    NodeAdded = 50,
    NodeChanged = 51,
    NodeRemoved = 52,
    Initialized = 60,
}

impl RecipeEventKind {
    /// The table's name.
    pub fn name(self) -> &'static str {
        let kinds = crate::api::API.enums.iter().find(|one| one.name == "recipe_event_kind");
        let variants = kinds.map(|one| one.variants).unwrap_or_default();
        variants.iter().find(|one| one.value == self as i32).map_or("", |one| one.name)
    }
}

#[cfg(test)]
mod tests {
    use super::RecipeEventKind as Kind;

    #[test]
    fn kinds_have_the_names_of_the_table() {
        let kinds = [
            (Kind::LeadershipLost, "leadership_lost"),
            (Kind::Lost, "lost"),
            (Kind::LeaderChanged, "leader_changed"),
            (Kind::MasterElected, "master_elected"),
            (Kind::MasterDeposed, "master_deposed"),
            (Kind::WorkerJoined, "worker_joined"),
            (Kind::WorkerLeft, "worker_left"),
            (Kind::TaskAssigned, "task_assigned"),
            (Kind::TaskReassigned, "task_reassigned"),
            (Kind::TaskCompleted, "task_completed"),
            (Kind::TaskDead, "task_dead"),
            (Kind::Assigned, "assigned"),
            (Kind::Revoked, "revoked"),
            (Kind::SessionLost, "session_lost"),
            (Kind::SessionRenewed, "session_renewed"),
            (Kind::Ended, "ended"),
            (Kind::MemberJoined, "member_joined"),
            (Kind::MemberUpdated, "member_updated"),
            (Kind::MemberLeft, "member_left"),
            (Kind::NodeAdded, "node_added"),
            (Kind::NodeChanged, "node_changed"),
            (Kind::NodeRemoved, "node_removed"),
            (Kind::Initialized, "initialized"),
        ];
        for (kind, name) in kinds {
            assert_eq!(kind.name(), name);
        }
    }
}
