//! One connection of a program: what it has asked, and what it must therefore hear.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pinfold_proto::records::{ConnectRequest, ConnectResponse, ReplyHeader};
use pinfold_proto::{FrameDecoder, OpCode, XID_NOTIFICATION, XID_PING, frame, jute};

use super::program::Step;

/// Whoever waits longer than this waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a client may ask for with a record, each of which is answered whatever the record.
const ANSWERED: [OpCode; 23] = [
    OpCode::Create,
    OpCode::Delete,
    OpCode::Exists,
    OpCode::GetData,
    OpCode::SetData,
    OpCode::GetAcl,
    OpCode::SetAcl,
    OpCode::GetChildren,
    OpCode::Sync,
    OpCode::Ping,
    OpCode::GetChildren2,
    OpCode::Multi,
    OpCode::Create2,
    OpCode::Reconfig,
    OpCode::CheckWatches,
    OpCode::RemoveWatches,
    OpCode::CreateContainer,
    OpCode::CreateTtl,
    OpCode::MultiRead,
    OpCode::SetWatches,
    OpCode::GetEphemerals,
    OpCode::SetWatches2,
    OpCode::AddWatch,
];

/// A session and what it takes to take it over.
#[derive(Clone)]
pub(super) struct Session {
    id: i64,
    password: Option<Bytes>,
}

impl Session {
    pub(super) fn is(&self, other: &Session) -> bool {
        self.id == other.id
    }
}

pub(super) struct Client {
    stream: TcpStream,
    input: BytesMut,
    output: BytesMut,
    session: Session,
    next_xid: i32,
    /// The xids of the replies that have to come, in this order.
    expected: VecDeque<i32>,
    /// The connection may end now, with or without the replies that are outstanding.
    may_end: bool,
    has_ended: bool,
    has_closed: bool,
}

fn open(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// A connection that says something and goes away.
pub(super) fn stray(address: &str, bytes: &[u8]) {
    let _ = open(address).write_all(bytes);
}

impl Client {
    /// `None` when the server closes, which it may not do for a new session.
    pub(super) fn connect(
        address: &str,
        timeout_ms: i32,
        read_only: Option<bool>,
    ) -> Option<Client> {
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: 0,
            timeout_ms,
            session_id: 0,
            password: Some(Bytes::from_static(&[0; 16])),
            read_only,
        };
        let client = Client::shake_hands(address, &request).expect("everybody gets a session");
        assert!(client.session.id != 0, "everybody gets a session");
        Some(client)
    }

    /// `None` when the server refuses.
    pub(super) fn take_over(address: &str, session: &Session, wrong: bool) -> Option<Client> {
        let mut password = session.password.clone();
        if wrong {
            password = Some(Bytes::from_static(&[1; 16]));
        }
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: 0,
            timeout_ms: 10_000,
            session_id: session.id,
            password,
            read_only: Some(false),
        };
        let client = Client::shake_hands(address, &request)?;
        assert!(!wrong || client.session.id == 0, "a password protects");
        (client.session.id == session.id).then_some(client)
    }

    fn shake_hands(address: &str, request: &ConnectRequest) -> Option<Client> {
        let mut client = Client {
            stream: open(address),
            input: BytesMut::new(),
            output: BytesMut::new(),
            session: Session { id: 0, password: None },
            next_xid: 0,
            expected: VecDeque::new(),
            may_end: false,
            has_ended: false,
            has_closed: false,
        };
        let mut body = BytesMut::new();
        request.encode(&mut body);
        client.send(&frame::frame(&body));
        client.flush();
        let answer = ConnectResponse::decode(&client.frame()?).expect("an answer to a handshake");
        assert_eq!(answer.read_only.is_some(), request.read_only.is_some());
        client.session = Session { id: answer.session_id, password: answer.password };
        Some(client)
    }

    pub(super) fn session(&self) -> Session {
        self.session.clone()
    }

    pub(super) fn has_closed(&self) -> bool {
        self.has_closed
    }

    /// From now on the connection may end.
    pub(super) fn expect_end(&mut self) {
        self.may_end = true;
    }

    pub(super) fn perform(&mut self, step: &Step) {
        match step {
            Step::Request { request, .. } => {
                let (op, body) = request.encode();
                self.ask(op.code(), &body);
            }
            Step::Mangled { op, body, .. } => {
                let op = ANSWERED[usize::from(*op) % ANSWERED.len()];
                self.ask(op.code(), body);
            }
            Step::Unknown { op, body, .. } => {
                self.ask(*op, body);
                // Credentials that prove nothing end the connection.
                self.may_end |= *op == OpCode::Auth.code();
            }
            Step::Frame { body, .. } => {
                // There is no telling what this asks for.
                self.may_end = true;
                self.expected.clear();
                self.has_closed = true;
                self.send(&frame::frame(body));
            }
            Step::Raw { bytes, .. } => {
                self.may_end = true;
                self.expected.clear();
                self.has_closed = true;
                self.send(bytes);
            }
            Step::Wait { .. } => self.wait(),
            _ => {}
        }
    }

    fn ask(&mut self, op: i32, body: &[u8]) {
        let known = OpCode::from_i32(op);
        // Nothing is read behind these.
        let ends = !known.is_some_and(|op| ANSWERED.contains(&op) || op == OpCode::WhoAmI)
            && known != Some(OpCode::Auth);
        self.next_xid += 1;
        let xid = match known {
            Some(OpCode::Ping) => XID_PING,
            _ => self.next_xid,
        };
        let mut out = BytesMut::new();
        frame::write(&mut out, |out| {
            jute::write(out, &pinfold_proto::records::RequestHeader { xid, op });
            out.extend_from_slice(body);
        });
        if !self.may_end {
            self.expected.push_back(xid);
        }
        self.send(&out);
        self.may_end |= ends;
        self.has_closed |= ends;
    }

    /// Goes out with what comes behind it, so that the server gets it at once.
    fn send(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Sends what has been said so far.
    pub(super) fn flush(&mut self) {
        let bytes = self.output.split();
        if !self.has_ended && self.stream.write_all(&bytes).is_err() {
            assert!(self.may_end, "the server closed a connection without need");
        }
    }

    /// Reads every reply that has to come.
    fn wait(&mut self) {
        self.flush();
        while let Some(xid) = self.expected.front().copied() {
            match self.reply() {
                Some(header) => {
                    assert_eq!(header.xid, xid, "replies come in the order of their requests");
                    self.expected.pop_front();
                }
                None => {
                    assert!(self.may_end, "the server closed a connection without need");
                    self.expected.clear();
                }
            }
        }
    }

    /// Everything that was asked is answered, and nothing else comes.
    pub(super) fn finish(&mut self) {
        self.wait();
        if !self.may_end && !self.has_ended {
            self.ask(OpCode::Ping.code(), &[]);
            self.wait();
            self.ask(OpCode::CloseSession.code(), &[]);
            self.wait();
            assert!(self.reply().is_none(), "nothing comes behind the end of a session");
        }
    }

    fn reply(&mut self) -> Option<ReplyHeader> {
        loop {
            let frame = self.frame()?;
            let (header, _) = jute::from_bytes_prefix::<ReplyHeader>(&frame).expect("a header");
            if header.xid != XID_NOTIFICATION {
                return Some(header);
            }
        }
    }

    /// `None` at the end of the stream.
    fn frame(&mut self) -> Option<Bytes> {
        let decoder = FrameDecoder { max: 64 << 20 };
        loop {
            if let Some(frame) = decoder.decode(&mut self.input).expect("the server's frames") {
                return Some(frame);
            }
            let mut chunk = [0; 16_384];
            match self.stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                Err(error) => panic!("no answer: {error}"),
            }
        }
        self.has_ended = true;
        None
    }
}
