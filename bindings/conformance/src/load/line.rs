//! One session on a socket of its own.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Poll, ready};

use bytes::{Bytes, BytesMut};
use pinfold_proto::records::{ConnectRequest, ConnectResponse, ReplyHeader, RequestHeader};
use pinfold_proto::{ErrorCode, FrameDecoder, OpCode, XID_NOTIFICATION, frame, jute};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

use super::Failure;

const MAX_FRAME: usize = 64 << 20;
const SESSION_TIMEOUT_MS: i32 = 40_000;
const SCRATCH_BYTES: usize = 64 << 10;
/// Ports of one address are few, and each is of no use for a while after its connection.
const ADDRESSES: u32 = 200;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A session that is open.
pub(super) struct Line {
    socket: TcpStream,
    input: BytesMut,
    output: BytesMut,
    next_xid: i32,
}

/// What came from the server.
pub(super) struct Reply {
    pub(super) xid: i32,
    pub(super) error: ErrorCode,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn is_event(&self) -> bool {
        self.xid == XID_NOTIFICATION
    }
}

impl Line {
    /// Opens a session. `number` spreads lines over the addresses of the loopback.
    pub(super) async fn open(server: SocketAddr, number: usize) -> Result<Line, Failure> {
        let connecting = async {
            let socket = TcpSocket::new_v4()?;
            if server.ip().is_loopback() {
                let host = 1 + number as u32 % ADDRESSES;
                let own = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) - 1 + host);
                socket.bind(SocketAddr::from((own, 0)))?;
            }
            // A port that is free again at once: whoever closes here has heard all it wants.
            socket.set_zero_linger()?;
            socket.set_nodelay(true)?;
            socket.connect(server).await
        };
        let socket = connecting.await.map_err(Failure::system("connecting"))?;
        let (input, output) = (BytesMut::new(), BytesMut::new());
        let mut line = Line { socket, input, output, next_xid: 1 };
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: 0,
            timeout_ms: SESSION_TIMEOUT_MS,
            session_id: 0,
            password: Some(Bytes::from_static(&[0; 16])),
            read_only: Some(false),
        };
        frame::write(&mut line.output, |out| request.encode(out));
        line.flush().await?;
        let answer = loop {
            match line.take()? {
                Some(answer) => break answer,
                None => line.more("a handshake", 1).await?,
            }
        };
        let broken = |error: pinfold_proto::DecodeError| Failure::Broken(error.to_string());
        match ConnectResponse::decode(&answer).map_err(broken)?.timeout_ms {
            ..=0 => Err(Failure::Refused("a handshake", ErrorCode::SessionExpired)),
            _ => Ok(line),
        }
    }

    /// Appends a request; its xid.
    pub(super) fn request(&mut self, op: OpCode, body: &impl Serialize) -> i32 {
        self.request_with(op, |out| jute::write(out, body))
    }

    /// Appends a request whose body is written by `body`; its xid.
    pub(super) fn request_with(&mut self, op: OpCode, body: impl FnOnce(&mut BytesMut)) -> i32 {
        let xid = self.next_xid;
        self.next_xid = self.next_xid.checked_add(1).unwrap_or(1);
        frame::write(&mut self.output, |out| {
            jute::write(out, &RequestHeader { xid, op: op.code() });
            body(out);
        });
        xid
    }

    /// Sends what has been appended.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        let sent = self.socket.write_all(&self.output).await;
        self.output.clear();
        sent.map_err(Failure::system("sending"))
    }

    /// Reads once. `missing` replies are due. Ten thousand sessions share the room to read into.
    pub(super) async fn more(
        &mut self,
        place: &'static str,
        missing: usize,
    ) -> Result<(), Failure> {
        let (socket, input) = (&mut self.socket, &mut self.input);
        if input.is_empty() {
            *input = BytesMut::new();
        }
        let read = std::future::poll_fn(|context| {
            SCRATCH.with_borrow_mut(|scratch| {
                scratch.resize(SCRATCH_BYTES, 0);
                let mut room = ReadBuf::new(scratch);
                let read = ready!(Pin::new(&mut *socket).poll_read(context, &mut room));
                input.extend_from_slice(room.filled());
                Poll::Ready(read.map(|()| room.filled().len()))
            })
        });
        match read.await.map_err(Failure::system("reading"))? {
            0 => Err(Failure::Ended { missing, place }),
            _ => Ok(()),
        }
    }

    fn take(&mut self) -> Result<Option<Bytes>, Failure> {
        let decoder = FrameDecoder { max: MAX_FRAME };
        decoder.decode(&mut self.input).map_err(|error| Failure::Broken(error.to_string()))
    }

    /// The next reply or event that has come whole.
    pub(super) fn next(&mut self) -> Result<Option<Reply>, Failure> {
        let Some(frame) = self.take()? else { return Ok(None) };
        let decoded = jute::from_bytes_prefix::<ReplyHeader>(&frame);
        let (header, rest) = decoded.map_err(|error| Failure::Broken(error.to_string()))?;
        let body = frame.slice(frame.len() - rest.len()..);
        let error = ErrorCode::from_i32(header.err);
        let error = error.ok_or_else(|| Failure::Broken(format!("error {}", header.err)))?;
        Ok(Some(Reply { xid: header.xid, error, body }))
    }

    /// Waits for the next reply or event.
    pub(super) async fn wait(&mut self, place: &'static str) -> Result<Reply, Failure> {
        loop {
            match self.next()? {
                Some(reply) => return Ok(reply),
                None => self.more(place, 1).await?,
            }
        }
    }

    /// Waits for the reply to `xid`, which is the only one on its way.
    pub(super) async fn answer(&mut self, xid: i32, place: &'static str) -> Result<Reply, Failure> {
        let reply = self.wait(place).await?;
        if reply.xid != xid {
            return Err(Failure::Misplaced { wanted: xid, found: reply.xid });
        }
        Ok(reply)
    }

    /// Sends one request and waits for its success.
    pub(super) async fn call(
        &mut self,
        op: OpCode,
        body: &impl Serialize,
        doing: &'static str,
    ) -> Result<Reply, Failure> {
        let xid = self.request(op, body);
        self.flush().await?;
        let reply = self.answer(xid, doing).await?;
        match reply.error {
            ErrorCode::Ok => Ok(reply),
            error => Err(Failure::Refused(doing, error)),
        }
    }

    /// Closes the session.
    pub(super) async fn close(mut self) -> Result<(), Failure> {
        let xid = self.request_with(OpCode::CloseSession, |_| {});
        self.flush().await?;
        loop {
            let reply = self.wait("a close").await?;
            match reply.error {
                _ if reply.is_event() => {}
                ErrorCode::Ok if reply.xid == xid => return Ok(()),
                ErrorCode::Ok => {
                    return Err(Failure::Misplaced { wanted: xid, found: reply.xid });
                }
                error => return Err(Failure::Refused("a close", error)),
            }
        }
    }
}
