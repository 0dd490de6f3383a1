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

mod book;
mod claim;
mod commit;
mod contender;
mod election;
mod errand;
mod feed;
mod hold;
mod layout;
mod line;
mod lock;
mod master;
mod naming;
mod observer;
mod picture;
mod queue;
mod record;
mod reign;
mod results;
mod semaphore;
mod session;
mod shift;
mod submission;
mod worker;

pub use claim::Claim;
pub use election::{ElectionLayout, Leader, LeaderElection, Leadership};
pub use hold::Hold;
pub use line::Participant;
pub use lock::{Lock, LockLayout, ReadWriteLock};
pub use master::{DEFAULT_MAX_ATTEMPTS, Master, MasterEvent, MasterOptions};
pub use observer::Observer;
pub use queue::{QueueCounts, SubmitOptions, TaskQueue, TaskResult, submit};
pub use record::{MAX_PAYLOAD, TaskId};
pub use results::Results;
pub use semaphore::Semaphore;
pub use worker::{Assignment, Worker, WorkerEvent, WorkerOptions};
