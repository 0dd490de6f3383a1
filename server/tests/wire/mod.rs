//! A client of a few lines, for tests: blocking, without any state of its own beyond its xids.
//!
//! The tests start a server of ours, or go to the one that ZOOKEEPER_ADDRESS names, so that the
//! same expectations can be held against Apache ZooKeeper. Each test works below a node of its
//! own.
#![allow(dead_code, unreachable_pub)] // every test uses another part of it

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pinfold_proto::records::{
    AuthPacket, ConnectRequest, ConnectResponse, CreateRequest, CreateResponse, DeleteRequest,
    ExistsRequest, GetChildrenRequest, GetDataRequest, GetDataResponse, ReplyHeader, RequestHeader,
    SetDataRequest, StatResponse,
};
use pinfold_proto::{
    Acl, ErrorCode, FrameDecoder, MultiOp, MultiOpResult, MultiRequest, MultiResponse, OpCode,
    Stat, WatcherEvent, XID_AUTH, XID_NOTIFICATION, frame, jute,
};
use pinfold_server::{Config, Server};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Long enough for any machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a test works.
pub struct Target {
    pub address: String,
    pub is_ours: bool,
    /// A node of this test alone.
    pub root: String,
    pub server: Option<Server>,
}

impl Target {
    /// A server, and below it a node for this test.
    pub fn new() -> Target {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanos = nanos.unwrap().as_nanos();
        let target = match std::env::var("ZOOKEEPER_ADDRESS") {
            Ok(address) => Target { address, is_ours: false, root: String::new(), server: None },
            Err(_) => {
                let listen = "127.0.0.1:0".to_owned();
                let mut config = Config { listen, ..Config::default() };
                let properties = "-Dzookeeper.extendedTypesEnabled=true \
                     -Dzookeeper.enforceQuota=true \
                     -Dzookeeper.DigestAuthenticationProvider.superDigest=\
                     super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
                config.properties("test", properties).unwrap();
                let server = Server::builder().config(config).temporary_data_dir().start().unwrap();
                let address = server.address();
                Target { address, is_ours: true, root: String::new(), server: Some(server) }
            }
        };
        let root = format!("/test-{nanos}-{number}");
        Wire::connect(&target.address).create(&root, "");
        Target { root, ..target }
    }

    pub fn connect(&self) -> Wire {
        Wire::connect(&self.address)
    }

    /// A path below the test's own node.
    pub fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.root)
    }
}

/// One connection.
pub struct Wire {
    pub stream: TcpStream,
    pub session: ConnectResponse,
    input: BytesMut,
    next_xid: i32,
    /// Events in the order in which they came, with their zxid.
    pub events: Vec<(i64, WatcherEvent)>,
}

/// A reply's header and what follows it.
pub type Reply = (ReplyHeader, Bytes);

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

impl Wire {
    pub fn connect(address: &str) -> Wire {
        Wire::open(address, &handshake(10_000)).expect("a session")
    }

    /// `None` when the server closes without an answer.
    pub fn open(address: &str, request: &ConnectRequest) -> Option<Wire> {
        let mut wire = Wire::raw(address);
        let mut body = BytesMut::new();
        request.encode(&mut body);
        wire.send_frame(&body);
        let answer = wire.frame()?;
        wire.session = ConnectResponse::decode(&answer).unwrap();
        Some(wire)
    }

    /// A socket and nothing said yet.
    pub fn raw(address: &str) -> Wire {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let session = ConnectResponse {
            protocol_version: 0,
            timeout_ms: 0,
            session_id: 0,
            password: None,
            read_only: None,
        };
        let input = BytesMut::new();
        Wire { stream, session, input, next_xid: 1, events: Vec::new() }
    }

    /// The same session, on another connection.
    pub fn attach(&self, address: &str) -> Option<Wire> {
        let request = ConnectRequest {
            session_id: self.session.session_id,
            password: self.session.password.clone(),
            timeout_ms: self.session.timeout_ms,
            ..handshake(0)
        };
        Wire::open(address, &request)
    }

    /// A second handle of the socket, to write from another thread.
    pub fn sender(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub fn send_frame(&mut self, body: &[u8]) {
        self.send_bytes(&frame::frame(body));
    }

    /// The next frame, whatever it is; `None` at the end of the stream.
    pub fn frame(&mut self) -> Option<Bytes> {
        let decoder = FrameDecoder { max: 64 << 20 };
        loop {
            if let Some(frame) = decoder.decode(&mut self.input).unwrap() {
                return Some(frame);
            }
            let mut chunk = [0; 65_536];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The rest of the stream, as text.
    pub fn text(mut self) -> String {
        let mut text = Vec::new();
        let _ = self.stream.read_to_end(&mut text);
        String::from_utf8(text).unwrap()
    }

    /// The encoded request; not sent.
    pub fn encode<T: Serialize>(&mut self, op: OpCode, body: &T) -> (i32, Bytes) {
        self.encode_raw(op.code(), &jute::to_bytes(body))
    }

    pub fn encode_raw(&mut self, op: i32, body: &[u8]) -> (i32, Bytes) {
        let xid = self.next_xid;
        self.next_xid += 1;
        let mut out = BytesMut::new();
        frame::write(&mut out, |out| {
            jute::write(out, &RequestHeader { xid, op });
            out.extend_from_slice(body);
        });
        (xid, out.freeze())
    }

    pub fn send<T: Serialize>(&mut self, op: OpCode, body: &T) -> i32 {
        let (xid, bytes) = self.encode(op, body);
        self.send_bytes(&bytes);
        xid
    }

    pub fn send_raw(&mut self, op: i32, body: &[u8]) -> i32 {
        let (xid, bytes) = self.encode_raw(op, body);
        self.send_bytes(&bytes);
        xid
    }

    /// The next reply; events before it are kept. `None` at the end of the stream.
    pub fn reply(&mut self) -> Option<Reply> {
        loop {
            let frame = self.frame()?;
            let (header, rest) = jute::from_bytes_prefix::<ReplyHeader>(&frame).unwrap();
            let rest = frame.slice(frame.len() - rest.len()..);
            if header.xid != XID_NOTIFICATION {
                return Some((header, rest));
            }
            self.events.push((header.zxid, jute::from_bytes(&rest).unwrap()));
        }
    }

    /// Waits for an event that is not there yet.
    pub fn event(&mut self) -> WatcherEvent {
        let frame = self.frame().expect("an event");
        let (header, rest) = jute::from_bytes_prefix::<ReplyHeader>(&frame).unwrap();
        assert_eq!(header.xid, XID_NOTIFICATION);
        jute::from_bytes(rest).unwrap()
    }

    pub fn call_raw(&mut self, op: i32, body: &[u8]) -> Reply {
        let xid = self.send_raw(op, body);
        let reply = self.reply().expect("a reply");
        assert_eq!(reply.0.xid, xid, "replies come in the order of their requests");
        reply
    }

    pub fn call<T: Serialize>(&mut self, op: OpCode, body: &T) -> Reply {
        self.call_raw(op.code(), &jute::to_bytes(body))
    }

    /// The code of the reply.
    pub fn code<T: Serialize>(&mut self, op: OpCode, body: &T) -> ErrorCode {
        ErrorCode::from_i32(self.call(op, body).0.err).unwrap()
    }

    pub fn ask<T: Serialize, R: DeserializeOwned>(&mut self, op: OpCode, body: &T) -> R {
        let (header, rest) = self.call(op, body);
        assert_eq!(header.err, 0, "{op:?}: {:?}", ErrorCode::from_i32(header.err));
        jute::from_bytes(&rest).unwrap()
    }

    pub fn create(&mut self, path: &str, data: &str) -> String {
        self.ask::<_, CreateResponse>(OpCode::Create, &create(path, data, 0)).path
    }

    pub fn create_mode(&mut self, path: &str, flags: i32) -> String {
        self.ask::<_, CreateResponse>(OpCode::Create, &create(path, "", flags)).path
    }

    pub fn delete(&mut self, path: &str) {
        assert_eq!(self.code(OpCode::Delete, &delete(path, -1)), ErrorCode::Ok);
    }

    pub fn set(&mut self, path: &str, data: &str) -> Stat {
        self.ask::<_, StatResponse>(OpCode::SetData, &set(path, data, -1)).stat
    }

    pub fn get(&mut self, path: &str, watch: bool) -> (Option<Bytes>, Stat) {
        let request = GetDataRequest { path: path.into(), watch };
        let response: GetDataResponse = self.ask(OpCode::GetData, &request);
        (response.data, response.stat)
    }

    pub fn stat(&mut self, path: &str) -> Stat {
        let request = ExistsRequest { path: path.into(), watch: false };
        self.ask::<_, StatResponse>(OpCode::Exists, &request).stat
    }

    pub fn exists(&mut self, path: &str, watch: bool) -> ErrorCode {
        self.code(OpCode::Exists, &ExistsRequest { path: path.into(), watch })
    }

    pub fn watch_children(&mut self, path: &str) -> ErrorCode {
        self.code(OpCode::GetChildren, &GetChildrenRequest { path: path.into(), watch: true })
    }

    pub fn multi(&mut self, ops: Vec<MultiOp>) -> (ReplyHeader, Vec<MultiOpResult>) {
        let mut body = BytesMut::new();
        MultiRequest { ops }.encode(&mut body);
        let (header, rest) = self.call_raw(OpCode::Multi.code(), &body);
        (header, MultiResponse::decode(&rest).unwrap().results)
    }

    /// Adds credentials; the code of the answer, or `None` when the server just closes.
    pub fn auth(&mut self, scheme: &str, auth: &str) -> Option<ErrorCode> {
        let auth = Some(Bytes::copy_from_slice(auth.as_bytes()));
        let packet = AuthPacket { kind: 0, scheme: scheme.into(), auth };
        let mut body = BytesMut::new();
        jute::write(&mut body, &RequestHeader { xid: XID_AUTH, op: OpCode::Auth.code() });
        jute::write(&mut body, &packet);
        self.send_frame(&body);
        let (header, _) = self.reply()?;
        assert_eq!((header.xid, header.zxid), (XID_AUTH, 0));
        ErrorCode::from_i32(header.err)
    }

    /// The kinds and paths of the events so far, which are then forgotten.
    pub fn take_events(&mut self) -> Vec<(i32, String)> {
        self.events.drain(..).map(|(_, event)| (event.kind, event.path)).collect()
    }
}

pub fn create(path: &str, data: &str, flags: i32) -> CreateRequest {
    let data = Some(Bytes::copy_from_slice(data.as_bytes()));
    CreateRequest { path: path.into(), data, acl: Acl::open_unsafe(), flags }
}

pub fn delete(path: &str, version: i32) -> DeleteRequest {
    DeleteRequest { path: path.into(), version }
}

pub fn set(path: &str, data: &str, version: i32) -> SetDataRequest {
    let data = Some(Bytes::copy_from_slice(data.as_bytes()));
    SetDataRequest { path: path.into(), data, version }
}
