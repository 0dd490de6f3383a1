//! Who leads, as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pinfold_client::{AddWatchMode, Error, EventKind, WatchEvent};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::election::{Leader, leader_of};
use crate::layout::create_all;
use crate::line::Line;
use crate::session::{self, Fault, connected, fault};

/// The leaders of an election, one after the other; `None` while there is none. Ends with the
/// session. Changes that follow each other fast may be skipped, the latest never is.
#[derive(Debug)]
pub struct Observer {
    leaders: mpsc::Receiver<Option<Leader>>,
    task: JoinHandle<()>,
}

impl Observer {
    /// The next change; the first call gives who leads now. Cancel-safe.
    pub async fn next(&mut self) -> Option<Option<Leader>> {
        self.leaders.recv().await
    }
}

impl Stream for Observer {
    type Item = Option<Leader>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.leaders.poll_recv(cx)
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn observe(line: Line) -> Observer {
    let (tell, leaders) = mpsc::channel(16);
    let task = tokio::spawn(async move {
        let outcome = follow(&line, &tell).await;
        if let Err(error) = outcome {
            tracing::debug!(%error, path = line.path, "observer ends");
        }
    });
    Observer { leaders, task }
}

async fn follow(line: &Line, tell: &mpsc::Sender<Option<Leader>>) -> Result<(), Error> {
    let Line { client, path, .. } = line;
    let mut round = 0;
    let mut watch = loop {
        let armed = async {
            create_all(client, path).await?;
            client.add_watch(path, AddWatchMode::PersistentRecursive).await
        };
        match armed.await {
            Err(error) if fault(&error) == Fault::Connection => connected(client).await?,
            outcome => break outcome?,
        }
        session::pause(round).await;
        round += 1;
    };
    let mut states = client.states();
    let mut known: Option<Option<Leader>> = None;
    loop {
        states.mark_unchanged();
        match leader_of(line).await {
            Ok(leader) => {
                if known.as_ref() != Some(&leader) {
                    if tell.send(leader.clone()).await.is_err() {
                        return Ok(());
                    }
                    known = Some(leader);
                }
            }
            Err(error) if fault(&error) == Fault::Connection => {
                connected(client).await?;
                continue;
            }
            Err(error) => return Err(error),
        }
        loop {
            let leader = known.as_ref().and_then(Option::as_ref);
            tokio::select! {
                event = watch.next() => match event {
                    Some(event) if concerns(&event, leader) => break,
                    Some(_) => {}
                    None => return connected(client).await,
                },
                changed = states.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    // A persistent watch tells nothing of the time without a connection.
                    connected(client).await?;
                    break;
                }
                () = tell.closed() => return Ok(()),
            }
        }
    }
}

/// Does the event change who leads? Candidates that come behind the leader do not.
fn concerns(event: &WatchEvent, leader: Option<&Leader>) -> bool {
    match leader {
        None => event.kind == EventKind::Created,
        Some(leader) => event.path == leader.candidate && event.kind != EventKind::Created,
    }
}
