//! The client: one session, by blocking calls.

use crate::{PinfoldError, Stat};
use pinfold_glue::{self as glue, Acl, Op, Options, Value};
use std::sync::Arc;
use std::time::Duration;

/// How long a closing client waits for its last answers.
const FAREWELL: Duration = Duration::from_secs(10);

/// How a znode is created and when it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CreateMode {
    /// Stays until it is deleted.
    Persistent,
    /// Goes with the session that created it.
    Ephemeral,
    /// Persistent; the name gets a ten-digit counter.
    PersistentSequential,
    /// Ephemeral; the name gets a ten-digit counter.
    EphemeralSequential,
    /// Goes some time after its last child has gone.
    Container,
}

impl From<CreateMode> for glue::CreateMode {
    fn from(mode: CreateMode) -> glue::CreateMode {
        match mode {
            CreateMode::Persistent => glue::CreateMode::Persistent,
            CreateMode::Ephemeral => glue::CreateMode::Ephemeral,
            CreateMode::PersistentSequential => glue::CreateMode::PersistentSequential,
            CreateMode::EphemeralSequential => glue::CreateMode::EphemeralSequential,
            CreateMode::Container => glue::CreateMode::Container,
        }
    }
}

/// A znode's data and stat.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NodeData {
    /// The data; none where null was stored.
    pub data: Option<Vec<u8>>,
    /// Its stat.
    pub stat: Stat,
}

/// A client of one session. Every call blocks until it is answered, and may be made from any
/// thread.
#[derive(uniffi::Object)]
pub struct Client(glue::Client);

impl Client {
    fn call(&self, op: Op) -> Result<Value, PinfoldError> {
        // Nobody hears of the session's states here; they must not pile up.
        self.0.drain(usize::MAX);
        Ok(self.0.call(op, None)?)
    }
}

/// What a call answered was not what it asks for: a defect of this crate.
fn unexpected(value: &Value) -> PinfoldError {
    glue::Error::panic(format!("an answer of another kind: {value:?}")).into()
}

#[uniffi::export]
impl Client {
    /// Connects to `host:port,host:port/chroot` and waits until the session is served.
    #[uniffi::constructor]
    pub fn connect(hosts: String, session_timeout_ms: u32) -> Result<Arc<Client>, PinfoldError> {
        let client = glue::Client::open(Options { session_timeout_ms, ..Options::new(hosts) })?;
        client.wait_connected()?;
        Ok(Arc::new(Client(client)))
    }

    /// Creates a znode that everyone may do everything with; returns its full path.
    pub fn create(
        &self,
        path: String,
        data: Option<Vec<u8>>,
        mode: CreateMode,
    ) -> Result<String, PinfoldError> {
        let (data, acl) = (data.map(Into::into), Acl::open_unsafe());
        match self.call(Op::Create { path, data, mode: mode.into(), acl, ttl_ms: 0 })? {
            Value::Created { path, .. } => Ok(path),
            other => Err(unexpected(&other)),
        }
    }

    /// Returns the znode's stat, or none where there is no such znode.
    pub fn exists(&self, path: String) -> Result<Option<Stat>, PinfoldError> {
        match self.call(Op::Exists { path, watch: false })? {
            Value::Exists(stat) => Ok(stat.map(Into::into)),
            other => Err(unexpected(&other)),
        }
    }

    /// Returns the znode's data and stat.
    pub fn get(&self, path: String) -> Result<NodeData, PinfoldError> {
        match self.call(Op::Get { path, watch: false })? {
            Value::Data { data, stat } => {
                Ok(NodeData { data: data.map(|data| data.to_vec()), stat: stat.into() })
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Sets the znode's data if it has this version, or any with -1; returns its new stat.
    pub fn set(
        &self,
        path: String,
        data: Option<Vec<u8>>,
        version: i32,
    ) -> Result<Stat, PinfoldError> {
        match self.call(Op::Set { path, data: data.map(Into::into), version })? {
            Value::Stat(stat) => Ok(stat.into()),
            other => Err(unexpected(&other)),
        }
    }

    /// Deletes a znode without children if it has this version, or any with -1.
    pub fn delete(&self, path: String, version: i32) -> Result<(), PinfoldError> {
        self.call(Op::Delete { path, version }).map(drop)
    }

    /// Returns the names of the znode's children, in no order.
    pub fn get_children(&self, path: String) -> Result<Vec<String>, PinfoldError> {
        match self.call(Op::GetChildren { path, watch: false })? {
            Value::Children { names, .. } => Ok(names),
            other => Err(unexpected(&other)),
        }
    }

    /// The session's id.
    pub fn session_id(&self) -> i64 {
        self.0.session_id()
    }

    /// Ends the session: its ephemeral znodes go. Idempotent; waits for the last answers.
    pub fn close(&self) {
        self.0.close_and_wait(Some(FAREWELL));
    }
}
