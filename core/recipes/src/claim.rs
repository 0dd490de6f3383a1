//! The task queue without a master: workers take tasks by themselves, with the same records.
//!
//! A claim is one multi: check that this worker is registered, delete the waiting task, create
//! the assignment. What a vanished claimer leaves is taken back by the others; the multi that
//! does it creates and deletes the vanished worker's znode, which the server refuses while that
//! worker lives.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use pinfold_client::{
    AddWatchMode, Client, Error, EventKind, MultiOp, SessionState, Stat, Watch, WatchEvent,
};
use tokio::sync::watch;

use crate::commit::{End, Holding, persistent};
use crate::errand::{give_back, present};
use crate::layout::{Layout, Place};
use crate::master::{DEFAULT_MAX_ATTEMPTS, prepare};
use crate::record::{TaskHead, TaskId, WorkerHead, check_size, decode, encode};
use crate::session::{self, BAD_VERSION, Fault, NO_NODE, NODE_EXISTS, connected, fault, pause};
use crate::shift::register;

/// A task that this worker took. Bring it to an end by one of its methods; a claim that is
/// dropped without stays with the worker until the session ends.
#[derive(Debug)]
pub struct Claim {
    /// The task.
    pub task: TaskId,
    /// What was submitted.
    pub payload: Bytes,
    /// 1 for the first time that somebody works on it.
    pub attempt: u32,
    holding: Holding,
    client: Client,
    /// Brought to its end: a second end would be told a success that is not its own.
    ended: AtomicBool,
}

impl Claim {
    /// Fencing token: grows with each time that the task is given to somebody.
    pub fn token(&self) -> i64 {
        self.holding.czxid
    }

    /// True while work on the task may go on, by this process's monotonic clock.
    pub fn is_held(&self) -> bool {
        !self.ended.load(Ordering::Acquire) && session::is_alive(&self.client)
    }

    async fn end(&self, end: End) -> Result<(), Error> {
        if self.ended.load(Ordering::Acquire) {
            return Err(self.holding.gone());
        }
        self.holding.settle(&self.client, &end).await?;
        self.ended.store(true, Ordering::Release);
        Ok(())
    }

    /// Commits the result.
    ///
    /// # Errors
    /// CLAIM_LOST when the task is not this worker's any more; INVALID_ARGUMENT for a result
    /// above the limit; the session's end: another will do the task, unless the result was
    /// committed with the last breath.
    pub async fn complete(&self, result: Bytes) -> Result<(), Error> {
        check_size("the result", &result)?;
        self.end(End::Done(result)).await
    }

    /// Gives the task up for this attempt: it waits for the next one, or becomes a dead letter
    /// with `reason` after the last.
    ///
    /// # Errors
    /// The session's end, or what the server refuses.
    pub async fn fail(&self, reason: impl Into<String>) -> Result<(), Error> {
        let end = End::Failed { reason: reason.into(), max_attempts: DEFAULT_MAX_ATTEMPTS };
        self.end(end).await
    }

    /// Gives the task back untouched, without counting the attempt.
    ///
    /// # Errors
    /// The session's end, or what the server refuses.
    pub async fn release(&self) -> Result<(), Error> {
        self.end(End::Returned).await
    }
}

/// What the claims of one queue share: the waiting tasks as two watches tell them.
#[derive(Debug)]
pub(crate) struct Claimer {
    client: Client,
    layout: Layout,
    max_attempts: u32,
    tasks: Watch,
    workers: Watch,
    states: watch::Receiver<SessionState>,
    /// The lists have to be read: at the beginning and after each broken connection.
    stale: bool,
    waiting: BTreeSet<TaskId>,
    /// Workers that went since the last look at what they left.
    gone: Vec<String>,
    /// czxid of each registration made here.
    registered: HashMap<String, i64>,
}

impl Claimer {
    pub(crate) async fn open(
        client: Client,
        layout: Layout,
        max_attempts: u32,
    ) -> Result<Claimer, Error> {
        let mut round = 0;
        prepare(&client, &layout).await?;
        let mode = AddWatchMode::PersistentRecursive;
        loop {
            let (tasks, workers) = (layout.tasks(), layout.workers());
            let tasks = client.add_watch(&tasks, mode);
            let workers = client.add_watch(&workers, mode);
            match tokio::join!(tasks, workers) {
                (Ok(tasks), Ok(workers)) => {
                    let states = client.states();
                    return Ok(Claimer {
                        client,
                        layout,
                        max_attempts,
                        tasks,
                        workers,
                        states,
                        stale: true,
                        waiting: BTreeSet::new(),
                        gone: Vec::new(),
                        registered: HashMap::new(),
                    });
                }
                (Err(error), _) | (_, Err(error)) if fault(&error) != Fault::Connection => {
                    return Err(error);
                }
                _ => connected(&client).await?,
            }
            pause(round).await;
            round += 1;
        }
    }

    pub(crate) async fn claim(&mut self, worker: &str) -> Result<Claim, Error> {
        let mut round = 0;
        loop {
            match self.look(worker).await {
                Ok(Some(claim)) => return Ok(claim),
                Ok(None) => self.wait().await?,
                Err(error) if fault(&error) == Fault::Connection => {
                    connected(&self.client).await?;
                    self.stale = true;
                    pause(round).await;
                    round += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the oldest task that can be had; `None` when there is none.
    async fn look(&mut self, worker: &str) -> Result<Option<Claim>, Error> {
        self.enlist(worker).await?;
        self.refresh().await?;
        while let Some(task) = self.waiting.pop_first() {
            match self.take(worker, &task).await {
                Ok(Some(claim)) => return Ok(Some(claim)),
                Ok(None) => {}
                Err(error) => {
                    self.waiting.insert(task);
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    async fn enlist(&mut self, worker: &str) -> Result<(), Error> {
        if self.registered.contains_key(worker) {
            return Ok(());
        }
        self.layout.prepare_desk(&self.client, worker).await?;
        let head = WorkerHead { capacity: 0, abilities: Vec::new() };
        let path = self.layout.worker(worker);
        let czxid = register(&self.client, &path, encode(&head, b"")).await?;
        self.registered.insert(worker.to_owned(), czxid);
        Ok(())
    }

    /// Brings the picture up to date, and takes back what vanished claimers left.
    async fn refresh(&mut self) -> Result<(), Error> {
        if self.states.has_changed().unwrap_or(false) {
            self.states.mark_unchanged();
            self.stale = true;
        }
        if self.stale {
            while let Some(Some(_)) = self.tasks.next().now_or_never() {}
            let tasks = self.client.get_children(&self.layout.tasks());
            let desks = self.client.get_children(&self.layout.assign());
            let workers = self.client.get_children(&self.layout.workers());
            let tasks = tasks.await?.0;
            self.waiting = tasks.iter().filter_map(|name| TaskId::parse(name)).collect();
            let (desks, workers) = (desks.await?.0, workers.await?.0);
            self.gone = desks.into_iter().filter(|name| !workers.contains(name)).collect();
            self.stale = false;
        }
        while let Some(Some(event)) = self.tasks.next().now_or_never() {
            self.see(event);
        }
        while let Some(Some(event)) = self.workers.next().now_or_never() {
            self.see(event);
        }
        while let Some(worker) = self.gone.pop() {
            if let Err(error) = self.recover(&worker).await {
                self.gone.push(worker);
                return Err(error);
            }
        }
        Ok(())
    }

    fn see(&mut self, event: WatchEvent) {
        match (self.layout.place(&event.path), event.kind) {
            (Some(Place::Task(task)), EventKind::Created) => {
                self.waiting.insert(task);
            }
            (Some(Place::Task(task)), EventKind::Deleted) => {
                self.waiting.remove(&task);
            }
            (Some(Place::Worker(worker)), EventKind::Deleted) => {
                self.registered.remove(&worker);
                self.gone.push(worker);
            }
            _ => {}
        }
    }

    async fn wait(&mut self) -> Result<(), Error> {
        let event = tokio::select! {
            event = self.tasks.next() => event,
            event = self.workers.next() => event,
            changed = self.states.changed() => {
                self.stale = true;
                return match changed {
                    Ok(()) => connected(&self.client).await,
                    Err(_) => Err(session::session_over(SessionState::Closed)),
                };
            }
        };
        match event {
            Some(event) => self.see(event),
            None => connected(&self.client).await?,
        }
        Ok(())
    }

    /// The stat of a znode once every earlier write of this session is decided, however often the
    /// connection breaks: a claim that is not found here must not turn up later.
    async fn settled(&self, path: &str) -> Result<Option<Stat>, Error> {
        loop {
            let (synced, stat) = (self.client.sync(path), self.client.exists(path));
            let looked = match synced.await {
                Ok(()) => stat.await,
                Err(error) => Err(error),
            };
            match looked {
                Err(error) if fault(&error) == Fault::Connection => connected(&self.client).await?,
                looked => return looked,
            }
        }
    }

    /// Takes one task; `None` when another was faster, or when it is no task record.
    async fn take(&mut self, worker: &str, task: &TaskId) -> Result<Option<Claim>, Error> {
        let found = present(self.client.get(&self.layout.task(task)).await)?;
        let Some((data, stat)) = found else { return Ok(None) };
        let Ok((head, payload)) = decode::<TaskHead>(&data) else {
            tracing::warn!(%task, "not a task record: left alone");
            return Ok(None);
        };
        let path = self.layout.assignment(worker, task);
        let ops = vec![
            MultiOp::Check { path: self.layout.worker(worker), version: -1 },
            MultiOp::Delete { path: self.layout.task(task), version: stat.version },
            persistent(path.clone(), data),
        ];
        match self.client.multi(ops).await {
            Ok(_) => {}
            // Whether it was made shows below.
            Err(error) if fault(&error) == Fault::Connection => {}
            Err(error) if fault(&error) == Fault::Session => return Err(error),
            Err(error) => {
                return match (error.op_index(), error.code()) {
                    (Some(0), NO_NODE) => {
                        // Unregistered by somebody: register again, and look again.
                        self.registered.remove(worker);
                        self.stale = true;
                        self.enlist(worker).await?;
                        self.waiting.insert(task.clone());
                        Ok(None)
                    }
                    (Some(1), NO_NODE | BAD_VERSION) => Ok(None),
                    (Some(2), NO_NODE) => {
                        self.layout.prepare_desk(&self.client, worker).await?;
                        self.waiting.insert(task.clone());
                        Ok(None)
                    }
                    _ => Err(error),
                };
            }
        }
        // Read once more, for the token; and after a lost reply to see whether it was made.
        let Some(stat) = self.settled(&path).await? else { return Ok(None) };
        let holding = Holding {
            layout: self.layout.clone(),
            worker: worker.to_owned(),
            task: task.clone(),
            head: head.clone(),
            payload: payload.clone(),
            czxid: stat.czxid,
            version: stat.version,
        };
        let (task, client) = (task.clone(), self.client.clone());
        let ended = AtomicBool::new(false);
        Ok(Some(Claim { task, payload, attempt: head.attempt, holding, client, ended }))
    }

    /// Takes back what a vanished worker left.
    async fn recover(&self, worker: &str) -> Result<(), Error> {
        let listed = present(self.client.get_children(&self.layout.desk(worker)).await)?;
        let Some((names, _)) = listed else { return Ok(()) };
        for task in names.iter().filter_map(|name| TaskId::parse(name)) {
            let path = self.layout.assignment(worker, &task);
            let Some((data, stat)) = present(self.client.get(&path).await)? else { continue };
            let registration = self.layout.worker(worker);
            let mut ops = vec![
                persistent(registration.clone(), Bytes::new()),
                MultiOp::Delete { path: registration, version: -1 },
            ];
            ops.extend(give_back(&self.layout, worker, &task, &data, &stat, self.max_attempts));
            match self.client.multi(ops).await {
                // The worker is back, or another was faster: both are as good.
                Err(error) if matches!(error.code(), NO_NODE | NODE_EXISTS | BAD_VERSION) => {}
                outcome => drop(outcome?),
            }
        }
        Ok(())
    }
}
