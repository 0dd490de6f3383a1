//! A session on a connection: requests with their numbers, replies and events in their order.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pinfold_proto::records::{ConnectRequest, ConnectResponse, ReplyHeader, RequestHeader};
use pinfold_proto::{ErrorCode, OpCode, WatcherEvent, XID_NOTIFICATION, jute};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Ended, Socket};

/// A reply: its header and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The number of the request that it answers.
    pub xid: i32,
    /// The last zxid of the server.
    pub zxid: i64,
    /// 0, or ZooKeeper's number of an error.
    pub err: i32,
    /// The record behind the header; empty with most errors.
    pub body: Bytes,
}

impl Reply {
    /// The error as one of those that ZooKeeper has.
    pub fn code(&self) -> Option<ErrorCode> {
        ErrorCode::from_i32(self.err)
    }

    /// The record behind the header.
    ///
    /// # Errors
    /// The body is something else; the text says what is wrong with it.
    pub fn record<T: DeserializeOwned>(&self) -> Result<T, String> {
        jute::from_bytes(&self.body).map_err(|error| format!("{error} in {:02x?}", &self.body[..]))
    }
}

/// A session of a server, on one connection. Dropping it leaves the session to its timeout.
#[derive(Debug)]
pub struct Session {
    /// The connection.
    pub socket: Socket,
    /// What the server said to the handshake.
    pub granted: ConnectResponse,
    /// Events that came, with the zxid of their headers, in order. Take them out as you like.
    pub events: VecDeque<(i64, WatcherEvent)>,
    next_xid: i32,
}

/// The usual handshake for a new session.
pub fn handshake(timeout_ms: i32) -> ConnectRequest {
    ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: 0,
        timeout_ms,
        session_id: 0,
        password: Some(Bytes::from_static(&[0; 16])),
        read_only: Some(false),
    }
}

impl Session {
    /// Connects and asks for a session.
    ///
    /// # Errors
    /// Nobody answers, or the server closes the connection instead. A session that is refused in
    /// words is no error: look at [`Session::is_granted`].
    pub fn open(
        address: &str,
        request: &ConnectRequest,
        patience: Duration,
    ) -> Result<Session, Ended> {
        let mut socket = Socket::connect(address, patience)
            .map_err(|error| Ended::Broken(format!("{address}: {error}")))?;
        let mut body = BytesMut::new();
        request.encode(&mut body);
        socket.send_frame(&body)?;
        let answer = socket.frame()?;
        let granted = ConnectResponse::decode(&answer)
            .map_err(|error| Ended::Broken(format!("the answer to the handshake: {error}")))?;
        Ok(Session { socket, granted, events: VecDeque::new(), next_xid: 1 })
    }

    /// The handshake that takes this session over with another connection.
    pub fn takeover(&self) -> ConnectRequest {
        ConnectRequest {
            session_id: self.granted.session_id,
            password: self.granted.password.clone(),
            ..handshake(self.granted.timeout_ms)
        }
    }

    /// False when the server has refused the session in words.
    pub fn is_granted(&self) -> bool {
        self.granted.session_id != 0 && self.granted.timeout_ms > 0
    }

    /// The session's id.
    pub fn id(&self) -> i64 {
        self.granted.session_id
    }

    /// The bytes of a request and its number, for sending by hand or several at once.
    pub fn encode(&mut self, op: i32, body: &[u8]) -> (i32, Bytes) {
        let xid = self.next_xid;
        self.next_xid += 1;
        (xid, encode(xid, op, body))
    }

    /// Sends a request; its number.
    ///
    /// # Errors
    /// As [`Socket::send`].
    pub fn send(&mut self, op: OpCode, record: &impl Serialize) -> Result<i32, Ended> {
        self.send_raw(op.code(), &jute::to_bytes(record))
    }

    /// The same with any operation and any bytes.
    ///
    /// # Errors
    /// As [`Socket::send`].
    pub fn send_raw(&mut self, op: i32, body: &[u8]) -> Result<i32, Ended> {
        let (xid, bytes) = self.encode(op, body);
        self.socket.send(&bytes)?;
        Ok(xid)
    }

    /// The next reply. Events that come before it are kept in [`Session::events`].
    ///
    /// # Errors
    /// As [`Socket::frame`].
    pub fn reply(&mut self) -> Result<Reply, Ended> {
        loop {
            let frame = self.socket.frame()?;
            if let Some(reply) = self.sort(&frame)? {
                return Ok(reply);
            }
        }
    }

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    /// As [`Socket::frame`]; a reply to something else is one too.
    pub fn call(&mut self, op: OpCode, record: &impl Serialize) -> Result<Reply, Ended> {
        self.call_raw(op.code(), &jute::to_bytes(record))
    }

    /// The same with any operation and any bytes.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub fn call_raw(&mut self, op: i32, body: &[u8]) -> Result<Reply, Ended> {
        let xid = self.send_raw(op, body)?;
        let reply = self.reply()?;
        match reply.xid == xid {
            true => Ok(reply),
            false => Err(Ended::Broken(format!("request {xid} was answered as {}", reply.xid))),
        }
    }

    /// The next event.
    ///
    /// # Errors
    /// As [`Socket::frame`]; a reply is one too.
    pub fn event(&mut self) -> Result<(i64, WatcherEvent), Ended> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let frame = self.socket.frame()?;
            if let Some(reply) = self.sort(&frame)? {
                return Err(Ended::Broken(format!("not an event but the reply {reply:?}")));
            }
        }
    }

    fn sort(&mut self, frame: &Bytes) -> Result<Option<Reply>, Ended> {
        let broken = |error| Ended::Broken(format!("{error} in {:02x?}", &frame[..]));
        let (header, rest) = jute::from_bytes_prefix::<ReplyHeader>(frame).map_err(broken)?;
        if header.xid == XID_NOTIFICATION {
            let event = jute::from_bytes(rest).map_err(broken)?;
            self.events.push_back((header.zxid, event));
            return Ok(None);
        }
        let body = frame.slice(frame.len() - rest.len()..);
        Ok(Some(Reply { xid: header.xid, zxid: header.zxid, err: header.err, body }))
    }
}

/// A request as it goes over the wire, length included.
pub fn encode(xid: i32, op: i32, body: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(8 + body.len());
    jute::write(&mut out, &RequestHeader { xid, op });
    out.extend_from_slice(body);
    Bytes::from(pinfold_proto::frame::frame(&out).to_vec())
}
