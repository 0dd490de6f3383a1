//! The master: gives waiting tasks to workers while it leads, and waits behind the leader
//! otherwise. It keeps nothing that is not in the tree, so any other master can go on from there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pinfold_client::{Client, Error, SessionState};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::election::{LeaderElection, Leadership};
use crate::feed::Feed;
use crate::layout::Layout;
use crate::picture::Notice;
use crate::record::{TaskId, check_worker};
use crate::reign::{End, Reign};
use crate::session::{
    CLAIM_LOST, Fault, NO_NODE, connected, fault, halted, is_over, pause, session_over,
};
use crate::strategy::{LeastLoaded, Strategy};

/// How a master works.
#[derive(Clone, Debug)]
pub struct MasterOptions {
    /// What others see of it while it leads; not empty, no slash.
    pub id: String,
    /// How often a task is tried before it becomes a dead letter; at least 1.
    pub max_attempts: u32,
    /// Who gets a task; [`crate::LeastLoaded`] when nothing else is said.
    pub strategy: Arc<dyn Strategy>,
    /// Results are removed, with their idempotence keys, when they are so old; some are kept for a
    /// second, or a twentieth of that time, longer. `None`: never.
    pub retention: Option<Duration>,
    /// The same for dead letters.
    pub dead_retention: Option<Duration>,
}

impl MasterOptions {
    /// A master called `id` with 3 attempts for each task.
    pub fn new(id: impl Into<String>) -> MasterOptions {
        MasterOptions {
            id: id.into(),
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            strategy: Arc::new(LeastLoaded),
            retention: None,
            dead_retention: None,
        }
    }
}

/// How often a task is tried when nobody says otherwise.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;

/// What a master sees. Only the leading one sees tasks and workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterEvent {
    /// It leads now; the token is its fencing token.
    Elected {
        /// czxid of its candidacy: greater than that of every leader before.
        token: i64,
    },
    /// It leads no more, and has stopped. It is a candidate again by itself.
    Deposed {
        /// Why.
        reason: String,
    },
    /// A worker registered, or was there when the reign began.
    WorkerJoined {
        /// Its id.
        worker: String,
    },
    /// A worker's session ended, or it stopped.
    WorkerLeft {
        /// Its id.
        worker: String,
    },
    /// A task was given to a worker.
    Assigned {
        /// The task.
        task: TaskId,
        /// The worker's id.
        worker: String,
    },
    /// A task was taken back from a worker that vanished or was late: it waits for its next
    /// attempt, or is dead.
    Reassigned {
        /// The task.
        task: TaskId,
        /// The id of the worker that had it.
        from: String,
    },
    /// A result was committed.
    Completed {
        /// The task.
        task: TaskId,
        /// The worker's id; empty when it is not known any more.
        worker: String,
    },
    /// A task was given up.
    Dead {
        /// The task.
        task: TaskId,
        /// Why.
        reason: String,
    },
}

impl From<Notice> for MasterEvent {
    fn from(notice: Notice) -> MasterEvent {
        match notice {
            Notice::WorkerJoined(worker) => MasterEvent::WorkerJoined { worker },
            Notice::WorkerLeft(worker) => MasterEvent::WorkerLeft { worker },
            Notice::Assigned { task, worker } => MasterEvent::Assigned { task, worker },
            Notice::Completed { task, worker } => MasterEvent::Completed { task, worker },
        }
    }
}

/// A master, leading or waiting to. Dropping it stops it in the background.
#[derive(Debug)]
pub struct Master {
    feed: Arc<Feed<MasterEvent>>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<Result<(), Error>>>,
}

impl Master {
    /// Starts a master for the tasks under `root`, which is created where it is missing.
    ///
    /// Uses the client's session until that ends, then sessions of its own. Returns once the
    /// root is there; being elected is an event. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an id that cannot be; what the server refuses; the session's end.
    pub async fn start(
        client: &Client,
        root: &str,
        options: MasterOptions,
    ) -> Result<Master, Error> {
        check_worker(&options.id)?;
        let layout = Layout::new(root);
        prepare(client, &layout).await?;
        let feed = Arc::new(Feed::new());
        let (stop, stopped) = watch::channel(false);
        let candidate = Candidacy {
            layout,
            options,
            feed: Arc::clone(&feed),
            client: client.clone(),
            own_session: false,
        };
        let task = tokio::spawn(candidate.run(stopped));
        Ok(Master { feed, stop, task: Some(task) })
    }

    /// The next event; `None` after the last one, when the master has stopped. Cancel-safe.
    /// The oldest of more than 65,536 unfetched events are dropped.
    pub async fn next(&self) -> Option<MasterEvent> {
        self.feed.next().await
    }

    /// Stops, and gives the lead to the next candidate. Workers go on with what they have.
    ///
    /// # Errors
    /// The reason when the master had ended by itself: its client was closed, or the server
    /// refuses it.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.stop.send_replace(true);
        match self.task.take() {
            Some(task) => task.await.unwrap_or(Ok(())),
            None => Ok(()),
        }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Creates the layout, over broken connections.
pub(crate) async fn prepare(client: &Client, layout: &Layout) -> Result<(), Error> {
    let mut round = 0;
    loop {
        match layout.prepare(client).await {
            Err(error) if fault(&error) == Fault::Connection => connected(client).await?,
            outcome => return outcome,
        }
        pause(round).await;
        round += 1;
    }
}

/// A new session with the options of `client`; tried until it works or the client's owner closed
/// it for good.
pub(crate) async fn renew(client: &Client) -> Result<Client, Error> {
    let mut round = 0;
    loop {
        match client.renew().await {
            Ok(client) => return Ok(client),
            Err(error) if fault(&error) == Fault::Refused => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "no new session yet");
                pause(round).await;
                round += 1;
            }
        }
    }
}

struct Candidacy {
    layout: Layout,
    options: MasterOptions,
    feed: Arc<Feed<MasterEvent>>,
    client: Client,
    /// The session is the master's own, to be closed at its end.
    own_session: bool,
}

impl Candidacy {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) -> Result<(), Error> {
        let outcome = loop {
            let mut leadership = None;
            let end = tokio::select! {
                biased;
                () = halted(&mut stopped) => None,
                end = self.term(&mut leadership) => Some(end),
            };
            let led = leadership.is_some();
            if let Some(leadership) = leadership {
                // A candidacy that may still stand would keep the next one waiting.
                let resigned = leadership.resign();
                if end.is_none() {
                    drop(resigned.await);
                } else {
                    tokio::spawn(resigned);
                }
            }
            let failed = match end {
                None => break Ok(()),
                Some(End::Deposed(reason)) => {
                    if led {
                        self.feed.push(MasterEvent::Deposed { reason });
                    }
                    None
                }
                Some(End::Failed(error)) => {
                    if led {
                        let reason = error.to_string();
                        self.feed.push(MasterEvent::Deposed { reason });
                    }
                    Some(error)
                }
            };
            let again = tokio::select! {
                biased;
                () = halted(&mut stopped) => break Ok(()),
                again = self.recover(failed) => again,
            };
            if let Err(error) = again {
                break Err(error);
            }
        };
        if self.own_session {
            drop(self.client.close().await);
        }
        self.feed.end();
        outcome
    }

    /// Campaigns, then leads. `leadership` stays outside, so that it outlives a stop.
    async fn term(&self, leadership: &mut Option<Leadership>) -> End {
        if let Err(error) = prepare(&self.client, &self.layout).await {
            return End::Failed(error);
        }
        let election = LeaderElection::new(self.client.clone(), &self.layout.master());
        let data = Bytes::from(self.options.id.clone());
        let leadership = match election.campaign(data).await {
            Ok(won) => leadership.insert(won),
            Err(error) => return End::Failed(error),
        };
        self.feed.push(MasterEvent::Elected { token: leadership.token() });
        let reign = Reign {
            client: &self.client,
            layout: &self.layout,
            leadership,
            max_attempts: self.options.max_attempts.max(1),
            retention: self.options.retention,
            dead_retention: self.options.dead_retention,
            strategy: self.options.strategy.as_ref(),
            feed: &self.feed,
        };
        reign.run().await
    }

    /// Makes a next candidacy possible: on this session, or on a new one when it is over.
    async fn recover(&mut self, failed: Option<Error>) -> Result<(), Error> {
        if !is_over(self.client.state()) {
            // Deposed on a live session: wait until it is attached again.
            match (connected(&self.client).await, failed) {
                (Ok(()), Some(error)) if fault(&error) == Fault::Refused => {
                    // Somebody edited the tree: the next candidacy puts it right. Anything else
                    // that is refused stays refused.
                    if !matches!(error.code(), CLAIM_LOST | NO_NODE) {
                        return Err(error);
                    }
                    pause(2).await;
                    return Ok(());
                }
                (Ok(()), _) => return Ok(()),
                (Err(_), _) => {}
            }
        }
        if self.client.state() != SessionState::Expired {
            // Closed by its owner, or not let in: a new session would fare no better.
            return Err(session_over(self.client.state()));
        }
        self.client = renew(&self.client).await?;
        self.own_session = true;
        Ok(())
    }
}
