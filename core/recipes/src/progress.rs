//! How far the work on a task is, as a stream for the one who submitted it.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use pinfold_client::{Client, Error, Stat, Watch};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::layout::Layout;
use crate::record::{ProgressHead, TaskId, decode};
use crate::session::{NO_NODE, connected, patiently};

/// What a worker said about a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskProgress {
    /// The task.
    pub task: TaskId,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// Who said it.
    pub worker: String,
    /// When, by the worker's clock; milliseconds since 1970.
    pub at_ms: i64,
    /// What it said.
    pub data: Bytes,
}

/// The progress of one task. Only the latest counts: what was written over before it was
/// fetched, and what was written just before the end, may not come.
#[derive(Debug)]
pub struct Progress {
    items: mpsc::Receiver<Result<TaskProgress, Error>>,
    task: JoinHandle<()>,
}

impl Progress {
    pub(crate) fn open(client: Client, layout: Layout, task: TaskId) -> Progress {
        // One item, and it is read only when there is room for it: so it is the latest.
        let (tell, items) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            let follower = Follower { client, layout, task };
            if let Err(error) = follower.run(&tell).await {
                // The receiver may be gone: then nobody wants to know.
                drop(tell.send(Err(error)).await);
            }
        });
        Progress { items, task }
    }

    /// The next progress; `None` once the task has come to its end. An error is the last item.
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<TaskProgress, Error>> {
        self.items.recv().await
    }
}

impl Stream for Progress {
    type Item = Result<TaskProgress, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.items.poll_recv(cx)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Follower {
    client: Client,
    layout: Layout,
    task: TaskId,
}

impl Follower {
    /// Runs until the task's end, the session's, or until the receiver is gone.
    async fn run(&self, tell: &mpsc::Sender<Result<TaskProgress, Error>>) -> Result<(), Error> {
        let mut told = None;
        let mut ended = pin!(self.ended());
        loop {
            let Ok(room) = tell.reserve().await else { return Ok(()) };
            let next = tokio::select! {
                ended = &mut ended => return ended,
                next = self.later_than(&mut told) => next?,
                () = tell.closed() => return Ok(()),
            };
            room.send(Ok(next));
        }
    }

    /// The first progress that was not told yet.
    async fn later_than(&self, told: &mut Option<(i64, i64)>) -> Result<TaskProgress, Error> {
        loop {
            let (found, mut watch) = patiently(&self.client, || self.look()).await?;
            if let Some((data, stat)) = found {
                let place = (stat.czxid, stat.mzxid);
                if told.replace(place) != Some(place)
                    && let Ok((head, data)) = decode::<ProgressHead>(&data)
                {
                    let ProgressHead { attempt, worker, at } = head;
                    let task = self.task.clone();
                    return Ok(TaskProgress { task, attempt, worker, at_ms: at, data });
                }
            }
            if watch.next().await.is_none() {
                connected(&self.client).await?;
            }
        }
    }

    /// What there is, and a watch that fires with the next one.
    async fn look(&self) -> Result<(Option<(Bytes, Stat)>, Watch), Error> {
        let path = self.layout.progress_of(&self.task);
        loop {
            match self.client.get_watch(&path).await {
                Ok((data, stat, watch)) => return Ok((Some((data, stat)), watch)),
                Err(error) if error.code() != NO_NODE => return Err(error),
                Err(_) => {}
            }
            if let (None, watch) = self.client.exists_watch(&path).await? {
                return Ok((None, watch));
            }
        }
    }

    /// Resolves when the task has come to its end.
    async fn ended(&self) -> Result<(), Error> {
        let (done, dead) = (self.layout.result(&self.task), self.layout.dead_letter(&self.task));
        loop {
            let look = || async {
                let looks = (self.client.exists_watch(&done), self.client.exists_watch(&dead));
                Ok((looks.0.await?, looks.1.await?))
            };
            let ((done, mut done_watch), (dead, mut dead_watch)) =
                patiently(&self.client, look).await?;
            if done.is_some() || dead.is_some() {
                return Ok(());
            }
            let event = tokio::select! {
                event = done_watch.next() => event,
                event = dead_watch.next() => event,
            };
            if event.is_none() {
                connected(&self.client).await?;
            }
        }
    }
}
