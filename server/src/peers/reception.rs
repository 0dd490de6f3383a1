//! Where other servers come in.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use pinfold_replication::NodeId;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::peers::hello::{Answer, Hello};
use crate::peers::{Formation, Frame};
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
    pub(crate) pipeline: Sender<Message>,
}

/// Lets servers in until it is dropped.
pub(crate) async fn receive(reception: Arc<Reception>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((socket, address)) => {
                let reception = reception.clone();
                tokio::spawn(async move {
                    if let Err(error) = reception.converse(socket).await {
                        tracing::debug!(%address, %error, "a peer's connection has ended");
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
    async fn converse(&self, mut socket: TcpStream) -> std::io::Result<()> {
        socket.set_nodelay(true)?;
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
        loop {
            while let Some(frame) = Frame::decode(&mut input).map_err(std::io::Error::other)? {
                let message = Message::Peer { from: hello.from, frame };
                if self.pipeline.send(message).is_err() {
                    return Ok(());
                }
            }
            input.reserve(64 << 10);
            if socket.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
        }
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
