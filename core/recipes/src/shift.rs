//! A worker's time on its sessions: registration, the assignments as the watch tells them, and
//! what happens when the session is lost.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use pinfold_client::{
    Acl, AddWatchMode, Client, CreateMode, Error, EventKind, MultiOp, SessionState, Stat, Watch,
    WatchEvent,
};
use tokio::sync::watch;

use crate::book::Book;
use crate::commit::{End, Holding};
use crate::errand::present;
use crate::feed::Feed;
use crate::layout::{Layout, Place};
use crate::master::{prepare, renew};
use crate::record::{TaskHead, TaskId, WorkerHead, decode, encode};
use crate::session::{
    self, Fault, NO_NODE, NODE_EXISTS, NOT_EMPTY, connected, fault, is_over, pause, refuse,
    session_over,
};
use crate::worker::{Assignment, WorkerEvent, WorkerOptions};

/// A registration and the watch on what is given to it.
#[derive(Debug)]
pub(crate) struct Post {
    watch: Watch,
    /// czxid of the registration: what was assigned before is not this worker's.
    czxid: i64,
}

impl Post {
    /// Arms the watch, then registers: no assignment can come in between.
    pub(crate) async fn take(
        client: &Client,
        layout: &Layout,
        options: &WorkerOptions,
    ) -> Result<Post, Error> {
        let mut round = 0;
        let watch = loop {
            let armed = async {
                prepare(client, layout).await?;
                layout.prepare_desk(client, &options.id).await?;
                let desk = layout.desk(&options.id);
                client.add_watch(&desk, AddWatchMode::PersistentRecursive).await
            };
            match armed.await {
                Err(error) if fault(&error) == Fault::Connection => connected(client).await?,
                outcome => break outcome?,
            }
            pause(round).await;
            round += 1;
        };
        let head = WorkerHead { capacity: options.capacity, abilities: options.abilities.clone() };
        let czxid = register(client, &layout.worker(&options.id), encode(&head, b"")).await?;
        Ok(Post { watch, czxid })
    }
}

/// Creates the worker's ephemeral znode, and gives its czxid. Waits for another session's to go.
pub(crate) async fn register(client: &Client, path: &str, data: Bytes) -> Result<i64, Error> {
    let mut unsure = false;
    let mut round = 0;
    loop {
        let made =
            client.create(path, data.clone(), CreateMode::Ephemeral, &Acl::open_unsafe()).await;
        match made {
            Ok(made) => return Ok(made.stat.czxid),
            Err(error) if fault(&error) == Fault::Connection => {
                connected(client).await?;
                unsure = true;
                pause(round).await;
                round += 1;
                continue;
            }
            Err(error) if error.code() == NODE_EXISTS => {}
            Err(error) => return Err(error),
        }
        match client.exists_watch(path).await {
            Ok((Some(stat), mut watch)) => {
                let own = client.session().is_some_and(|own| own.id == stat.ephemeral_owner);
                match (own, unsure) {
                    (true, true) => return Ok(stat.czxid),
                    (true, false) => {
                        return Err(refuse(format!("{path} is registered by this session")));
                    }
                    (false, _) => {
                        tracing::info!(path, "another session holds this id: waiting for its end");
                        drop(watch.next().await);
                    }
                }
            }
            Ok((None, _)) => {}
            Err(error) if fault(&error) == Fault::Connection => connected(client).await?,
            Err(error) => return Err(error),
        }
    }
}

/// An assignment that was read, and the count of its announcement.
type Fetched = (TaskId, u64, Result<Option<(Bytes, Stat)>, Error>);
type Fetches = FuturesUnordered<Pin<Box<dyn Future<Output = Fetched> + Send>>>;

pub(crate) struct Shift {
    pub(crate) layout: Layout,
    pub(crate) options: WorkerOptions,
    pub(crate) feed: Arc<Feed<WorkerEvent>>,
    pub(crate) book: Arc<Book>,
    pub(crate) client: Client,
    /// The session is the worker's own, to be closed at its end.
    pub(crate) own_session: bool,
    /// The session of now, for those who have to read after the end of an earlier one.
    pub(crate) tell: watch::Sender<Client>,
}

impl Shift {
    pub(crate) async fn run(
        mut self,
        mut post: Post,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), Error> {
        let outcome = loop {
            let registration = self.layout.worker(&self.options.id);
            let czxid = post.czxid;
            let failed = tokio::select! {
                biased;
                () = session::halted(&mut stopped) => break self.leave(&post).await,
                reason = session::lapsed(&self.client) => {
                    tracing::debug!(reason, "the worker stops working");
                    None
                }
                () = session::removed(&self.client, &registration, czxid) => None,
                error = self.work(&mut post) => Some(error),
            };
            self.revoke_all();
            if let Some(error) = failed.filter(|error| fault(error) == Fault::Refused) {
                break Err(error);
            }
            let again = tokio::select! {
                biased;
                () = session::halted(&mut stopped) => break self.quit(self.unregister()).await,
                again = self.take_again() => again,
            };
            match again {
                Ok(taken) => post = taken,
                Err(error) => break Err(error),
            }
            self.feed.push(WorkerEvent::SessionRenewed);
        };
        if self.own_session {
            drop(self.client.close().await);
        }
        self.feed.end();
        outcome
    }

    /// Before the server could give the tasks to others: nothing is ours any more.
    fn revoke_all(&self) {
        for task in self.book.idle() {
            if self.book.strike(&task) {
                self.feed.push(WorkerEvent::Revoked { task });
            }
        }
        self.feed.push(WorkerEvent::SessionLost);
    }

    /// Registers again: on a new session, or on the old one when it turns out to live. Then the
    /// old registration goes first, so that the master takes back what was given to it.
    async fn take_again(&mut self) -> Result<Post, Error> {
        loop {
            let taken = async {
                connected(&self.client).await?;
                self.unregister().await?;
                Post::take(&self.client, &self.layout, &self.options).await
            };
            match taken.await {
                Err(error) if fault(&error) == Fault::Refused => return Err(error),
                Ok(post) => return Ok(post),
                Err(_) => {}
            }
            match self.client.state() {
                SessionState::Expired => {
                    let next = renew(&self.client).await?;
                    self.client = next.clone();
                    self.own_session = true;
                    self.tell.send_replace(next);
                }
                // Closed by its owner, or not let in: a new session would fare no better.
                state if is_over(state) => return Err(session_over(state)),
                _ => pause(1).await,
            }
        }
    }

    /// Removes the registration if it is this session's.
    async fn unregister(&self) -> Result<(), Error> {
        let path = self.layout.worker(&self.options.id);
        let own = self.client.session().map_or(0, |session| session.id);
        let found = self.client.exists(&path).await?;
        if found.is_some_and(|stat| stat.ephemeral_owner == own) {
            present(self.client.delete(&path, -1).await)?;
        }
        Ok(())
    }

    /// The orderly end: no new tasks, then what is in hand is committed or given back.
    async fn leave(&self, post: &Post) -> Result<(), Error> {
        let leaving = async {
            for task in self.book.idle() {
                self.book.strike(&task);
            }
            self.book.settled().await;
            let mut round = 0;
            loop {
                match self.give_back(post).await {
                    Ok(true) => return Ok(()),
                    Ok(false) => {}
                    Err(error) if fault(&error) == Fault::Connection => {
                        connected(&self.client).await?;
                    }
                    Err(error) => return Err(error),
                }
                pause(round).await;
                round += 1;
            }
        };
        self.quit(leaving).await
    }

    /// Runs the last steps of a stop; the session's end is an end as well.
    async fn quit(&self, last: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        tokio::select! {
            outcome = last => match outcome {
                Err(error) if fault(&error) == Fault::Refused => Err(error),
                _ => Ok(()),
            },
            _ = session::lapsed(&self.client) => Ok(()),
        }
    }

    /// Gives back what is assigned, then leaves; false when something was assigned meanwhile.
    /// The master is told of no capacity first, or it would give the same tasks again.
    async fn give_back(&self, post: &Post) -> Result<bool, Error> {
        let worker = self.layout.worker(&self.options.id);
        let desk = self.layout.desk(&self.options.id);
        let head = WorkerHead { capacity: 0, abilities: Vec::new() };
        if present(self.client.set(&worker, encode(&head, b""), -1).await)?.is_none() {
            return Ok(true);
        }
        let names = present(self.client.get_children(&desk).await)?.unwrap_or_default().0;
        let mut older = false;
        for task in names.iter().filter_map(|name| TaskId::parse(name)) {
            let path = self.layout.assignment(&self.options.id, &task);
            let Some((data, stat)) = present(self.client.get(&path).await)? else { continue };
            match decode::<TaskHead>(&data) {
                Ok((head, payload)) if stat.czxid > post.czxid => {
                    let holding = self.holding(task, head, payload, &stat);
                    holding.settle(&self.client, &End::Returned).await?;
                }
                // Not this life's: the master takes it back.
                _ => older = true,
            }
        }
        if older {
            self.unregister().await?;
            return Ok(true);
        }
        // Refused as a whole while something is assigned.
        let both = [worker, desk].map(|path| MultiOp::Delete { path, version: -1 });
        match self.client.multi(both.to_vec()).await {
            Err(error) if error.code() == NOT_EMPTY => Ok(false),
            Err(error) if error.code() == NO_NODE => {
                self.unregister().await?;
                Ok(true)
            }
            outcome => outcome.map(|_| true),
        }
    }

    fn holding(&self, task: TaskId, head: TaskHead, payload: Bytes, stat: &Stat) -> Holding {
        Holding {
            layout: self.layout.clone(),
            worker: self.options.id.clone(),
            task,
            head,
            payload,
            czxid: stat.czxid,
            version: stat.version,
        }
    }

    /// Follows the assignments until the session ends or the server refuses.
    async fn work(&self, post: &mut Post) -> Error {
        let mut round = 0;
        loop {
            let mut states = self.client.states();
            states.mark_unchanged();
            match self.follow(post, &mut states).await {
                Ok(()) => round = 0,
                Err(error) if fault(&error) == Fault::Connection => {}
                Err(error) => return error,
            }
            if let Err(error) = connected(&self.client).await {
                return error;
            }
            pause(round).await;
            round += 1;
        }
    }

    /// Reads what is assigned, then follows the watch until the connection breaks.
    async fn follow(
        &self,
        post: &mut Post,
        states: &mut watch::Receiver<SessionState>,
    ) -> Result<(), Error> {
        // What was told before is covered by the list; what is told from now on goes on top.
        while let Some(Some(_)) = post.watch.next().now_or_never() {}
        let listed = self.client.get_children(&self.layout.desk(&self.options.id)).await?.0;
        let listed: HashSet<TaskId> =
            listed.iter().filter_map(|name| TaskId::parse(name)).collect();
        for task in self.book.idle() {
            if !listed.contains(&task) && self.book.strike(&task) {
                self.feed.push(WorkerEvent::Revoked { task });
            }
        }
        let mut news =
            News { shift: self, fetches: Fetches::new(), open: HashMap::new(), count: 0 };
        let mut listed: Vec<TaskId> = listed.into_iter().collect();
        listed.sort_unstable();
        listed.into_iter().for_each(|task| news.announce(task));
        loop {
            let mut fetched = None;
            tokio::select! {
                biased;
                _ = states.changed() => return Ok(()),
                event = post.watch.next() => match event {
                    Some(event) => news.see(&event),
                    None => return connected(&self.client).await,
                },
                Some(one) = news.fetches.next() => fetched = Some(one),
            }
            // Every event that came before the reply is in the queue by now, and goes first.
            while let Some(Some(event)) = post.watch.next().now_or_never() {
                news.see(&event);
            }
            if let Some((task, count, outcome)) = fetched {
                news.take(task, count, outcome, post.czxid)?;
            }
        }
    }
}

/// Assignments that were announced and are being read.
struct News<'a> {
    shift: &'a Shift,
    fetches: Fetches,
    /// The latest announcement of each task that is being read.
    open: HashMap<TaskId, u64>,
    count: u64,
}

impl News<'_> {
    fn see(&mut self, event: &WatchEvent) {
        let Some(Place::Assignment(_, task)) = self.shift.layout.place(&event.path) else {
            return;
        };
        match event.kind {
            EventKind::Created => self.announce(task),
            EventKind::Deleted => {
                self.open.remove(&task);
                if self.shift.book.strike(&task) {
                    self.shift.feed.push(WorkerEvent::Revoked { task });
                }
            }
            _ => {}
        }
    }

    fn announce(&mut self, task: TaskId) {
        self.count += 1;
        let count = self.count;
        self.open.insert(task.clone(), count);
        let path = self.shift.layout.assignment(&self.shift.options.id, &task);
        let pending = self.shift.client.get(&path);
        self.fetches.push(Box::pin(async move { (task, count, present(pending.await)) }));
    }

    fn take(
        &mut self,
        task: TaskId,
        count: u64,
        outcome: Result<Option<(Bytes, Stat)>, Error>,
        registered: i64,
    ) -> Result<(), Error> {
        let found = outcome?;
        if self.open.get(&task) != Some(&count) {
            return Ok(());
        }
        self.open.remove(&task);
        let Some((data, stat)) = found.filter(|(_, stat)| stat.czxid > registered) else {
            return Ok(());
        };
        let (head, payload) = match decode::<TaskHead>(&data) {
            Ok(record) => record,
            Err(reason) => {
                tracing::warn!(%task, reason, "an assignment that cannot be read is left alone");
                return Ok(());
            }
        };
        let shift = self.shift;
        let assignment = Assignment {
            task: task.clone(),
            payload: payload.clone(),
            attempt: head.attempt,
            token: stat.czxid,
        };
        let holding = shift.holding(task, head, payload, &stat);
        if shift.book.add(holding, shift.client.clone()) {
            shift.feed.push(WorkerEvent::Assigned(assignment));
        }
        Ok(())
    }
}
