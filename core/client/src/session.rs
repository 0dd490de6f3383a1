//! The task that owns a session, across all of its connections.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pinfold_proto::records::{AuthPacket, ConnectRequest, ConnectResponse};
use pinfold_proto::{OpCode, XID_AUTH, XID_SET_WATCHES, frame};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::client::over;
use crate::in_flight::InFlight;
use crate::shared::{Call, Completion, Shared};
use crate::stream::Stream;
use crate::watches::{Watches, without_persistent};
use crate::{Error, ErrorCode, Request, Response, SessionState, SessionToken, hosts, sasl, wire};

mod backoff;
mod connection;
mod search;

use backoff::Backoff;
use connection::{Connection, Lost};

/// Longest answer to a handshake, bytes.
const MAX_HANDSHAKE: usize = 1024;

/// The session's state that outlives a connection.
pub(crate) struct Session {
    shared: Arc<Shared>,
    watches: Watches,
    /// Credentials to give at every connection.
    auth: Vec<(String, Bytes)>,
    /// Highest zxid of an answer.
    last_zxid: i64,
    next_xid: i32,
    /// Index of the next host to try.
    next_host: usize,
    /// Whoever waits for the close, told after everybody else.
    closers: Vec<Completion>,
    /// Why the client could not prove who it is.
    auth_failure: Option<String>,
    /// Room for calls on their way, kept for its capacity.
    calls: Vec<Call>,
    /// The session is of a read-only server, and no other one knows it.
    provisional: bool,
}

/// How an attempt to connect ended.
enum Attempt {
    /// With what has come behind the handshake.
    Served(Stream, BytesMut),
    /// The server says that the session is over.
    Refused,
    /// The client cannot prove who it is, for this reason; it would be the same everywhere.
    AuthFailed(String),
    Failed,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Session {
        let auth = shared.options.auth.clone();
        let next_host = shared.random(shared.hosts.addresses.len());
        Session {
            shared,
            watches: Watches::default(),
            auth,
            last_zxid: 0,
            next_xid: 1,
            next_host,
            closers: Vec::new(),
            auth_failure: None,
            calls: Vec::new(),
            provisional: false,
        }
    }

    /// Lives until the session is over, then tells everybody.
    pub(crate) async fn run(mut self) {
        let state = self.live().await;
        for call in self.shared.end(self.over(state)) {
            if call.request == Request::Close {
                self.closers.push(call.completion);
            } else {
                let error = match call.request.path() {
                    Some(path) => self.over(state).with_path(path),
                    None => self.over(state),
                };
                self.shared.complete(call.completion, Err(error));
            }
        }
        self.watches.clear();
        self.shared.set_state(state);
        for closer in self.closers.drain(..) {
            self.shared.complete(closer, Ok(Response::Done));
        }
        if let Some(sink) = &self.shared.sink {
            sink.closed();
        }
    }

    /// Connects and serves, again and again; returns the final state.
    async fn live(&mut self) -> SessionState {
        let mut backoff = Backoff::new(self.shared.hosts.addresses.len());
        // A session to go on with may be as old as its timeout.
        self.shared.touch(Instant::now());
        loop {
            let Some(attempt) = self.unless_over(Session::attempt).await else {
                return self.over_state();
            };
            match attempt {
                Attempt::Refused => return SessionState::Expired,
                Attempt::Failed => {}
                Attempt::AuthFailed(reason) => {
                    self.auth_failure = Some(reason);
                    return SessionState::AuthFailed;
                }
                Attempt::Served(stream, input) => {
                    backoff.reset();
                    let mut connection = Connection::new(stream, input, InFlight::new());
                    match self.serve_best(&mut connection).await {
                        Lost::Closed => {
                            self.fail(&mut connection, Some(SessionState::Closed));
                            return SessionState::Closed;
                        }
                        Lost::AuthFailed(reason) => {
                            self.auth_failure = reason;
                            return self.auth_failed(&mut connection);
                        }
                        Lost::Broken(reason) => {
                            self.shared.set_failure(reason);
                            self.suspend(&mut connection);
                        }
                    }
                    if self.shared.is_closing() {
                        // What is left of the session ends with its timeout.
                        return SessionState::Closed;
                    }
                }
            }
            let pause = backoff.next(|bound| self.shared.random(bound));
            let waited = self.unless_over(async move |_: &mut Session| sleep(pause).await).await;
            if waited.is_none() {
                return self.over_state();
            }
        }
    }

    /// Runs `work` unless the caller closes or the session's time is up first.
    async fn unless_over<T>(&mut self, work: impl AsyncFnOnce(&mut Session) -> T) -> Option<T> {
        let shared = self.shared.clone();
        // As ZooKeeper's client does: the server may have been slow to notice.
        let token = shared.token().filter(|_| !self.provisional);
        let expires = token.map(|_| shared.last_contact() + shared.timeout() * 4 / 3);
        let work = pin!(work(self));
        tokio::select! {
            biased;
            () = closing(&shared) => None,
            () = until(expires) => None,
            result = work => Some(result),
        }
    }

    /// Why [`Session::unless_over`] gave up.
    fn over_state(&self) -> SessionState {
        if self.shared.is_closing() { SessionState::Closed } else { SessionState::Expired }
    }

    /// Tries the next host.
    async fn attempt(&mut self) -> Attempt {
        let addresses = &self.shared.hosts.addresses;
        let address = addresses[self.next_host % addresses.len()].clone();
        self.next_host = (self.next_host + 1) % addresses.len();
        // A host that swallows packets must leave the others time before the session expires.
        let share = self.shared.timeout() / u32::try_from(addresses.len()).unwrap_or(1);
        let limit = share.min(self.shared.options.connect_timeout).max(Duration::from_secs(1));
        match timeout(limit, self.handshake(&address)).await {
            Ok(Ok(attempt)) => attempt,
            Ok(Err(error)) => {
                self.shared.set_failure(format!("{address}: {error}"));
                Attempt::Failed
            }
            Err(_) => {
                self.shared.set_failure(format!("{address}: no answer within {limit:?}"));
                Attempt::Failed
            }
        }
    }

    async fn handshake(&mut self, address: &str) -> std::io::Result<Attempt> {
        let shared = self.shared.clone();
        let mut stream =
            Stream::connect(address, shared.connector.as_ref(), shared.options.world.as_deref())
                .await?;
        let mut input = BytesMut::new();
        let token = shared.token().filter(|_| !self.provisional);
        let wanted = shared.options.session_timeout.as_millis();
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: self.last_zxid,
            timeout_ms: i32::try_from(wanted).unwrap_or(i32::MAX),
            session_id: token.map_or(0, |token| token.id),
            password: Some(Bytes::copy_from_slice(&token.map_or([0; 16], |token| token.password))),
            read_only: Some(shared.options.read_only),
        };
        let mut out = BytesMut::new();
        frame::write(&mut out, |out| request.encode(out));
        let sent_at = Instant::now();
        stream.write_all(&out).await?;
        let body = stream.read_frame(&mut input, MAX_HANDSHAKE).await?;
        let response = ConnectResponse::decode(&body).map_err(std::io::Error::other)?;
        if response.timeout_ms <= 0 {
            return Ok(Attempt::Refused);
        }
        let mut password = [0; 16];
        let given = response.password.unwrap_or_default();
        let length = given.len().min(16);
        password[..length].copy_from_slice(&given[..length]);
        let token = SessionToken { id: response.session_id, password };
        let timeout = Duration::from_millis(u64::from(response.timeout_ms.unsigned_abs()));
        let is_read_only = response.read_only == Some(true);
        self.provisional = is_read_only && request.session_id == 0;
        shared.set_session(token, timeout);
        shared.touch(sent_at);
        if let Some(sasl) = &shared.options.sasl {
            let xids = [self.xid(), self.xid()];
            match sasl::authenticate(sasl, &mut stream, &mut input, xids).await {
                Ok(()) => {}
                Err(sasl::Failure::Broken(error)) => return Err(error),
                Err(sasl::Failure::Refused(reason)) => return Ok(Attempt::AuthFailed(reason)),
            }
        }
        shared.set_state(match is_read_only {
            true => SessionState::ReadOnly,
            false => SessionState::Connected,
        });
        Ok(Attempt::Served(stream, input))
    }

    /// Serves a connection until it ends, or until there is a better server than a read-only one.
    async fn serve_best(&mut self, connection: &mut Connection) -> Lost {
        let shared = self.shared.clone();
        if *shared.state.borrow() != SessionState::ReadOnly {
            return self.serve(connection).await;
        }
        let count = shared.hosts.addresses.len();
        let current = (self.next_host + count - 1) % count;
        tokio::select! {
            biased;
            lost = self.serve(connection) => lost,
            found = search::writable(&shared, current) => {
                self.next_host = found;
                Lost::Broken("a server was found that takes writes".to_owned())
            }
        }
    }

    /// What a new connection is told before anything else: credentials and watches.
    fn greet(&mut self, connection: &mut Connection) {
        for (scheme, auth) in &self.auth {
            let record = AuthPacket { kind: 0, scheme: scheme.clone(), auth: Some(auth.clone()) };
            wire::put(&mut connection.out, XID_AUTH, OpCode::Auth, &record);
            connection.auths.push_back(None);
        }
        for batch in self.watches.rearm(self.last_zxid) {
            match without_persistent(&batch) {
                Some(old) => {
                    wire::put(&mut connection.out, XID_SET_WATCHES, OpCode::SetWatches, &old);
                }
                None => {
                    wire::put(&mut connection.out, XID_SET_WATCHES, OpCode::SetWatches2, &batch);
                }
            }
        }
    }

    /// Fails what was under way on a broken connection.
    fn suspend(&mut self, connection: &mut Connection) {
        self.shared.set_state(SessionState::Suspended);
        self.fail(connection, None);
    }

    /// The error of calls on the session in a final state.
    fn over(&self, state: SessionState) -> Error {
        match (state, &self.auth_failure) {
            (SessionState::AuthFailed, Some(reason)) => Error::new(ErrorCode::AuthFailed, reason),
            _ => over(state),
        }
    }

    fn auth_failed(&mut self, connection: &mut Connection) -> SessionState {
        self.fail(connection, Some(SessionState::AuthFailed));
        SessionState::AuthFailed
    }

    /// Completes everything under way: as lost, or with the error of a final state.
    fn fail(&mut self, connection: &mut Connection, state: Option<SessionState>) {
        for (_, _, completion) in connection.auths.drain(..).flatten() {
            let error = match state {
                Some(state) => self.over(state),
                None => Error::protocol(ErrorCode::ConnectionLoss),
            };
            self.shared.complete(completion, Err(error));
        }
        for mut waiting in connection.in_flight.drain(..) {
            if waiting.is_close {
                self.closers.push(waiting.completion);
                continue;
            }
            if let Some((_, _, target)) = &waiting.watch {
                self.watches.fail(target.key());
            }
            if let (Some(removal), None) = (&waiting.removal, state) {
                // The server's watches go with the connection; ours are not armed again.
                waiting.local = Some(match self.remove(removal) {
                    true => Ok(Response::Done),
                    false => Err(waiting.about(Error::protocol(ErrorCode::NoWatcher))),
                });
            }
            let result = waiting.local.take().unwrap_or_else(|| match state {
                Some(state) => Err(waiting.about(self.over(state))),
                None => Err(waiting.lost(connection.written)),
            });
            self.shared.complete(waiting.completion, result);
        }
    }

    fn xid(&mut self) -> i32 {
        let xid = self.next_xid;
        self.next_xid = if xid == i32::MAX { 1 } else { xid + 1 };
        xid
    }

    fn server_path(&self, path: &str) -> String {
        hosts::to_server(&self.shared.hosts.chroot, path).into_owned()
    }
}

/// Returns when the caller has asked for the close.
async fn closing(shared: &Shared) {
    while !shared.is_closing() {
        shared.notify.notified().await;
    }
    // The permit is the queue's; whoever reads the queue next must find it.
    shared.notify.notify_one();
}

/// Returns at the instant; never without one.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
