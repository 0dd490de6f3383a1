//! The way to one other server.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};

use crate::config::Member;
use crate::environment::Socket;
use crate::peers::hello::{Answer, Hello};
use crate::peers::{Frame, Road};
use crate::pipeline::Message;

/// Most bytes that wait for a link; what is above is dropped, as if the link had lost it. Not so
/// the entries of clients, of which there are no more than may be outstanding: a leader takes none
/// behind one that is missing.
const MAX_WAITING: usize = 256 << 20;
/// A peer that does not answer the first words within this time is tried again.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause before a link is tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// Frames are gathered to about this many bytes for one write.
const GATHER: usize = 256 << 10;

/// A way to one other server; dropping it ends its task.
#[derive(Debug)]
pub(crate) struct Link {
    queue: UnboundedSender<Frame>,
    waiting: Arc<AtomicUsize>,
}

impl Link {
    /// Makes the link and keeps it up; the pipeline is told. Needs a runtime.
    pub(crate) fn keep(
        hello: Hello,
        peer: Member,
        pipeline: UnboundedSender<Message>,
        road: Road,
    ) -> Link {
        let (queue, frames) = unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let waiting_too = waiting.clone();
        let keeper = Keeper { hello, peer, pipeline, road, frames, waiting: waiting_too };
        tokio::spawn(keeper.run());
        Link { queue, waiting }
    }

    /// Appends a frame, or drops it when too much waits already.
    pub(crate) fn send(&self, frame: Frame) {
        let weight = frame.weight();
        let is_full = self.waiting.load(Ordering::Relaxed) + weight > MAX_WAITING;
        if is_full && !matches!(frame, Frame::Forward(_)) {
            return;
        }
        self.waiting.fetch_add(weight, Ordering::Relaxed);
        let _ = self.queue.send(frame);
    }
}

struct Keeper {
    hello: Hello,
    peer: Member,
    pipeline: UnboundedSender<Message>,
    road: Road,
    frames: UnboundedReceiver<Frame>,
    waiting: Arc<AtomicUsize>,
}

impl Keeper {
    async fn run(mut self) {
        let (mut was_up, mut last_error) = (false, String::new());
        loop {
            match self.connect().await {
                Ok(socket) => {
                    tracing::info!(peer = self.peer.id, "link is up");
                    last_error.clear();
                    // What waited meanwhile is out of date; the receiver of this repeats the rest.
                    self.drop_waiting();
                    was_up = true;
                    if self.pipeline.send(Message::LinkUp(self.peer.id)).is_err() {
                        return;
                    }
                    if self.carry(socket).await.is_none() {
                        return;
                    }
                    tracing::info!(peer = self.peer.id, "link is down");
                }
                Err(error) => {
                    if was_up && error.kind() == io::ErrorKind::ConnectionRefused {
                        was_up = false;
                        if self.pipeline.send(Message::LinkDown(self.peer.id)).is_err() {
                            return;
                        }
                    }
                    let text = error.to_string();
                    if text != last_error {
                        let address = self.peer.peer_address();
                        tracing::info!(peer = self.peer.id, "no link to {address}: {text}");
                        last_error = text;
                    }
                    self.drop_waiting();
                    if self.frames.is_closed() {
                        return;
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn connect(&self) -> io::Result<Socket> {
        let reach = async {
            let mut socket = self.road.connect(&self.peer).await?;
            self.hello.send(&mut socket).await?;
            let answer = Answer::receive(&mut socket).await?;
            match answer {
                Answer::Welcome => Ok(socket),
                Answer::New => Err(other("it belongs to no ensemble yet".to_owned())),
                Answer::Formed(theirs) => Err(other(format!(
                    "it belongs to another ensemble: {:016x}, not {:016x}",
                    theirs.cluster, self.hello.cluster
                ))),
                Answer::Mistaken { asked } => Err(other(format!("it is server {asked}"))),
            }
        };
        timeout(PATIENCE, reach).await.unwrap_or_else(|_| Err(other("no answer".to_owned())))
    }

    /// Carries frames until the link breaks; `None` when there will be no more.
    async fn carry(&mut self, socket: Socket) -> Option<()> {
        let mut out = BytesMut::new();
        let (mut input, mut output) = tokio::io::split(socket);
        loop {
            let frame = tokio::select! {
                biased;
                // The peer says nothing here: this is the end of the link.
                _ = input.read_u8() => return Some(()),
                frame = self.frames.recv() => frame?,
            };
            let mut weight = frame.weight();
            frame.encode(&mut out);
            while out.len() < GATHER
                && let Ok(frame) = self.frames.try_recv()
            {
                weight += frame.weight();
                frame.encode(&mut out);
            }
            self.waiting.fetch_sub(weight, Ordering::Relaxed);
            // Not as vectors, which would raise SIGPIPE when the peer has gone. TLS may have to be
            // flushed.
            if output.write_all(&out).await.is_err() || output.flush().await.is_err() {
                return Some(());
            }
            out.clear();
        }
    }

    fn drop_waiting(&mut self) {
        while let Ok(frame) = self.frames.try_recv() {
            self.waiting.fetch_sub(frame.weight(), Ordering::Relaxed);
        }
    }
}

fn other(text: String) -> io::Error {
    io::Error::other(text)
}
