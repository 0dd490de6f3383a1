//! What all parts of one running server hold in common.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use pinfold_proto::Configuration;
use pinfold_replication::{NodeId, Role};
use pinfold_state::StateMachine;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::backlog::Backlog;
use crate::config::Config;
use crate::connection::Connection;
use crate::environment::Environment;
use crate::gate::Gate;
use crate::pipeline::Message;
use crate::statistics::Statistics;
use crate::watches::WatchTable;

/// What ZooKeeper traces when nothing is set.
const DEFAULT_TRACE_MASK: i64 = 0b1_0011_0010;

/// Locks without caring whether another thread panicked while it held the lock: every critical
/// section leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What this server is to clients at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It serves nobody.
    Nobody,
    /// It serves reads, from what it has, to clients that allow it.
    ReadOnly,
    Serving(Role),
}

/// The running server's common ground.
///
/// Lock order: state, watches, connections, then one connection's output. Nobody holds any of
/// them over I/O.
#[derive(Debug)]
pub(crate) struct Shared {
    /// This server's number.
    pub(crate) id: NodeId,
    pub(crate) config: Config,
    pub(crate) environment: Environment,
    pub(crate) gate: Gate,
    pub(crate) watches: Mutex<WatchTable>,
    pub(crate) connections: Mutex<BTreeMap<u64, Arc<Connection>>>,
    pub(crate) statistics: Statistics,
    pub(crate) backlog: Backlog,
    /// What `gtmk` shows and `stmk` sets; nothing here goes by it.
    pub(crate) trace_mask: AtomicI64,
    pub(crate) started: Instant,
    standing: Mutex<Standing>,
    /// The other servers to which there is a link.
    pub(crate) reachable: Mutex<BTreeSet<NodeId>>,
    /// When a client's going beyond a quota was last told of; 0 for never.
    pub(crate) quota_told_ms: AtomicI64,
    state: RwLock<StateMachine>,
    pipeline: UnboundedSender<Message>,
    next_connection: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        id: NodeId,
        config: Config,
        environment: Environment,
        gate: Gate,
        state: StateMachine,
        pipeline: UnboundedSender<Message>,
        statistics: Statistics,
    ) -> Shared {
        Shared {
            id,
            config,
            environment,
            gate,
            watches: Mutex::new(WatchTable::default()),
            connections: Mutex::new(BTreeMap::new()),
            statistics,
            backlog: Backlog::default(),
            trace_mask: AtomicI64::new(DEFAULT_TRACE_MASK),
            started: Instant::now(),
            standing: Mutex::new(Standing::Nobody),
            reachable: Mutex::default(),
            quota_told_ms: AtomicI64::new(0),
            state: RwLock::new(state),
            pipeline,
            next_connection: AtomicU64::new(1),
        }
    }

    /// The state, to read. Watches that are armed while this is held see every later change.
    pub(crate) fn state(&self) -> RwLockReadGuard<'_, StateMachine> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, to apply to. Only the pipeline does that.
    pub(crate) fn state_mut(&self) -> RwLockWriteGuard<'_, StateMachine> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this server is to monitors, in their words; `None` while it serves no clients.
    pub(crate) fn mode(&self) -> Option<&'static str> {
        let standing = *lock(&self.standing);
        match standing {
            Standing::Nobody => None,
            Standing::ReadOnly => Some("read-only"),
            Standing::Serving(_) if !self.config.is_distributed() => Some("standalone"),
            Standing::Serving(Role::Leader) => Some("leader"),
            Standing::Serving(_) if self.is_observer() => Some("observer"),
            Standing::Serving(Role::Follower { .. } | Role::Candidate) => Some("follower"),
        }
    }

    /// The servers of the ensemble: as it says, or as this one's file does until then.
    pub(crate) fn members(&self) -> Configuration {
        let known = self.state().configuration();
        if known.members.is_empty() { self.config.ensemble.configuration() } else { known }
    }

    fn is_observer(&self) -> bool {
        self.members().members.get(&self.id).is_some_and(|member| member.is_observer)
    }

    /// Whether reads alone are served, to clients that allow it.
    pub(crate) fn is_read_only(&self) -> bool {
        matches!(*lock(&self.standing), Standing::ReadOnly)
    }

    /// Clients are served from now on. Those that had to do with reads come again.
    pub(crate) fn serve(&self, role: Role) {
        let before = std::mem::replace(&mut *lock(&self.standing), Standing::Serving(role));
        if matches!(before, Standing::ReadOnly) {
            tracing::info!("writes are served again");
            let connections = lock(&self.connections);
            let readers = connections.values().filter(|connection| connection.is_read_only());
            readers.for_each(|connection| connection.kill());
        }
    }

    /// There is no leader: clients get reads at most. False when that is so already.
    pub(crate) fn stop_serving(&self) -> bool {
        let next = match self.config.read_only && self.config.is_distributed() {
            true => Standing::ReadOnly,
            false => Standing::Nobody,
        };
        let mut standing = lock(&self.standing);
        if next == Standing::ReadOnly && *standing != next {
            tracing::info!("reads alone are served, to clients that allow it");
        }
        matches!(std::mem::replace(&mut *standing, next), Standing::Serving(_))
    }

    /// A handle for sending to the pipeline.
    pub(crate) fn pipeline(&self) -> UnboundedSender<Message> {
        self.pipeline.clone()
    }

    /// A number that no other connection of this server has.
    pub(crate) fn next_connection_id(&self) -> u64 {
        self.next_connection.fetch_add(1, Ordering::Relaxed)
    }

    /// Milliseconds since the server started, on a clock that never goes back.
    pub(crate) fn elapsed_ms(&self) -> i64 {
        self.milliseconds(Instant::now())
    }

    /// This moment on the clock of [`Shared::elapsed_ms`].
    pub(crate) fn milliseconds(&self, at: Instant) -> i64 {
        at.saturating_duration_since(self.started).as_millis() as i64
    }
}
