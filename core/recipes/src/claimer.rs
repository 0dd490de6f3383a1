//! The task queue without a master: workers take tasks by themselves, with the same records.
//!
//! A claim is one multi: check that this worker is registered, delete the waiting task, create
//! the assignment. What a vanished claimer leaves is taken back by the others; the multi that
//! does it creates and deletes the vanished worker's znode, which the server refuses while that
//! worker lives.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;
use pinfold_client::{
    AddWatchMode, Client, Error, EventKind, MultiOp, MultiResult, Pending, SessionState, Stat,
    Watch, WatchEvent,
};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::backlog::{Backlog, Needs, Ready};
use crate::claim::Claim;
use crate::commit::{End, Holding, conclude, persistent, placed};
use crate::errand::{Back, given, present, ready, unreadable};
use crate::layout::{Layout, Place};
use crate::master::prepare;
use crate::record::{TaskHead, TaskId, WorkerHead, encode};
use crate::session::{
    BAD_VERSION, Fault, NO_NODE, NODE_EXISTS, NOT_EMPTY, connected, fault, pause, refuse,
    session_over,
};
use crate::shift::register;

/// Tasks read at the same time.
const WINDOW: usize = 64;
/// Bytes of records kept in hand.
const BUDGET: usize = 4 << 20;
/// So many tasks that could be taken are known before the best of them is; priorities count
/// among these.
const AHEAD: usize = 1_024;
/// Who meets others picks among at most so many tasks of the same priority.
const MOST_SPREAD: usize = 64;

/// What the claims of one queue share: the waiting tasks as two watches tell them.
#[derive(Debug)]
pub(crate) struct Claimer {
    client: Client,
    layout: Layout,
    max_attempts: u32,
    tasks: Watch,
    workers: Watch,
    paused: Watch,
    is_paused: bool,
    states: watch::Receiver<SessionState>,
    /// The lists have to be read: at the beginning and after each broken connection.
    stale: bool,
    backlog: Backlog,
    /// Workers that went since the last look at what they left.
    gone: Vec<String>,
    /// czxid of each registration made here.
    registered: HashMap<String, i64>,
    /// Registrations that were asked for: one that is found may be of a call that was dropped.
    asked: HashSet<String>,
    /// Picks at random among so many tasks: the first one, and more the more often another was
    /// faster, so that many claimers do not all go for the same task.
    spread: usize,
    /// A look has begun and not ended: when it was dropped, nothing that it knew is sure.
    is_looking: bool,
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
            let tasks = client.add_watch(&layout.tasks(), mode);
            let workers = client.add_watch(&layout.workers(), mode);
            let paused = client.add_watch(&layout.paused(), AddWatchMode::Persistent);
            match tokio::join!(tasks, workers, paused) {
                (Ok(tasks), Ok(workers), Ok(paused)) => {
                    let states = client.states();
                    return Ok(Claimer {
                        client,
                        layout,
                        max_attempts,
                        tasks,
                        workers,
                        paused,
                        is_paused: false,
                        states,
                        stale: true,
                        backlog: Backlog::new(WINDOW, BUDGET),
                        gone: Vec::new(),
                        registered: HashMap::new(),
                        asked: HashSet::new(),
                        spread: 1,
                        is_looking: false,
                    });
                }
                (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error))
                    if fault(&error) != Fault::Connection =>
                {
                    return Err(error);
                }
                _ => connected(&client).await?,
            }
            pause(round).await;
            round += 1;
        }
    }

    pub(crate) async fn claim(
        &mut self,
        worker: &str,
        abilities: &[String],
    ) -> Result<Claim, Error> {
        let mut round = 0;
        self.stale |= std::mem::take(&mut self.is_looking);
        loop {
            self.is_looking = true;
            let looked = self.look(worker, abilities).await;
            self.is_looking = false;
            match looked {
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

    /// Takes the first task that can be had; `None` when there is none.
    async fn look(&mut self, worker: &str, abilities: &[String]) -> Result<Option<Claim>, Error> {
        loop {
            self.refresh().await?;
            // What was just read may tell that the registration has gone.
            self.enlist(worker, abilities).await?;
            if self.is_paused {
                return Ok(None);
            }
            self.read(abilities).await?;
            let Some(ready) = self.first(abilities) else { return Ok(None) };
            if let Some(claim) = self.take(worker, abilities, ready).await? {
                return Ok(Some(claim));
            }
        }
    }

    /// Reads ahead, so that what can be taken is taken in its order.
    async fn read(&mut self, abilities: &[String]) -> Result<(), Error> {
        loop {
            self.backlog.tick(Instant::now());
            let more = self.backlog.count(|needs| suits(needs, abilities)) < AHEAD;
            let wanted = self.backlog.fetches(more);
            if wanted.is_empty() {
                return Ok(());
            }
            let reads: Vec<_> = wanted
                .into_iter()
                .map(|(task, birth)| (self.client.get(&self.layout.task(&task)), task, birth))
                .map(|(pending, task, birth)| async move { (task, birth, pending.await) })
                .collect();
            // All of them come back before anything else is asked for.
            let mut broken = None;
            for (task, birth, outcome) in join_all(reads).await {
                match present(outcome) {
                    Ok(found) => self.fetched(&task, birth, found).await?,
                    Err(error) if fault(&error) == Fault::Refused => {
                        tracing::warn!(%error, %task, "left alone");
                        self.backlog.fetched(&task, birth, None, Instant::now());
                    }
                    Err(error) => broken = Some(error),
                }
            }
            if let Some(error) = broken {
                return Err(error);
            }
        }
    }

    async fn fetched(
        &mut self,
        task: &TaskId,
        birth: u64,
        found: Option<(Bytes, Stat)>,
    ) -> Result<(), Error> {
        let mut known = None;
        if let Some((data, stat)) = found {
            match ready(&self.client, task, birth, &data, &stat) {
                Ok(ready) => known = Some(ready),
                Err(reason) => {
                    let path = self.layout.task(task);
                    let delete = MultiOp::Delete { path, version: stat.version };
                    let dead = unreadable(&self.client, &self.layout, task, &data, reason);
                    match self.client.multi(vec![delete, dead]).await {
                        Err(error) if fault(&error) != Fault::Refused => return Err(error),
                        Err(error) => tracing::warn!(%error, %task, "left alone"),
                        Ok(_) => {}
                    }
                }
            }
        }
        self.backlog.fetched(task, birth, known, Instant::now());
        Ok(())
    }

    /// Takes one of the first tasks that this worker can do from the known ones.
    fn first(&mut self, abilities: &[String]) -> Option<Ready> {
        let ahead = match self.spread {
            1 => 0,
            spread => self.random() % spread,
        };
        let lines = self.backlog.fronts();
        let mut lines = lines.iter().filter(|needs: &&Needs| suits(needs, abilities));
        lines.find_map(|needs| self.backlog.take(needs, ahead))
    }

    /// 0 where there is no randomness.
    fn random(&self) -> usize {
        let mut bytes = [0; 4];
        let _ = self.client.fill_random(&mut bytes);
        u32::from_ne_bytes(bytes) as usize
    }

    /// Registers the worker unless it is, and takes back what an earlier life of it has left.
    async fn enlist(&mut self, worker: &str, abilities: &[String]) -> Result<(), Error> {
        if self.registered.contains_key(worker) {
            return Ok(());
        }
        self.layout.prepare_desk(&self.client, worker).await?;
        let head = WorkerHead { capacity: 0, abilities: abilities.to_vec() };
        let path = self.layout.worker(worker);
        let again = !self.asked.insert(worker.to_owned());
        let registered = register(&self.client, &path, encode(&head, b""), again).await;
        if registered.is_err() {
            self.asked.remove(worker);
        }
        let registration = registered?;
        self.recover(worker, Some(registration)).await?;
        self.asked.remove(worker);
        self.registered.insert(worker.to_owned(), registration);
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
            while let Some(Some(_)) = self.paused.next().now_or_never() {}
            let paused = self.client.exists(&self.layout.paused());
            let tasks = self.client.get_children(&self.layout.tasks());
            let desks = self.client.get_children(&self.layout.assign());
            let workers = self.client.get_children(&self.layout.workers());
            let tasks = tasks.await?.0;
            self.is_paused = paused.await?.is_some();
            self.backlog = Backlog::new(WINDOW, BUDGET);
            for task in tasks.iter().filter_map(|name| TaskId::parse(name)) {
                self.backlog.arrive(task, None);
            }
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
        while let Some(Some(event)) = self.paused.next().now_or_never() {
            self.see(event);
        }
        while let Some(worker) = self.gone.pop() {
            if let Err(error) = self.recover(&worker, None).await {
                self.gone.push(worker);
                return Err(error);
            }
        }
        Ok(())
    }

    fn see(&mut self, event: WatchEvent) {
        match (self.layout.place(&event.path), event.kind) {
            (Some(Place::Task(task)), EventKind::Created | EventKind::DataChanged) => {
                self.backlog.arrive(task, Some(Instant::now()));
            }
            (Some(Place::Task(task)), EventKind::Deleted) => self.backlog.depart(&task),
            (Some(Place::Paused), EventKind::Created) => self.is_paused = true,
            (Some(Place::Paused), EventKind::Deleted) => self.is_paused = false,
            (Some(Place::Worker(worker)), EventKind::Deleted) => {
                // It may be of an earlier life: what is found there now may be our own.
                if self.registered.remove(&worker).is_some() {
                    self.asked.insert(worker.clone());
                }
                self.gone.push(worker);
            }
            _ => {}
        }
    }

    async fn wait(&mut self) -> Result<(), Error> {
        let timer = self.backlog.next_timer();
        let rung = async {
            match timer {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            event = self.tasks.next() => event,
            event = self.workers.next() => event,
            event = self.paused.next() => event,
            () = rung => return Ok(()),
            changed = self.states.changed() => {
                self.stale = true;
                return match changed {
                    Ok(()) => connected(&self.client).await,
                    Err(_) => Err(session_over(SessionState::Closed)),
                };
            }
        };
        match event {
            Some(event) => self.see(event),
            None => connected(&self.client).await?,
        }
        Ok(())
    }

    /// Takes one task; `None` when another was faster, or when the server refuses this one. What
    /// has begun goes on when this is dropped, and a task that was taken for nobody goes back.
    async fn take(
        &mut self,
        worker: &str,
        abilities: &[String],
        ready: Ready,
    ) -> Result<Option<Claim>, Error> {
        let task = ready.task.clone();
        let head = given(&self.client, &ready.head);
        let path = self.layout.assignment(worker, &task);
        let mut ops = vec![
            MultiOp::Check { path: self.layout.worker(worker), version: -1 },
            MultiOp::Delete { path: self.layout.task(&task), version: ready.version },
        ];
        ops.extend(placed(path, &head, &ready.payload));
        let taking = Taking {
            client: self.client.clone(),
            layout: self.layout.clone(),
            worker: worker.to_owned(),
            registration: self.registered.get(worker).copied(),
            task: task.clone(),
            record: (head, ready.payload.clone()),
        };
        let (tell, told) = oneshot::channel();
        let pending = self.client.multi(ops);
        tokio::spawn(async move {
            // Whom nobody waits for is dropped here, or in the channel.
            drop(tell.send(taking.run(pending).await));
        });
        let taken = told.await.unwrap_or(Err(refuse("the runtime is shutting down")))?;
        if let Taken::Missed(error) = taken {
            self.missed(worker, abilities, ready, error).await?;
            return Ok(None);
        }
        self.backlog.depart(&task);
        match taken {
            Taken::Ours(claim) => {
                self.spread = (self.spread - 1).max(1);
                Ok(Some(claim.seen()))
            }
            Taken::Strangers => {
                self.registered.remove(worker);
                Ok(None)
            }
            Taken::Lost | Taken::Missed(_) => Ok(None),
        }
    }

    /// Puts right what a refused claim missed.
    async fn missed(
        &mut self,
        worker: &str,
        abilities: &[String],
        ready: Ready,
        error: Error,
    ) -> Result<(), Error> {
        match (error.op_index(), error.code()) {
            (Some(0), NO_NODE) => {
                // Unregistered by somebody: register again, and look again.
                self.registered.remove(worker);
                self.stale = true;
                self.enlist(worker, abilities).await
            }
            (Some(1), NO_NODE | BAD_VERSION) => {
                self.spread = (self.spread * 2).min(MOST_SPREAD);
                self.backlog.depart(&ready.task);
                Ok(())
            }
            (Some(1), NOT_EMPTY) => {
                tracing::warn!(%error, task = %ready.task, "left alone");
                self.backlog.depart(&ready.task);
                Ok(())
            }
            (Some(2), NO_NODE) => {
                self.backlog.put_back(ready);
                self.layout.prepare_desk(&self.client, worker).await
            }
            _ => Err(error),
        }
    }

    /// Takes back what a vanished worker left, or, of one that is registered here, what it has
    /// from before this registration.
    async fn recover(&self, worker: &str, registration: Option<i64>) -> Result<(), Error> {
        let listed = present(self.client.get_children(&self.layout.desk(worker)).await)?;
        let Some((names, _)) = listed else { return Ok(()) };
        for task in names.iter().filter_map(|name| TaskId::parse(name)) {
            let path = self.layout.assignment(worker, &task);
            let Some((data, stat)) = present(self.client.get(&path).await)? else { continue };
            if registration.is_some_and(|czxid| stat.czxid > czxid) {
                continue;
            }
            let path = self.layout.worker(worker);
            let mut ops = match registration {
                Some(_) => vec![MultiOp::Check { path, version: -1 }],
                None => vec![
                    persistent(path.clone(), Bytes::new()),
                    MultiOp::Delete { path, version: -1 },
                ],
            };
            let back = Back { layout: &self.layout, worker, task: &task };
            ops.extend(back.vanished(&self.client, &data, &stat, self.max_attempts));
            match conclude(&self.client, &self.layout, &task, ops).await {
                // The worker is back, or another was faster: both are as good.
                Err(error) if matches!(error.code(), NO_NODE | NODE_EXISTS | BAD_VERSION) => {}
                outcome => drop(outcome?),
            }
        }
        Ok(())
    }
}

/// One attempt to take a task.
struct Taking {
    client: Client,
    layout: Layout,
    worker: String,
    /// czxid of the worker's registration.
    registration: Option<i64>,
    task: TaskId,
    record: (TaskHead, Bytes),
}

/// What came of it.
enum Taken {
    Ours(Box<Claim>),
    /// It was not made.
    Lost,
    /// Made, and given back: somebody else goes by this worker's name now.
    Strangers,
    Missed(Error),
}

impl Taking {
    async fn run(self, pending: Pending<Vec<MultiResult>>) -> Result<Taken, Error> {
        match pending.await {
            Ok(_) => {}
            // Whether it was made shows below.
            Err(error) if fault(&error) == Fault::Connection => {}
            Err(error) if fault(&error) == Fault::Session => return Err(error),
            Err(error) => return Ok(Taken::Missed(error)),
        }
        // Read once more, for the token; and after a lost reply to see whether it was made.
        let path = self.layout.assignment(&self.worker, &self.task);
        let (claim, registration) = self.settled(&path).await?;
        let Some(stat) = claim else { return Ok(Taken::Lost) };
        let holding = Holding::new(&self.layout, &self.worker, &self.task, self.record, &stat);
        if registration.map(|found| found.czxid) != self.registration {
            // That one may take the task for its own.
            holding.settle(&self.client, &End::Returned).await?;
            return Ok(Taken::Strangers);
        }
        Ok(Taken::Ours(Box::new(Claim::new(&self.client, holding))))
    }

    /// The stats of the claim and of its worker's registration once every earlier write of this
    /// session is decided, however often the connection breaks: a claim that is not found here
    /// must not turn up later.
    async fn settled(&self, path: &str) -> Result<(Option<Stat>, Option<Stat>), Error> {
        loop {
            let synced = self.client.sync(path);
            let claim = self.client.exists(path);
            let registration = self.client.exists(&self.layout.worker(&self.worker));
            let looked = async {
                synced.await?;
                Ok((claim.await?, registration.await?))
            };
            match looked.await {
                Err(error) if fault(&error) == Fault::Connection => connected(&self.client).await?,
                looked => return looked,
            }
        }
    }
}

fn suits(needs: &[String], abilities: &[String]) -> bool {
    needs.iter().all(|need| abilities.contains(need))
}
