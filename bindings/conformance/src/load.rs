//! A load generator: sessions on raw sockets that ask a server for one kind of work, and what it
//! cost the server.
//!
//! Every reply is looked at: one that is an error, out of its order or missing fails the run, and
//! then there is no figure.

mod churn;
mod fanout;
mod idle;
mod line;
mod meter;
pub mod null;
mod pump;
mod stage;

use std::net::SocketAddr;
use std::time::Duration;

use pinfold_proto::ErrorCode;
use serde::{Deserialize, Serialize};

pub use meter::{Figures, Latency, processor_time, resident_bytes};

/// What setting the stage, and the last replies, may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The network or the operating system.
    #[error("{doing}: {error}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What came of it.
        error: std::io::Error,
    },
    /// The server ended a connection.
    #[error("the server ended a connection while {missing} replies were missing ({place})")]
    Ended {
        /// Replies that had not come.
        missing: usize,
        /// What they were to say.
        place: &'static str,
    },
    /// It took too long.
    #[error("not done after {0:?}: a reply is missing")]
    Silent(Duration),
    /// Not what the protocol allows.
    #[error("not a reply: {0}")]
    Broken(String),
    /// A reply of another request, or none that was asked for.
    #[error("a reply to request {found} where {wanted} was due")]
    Misplaced {
        /// The request whose reply was due.
        wanted: i32,
        /// The request that was answered.
        found: i32,
    },
    /// A request failed.
    #[error("{0} failed: {1:?}")]
    Refused(&'static str, ErrorCode),
}

impl Failure {
    fn system(doing: &'static str) -> impl FnOnce(std::io::Error) -> Failure {
        move |error| Failure::System { doing, error }
    }
}

/// What the sessions ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// getData of one of 1,024 nodes.
    Get,
    /// setData of a node of the session's own.
    Set,
    /// create of a further node.
    Create,
    /// Nine getData, then a setData.
    Mixed,
    /// Connect, handshake, close, again and again.
    Churn,
    /// One node that every session watches; it is set, and everybody hears of it.
    Watch,
    /// Sessions that are there and ask for nothing.
    Idle,
    /// Many nodes, made once, by multis.
    Fill,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The servers; sessions are dealt out among them.
    pub addresses: Vec<SocketAddr>,
    /// Their processes, whose time and memory are counted.
    pub servers: Vec<u32>,
    /// What the sessions ask for.
    pub work: Work,
    /// How many sessions.
    pub sessions: usize,
    /// Requests of each that may be on their way at the same time.
    pub window: usize,
    /// Bytes of data of each node.
    pub bytes: usize,
    /// For how long the work is done before it counts.
    pub warm: Duration,
    /// For how long it counts.
    pub time: Duration,
    /// Nodes of a fill.
    pub nodes: u64,
}

/// Does the work. Needs a runtime of one thread ([`tokio::task::LocalSet`] is made here).
///
/// # Errors
/// Whatever is not as it should be; then nothing of the run counts.
pub async fn run(plan: &Plan) -> Result<Figures, Failure> {
    let work = async {
        match plan.work {
            Work::Get | Work::Set | Work::Create | Work::Mixed => pump::run(plan).await,
            Work::Churn => churn::run(plan).await,
            Work::Watch => fanout::run(plan).await,
            Work::Idle => idle::run(plan).await,
            Work::Fill => stage::fill(plan).await,
        }
    };
    let limit = plan.warm + plan.time + PATIENCE;
    let local = tokio::task::LocalSet::new();
    let ended = tokio::time::timeout(limit, local.run_until(work)).await;
    ended.unwrap_or(Err(Failure::Silent(limit)))
}
