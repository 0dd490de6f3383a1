//! Where other servers come in.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::BytesMut;
use pinfold_replication::{NodeId, StoreError};
use pinfold_storage::SnapshotStore;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use crate::environment::{Listener, Socket};
use crate::peers::hello::{Answer, Hello};
use crate::peers::snapshot::Arrival;
use crate::peers::{Formation, Frame, Road};
use crate::pipeline::Message;
use crate::shared::lock;

/// Whoever says nothing for this long after coming in is sent away.
const PATIENCE: Duration = Duration::from_secs(5);

/// What callers are told and where their frames go.
#[derive(Debug)]
pub(crate) struct Reception {
    pub(crate) id: NodeId,
    /// The cluster of this server, once it belongs to one.
    pub(crate) formation: Mutex<Option<Formation>>,
    /// Where the leader's snapshots are put, likewise.
    pub(crate) snapshots: OnceLock<SnapshotStore>,
    pub(crate) pipeline: UnboundedSender<Message>,
    pub(crate) road: Road,
}

/// Lets servers in until it is dropped.
pub(crate) async fn receive(reception: Arc<Reception>, listener: Listener) {
    loop {
        match listener.accept().await {
            Ok((socket, address)) => {
                let reception = reception.clone();
                tokio::spawn(async move {
                    if let Err(error) = reception.converse(socket).await {
                        tracing::info!(%address, %error, "a peer's connection has ended");
                    }
                });
            }
            Err(error) => {
                tracing::error!(%error, "cannot accept a peer");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

impl Reception {
    async fn converse(&self, socket: Socket) -> std::io::Result<()> {
        let mut socket = self.road.accept(socket).await?;
        let hello = match timeout(PATIENCE, Hello::receive(&mut socket)).await {
            Ok(hello) => hello?,
            Err(_) => return Ok(()),
        };
        let answer = self.answer(hello);
        answer.send(&mut socket).await?;
        if answer != Answer::Welcome {
            return Ok(());
        }
        let mut input = BytesMut::with_capacity(64 << 10);
        let mut arrival = Arrival::default();
        loop {
            while let Some(frame) = Frame::decode(&mut input).map_err(std::io::Error::other)? {
                let Some(frame) = self.store(&mut arrival, frame).map_err(std::io::Error::other)?
                else {
                    continue;
                };
                let is_announced = matches!(frame, Frame::Announced(_));
                let message = Message::Peer { from: hello.from, frame };
                if self.pipeline.send(message).is_err() {
                    return Ok(());
                }
                if is_announced {
                    Answer::Welcome.send(&mut socket).await?;
                }
            }
            input.reserve(64 << 10);
            if socket.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Writes what belongs to a snapshot; gives back what is for the pipeline.
    fn store(&self, arrival: &mut Arrival, frame: Frame) -> Result<Option<Frame>, StoreError> {
        // The disk makes this task's thread wait; the others go on.
        self.road.environment.here(|| match &frame {
            Frame::Offer(offer) => match self.snapshots.get() {
                Some(store) => arrival.begin(store, offer).map(|()| None),
                None => Err(StoreError::message("a snapshot came too soon")),
            },
            Frame::Block(block) => arrival.add(block).map(|()| None),
            Frame::Announced(_) => arrival.finish().map(|()| Some(frame)),
            _ => Ok(Some(frame)),
        })
    }

    fn answer(&self, hello: Hello) -> Answer {
        if hello.to != self.id {
            return Answer::Mistaken { asked: self.id };
        }
        match &*lock(&self.formation) {
            None => Answer::New,
            Some(formation) if formation.cluster == hello.cluster => Answer::Welcome,
            Some(formation) => Answer::Formed(formation.clone()),
        }
    }
}
