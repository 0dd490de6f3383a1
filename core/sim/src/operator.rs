//! An operator at work: adds and removes servers by `reconfig`, over connections of its own.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pinfold_proto::records::{AuthPacket, ConnectRequest, ReconfigRequest, RequestHeader};
use pinfold_proto::{FrameDecoder, OpCode, XID_AUTH, XID_PING, frame, jute};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep, timeout};

use crate::network::{End, Place};

/// `super:test`, as the servers' settings name it.
pub(crate) const SUPER: &str =
    "DigestAuthenticationProvider.superDigest=super:D/InIHSb7yEEbrWz8b9l71RjZJU=";

/// Servers that are asked for one change before it is left alone.
const TRIES: u64 = 6;
/// How long one of them has for its answer.
const PATIENCE: Duration = Duration::from_secs(15);
const TIMEOUT_MS: i32 = 6000;

/// What is to become of a server.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Join { server: u64, is_observer: bool },
    Leave { server: u64 },
}

impl Change {
    fn request(&self) -> ReconfigRequest {
        let (joining, leaving) = match self {
            Change::Join { server, is_observer } => {
                let role = if *is_observer { "observer" } else { "participant" };
                let line = format!("server.{server}=n{server}:2888:3888:{role};n{server}:2181");
                (Some(line), None)
            }
            Change::Leave { server } => (None, Some(server.to_string())),
        };
        ReconfigRequest { joining, leaving, members: None, config_version: -1 }
    }
}

/// Does what it is told, one after the other; each at one server after the other until there is
/// an answer. Whether the answer is the right one is for others to say.
pub(crate) async fn work(place: Place, servers: u64, mut changes: UnboundedReceiver<Change>) {
    while let Some(change) = changes.recv().await {
        for attempt in 0..TRIES {
            let server = 1 + attempt % servers;
            match timeout(PATIENCE, ask(&place, server, &change)).await {
                Ok(Ok(())) => break,
                Ok(Err(_)) | Err(_) => sleep(Duration::from_millis(300)).await,
            }
        }
    }
}

/// Asks one server, and waits for its answer.
async fn ask(place: &Place, server: u64, change: &Change) -> io::Result<()> {
    let mut wire = Wire { end: place.connect(&format!("n{server}:2181")).await?, xid: 0 };
    let hello = ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: 0,
        timeout_ms: TIMEOUT_MS,
        session_id: 0,
        password: Some(Bytes::from_static(&[0; 16])),
        read_only: Some(false),
    };
    let mut first = BytesMut::new();
    frame::write(&mut first, |out| hello.encode(out));
    wire.end.write_all(&first).await?;
    let mut input = BytesMut::new();
    wire.receive(&mut input).await?;
    let auth = AuthPacket { kind: 0, scheme: "digest".to_owned(), auth: Some("super:test".into()) };
    wire.send(XID_AUTH, OpCode::Auth, &auth).await?;
    wire.receive(&mut input).await?;
    wire.xid += 1;
    wire.send(wire.xid, OpCode::Reconfig, &change.request()).await?;
    loop {
        tokio::select! {
            biased;
            answer = wire.receive(&mut input) => return answer,
            () = sleep(Duration::from_millis(1000)) => {}
        }
        wire.send(XID_PING, OpCode::Ping, &()).await?;
    }
}

struct Wire {
    end: End,
    xid: i32,
}

impl Wire {
    async fn send<T: Serialize>(&mut self, xid: i32, op: OpCode, body: &T) -> io::Result<()> {
        let mut out = BytesMut::new();
        frame::write(&mut out, |out| {
            jute::write(out, &RequestHeader { xid, op: op.code() });
            jute::write(out, body);
        });
        self.end.write_all(&out).await
    }

    /// Waits for a frame, whatever it says.
    async fn receive(&mut self, input: &mut BytesMut) -> io::Result<()> {
        let frames = FrameDecoder { max: 1 << 20 };
        loop {
            match frames.decode(input) {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => {}
                Err(error) => return Err(io::Error::other(error)),
            }
            if self.end.read_buf(input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
