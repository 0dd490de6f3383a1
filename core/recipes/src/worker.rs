//! The worker: registers, is given tasks, and commits their results, each exactly as long as the
//! task is its own.

use std::sync::Arc;

use bytes::Bytes;
use pinfold_client::{Client, Error};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::book::Book;
use crate::commit::{End, Holding};
use crate::feed::Feed;
use crate::layout::Layout;
use crate::master::DEFAULT_MAX_ATTEMPTS;
use crate::record::{TaskId, check_size, check_worker};
use crate::session::{CLAIM_LOST, Fault, claim_lost, fault};
use crate::shift::{Post, Shift};

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Its name, unique among the workers; a znode's name.
    pub id: String,
    /// Tasks that it is given at the same time.
    pub capacity: u32,
    /// What it can do, for those who look at `/workers/<id>`.
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

/// What a worker is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerEvent {
    /// A task to work on.
    Assigned(Assignment),
    /// The task is not this worker's any more: stop working on it.
    Revoked {
        /// The task.
        task: TaskId,
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
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<Result<(), Error>>>,
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
        let shift = Shift {
            layout,
            options,
            feed: Arc::clone(&feed),
            book: Arc::clone(&book),
            client: client.clone(),
            own_session: false,
            tell,
        };
        let task = tokio::spawn(shift.run(post, stopped));
        Ok(Worker { feed, book, current, stop, task: Some(task) })
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
    pub async fn complete(&self, task: &TaskId, result: Bytes) -> Result<(), Error> {
        check_size("the result", &result)?;
        self.end(task, End::Done(result)).await
    }

    /// Gives the task up for this attempt: it waits for the next one, or becomes a dead letter
    /// with `reason` after the last.
    ///
    /// # Errors
    /// CLAIM_LOST as in [`Worker::complete`].
    pub async fn fail(&self, task: &TaskId, reason: impl Into<String>) -> Result<(), Error> {
        let end = End::Failed { reason: reason.into(), max_attempts: DEFAULT_MAX_ATTEMPTS };
        self.end(task, end).await
    }

    async fn end(&self, task: &TaskId, end: End) -> Result<(), Error> {
        let Some((holding, client)) = self.book.begin(task) else {
            let why = format!("task {task} is not in this worker's hands");
            return Err(claim_lost(task.as_str(), why));
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
