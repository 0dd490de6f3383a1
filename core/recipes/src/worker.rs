//! The worker: registers, is given tasks, and commits their results, each exactly as long as the
//! task is its own.

use std::sync::Arc;

use bytes::Bytes;
use pinfold_client::{Client, Error};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::book::Book;
use crate::commit::{End, Holding, Verdict};
use crate::feed::Feed;
use crate::layout::Layout;
use crate::master::DEFAULT_MAX_ATTEMPTS;
use crate::record::{Cause, MAX_PROGRESS, TaskId, check_size, check_within, check_worker};
use crate::session::{CLAIM_LOST, Fault, claim_lost, fault};
use crate::shift::{Post, Shift};

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Its name, unique among the workers; a znode's name.
    pub id: String,
    /// Tasks that it is given at the same time.
    pub capacity: u32,
    /// What it can do: it gets only tasks that need no more than this.
    pub abilities: Vec<String>,
}

impl WorkerOptions {
    /// A worker called `id` for `capacity` tasks at the same time.
    pub fn new(id: impl Into<String>, capacity: u32) -> WorkerOptions {
        WorkerOptions { id: id.into(), capacity, abilities: Vec::new() }
    }
}

/// A task in this worker's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The task.
    pub task: TaskId,
    /// What was submitted.
    pub payload: Bytes,
    /// 1 for the first time that somebody works on it.
    pub attempt: u32,
    /// Fencing token: grows with each time that the task is given to somebody.
    pub token: i64,
}

/// Says which task a worker means: its id, or an [`Assignment`] (or id and token) where a later
/// assignment of the same task to the same worker must not be meant.
pub trait InHand {
    /// The task.
    fn task(&self) -> &TaskId;
    /// The token of the assignment; `None`: whichever is in hand.
    fn token(&self) -> Option<i64>;
}

impl InHand for TaskId {
    fn task(&self) -> &TaskId {
        self
    }

    fn token(&self) -> Option<i64> {
        None
    }
}

impl InHand for Assignment {
    fn task(&self) -> &TaskId {
        &self.task
    }

    fn token(&self) -> Option<i64> {
        Some(self.token)
    }
}

impl InHand for (TaskId, i64) {
    fn task(&self) -> &TaskId {
        &self.0
    }

    fn token(&self) -> Option<i64> {
        Some(self.1)
    }
}

/// Why an attempt failed. A text becomes a failure that may be tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In words; what is above 4,096 bytes is cut.
    pub reason: String,
    /// False: another attempt would fail as well, so the task becomes a dead letter at once.
    pub retryable: bool,
}

impl Failure {
    /// A failure that another attempt would not mend.
    pub fn fatal(reason: impl Into<String>) -> Failure {
        Failure { reason: reason.into(), retryable: false }
    }

    pub(crate) fn end(self) -> End {
        let Failure { reason, retryable } = self;
        let max_attempts = DEFAULT_MAX_ATTEMPTS;
        End::Failed(Verdict { cause: Cause::Failed, reason, retryable, max_attempts })
    }
}

impl<T: Into<String>> From<T> for Failure {
    fn from(reason: T) -> Failure {
        Failure { reason: reason.into(), retryable: true }
    }
}

/// What a worker is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerEvent {
    /// A task to work on.
    Assigned(Assignment),
    /// The task is not this worker's any more: stop working on it.
    Revoked {
        /// The task.
        task: TaskId,
        /// The token of the assignment that is over.
        token: i64,
        /// Why: cancelled, a deadline, or `Vanished` when the session was lost, so that others
        /// take this worker for gone.
        cause: Cause,
        /// The same in words.
        reason: String,
    },
    /// The session is over, or may be soon. Everything was revoked before this event.
    SessionLost,
    /// Registered again, with nothing in hand.
    SessionRenewed,
}

/// A registered worker. Dropping it stops it in the background.
#[derive(Debug)]
pub struct Worker {
    feed: Arc<Feed<WorkerEvent>>,
    book: Arc<Book>,
    current: watch::Receiver<Client>,
    drain: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<Result<(), Error>>>,
}

fn not_in_hand(task: &TaskId) -> Error {
    claim_lost(task.as_str(), format!("task {task} is not in this worker's hands"))
}

impl Worker {
    /// Registers a worker for the tasks under `root`, which is created where it is missing.
    ///
    /// When another session holds the id, as after a crash of this worker's earlier life, it
    /// waits until that session is over. Uses the client's session until that ends, then
    /// sessions of its own. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an id that cannot be or that this session holds already; what the
    /// server refuses; the session's end.
    pub async fn start(
        client: &Client,
        root: &str,
        options: WorkerOptions,
    ) -> Result<Worker, Error> {
        check_worker(&options.id)?;
        let layout = Layout::new(root);
        let post = Post::take(client, &layout, &options).await?;
        let feed = Arc::new(Feed::new());
        let book = Arc::new(Book::default());
        let (tell, current) = watch::channel(client.clone());
        let (stop, stopped) = watch::channel(false);
        let (drain, draining) = watch::channel(false);
        let shift = Shift {
            layout,
            options,
            feed: Arc::clone(&feed),
            book: Arc::clone(&book),
            client: client.clone(),
            own_session: false,
            tell,
            draining,
        };
        let task = tokio::spawn(shift.run(post, stopped));
        Ok(Worker { feed, book, current, drain, stop, task: Some(task) })
    }

    /// The next event; `None` after the last one, when the worker has stopped. Cancel-safe.
    pub async fn next(&self) -> Option<WorkerEvent> {
        self.feed.next().await
    }

    /// Commits the task's result. Goes on to its end when the future is dropped.
    ///
    /// # Errors
    /// CLAIM_LOST when the task was given to another or is not in this worker's hands: the
    /// result is not committed. INVALID_ARGUMENT for a result above the limit: the task stays.
    pub async fn complete(&self, held: &impl InHand, result: Bytes) -> Result<(), Error> {
        check_size(&format!("the result of task {}", held.task()), &result)?;
        self.end(held, End::Done(result)).await
    }

    /// Gives the task up for this attempt: it waits, for longer each time, for the next one, or
    /// becomes a dead letter with the reason after the last; at once when the failure is said to
    /// be not retryable.
    ///
    /// # Errors
    /// CLAIM_LOST as in [`Worker::complete`].
    pub async fn fail(&self, held: &impl InHand, failure: impl Into<Failure>) -> Result<(), Error> {
        self.end(held, failure.into().end()).await
    }

    /// Gives the task back untouched, without counting the attempt.
    ///
    /// # Errors
    /// CLAIM_LOST as in [`Worker::complete`].
    pub async fn release(&self, held: &impl InHand) -> Result<(), Error> {
        self.end(held, End::Returned).await
    }

    /// Writes how far the work is, which is a sign of life for a heartbeat deadline, and what
    /// [`crate::TaskQueue::progress`] gives. At most [`MAX_PROGRESS`] bytes.
    ///
    /// # Errors
    /// CLAIM_LOST when the task is not in this worker's hands any more: stop working on it.
    /// INVALID_ARGUMENT above the limit.
    pub async fn progress(&self, held: &impl InHand, data: &[u8]) -> Result<(), Error> {
        let task = held.task();
        check_within(&format!("the progress of task {task}"), data, MAX_PROGRESS)?;
        let found = self.book.find(task, held.token());
        let (holding, client) = found.ok_or_else(|| not_in_hand(task))?;
        match holding.progress(&client, data).await {
            Err(error) if fault(&error) == Fault::Session => Err(holding.gone()),
            outcome => outcome,
        }
    }

    async fn end(&self, held: &impl InHand, end: End) -> Result<(), Error> {
        let task = held.task();
        let Some((holding, client)) = self.book.begin(task, held.token()) else {
            return Err(not_in_hand(task));
        };
        let (book, current) = (Arc::clone(&self.book), self.current.clone());
        let settled = tokio::spawn(async move {
            let outcome = settle(&holding, client, current, &end).await;
            // Refused for another reason than the claim: it is still in our hands.
            let kept = outcome
                .as_ref()
                .is_err_and(|error| fault(error) == Fault::Refused && error.code() != CLAIM_LOST);
            book.finish(&holding, kept);
            outcome
        });
        match settled.await {
            Ok(outcome) => outcome,
            Err(_) => Err(claim_lost(task.as_str(), "the runtime is shutting down")),
        }
    }

    /// Takes no new tasks, and returns once what it has is at its end and the worker has left.
    /// The events go on meanwhile, then end. When the session is lost on the way, it registers
    /// once more before it leaves.
    pub async fn drain(&self) {
        self.drain.send_replace(true);
        let mut current = self.current.clone();
        while current.changed().await.is_ok() {}
    }

    /// Stops: what is being committed is finished, the rest is given back for others without
    /// counting the attempt, and the worker is unregistered.
    ///
    /// # Errors
    /// The reason when the worker had ended by itself: its client was closed, or the server
    /// refuses it.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.stop.send_replace(true);
        match self.task.take() {
            Some(task) => task.await.unwrap_or(Ok(())),
            None => Ok(()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Settles on the session that holds the claim. When that session ends meanwhile, the next one
/// reads whether the result was committed: nothing is written by it.
async fn settle(
    holding: &Holding,
    mut client: Client,
    mut current: watch::Receiver<Client>,
    end: &End,
) -> Result<(), Error> {
    let error = match holding.settle(&client, end).await {
        Err(error) if fault(&error) == Fault::Session => error,
        outcome => return outcome,
    };
    if !matches!(end, End::Done(_)) {
        // The master takes it back: that is what was wanted.
        return Ok(());
    }
    loop {
        let known = client.session().map(|session| session.id);
        let next = current.wait_for(|next| next.session().map(|session| session.id) != known);
        match next.await {
            Ok(next) => client = next.clone(),
            Err(_) => return Err(error),
        }
        match holding.was_committed(&client).await {
            Ok(true) => return Ok(()),
            Ok(false) => return Err(holding.gone()),
            Err(error) if fault(&error) == Fault::Session => {}
            Err(error) => return Err(error),
        }
    }
}
