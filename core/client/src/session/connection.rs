//! One connection of a session: requests out in batches, answers and events in.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use pinfold_proto::records::ReplyHeader;
use pinfold_proto::{
    ErrorCode, EventType, FrameDecoder, OpCode, WatcherEvent, WatcherType, XID_AUTH,
    XID_NOTIFICATION, XID_PING, XID_SET_WATCHES, jute,
};
use tokio::time::{Instant, sleep_until};

use super::Session;
use crate::in_flight::{About, InFlight, Removal, Waiting};
use crate::shared::{Call, Completion};
use crate::stream::Stream;
use crate::watches::{WatchKey, WatchKind};
use crate::wire::{self, ReplyKind};
use crate::{Error, EventKind, Request, Response, WatchEvent, hosts};

/// Bytes that one read may bring.
const READ_CHUNK: usize = 64 * 1024;
/// Bytes that may wait to be written before more requests are encoded.
const WRITE_HIGH: usize = 1 << 20;
/// Longest silence of ours, as in ZooKeeper's client.
const PING_MAX: Duration = Duration::from_secs(10);

/// Why a connection ended.
pub(super) enum Lost {
    /// The session was closed on it.
    Closed,
    /// Who the client is was not believed, or is needed and was not said; with the reason where
    /// the server's code does not say it.
    AuthFailed(Option<String>),
    Broken(String),
}

/// An `AddAuth` of the caller; none for credentials that are only given again.
type Auth = Option<(String, Bytes, Completion)>;

/// What lives as long as a connection.
pub(super) struct Connection {
    stream: Stream,
    pub(super) in_flight: InFlight,
    /// Answers to auth packets come out of order with the others, but in order among themselves.
    pub(super) auths: VecDeque<Auth>,
    pub(super) out: BytesMut,
    input: BytesMut,
    /// Bytes written so far.
    pub(super) written: u64,
    last_sent: Instant,
    last_received: Instant,
    /// When the pings were sent that wait for their answers.
    pings: VecDeque<Instant>,
}

impl Connection {
    pub(super) fn new(stream: Stream, input: BytesMut, in_flight: InFlight) -> Connection {
        let now = Instant::now();
        Connection {
            stream,
            in_flight,
            auths: VecDeque::new(),
            out: BytesMut::new(),
            input,
            written: 0,
            last_sent: now,
            last_received: now,
            pings: VecDeque::new(),
        }
    }

    /// Writes as much as the socket takes.
    fn flush(&mut self) -> Result<(), Lost> {
        while !self.out.is_empty() {
            match self.stream.try_write(&self.out) {
                Ok(count) => {
                    self.out.advance(count);
                    self.written += count as u64;
                    self.last_sent = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(Lost::Broken(format!("writing failed: {error}"))),
            }
        }
        self.stream.push().map_err(|error| Lost::Broken(format!("writing failed: {error}")))
    }

    /// Reads what the socket has; false when there was nothing.
    fn fill(&mut self) -> Result<bool, Lost> {
        self.input.reserve(READ_CHUNK);
        match self.stream.try_read_buf(&mut self.input) {
            Ok(0) => Err(Lost::Broken("the server closed the connection".to_owned())),
            Ok(_) => {
                self.last_received = Instant::now();
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(Lost::Broken(format!("reading failed: {error}"))),
        }
    }
}

impl Session {
    /// Serves a connection until it ends.
    pub(super) async fn serve(&mut self, connection: &mut Connection) -> Lost {
        self.greet(connection);
        match self.converse(connection).await {
            Ok(never) => match never {},
            Err(lost) => lost,
        }
    }

    async fn converse(
        &mut self,
        connection: &mut Connection,
    ) -> Result<std::convert::Infallible, Lost> {
        let shared = self.shared.clone();
        let (ping_after, dead_after) = deadlines(shared.timeout());
        let mut timer = pin!(sleep_until(Instant::now() + ping_after));
        loop {
            if connection.out.len() < WRITE_HIGH {
                self.send_calls(connection);
            }
            connection.flush()?;
            let full = connection.out.len() >= WRITE_HIGH;
            tokio::select! {
                biased;
                () = timer.as_mut() => {
                    let dead_at = connection.last_received + dead_after;
                    if Instant::now() >= dead_at {
                        let silence = format!("the server was silent for {dead_after:?}");
                        return Err(Lost::Broken(silence));
                    }
                    if connection.last_sent.elapsed() >= ping_after {
                        wire::put_header(&mut connection.out, XID_PING, OpCode::Ping);
                        connection.pings.push_back(Instant::now());
                        connection.last_sent = Instant::now();
                    }
                    let next = dead_at.min(connection.last_sent + ping_after);
                    timer.as_mut().reset(next);
                }
                ready = connection.stream.ready(!connection.out.is_empty()) => {
                    let readable = ready.map_err(|error| Lost::Broken(error.to_string()))?;
                    // One piece at a time, so that answers that keep coming do not keep requests
                    // from going out.
                    if readable && connection.fill()? {
                        self.receive(connection)?;
                    }
                }
                () = shared.notify.notified(), if !full => {}
            }
        }
    }

    /// Encodes everything that waits in the queue.
    fn send_calls(&mut self, connection: &mut Connection) {
        let mut calls = std::mem::take(&mut self.calls);
        self.shared.take_calls(&mut calls);
        if !calls.is_empty() {
            let now = Instant::now();
            for call in calls.drain(..) {
                self.send(connection, call, now);
            }
            self.complete_local(connection);
        }
        self.calls = calls;
    }

    fn send(&mut self, connection: &mut Connection, call: Call, now: Instant) {
        let Call { request, completion, watch, remove } = call;
        if let Request::AddAuth { scheme, auth } = &request {
            connection.auths.push_back(Some((scheme.clone(), auth.clone(), completion)));
            wire::encode(&mut connection.out, XID_AUTH, "", &request);
            return;
        }
        let begins_at = connection.written + connection.out.len() as u64;
        let xid = self.xid();
        let mut waiting = Waiting {
            xid,
            kind: ReplyKind::Done,
            completion,
            about: About::Nothing,
            is_write: request.is_write(),
            is_close: request == Request::Close,
            watch: None,
            removal: None,
            local: None,
            begins_at,
            sent_at: now,
        };
        match remove {
            Some(key) => self.send_removal(connection, &mut waiting, key),
            None => {
                if let (Some(kind), Some(target)) = (watch_kind(&request), watch) {
                    let path = self.server_path(request.path().unwrap_or_default());
                    let path = self.watches.expect(kind, &path, target.key());
                    waiting.watch = Some((kind, path, target));
                }
                if let Request::RemoveAllWatches { path, kind } = &request {
                    waiting.removal = Some(self.leave_all(connection, *kind, path));
                }
                let chroot = &self.shared.hosts.chroot;
                waiting.kind = wire::encode(&mut connection.out, xid, chroot, &request);
                waiting.about = About::of(request);
            }
        }
        connection.in_flight.push_back(waiting);
    }

    /// Sends the removal of one watch, unless the server keeps its own for others.
    fn send_removal(&mut self, connection: &mut Connection, waiting: &mut Waiting, key: WatchKey) {
        let Some((kind, path, shared)) = self.watches.leave(key) else {
            waiting.local = Some(Err(Error::protocol(ErrorCode::NoWatcher)));
            return;
        };
        match shared {
            true => waiting.local = Some(Ok(Response::Done)),
            false => wire::put_removal(&mut connection.out, waiting.xid, kind, &path),
        }
        waiting.removal = Some(Removal::One(key, kind, path));
    }

    fn leave_all(
        &mut self,
        connection: &Connection,
        kind: WatcherType,
        caller_path: &str,
    ) -> Removal {
        let path = hosts::to_server(&self.shared.hosts.chroot, caller_path);
        let arming = connection.in_flight.iter().filter_map(|waiting| {
            let (armed, at, target) = waiting.watch.as_ref()?;
            let wanted = kind == WatcherType::Any || armed.watcher_type() == kind;
            (wanted && **at == *path).then(|| target.key())
        });
        self.watches.leave_all(kind, &path, arming);
        Removal::All(kind, path.as_ref().into())
    }

    /// Removes what an answered removal was about; false where there was nothing.
    pub(super) fn remove(&mut self, removal: &Removal) -> bool {
        match removal {
            Removal::One(key, kind, path) => {
                self.watches.remove(*key, *kind, path);
                true
            }
            Removal::All(kind, path) => {
                let caller_path = hosts::to_caller(&self.shared.hosts.chroot, path.to_string());
                self.watches.remove_all(*kind, path, &caller_path)
            }
        }
    }

    /// Completes requests at the head that need no server.
    fn complete_local(&mut self, connection: &mut Connection) {
        while connection.in_flight.front().is_some_and(|waiting| waiting.local.is_some()) {
            let Some(waiting) = connection.in_flight.pop_front() else { return };
            if let Some(removal) = &waiting.removal {
                self.remove(removal);
            }
            let result = waiting.local.unwrap_or(Ok(Response::Done));
            self.shared.complete(waiting.completion, result);
        }
    }

    /// Handles every whole frame that has come.
    fn receive(&mut self, connection: &mut Connection) -> Result<(), Lost> {
        let decoder = FrameDecoder { max: self.shared.options.max_reply };
        loop {
            let body = decoder.decode(&mut connection.input);
            match body.map_err(|error| Lost::Broken(error.to_string()))? {
                None => return Ok(()),
                Some(body) => self.handle(connection, &body)?,
            }
        }
    }

    fn handle(&mut self, connection: &mut Connection, body: &[u8]) -> Result<(), Lost> {
        let undecodable = |error| Lost::Broken(format!("an answer cannot be decoded: {error}"));
        let (header, body) = jute::from_bytes_prefix::<ReplyHeader>(body).map_err(undecodable)?;
        if header.err == ErrorCode::SessionClosedRequireSaslAuth.code() {
            let reason = "the server serves nobody who has not proved who it is";
            return Err(Lost::AuthFailed(Some(reason.to_owned())));
        }
        match header.xid {
            XID_NOTIFICATION => {
                let event = jute::from_bytes::<WatcherEvent>(body).map_err(undecodable)?;
                self.deliver(header.zxid, event);
                Ok(())
            }
            XID_PING => {
                if let Some(sent_at) = connection.pings.pop_front() {
                    self.shared.touch(sent_at);
                }
                Ok(())
            }
            XID_AUTH => self.authenticated(connection, header.err),
            XID_SET_WATCHES if header.err != 0 => {
                let error = Error::from_code(header.err);
                Err(Lost::Broken(format!("watches cannot be armed again: {error}")))
            }
            XID_SET_WATCHES => Ok(()),
            _ => self.answer(connection, header, body),
        }
    }

    fn deliver(&mut self, zxid: i64, event: WatcherEvent) {
        let Some(kind) = EventType::from_i32(event.kind) else { return };
        let told = match kind {
            EventType::None => return,
            EventType::NodeCreated => EventKind::Created,
            EventType::NodeDeleted => EventKind::Deleted,
            EventType::NodeDataChanged => EventKind::DataChanged,
            EventType::NodeChildrenChanged => EventKind::ChildrenChanged,
        };
        let path = hosts::to_caller(&self.shared.hosts.chroot, event.path.clone());
        self.watches.deliver(kind, &event.path, &WatchEvent { kind: told, path, zxid });
    }

    fn authenticated(&mut self, connection: &mut Connection, err: i32) -> Result<(), Lost> {
        if err != 0 {
            return Err(Lost::AuthFailed(None));
        }
        if let Some(Some((scheme, auth, completion))) = connection.auths.pop_front() {
            self.auth.push((scheme, auth));
            self.shared.complete(completion, Ok(Response::Done));
        }
        Ok(())
    }

    fn answer(
        &mut self,
        connection: &mut Connection,
        header: ReplyHeader,
        body: &[u8],
    ) -> Result<(), Lost> {
        let expected = connection.in_flight.front().map(|waiting| waiting.xid);
        if expected != Some(header.xid) {
            let xid = header.xid;
            return Err(Lost::Broken(format!("an answer to {xid}, expected one to {expected:?}")));
        }
        let Some(waiting) = connection.in_flight.pop_front() else { return Ok(()) };
        self.last_zxid = self.last_zxid.max(header.zxid);
        self.shared.touch(waiting.sent_at);
        if waiting.is_close {
            self.closers.push(waiting.completion);
            return Err(Lost::Closed);
        }
        let decoded = self.decode(&waiting, header.err, body);
        let result = match decoded {
            Ok(result) => result,
            Err(error) => {
                connection.in_flight.push_front(waiting);
                return Err(Lost::Broken(format!("an answer cannot be decoded: {error}")));
            }
        };
        self.arm(&waiting, &result);
        let result = waiting.with_paths(result);
        self.shared.complete(waiting.completion, result);
        self.complete_local(connection);
        Ok(())
    }

    fn decode(
        &self,
        waiting: &Waiting,
        err: i32,
        body: &[u8],
    ) -> Result<Result<Response, Error>, pinfold_proto::DecodeError> {
        if err == 0 {
            return wire::decode(waiting.kind, &self.shared.hosts.chroot, body);
        }
        if waiting.kind == ReplyKind::Exists && err == ErrorCode::NoNode.code() {
            return Ok(Ok(Response::Exists(None)));
        }
        Ok(Err(Error::from_code(err)))
    }

    /// Arms or removes what an answered request armed or removed.
    fn arm(&mut self, waiting: &Waiting, result: &Result<Response, Error>) {
        if let Some(removal) = &waiting.removal {
            self.remove(removal);
        }
        let Some((kind, path, target)) = &waiting.watch else { return };
        let kind = match result {
            Err(_) => return self.watches.fail(target.key()),
            Ok(Response::Exists(None)) => WatchKind::Exist,
            Ok(_) => *kind,
        };
        self.watches.add(kind, path.clone(), target.clone());
    }
}

/// The kind of watch that a request arms.
fn watch_kind(request: &Request) -> Option<WatchKind> {
    match request {
        Request::Exists { watch: true, .. } | Request::GetData { watch: true, .. } => {
            Some(WatchKind::Data)
        }
        Request::GetChildren { watch: true, .. } => Some(WatchKind::Child),
        Request::AddWatch { mode, .. } => Some(WatchKind::of(*mode)),
        _ => None,
    }
}

/// After how much silence of ours to ping, and of the server's to give the connection up.
fn deadlines(session_timeout: Duration) -> (Duration, Duration) {
    ((session_timeout / 3).min(PING_MAX), session_timeout * 2 / 3)
}
