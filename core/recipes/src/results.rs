//! Every result of a queue as a stream, with one watch for all of them.

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream::{FuturesUnordered, StreamExt};
use pinfold_client::{AddWatchMode, Client, Error, EventKind, Stat, Watch, WatchEvent};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::errand::present;
use crate::layout::{Layout, Place};
use crate::master::prepare;
use crate::queue::{TaskResult, parse_dead, parse_result};
use crate::record::TaskId;
use crate::session::{Fault, connected, fault, pause};

/// Results read at the same time.
const WINDOW: usize = 256;

/// The results and dead letters under a root. Each task comes once.
#[derive(Debug)]
pub struct Results {
    results: mpsc::Receiver<Result<TaskResult, Error>>,
    task: JoinHandle<()>,
}

impl Results {
    pub(crate) fn open(client: Client, layout: Layout) -> Results {
        let (tell, results) = mpsc::channel(WINDOW);
        let task = tokio::spawn(async move {
            let mut follower =
                Follower { client, layout, tell, seen: HashSet::new(), todo: VecDeque::new() };
            if let Err(error) = follower.run().await {
                // The receiver may be gone: then nobody wants to know.
                drop(follower.tell.send(Err(error)).await);
            }
        });
        Results { results, task }
    }

    /// The next result in no particular order; an error is the last item. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<TaskResult, Error>> {
        self.results.recv().await
    }
}

impl Stream for Results {
    type Item = Result<TaskResult, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.results.poll_recv(cx)
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A result, or a dead letter (true).
type Found = (TaskId, bool);
type Read = (Found, Result<Option<(Bytes, Stat)>, Error>);
type Reads = FuturesUnordered<Pin<Box<dyn Future<Output = Read> + Send>>>;

struct Follower {
    client: Client,
    layout: Layout,
    tell: mpsc::Sender<Result<TaskResult, Error>>,
    /// Told, or about to be: lists and events overlap, and a list repeats the past.
    seen: HashSet<TaskId>,
    todo: VecDeque<Found>,
}

impl Follower {
    /// Runs until the receiver is gone, or the session.
    async fn run(&mut self) -> Result<(), Error> {
        let mut round = 0;
        prepare(&self.client, &self.layout).await?;
        loop {
            match self.watch().await {
                Ok(()) => return Ok(()),
                Err(error) if fault(&error) == Fault::Connection => {
                    connected(&self.client).await?;
                    pause(round.min(3)).await;
                    round += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn watch(&mut self) -> Result<(), Error> {
        let mut states = self.client.states();
        states.mark_unchanged();
        let mode = AddWatchMode::PersistentRecursive;
        let mut done = self.client.add_watch(&self.layout.results(), mode).await?;
        let mut dead = self.client.add_watch(&self.layout.dead(), mode).await?;
        let mut reads = Reads::new();
        self.list().await?;
        loop {
            while reads.len() < WINDOW
                && let Some(found) = self.todo.pop_front()
            {
                reads.push(self.read(found));
            }
            tokio::select! {
                Some((found, outcome)) = reads.next() => {
                    match outcome {
                        Ok(Some((data, _))) => {
                            if self.tell(found, &data).await.is_err() {
                                return Ok(());
                            }
                        }
                        Ok(None) => { self.seen.remove(&found.0); }
                        Err(error) => {
                            self.put_back(found, reads).await;
                            return Err(error);
                        }
                    }
                }
                event = next(&mut done) => self.see(event),
                event = next(&mut dead) => self.see(event),
                changed = states.changed() => {
                    // A persistent watch tells nothing of the time without a connection.
                    if changed.is_err() {
                        return Ok(());
                    }
                    connected(&self.client).await?;
                    self.list().await?;
                }
                () = self.tell.closed() => return Ok(()),
            }
        }
    }

    /// After a broken connection: what was being read is read again later.
    async fn put_back(&mut self, first: Found, mut reads: Reads) {
        self.todo.push_back(first);
        while let Some((found, _)) = reads.next().await {
            self.todo.push_back(found);
        }
    }

    async fn list(&mut self) -> Result<(), Error> {
        let done = self.client.get_children(&self.layout.results());
        let dead = self.client.get_children(&self.layout.dead());
        let lists = [(done.await?.0, false), (dead.await?.0, true)];
        for (names, is_dead) in lists {
            let mut tasks: Vec<TaskId> =
                names.iter().filter_map(|name| TaskId::parse(name)).collect();
            tasks.sort_unstable();
            tasks.into_iter().for_each(|task| self.note(task, is_dead));
        }
        Ok(())
    }

    fn note(&mut self, task: TaskId, is_dead: bool) {
        if self.seen.insert(task.clone()) {
            self.todo.push_back((task, is_dead));
        }
    }

    fn see(&mut self, event: WatchEvent) {
        match (self.layout.place(&event.path), event.kind) {
            (Some(Place::Result(task)), EventKind::Created) => self.note(task, false),
            (Some(Place::Dead(task)), EventKind::Created) => self.note(task, true),
            (Some(Place::Result(task) | Place::Dead(task)), EventKind::Deleted) => {
                // Cleaned up: it cannot be listed again, so it need not be remembered.
                self.seen.remove(&task);
            }
            _ => {}
        }
    }

    fn read(&self, found: Found) -> Pin<Box<dyn Future<Output = Read> + Send>> {
        let path = match found.1 {
            false => self.layout.result(&found.0),
            true => self.layout.dead_letter(&found.0),
        };
        let pending = self.client.get(&path);
        Box::pin(async move { (found, present(pending.await)) })
    }

    async fn tell(&self, (task, is_dead): Found, data: &Bytes) -> Result<(), ()> {
        let result = if is_dead { parse_dead(task, data) } else { parse_result(task, data) };
        self.tell.send(Ok(result)).await.map_err(drop)
    }
}

/// The next event; never comes back once the watch has ended, which the session's state tells.
async fn next(watch: &mut Watch) -> WatchEvent {
    match watch.next().await {
        Some(event) => event,
        None => std::future::pending().await,
    }
}
