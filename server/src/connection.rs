//! One client's connection: requests in, answers and events out, each in order.

mod batch;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::{Bytes, BytesMut};
use pinfold_proto::{ErrorCode, FrameDecoder, Id};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::authentication;
use crate::config::Limits;
use crate::environment::{Fault, Socket};
use crate::handshake;
use crate::listener::{self, Door};
use crate::pipeline::{Message, Submission};
use crate::reader;
use crate::reply;
use crate::request::{Decoder, Ordered, Read, Request, RequestBody};
use crate::sasl::{Exchange, Step};
use crate::sessions::Activity;
use crate::shared::{Shared, lock};
use crate::statistics::{Answer, Traffic};
use batch::Batch;

/// What the answer to a read is expected to weigh before the first one is known.
const FIRST_GUESS: usize = 16 << 10;
/// Most bytes of identities of one connection; each of its writes carries them into the log.
const AUTH_BYTES: usize = 16 << 10;
/// Most bytes taken from a socket at once.
const READ_BYTES: usize = 64 << 10;

/// What the connection's own task, the pipeline and the watchers share of one connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: u64,
    pub(crate) peer: SocketAddr,
    served: OnceLock<Served>,
    /// Nothing is done for it any more. Changes under the lock of the watches.
    retired: AtomicBool,
    auth: Mutex<Arc<Vec<Id>>>,
    output: Mutex<Output>,
    /// Requests that the pipeline has yet to answer, and their bytes.
    submitted: AtomicUsize,
    submitted_bytes: AtomicUsize,
    /// What the next answer to a read may weigh, going by the last ones.
    answer_guess: AtomicUsize,
    output_ready: Notify,
    room: Notify,
    killed: Notify,
    pub(crate) traffic: Traffic,
}

/// The session of a connection, from its handshake on.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) session_id: i64,
    /// Which of the session's connections this is; later ones have later numbers.
    pub(crate) attachment: u32,
    pub(crate) activity: Arc<Activity>,
    /// It has reads alone, and the log knows nothing of it.
    pub(crate) read_only: bool,
}

#[derive(Debug, Default)]
struct Output {
    bytes: BytesMut,
    last: bool,
    /// More than this may not be left unread.
    limit: usize,
    overrun: bool,
}

impl Connection {
    /// A client that leaves more than `unread_bytes` unread is cut off; its session stays, and it
    /// can come back.
    pub(crate) fn new(
        id: u64,
        peer: SocketAddr,
        auth: Vec<Id>,
        unread_bytes: usize,
        wall_ms: i64,
    ) -> Connection {
        let output = Output { limit: unread_bytes, ..Output::default() };
        Connection {
            id,
            peer,
            served: OnceLock::new(),
            retired: AtomicBool::new(false),
            auth: Mutex::new(Arc::new(auth)),
            output: Mutex::new(output),
            submitted: AtomicUsize::new(0),
            submitted_bytes: AtomicUsize::new(0),
            answer_guess: AtomicUsize::new(FIRST_GUESS),
            output_ready: Notify::new(),
            room: Notify::new(),
            killed: Notify::new(),
            traffic: Traffic::new(wall_ms),
        }
    }

    /// The session served here; `None` before the handshake.
    pub(crate) fn served(&self) -> Option<&Served> {
        self.served.get()
    }

    /// The id of the session served here; 0 before the handshake.
    pub(crate) fn session_id(&self) -> i64 {
        self.served.get().map_or(0, |served| served.session_id)
    }

    /// Whether it has ended. To be asked while the watches are held.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// Ties the connection to its session.
    pub(crate) fn begin_session(&self, served: Served) {
        let _ = self.served.set(served);
    }

    /// Whether it is served reads alone.
    pub(crate) fn is_read_only(&self) -> bool {
        self.served.get().is_some_and(|served| served.read_only)
    }

    /// The session's timeout in milliseconds; 0 before the handshake.
    pub(crate) fn timeout_ms(&self) -> i32 {
        self.served.get().map_or(0, |served| served.activity.timeout_ms())
    }

    /// The identities that requests on this connection have now.
    pub(crate) fn auth(&self) -> Arc<Vec<Id>> {
        lock(&self.auth).clone()
    }

    /// Adds identities; false when the connection would have too many bytes of them.
    pub(crate) fn add_auth(&self, ids: &[Id]) -> bool {
        let mut auth = lock(&self.auth);
        let all = Arc::make_mut(&mut auth);
        for id in ids {
            if !all.contains(id) {
                all.push(id.clone());
            }
        }
        all.iter().map(|id| id.scheme.len() + id.id.len()).sum::<usize>() <= AUTH_BYTES
    }

    /// Appends to the output. Say [`Connection::flush`] afterwards.
    pub(crate) fn append(&self, write: impl FnOnce(&mut BytesMut)) {
        let mut output = lock(&self.output);
        if output.last {
            return;
        }
        write(&mut output.bytes);
        let overrun = output.bytes.len() > output.limit;
        output.overrun |= overrun;
        drop(output);
        if overrun {
            tracing::warn!(peer = %self.peer, "the client does not read; its connection is closed");
            self.kill();
        }
    }

    /// Nothing is appended any more; the connection ends when everything has gone out.
    pub(crate) fn append_last(&self, write: impl FnOnce(&mut BytesMut)) {
        let mut output = lock(&self.output);
        if !output.last {
            write(&mut output.bytes);
            output.last = true;
        }
    }

    /// Lets the connection's task send what has been appended.
    pub(crate) fn flush(&self) {
        self.output_ready.notify_one();
    }

    /// Ends the connection at once. Nothing is answered any more: an earlier request may have
    /// been dropped, and its client must not take a later answer for one that comes in order.
    pub(crate) fn kill(&self) {
        lock(&self.output).last = true;
        self.killed.notify_one();
    }

    /// A request that the pipeline had was answered, or dropped.
    pub(crate) fn ordered_done(&self, bytes: usize) {
        self.submitted_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.submitted.fetch_sub(1, Ordering::Release);
    }

    /// True when every request so far has been answered, so that a read may be answered here.
    fn is_caught_up(&self) -> bool {
        self.submitted.load(Ordering::Acquire) == 0
    }

    /// Appends the answer to a read, and remembers its size.
    pub(crate) fn append_answer(&self, write: impl FnOnce(&mut BytesMut)) {
        let mut size = 0;
        self.append(|out| {
            let before = out.len();
            write(out);
            size = out.len() - before;
        });
        let guess = self.answer_guess.load(Ordering::Relaxed);
        self.answer_guess.store(size.max(guess / 8 * 7), Ordering::Relaxed);
    }

    fn is_backlogged(&self, limits: &Limits) -> bool {
        let output = lock(&self.output).bytes.len();
        self.submitted_bytes.load(Ordering::Relaxed) + output > limits.connection_bytes
    }

    /// Appends an error, behind which the connection ends.
    pub(crate) fn refuse(&self, xid: i32, zxid: i64, error: ErrorCode) {
        let zxid = match error {
            ErrorCode::AuthFailed | ErrorCode::SessionClosedRequireSaslAuth => 0,
            ErrorCode::Unimplemented => -1,
            _ => zxid,
        };
        self.append_last(|out| reply::header(out, xid, zxid, error));
    }

    /// Likewise, in the middle of a SASL exchange.
    pub(crate) fn refuse_sasl(&self, xid: i32, error: ErrorCode) {
        self.append_last(|out| reply::sasl_failure(out, xid, error));
    }

    /// True when something waits to be sent.
    pub(crate) fn has_output(&self) -> bool {
        !lock(&self.output).bytes.is_empty()
    }

    /// Frames have come, `bytes` of them in all.
    pub(crate) fn count_received(&self, shared: &Shared, frames: u64, bytes: u64) {
        self.traffic.received.add(frames);
        shared.statistics.received.add(frames);
        shared.statistics.received_bytes.add(bytes);
    }

    /// Answers or events have been appended.
    pub(crate) fn count_sent(&self, shared: &Shared, frames: u64) {
        self.traffic.sent.add(frames);
        shared.statistics.sent.add(frames);
    }
}

/// Serves a socket until it ends. Runs as one task.
pub(crate) async fn serve(shared: Arc<Shared>, stream: Socket, peer: SocketAddr, door: Door) {
    let id = shared.next_connection_id();
    let auth = authentication::initial(&shared.config, peer.ip());
    let unread_bytes = shared.config.limits.unread_bytes;
    let connection =
        Arc::new(Connection::new(id, peer, auth, unread_bytes, shared.environment.wall_ms()));
    lock(&shared.connections).insert(id, connection.clone());
    {
        let served = listener::enter(&shared, &connection, stream, door);
        tokio::pin!(served);
        tokio::select! {
            biased;
            () = &mut served => {}
            () = connection.killed.notified() => {}
        }
        retire(&shared, &connection);
    }
    if lock(&connection.output).overrun {
        shared.statistics.slow_clients_closed.add(1);
    }
    let _ = shared.pipeline().send(Message::Gone(connection));
}

/// Nothing is done for the connection any more. To be called before its socket is closed: whoever
/// sees the end of the connection finds its watches gone.
fn retire(shared: &Shared, connection: &Connection) {
    lock(&shared.connections).remove(&connection.id);
    let mut watches = lock(&shared.watches);
    // What the pipeline still has of it may arm watches later: it looks here first.
    connection.retired.store(true, Ordering::Relaxed);
    watches.forget(connection.id);
}

/// Lets the client speak until it ends.
pub(crate) async fn converse<R, W>(
    shared: &Shared,
    connection: &Arc<Connection>,
    input: R,
    output: W,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let decoder = Decoder {
        ttl_enabled: shared.config.extended_types,
        reconfig_enabled: shared.config.reconfig_enabled,
        schemes: shared.gate.schemes,
    };
    let input = Input {
        socket: input,
        buffer: BytesMut::with_capacity(4096),
        connection: connection.clone(),
        decoder,
        frames: FrameDecoder { max: shared.config.limits.frame_bytes },
        ending: false,
        sasl: Exchange::default(),
        pipeline: shared.pipeline(),
    };
    let (writing, reading) = (write_loop(shared, connection, output), input.run(shared));
    tokio::pin!(writing, reading);
    tokio::select! {
        biased;
        () = &mut writing => {}
        () = &mut reading => {}
    }
    retire(shared, connection);
}

async fn write_loop(shared: &Shared, connection: &Connection, mut socket: impl AsyncWrite + Unpin) {
    loop {
        connection.output_ready.notified().await;
        loop {
            let (bytes, last) = {
                let mut output = lock(&connection.output);
                (output.bytes.split(), output.last)
            };
            if bytes.is_empty() && last {
                retire(shared, connection);
                let _ = socket.shutdown().await;
                return;
            }
            if bytes.is_empty() {
                break;
            }
            // Not as vectors: the system call for those raises SIGPIPE when the client has gone,
            // which ends a C program that has this server inside. TLS may have to be flushed.
            if socket.write_all(&bytes).await.is_err() || socket.flush().await.is_err() {
                return;
            }
            connection.room.notify_one();
        }
        connection.room.notify_one();
    }
}

pub(crate) struct Input<R> {
    socket: R,
    pub(crate) buffer: BytesMut,
    pub(crate) connection: Arc<Connection>,
    pub(crate) frames: FrameDecoder,
    decoder: Decoder,
    ending: bool,
    sasl: Exchange,
    pub(crate) pipeline: UnboundedSender<Message>,
}

/// Why no more frames are taken for now.
enum Flow {
    /// The next one is not whole yet.
    Starved,
    /// Too much waits for this connection already.
    Backlogged,
    /// The connection is to end.
    Over,
}

impl<R: AsyncRead + Unpin> Input<R> {
    /// Ends when the client does, or when nothing more may be read from it.
    async fn run(mut self, shared: &Shared) {
        if handshake::receive(&mut self, shared).await {
            loop {
                match self.take_frames(shared) {
                    Flow::Starved if !self.more().await => {
                        shared.statistics.connections_dropped.add(1);
                        return;
                    }
                    Flow::Starved => {}
                    Flow::Backlogged => self.wait_for_room(shared).await,
                    Flow::Over => break,
                }
            }
        }
        // What is to be answered goes out first; then the write loop ends the connection.
        if self.ending || lock(&self.connection.output).last {
            self.connection.flush();
            std::future::pending::<()>().await;
        }
    }

    /// Reads once; false at the end of the stream.
    pub(crate) async fn more(&mut self) -> bool {
        self.buffer.reserve(READ_BYTES);
        matches!(self.socket.read_buf(&mut self.buffer).await, Ok(count) if count > 0)
    }

    async fn wait_for_room(&self, shared: &Shared) {
        shared.statistics.waits.add(1);
        let limits = &shared.config.limits;
        while self.connection.is_backlogged(limits) {
            self.connection.room.notified().await;
        }
        shared.backlog.room(limits).await;
    }

    /// Takes whole frames from the buffer, as long as there is room for their answers.
    fn take_frames(&mut self, shared: &Shared) -> Flow {
        let limits = &shared.config.limits;
        let mut batch = Batch::new();
        let flow = loop {
            if self.connection.is_backlogged(limits) || shared.backlog.is_full(limits) {
                break Flow::Backlogged;
            }
            match self.frames.decode(&mut self.buffer) {
                Ok(Some(frame)) => {
                    batch.frames += 1;
                    batch.bytes += frame.len() as u64 + 4;
                    if !self.take(shared, &frame, &mut batch) {
                        break Flow::Over;
                    }
                }
                Ok(None) => break Flow::Starved,
                Err(error) => {
                    shared.statistics.large_requests_rejected.add(1);
                    tracing::warn!(peer = %self.connection.peer, %error, "connection closed");
                    break Flow::Over;
                }
            }
        };
        if batch.frames > 0 {
            self.settle(shared, batch);
        }
        self.connection.flush();
        flow
    }

    /// Counts what came and what was answered, and hands the rest on.
    fn settle(&self, shared: &Shared, batch: Batch) {
        let now = Instant::now();
        let now_ms = shared.milliseconds(now);
        let connection = &self.connection;
        if let Some(served) = connection.served() {
            served.activity.touch(now_ms);
        }
        connection.count_received(shared, batch.frames, batch.bytes);
        connection.count_sent(shared, batch.sent);
        if let Some(last) = batch.last_read {
            // Nothing of this has gone out before now.
            let took_ms = (now - batch.received).as_millis() as u64;
            connection.traffic.answered(batch.reads, last, took_ms, now_ms);
            shared.statistics.reads_answered(batch.reads, took_ms);
        }
        if !batch.submissions.is_empty() {
            let count = batch.submissions.len() as u64;
            connection.traffic.taken(count);
            shared.statistics.taken(count);
            let _ = self.pipeline.send(Message::Submit(batch.submissions));
        }
    }

    fn take(&mut self, shared: &Shared, frame: &Bytes, batch: &mut Batch) -> bool {
        let Some(Request { xid, operation, body }) = self.decoder.decode(frame) else {
            return false;
        };
        let body = match body {
            RequestBody::Auth(packet) => {
                match authentication::check(&shared.config, &packet, &self.connection.auth()) {
                    Ok(ids) if self.connection.add_auth(&ids) => RequestBody::Read(Read::AuthDone),
                    Ok(_) => RequestBody::Refused(ErrorCode::AuthFailed),
                    Err(error) => RequestBody::Refused(error),
                }
            }
            RequestBody::Sasl(token) => self.sasl_step(shared, &token),
            // Also a close and a ping; ZooKeeper lets nothing else pass, either.
            _ if !shared.gate.admits(&self.connection.auth()) => {
                tracing::warn!(peer = %self.connection.peer, "closed: not authenticated");
                RequestBody::Refused(ErrorCode::SessionClosedRequireSaslAuth)
            }
            body => body,
        };
        if matches!(body, RequestBody::Refused(ErrorCode::AuthFailed)) {
            shared.statistics.auth_failed.add(1);
        }
        let ordered = match body {
            RequestBody::Read(read)
                if self.connection.is_caught_up()
                    || shared.environment.is_planted(Fault::ReadBeforeOwnWrite) =>
            {
                let ids = self.connection.auth();
                let state = shared.state();
                reader::answer(shared, &state, &self.connection, &ids, xid, read);
                batch.read(Answer { operation, xid, zxid: state.last_zxid() });
                return true;
            }
            // Between writes that are on their way a read has its place among them: it must see
            // those before it and none behind it.
            RequestBody::Read(read) => Ordered::Read(read),
            RequestBody::Refused(error) => Ordered::Refuse(error),
            RequestBody::Ordered(ordered) => ordered,
            RequestBody::Auth(_) | RequestBody::Sasl(_) => return true,
        };
        if self.connection.is_read_only() {
            return self.refuse_write(shared, xid, &ordered, batch);
        }
        // Nothing is read behind these; their answer ends the connection.
        self.ending =
            matches!(ordered, Ordered::Close | Ordered::Refuse(_) | Ordered::RefuseSasl(_));
        let bytes = match ordered {
            Ordered::Read(_) => frame.len() + self.connection.answer_guess.load(Ordering::Relaxed),
            _ => frame.len(),
        };
        self.connection.submitted_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.connection.submitted.fetch_add(1, Ordering::Relaxed);
        shared.backlog.add(bytes);
        batch.submissions.push(Submission {
            connection: self.connection.clone(),
            xid,
            operation,
            ordered,
            auth: self.connection.auth(),
            bytes,
            received: batch.received,
        });
        !self.ending
    }
}

impl<R> Input<R> {
    /// Answers what has no place in the log while reads alone are served; false behind the end.
    /// A session that the ensemble knows cannot be closed here.
    fn refuse_write(
        &mut self,
        shared: &Shared,
        xid: i32,
        ordered: &Ordered,
        batch: &mut Batch,
    ) -> bool {
        let connection = &self.connection;
        let (zxid, is_known) = {
            let state = shared.state();
            (state.last_zxid(), state.sessions().get(connection.session_id()).is_some())
        };
        batch.sent += 1;
        match ordered {
            Ordered::Close if !is_known => {
                connection.append_last(|out| reply::header(out, xid, zxid, ErrorCode::Ok));
            }
            Ordered::Refuse(error) => connection.refuse(xid, zxid, *error),
            Ordered::RefuseSasl(error) => connection.refuse_sasl(xid, *error),
            _ => {
                connection.append(|out| reply::header(out, xid, zxid, ErrorCode::NotReadOnly));
                return true;
            }
        }
        self.ending = true;
        false
    }

    /// The next step of the SASL exchange, as the answer to give.
    fn sasl_step(&mut self, shared: &Shared, token: &Bytes) -> RequestBody {
        let connection = &self.connection;
        let (peer, session) = (connection.peer, connection.session_id());
        let Some(users) = &shared.gate.users else {
            // What ZooKeeper says; its clients take it for what it is, and give up. With an error
            // they would come back again and again.
            tracing::warn!(%peer, "a client wants SASL, of which no user is configured");
            return RequestBody::Read(Read::SaslStep(None));
        };
        let answer = |text: String| RequestBody::Read(Read::SaslStep(Some(text.into())));
        match self.sasl.step(users, token) {
            Ok(Step::Challenge(challenge)) => answer(challenge),
            Ok(Step::Success(ids, proof)) if connection.add_auth(&ids) => {
                tracing::debug!(%peer, user = ids[0].id, "authenticated by SASL");
                answer(proof)
            }
            Ok(Step::Success(..)) => RequestBody::Refused(ErrorCode::AuthFailed),
            Err(reason) => {
                shared.statistics.auth_failed.add(1);
                tracing::warn!(%peer, session = format!("{session:#x}"), reason, "SASL failed");
                if users.forgive() {
                    return RequestBody::Read(Read::SaslStep(None));
                }
                let error = match shared.config.sasl.is_required() {
                    true => ErrorCode::SessionClosedRequireSaslAuth,
                    false => ErrorCode::AuthFailed,
                };
                RequestBody::Ordered(Ordered::RefuseSasl(error))
            }
        }
    }
}
