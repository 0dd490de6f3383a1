//! Coordination recipes over the client: election, locks, task queue, master and worker.
//!
//! They stand on the client's public interface alone, and keep these rules:
//! 1. Every write is pinned to the session that acquired; a new session surfaces as an error or
//!    an event, never as a silent retry.
//! 2. Nothing is held before `ephemeralOwner` was seen to be this session.
//! 3. The fencing token is the czxid of the claim's znode; guarded writes carry a check of that
//!    znode in the same multi.
//! 4. The name of a claim is unique for each attempt to get it.
//! 5. A result is committed by one multi: check the claim, create the result under the task's
//!    id, delete the assignment.
//! 6. Work stops at the last contact plus the session's timeout less a margin, by the monotonic
//!    clock, before the server could expire us. Suspended is not lost; expired is.
//! 7. A create whose reply was lost is found again by the unique id that it carries.
//! 8. No herds: a contender watches the one before it, and each role has one recursive watch.
//!
//! Everything here has to be called within a tokio runtime.

mod backlog;
mod barrier;
mod book;
mod cache;
mod cancellation;
mod claim;
mod claimer;
mod commit;
mod contender;
mod counter;
mod crew;
mod deadline;
mod election;
mod errand;
mod farewell;
mod feed;
mod fifo;
mod group;
mod guard;
mod hold;
mod items;
mod keeper;
mod layout;
mod letter;
mod line;
mod lock;
mod locking;
mod marker;
mod master;
mod metrics;
mod naming;
mod observer;
mod options;
mod partitioner;
mod picture;
mod progress;
mod queue;
mod record;
mod reign;
mod rendezvous;
mod results;
mod retention;
mod semaphore;
mod session;
mod shift;
mod stake;
mod standby;
mod standstill;
mod strategy;
mod submission;
mod terms;
mod whereabouts;
mod worker;

pub use barrier::{Barrier, DoubleBarrier, Round};
pub use cache::{CacheEvent, CachedNode, NodeCache, TreeCache};
pub use claim::Claim;
pub use counter::Counter;
pub use election::{ElectionLayout, Leader, LeaderElection, Leadership};
pub use fifo::{PriorityQueue, Queue};
pub use group::{Group, GroupEvent, Member, Members, Membership};
pub use hold::Hold;
pub use items::{DEFAULT_PRIORITY, LAST_PRIORITY, QueueItem};
pub use keeper::{NodeEvent, NodeMode, PersistentNode};
pub use letter::DeadLetter;
pub use line::Participant;
pub use lock::{Lock, LockLayout, ReadWriteLock};
pub use locking::{Consumption, LockingQueue};
pub use master::{DEFAULT_MAX_ATTEMPTS, Master, MasterEvent, MasterOptions};
pub use metrics::{Latency, QueueMetrics};
pub use observer::Observer;
pub use options::{MAX_KEY, SubmitOptions};
pub use partitioner::{PartitionEvent, Partitioner};
pub use progress::{Progress, TaskProgress};
pub use queue::{QueueCounts, TaskQueue, TaskResult, submit};
pub use record::{Cause, MAX_PAYLOAD, MAX_PROGRESS, TaskId};
pub use results::Results;
pub use semaphore::Semaphore;
pub use strategy::{LeastLoaded, RoundRobin, Strategy, WaitingTask, WorkerLoad};
pub use terms::Terms;
pub use worker::{Assignment, Failure, InHand, Worker, WorkerEvent, WorkerOptions};
