//! A worker's time on its sessions: registration, the assignments as the watch tells them, and
//! what happens when the session is lost.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{FuturesOrdered, StreamExt};
use pinfold_client::{
    Acl, AddWatchMode, Client, CreateMode, Error, EventKind, MultiOp, SessionState, Stat, Watch,
    WatchEvent,
};
use tokio::sync::watch;

use crate::book::Book;
use crate::commit::{End, Holding};
use crate::errand::{present, unreadable};
use crate::farewell::farewell;
use crate::feed::Feed;
use crate::layout::{Layout, Place};
use crate::master::{prepare, renew};
use crate::record::{Cause, TaskHead, TaskId, WorkerHead, decode, encode};
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
        let path = layout.worker(&options.id);
        let czxid = register(client, &path, encode(&head, b""), false).await?;
        Ok(Post { watch, czxid })
    }
}

/// Creates the worker's ephemeral znode, and gives its czxid. Waits for another session's to go;
/// one of this session is its own when it is `unsure` whether there is one.
pub(crate) async fn register(
    client: &Client,
    path: &str,
    data: Bytes,
    mut unsure: bool,
) -> Result<i64, Error> {
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

/// What was read on the session, which answers in the order of the requests.
enum Fetched {
    /// An assignment, and the count of its announcement.
    Assignment(TaskId, u64, Result<Option<(Bytes, Stat)>, Error>),
    /// Why the task was taken away that is the next one to be told.
    Farewell(Cause, String),
    /// An assignment that is no record is a dead letter now.
    Buried(Result<(), Error>),
}
type Fetches = FuturesOrdered<Pin<Box<dyn Future<Output = Fetched> + Send>>>;

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
    /// True once no new tasks are wanted.
    pub(crate) draining: watch::Receiver<bool>,
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
                reason = session::lapsed(&self.client) => (reason, None),
                () = session::removed(&self.client, &registration, czxid) => {
                    (format!("{registration} was removed"), None)
                }
                error = self.work(&mut post) => (error.to_string(), Some(error)),
                () = self.drained() => break self.leave(&post).await,
            };
            let (reason, failed) = failed;
            self.revoke_all(&reason);
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
    fn revoke_all(&self, reason: &str) {
        for task in self.book.idle() {
            if let Some(token) = self.book.strike(&task) {
                let (cause, reason) = (Cause::Vanished, reason.to_owned());
                self.feed.push(WorkerEvent::Revoked { task, token, cause, reason });
            }
        }
        self.feed.push(WorkerEvent::SessionLost);
    }

    /// Resolves once no new tasks are wanted, the master was told so, and none is in hand. What
    /// it gives at the same moment is given back by the one who leaves.
    async fn drained(&self) {
        session::halted(&mut self.draining.clone()).await;
        let mut round = 0;
        while let Err(error) = self.want_nothing().await {
            if fault(&error) == Fault::Refused || connected(&self.client).await.is_err() {
                // The one who watches the session and the registration tells what is wrong.
                std::future::pending::<()>().await;
            }
            pause(round).await;
            round += 1;
        }
        self.book.empty().await;
    }

    /// Tells the master that no more tasks are wanted; false when the registration is gone.
    async fn want_nothing(&self) -> Result<bool, Error> {
        let worker = self.layout.worker(&self.options.id);
        let head = WorkerHead { capacity: 0, abilities: self.options.abilities.clone() };
        Ok(present(self.client.set(&worker, encode(&head, b""), -1).await)?.is_some())
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
        if !self.want_nothing().await? {
            return Ok(true);
        }
        let names = present(self.client.get_children(&desk).await)?.unwrap_or_default().0;
        let mut older = names.iter().any(|name| TaskId::parse(name).is_none());
        for task in names.iter().filter_map(|name| TaskId::parse(name)) {
            let path = self.layout.assignment(&self.options.id, &task);
            let Some((data, stat)) = present(self.client.get(&path).await)? else { continue };
            match decode::<TaskHead>(&data) {
                Ok(record) if stat.czxid > post.czxid => {
                    let id = &self.options.id;
                    let holding = Holding::new(&self.layout, id, &task, record, &stat);
                    holding.settle(&self.client, &End::Returned).await?;
                }
                // Not this life's, or none of ours: the master takes it back.
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
        let mut news = News {
            shift: self,
            fetches: Fetches::new(),
            open: HashMap::new(),
            leaving: VecDeque::new(),
            count: 0,
        };
        for task in self.book.idle().into_iter().filter(|task| !listed.contains(task)) {
            news.taken_away(task);
        }
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
            match fetched {
                Some(Fetched::Assignment(task, count, outcome)) => {
                    news.take(task, count, outcome, post.czxid)?;
                }
                Some(Fetched::Farewell(cause, reason)) => news.tell_next(cause, reason),
                Some(Fetched::Buried(outcome)) => news.buried(outcome)?,
                None => {}
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
    /// Tasks that were taken away, with their tokens: why is being asked, in this order.
    leaving: VecDeque<(TaskId, i64)>,
    count: u64,
}

impl Drop for News<'_> {
    /// What is not known by now is not waited for: the owner has to stop working.
    fn drop(&mut self) {
        while !self.leaving.is_empty() {
            self.tell_next(Cause::Vanished, "taken away while the connection broke".to_owned());
        }
    }
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
                self.taken_away(task);
            }
            _ => {}
        }
    }

    /// From now on a commit fails; the owner is told once it is known why.
    fn taken_away(&mut self, task: TaskId) {
        let Some(token) = self.shift.book.strike(&task) else { return };
        let why = farewell(&self.shift.client, &self.shift.layout, &task);
        self.leaving.push_back((task, token));
        self.fetches.push_back(Box::pin(async move {
            let (cause, reason) = why.await;
            Fetched::Farewell(cause, reason)
        }));
    }

    fn tell_next(&mut self, cause: Cause, reason: String) {
        if let Some((task, token)) = self.leaving.pop_front() {
            self.shift.feed.push(WorkerEvent::Revoked { task, token, cause, reason });
        }
    }

    /// A refusal concerns this one record, which is left alone then.
    fn buried(&self, outcome: Result<(), Error>) -> Result<(), Error> {
        match outcome {
            Err(error) if fault(&error) == Fault::Refused => {
                tracing::warn!(%error, "an assignment that cannot be read is left alone");
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn bury(&mut self, task: &TaskId, data: &Bytes, stat: &Stat, reason: String) {
        let shift = self.shift;
        let path = shift.layout.assignment(&shift.options.id, task);
        let delete = MultiOp::Delete { path, version: stat.version };
        let dead = unreadable(&shift.client, &shift.layout, task, data, reason);
        let pending = shift.client.multi(vec![delete, dead]);
        self.fetches.push_back(Box::pin(async move { Fetched::Buried(pending.await.map(drop)) }));
    }

    fn announce(&mut self, task: TaskId) {
        self.count += 1;
        let count = self.count;
        self.open.insert(task.clone(), count);
        let path = self.shift.layout.assignment(&self.shift.options.id, &task);
        let pending = self.shift.client.get(&path);
        self.fetches.push_back(Box::pin(async move {
            Fetched::Assignment(task, count, present(pending.await))
        }));
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
                self.bury(&task, &data, &stat, reason);
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
        let id = &shift.options.id;
        let holding = Holding::new(&shift.layout, id, &task, (head, payload), &stat);
        if shift.book.add(holding, shift.client.clone()) {
            shift.feed.push(WorkerEvent::Assigned(assignment));
        }
        Ok(())
    }
}
