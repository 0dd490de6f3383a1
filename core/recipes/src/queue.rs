//! The task queue as its users see it: submit, wait for results, count, and claim without a
//! master.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use pinfold_client::{Client, Error, Stat};
use tokio::sync::Mutex;

use crate::cancellation::Cancellation;
use crate::claim::Claim;
use crate::claimer::Claimer;
use crate::election::LeaderElection;
use crate::errand::present;
use crate::layout::Layout;
use crate::letter::{DeadLetter, Replay, letter_of, letters};
use crate::master::DEFAULT_MAX_ATTEMPTS;
use crate::metrics::{QueueMetrics, latencies, oldest_waiting};
use crate::options::SubmitOptions;
use crate::progress::Progress;
use crate::record::{DeadHead, ResultHead, TaskId, decode};
use crate::results::Results;
use crate::retention::{Broom, Ended};
use crate::session::{Fault, NO_NODE, connected, fault, patiently, pause};
use crate::standstill;
use crate::submission::Submission;

/// What became of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskResult {
    /// The task.
    pub task: TaskId,
    /// The attempt that ended it, from 1; 0 when it was never a task record.
    pub attempt: u32,
    /// Who ended it.
    pub worker: String,
    /// The result, or the reason why it was given up.
    pub result: Result<Bytes, String>,
}

/// How many tasks are where, and who is there to do them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Waiting for a worker.
    pub waiting: u64,
    /// In the hands of workers.
    pub assigned: u64,
    /// With a committed result.
    pub done: u64,
    /// Given up.
    pub dead: u64,
    /// Registered workers, also those that claim by themselves.
    pub workers: u64,
    /// What the leading master says about itself: its id.
    pub master: Option<Bytes>,
}

/// The tasks under one root, on one session. Clones share it.
#[derive(Clone, Debug)]
pub struct TaskQueue {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) client: Client,
    pub(crate) layout: Layout,
    /// Every task that this queue has submitted so far has a lower number: where the search for
    /// a task whose reply was lost begins.
    pub(crate) floor: AtomicU64,
    claimer: Mutex<Option<Claimer>>,
}

impl TaskQueue {
    /// The queue under `root`, which the first submit or claim creates.
    pub fn new(client: Client, root: &str) -> TaskQueue {
        let layout = Layout::new(root);
        let (floor, claimer) = (AtomicU64::new(0), Mutex::new(None));
        TaskQueue { inner: Arc::new(Inner { client, layout, floor, claimer }) }
    }

    /// Submits a task. A broken connection is waited out, and the task is submitted once; with
    /// an idempotence key also when the same is submitted several times, by anybody.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a payload above [`crate::MAX_PAYLOAD`]; the session's end, after
    /// which the task may or may not be there; what the server refuses.
    pub async fn submit(&self, payload: Bytes, options: SubmitOptions) -> Result<TaskId, Error> {
        let mut tasks = Submission::new(&self.inner, vec![(payload, options)])?.run().await?;
        tasks.pop().ok_or_else(|| crate::session::refuse("nothing was submitted"))
    }

    /// Submits many tasks, pipelined; the ids are in the order of the payloads. While the
    /// connection holds, the tasks are numbered in that order too.
    ///
    /// # Errors
    /// As [`TaskQueue::submit`]; a part of the tasks may be there then.
    pub async fn submit_many(&self, payloads: Vec<Bytes>) -> Result<Vec<TaskId>, Error> {
        let plain = |payload| (payload, SubmitOptions::default());
        self.submit_batch(payloads.into_iter().map(plain).collect()).await
    }

    /// As [`TaskQueue::submit_many`], each task with options of its own.
    ///
    /// # Errors
    /// As [`TaskQueue::submit`]; a part of the tasks may be there then.
    pub async fn submit_batch(
        &self,
        batch: Vec<(Bytes, SubmitOptions)>,
    ) -> Result<Vec<TaskId>, Error> {
        Submission::new(&self.inner, batch)?.run().await
    }

    /// Waits, by a watch, for what becomes of the task. Broken connections are waited out.
    ///
    /// # Errors
    /// The session's end; what the server refuses. A dead letter is a result, not an error.
    pub async fn result(&self, task: &TaskId) -> Result<TaskResult, Error> {
        let mut round = 0;
        loop {
            match self.await_result(task).await {
                Ok(Some(result)) => return Ok(result),
                Ok(None) => {}
                Err(error) if fault(&error) == Fault::Connection => {
                    connected(&self.inner.client).await?;
                    pause(round).await;
                    round += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One look at both places, and one wait when it is at neither.
    async fn await_result(&self, task: &TaskId) -> Result<Option<TaskResult>, Error> {
        let (client, layout) = (&self.inner.client, &self.inner.layout);
        if let Some(result) = read_result(client, layout, task).await? {
            return Ok(Some(result));
        }
        let (done, dead) = (layout.result(task), layout.dead_letter(task));
        let watches = (client.exists_watch(&done), client.exists_watch(&dead));
        let (done, dead) = tokio::join!(watches.0, watches.1);
        let ((done, mut done_watch), (dead, mut dead_watch)) = (done?, dead?);
        if done.is_some() || dead.is_some() {
            return read_result(client, layout, task).await;
        }
        let event = tokio::select! {
            event = done_watch.next() => event,
            event = dead_watch.next() => event,
        };
        if event.is_none() {
            connected(client).await?;
        }
        Ok(None)
    }

    /// Cancels a task, waiting or in a worker's hands: it becomes a dead letter with this reason,
    /// and its worker is told that the task is lost by [`crate::Cause::Cancelled`]. False when it
    /// was too late: the task had come to its end, or is not there. Broken connections are waited
    /// out, and a cancellation whose reply was lost is found again.
    ///
    /// # Errors
    /// The session's end; what the server refuses.
    pub async fn cancel(&self, task: &TaskId, reason: &str) -> Result<bool, Error> {
        let (client, layout) = (&self.inner.client, &self.inner.layout);
        Cancellation { client, layout, task, reason }.run().await
    }

    /// The dead letters, by the number of the task: those after `after`, at most `limit`.
    ///
    /// # Errors
    /// The session's end; what the server refuses. Broken connections are waited out.
    pub async fn dead_letters(
        &self,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, Error> {
        letters(&self.inner.client, &self.inner.layout, after, limit).await
    }

    /// The dead letter of one task; `None` when it has none.
    ///
    /// # Errors
    /// Those of [`TaskQueue::dead_letters`].
    pub async fn dead_letter(&self, task: &TaskId) -> Result<Option<DeadLetter>, Error> {
        letter_of(&self.inner.client, &self.inner.layout, task).await
    }

    /// Submits the task of a dead letter again, as a new task with the same payload and options
    /// and with its first attempt before it; the letter goes in the same multi. Broken
    /// connections are waited out, and it is submitted once, also when several replay the same
    /// letter at the same time. Its idempotence key stands for the new task then.
    ///
    /// # Errors
    /// NO_NODE when the task has no dead letter; the session's end; what the server refuses.
    pub async fn replay(&self, task: &TaskId) -> Result<TaskId, Error> {
        let (client, layout) = (&self.inner.client, &self.inner.layout);
        Replay { client, layout, task }.run().await
    }

    /// Removes the result or the dead letter of a task, and its idempotence key with it. False
    /// when there is none: a task that waits or is worked on is left alone. Broken connections
    /// are waited out.
    ///
    /// # Errors
    /// The session's end; what the server refuses.
    pub async fn forget(&self, task: &TaskId) -> Result<bool, Error> {
        let broom = self.broom();
        Ok(broom.forget(task, Ended::Done).await? || broom.forget(task, Ended::Dead).await?)
    }

    /// Forgets every result that is as old as `age`, by the server's clock when it was committed
    /// and this machine's now; how many that were. A master does it by itself with
    /// [`crate::MasterOptions::retention`].
    ///
    /// # Errors
    /// The session's end; the first refusal of the server, after the others were tried.
    pub async fn forget_results(&self, age: Duration) -> Result<u64, Error> {
        self.broom().sweep(Ended::Done, age).await
    }

    /// As [`TaskQueue::forget_results`], with the dead letters.
    ///
    /// # Errors
    /// Those of [`TaskQueue::forget_results`].
    pub async fn forget_dead(&self, age: Duration) -> Result<u64, Error> {
        self.broom().sweep(Ended::Dead, age).await
    }

    fn broom(&self) -> Broom {
        let (client, layout) = (self.inner.client.clone(), self.inner.layout.clone());
        Broom { client, layout, check: None }
    }

    /// Every result and dead letter under the root: those there are, then each as it comes, with
    /// one watch for all of them. Ends with the session.
    pub fn results(&self) -> Results {
        Results::open(self.inner.client.clone(), self.inner.layout.clone())
    }

    /// Counts without reading the tasks.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    pub async fn counts(&self) -> Result<QueueCounts, Error> {
        let (client, layout) = (&self.inner.client, &self.inner.layout);
        let waiting = client.exists(&layout.tasks());
        let done = client.exists(&layout.results());
        let dead = client.exists(&layout.dead());
        let workers = client.exists(&layout.workers());
        let desks = client.get_children(&layout.assign());
        let desks = match desks.await {
            Ok((desks, _)) => desks,
            Err(error) if error.code() == NO_NODE => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut assigned: FuturesUnordered<_> =
            desks.iter().map(|worker| client.exists(&layout.desk(worker))).collect();
        let mut counts = QueueCounts {
            waiting: children(waiting.await?),
            done: children(done.await?),
            dead: children(dead.await?),
            workers: children(workers.await?),
            ..QueueCounts::default()
        };
        while let Some(stat) = assigned.next().await {
            counts.assigned += children(stat?);
        }
        let election = LeaderElection::new(client.clone(), &layout.master());
        counts.master = election.leader().await?.map(|leader| leader.data);
        Ok(counts)
    }

    /// A look at the queue: depths, ages and latencies. It reads the results that are kept, up to
    /// 1,000 of them, so it is not for every second.
    ///
    /// # Errors
    /// The session's end; what the server refuses. Broken connections are waited out.
    pub async fn metrics(&self) -> Result<QueueMetrics, Error> {
        let (client, layout) = (&self.inner.client, &self.inner.layout);
        let counts = patiently(client, || self.counts()).await?;
        let is_paused = self.is_paused().await?;
        let oldest_waiting_ms = patiently(client, || oldest_waiting(client, layout)).await?;
        let (waited, worked) = patiently(client, || latencies(client, layout)).await?;
        Ok(QueueMetrics { counts, is_paused, oldest_waiting_ms, waited, worked })
    }

    /// Holds the queue: masters and claimers give nothing out until it is resumed, once they have
    /// heard of it; what is on its way at the same moment may still be given. Submitting and what
    /// is in hand go on, and so do the deadlines. Lasts beyond this session.
    ///
    /// # Errors
    /// The session's end; what the server refuses. Broken connections are waited out.
    pub async fn pause(&self) -> Result<(), Error> {
        standstill::pause(&self.inner.client, &self.inner.layout).await
    }

    /// Lets the queue go on; nothing happens when it was not paused.
    ///
    /// # Errors
    /// Those of [`TaskQueue::pause`].
    pub async fn resume(&self) -> Result<(), Error> {
        standstill::resume(&self.inner.client, &self.inner.layout).await
    }

    /// True while the queue is paused.
    ///
    /// # Errors
    /// Those of [`TaskQueue::pause`].
    pub async fn is_paused(&self) -> Result<bool, Error> {
        standstill::is_paused(&self.inner.client, &self.inner.layout).await
    }

    /// Waits, by one watch at a time, until no task waits and none is in anybody's hands, and
    /// counts then. Submitting goes on meanwhile, and nothing is paused: a task that nobody takes
    /// is waited for as long as it is there. Dropping the future is safe.
    ///
    /// # Errors
    /// Those of [`TaskQueue::pause`].
    pub async fn drain(&self) -> Result<QueueCounts, Error> {
        let client = &self.inner.client;
        standstill::drained(client, &self.inner.layout).await?;
        patiently(client, || self.counts()).await
    }

    /// What the task's workers say about how far they are, until it has come to its end: what was
    /// said last, then each word as it comes. A task that is at its end has none left. As with
    /// [`TaskQueue::result`], a task that never was there is waited for.
    pub fn progress(&self, task: &TaskId) -> Progress {
        let (client, layout) = (self.inner.client.clone(), self.inner.layout.clone());
        Progress::open(client, layout, task.clone())
    }

    /// Takes the first waiting task for `worker`, without a master; waits until there is one:
    /// due, by priority, then by age, and one that needs no abilities. Where several claimers meet,
    /// each takes at random one of the oldest of that priority.
    ///
    /// The worker is registered, by an ephemeral znode of this session, with the first claim. A
    /// vanished claimer's tasks are taken back by the others. Dropping the future is safe: a task
    /// that it had just taken goes back untouched, in the background.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an id that cannot be; the session's end; what the server refuses.
    pub async fn claim(&self, worker: &str) -> Result<Claim, Error> {
        self.claim_able(worker, &[]).await
    }

    /// As [`TaskQueue::claim`], also the tasks that need no more than these abilities.
    ///
    /// # Errors
    /// Those of [`TaskQueue::claim`].
    pub async fn claim_able(&self, worker: &str, abilities: &[String]) -> Result<Claim, Error> {
        crate::record::check_worker(worker)?;
        // One claim of this queue looks at a time: the next one gets the next task.
        let mut claimer = self.inner.claimer.lock().await;
        if claimer.is_none() {
            let (client, layout) = (self.inner.client.clone(), self.inner.layout.clone());
            *claimer = Some(Claimer::open(client, layout, DEFAULT_MAX_ATTEMPTS).await?);
        }
        match claimer.as_mut() {
            Some(claimer) => claimer.claim(worker, abilities).await,
            None => Err(crate::session::refuse("the queue is closed")),
        }
    }
}

fn children(stat: Option<Stat>) -> u64 {
    stat.map_or(0, |stat| u64::try_from(stat.num_children).unwrap_or(0))
}

/// The result or the dead letter of a task, if it is there.
pub(crate) async fn read_result(
    client: &Client,
    layout: &Layout,
    task: &TaskId,
) -> Result<Option<TaskResult>, Error> {
    let done = client.get(&layout.result(task));
    let dead = client.get(&layout.dead_letter(task));
    if let Some((data, _)) = present(done.await)? {
        return Ok(Some(parse_result(task.clone(), &data)));
    }
    Ok(present(dead.await)?.map(|(data, _)| parse_dead(task.clone(), &data)))
}

pub(crate) fn parse_result(task: TaskId, data: &Bytes) -> TaskResult {
    match decode::<ResultHead>(data) {
        Ok((head, body)) => {
            TaskResult { task, attempt: head.attempt, worker: head.worker, result: Ok(body) }
        }
        Err(reason) => foreign(task, reason),
    }
}

pub(crate) fn parse_dead(task: TaskId, data: &Bytes) -> TaskResult {
    match decode::<DeadHead>(data) {
        Ok((head, _)) => {
            let (attempt, worker) = (head.attempt, head.worker);
            TaskResult { task, attempt, worker, result: Err(head.reason) }
        }
        Err(reason) => foreign(task, reason),
    }
}

/// Somebody else's znode at the place of a result.
fn foreign(task: TaskId, reason: String) -> TaskResult {
    TaskResult { task, attempt: 0, worker: String::new(), result: Err(reason) }
}

/// Submits one task under `root`; see [`TaskQueue::submit`].
///
/// # Errors
/// Those of [`TaskQueue::submit`].
pub async fn submit(
    client: &Client,
    root: &str,
    payload: impl Into<Bytes>,
) -> Result<TaskId, Error> {
    TaskQueue::new(client.clone(), root).submit(payload.into(), SubmitOptions::default()).await
}
