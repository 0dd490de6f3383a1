//! One client's connection: requests in, answers and events out, each in order.

mod batch;
mod input;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::BytesMut;
use pinfold_proto::{ErrorCode, Id};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

use crate::authentication;
use crate::config::Limits;
use crate::environment::Socket;
use crate::listener::{self, Door};
use crate::pipeline::Message;
use crate::reply;
use crate::sessions::Activity;
use crate::shared::{Shared, lock};
use crate::statistics::Traffic;
pub(crate) use batch::{Finished, finish_all};
pub(crate) use input::Input;

/// What the answer to a read is expected to weigh before the first one is known.
const FIRST_GUESS: usize = 16 << 10;
/// How long a wrong proof of SASL waits for its answer. It slows whoever guesses; and clients that
/// are told that they are connected by one thread and that they are refused by another (kazoo's
/// `start`) can take note of the first before the second.
const REFUSAL_DELAY: Duration = Duration::from_millis(100);
/// Most bytes of identities of one connection; each of its writes carries them into the log.
const AUTH_BYTES: usize = 4 << 10;
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
    /// It ends with a refusal that is not hurried.
    is_delayed: bool,
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
        weight(all) <= AUTH_BYTES
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

    /// Requests that the pipeline had were answered, or dropped.
    pub(crate) fn ordered_done(&self, requests: usize, bytes: usize) {
        self.submitted_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.submitted.fetch_sub(requests, Ordering::Release);
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
        lock(&self.output).is_delayed = true;
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

/// Bytes of identities.
fn weight(ids: &[Id]) -> usize {
    ids.iter().map(|id| id.scheme.len() + id.id.len()).sum()
}

/// The connection of a new socket, if there may be another one. It counts from now on, and has to
/// be served.
pub(crate) fn admit(shared: &Shared, peer: SocketAddr) -> Option<Arc<Connection>> {
    let limits = &shared.config.limits;
    let id = shared.next_connection_id();
    let auth = authentication::initial(&shared.config, peer.ip());
    let wall_ms = shared.environment.wall_ms();
    let connection = Arc::new(Connection::new(id, peer, auth, limits.unread_bytes, wall_ms));
    let mut connections = lock(&shared.connections);
    if limits.connections > 0 && connections.len() >= limits.connections {
        return None;
    }
    let most = limits.connections_per_address;
    let same = |other: &&Arc<Connection>| other.peer.ip() == peer.ip();
    if most > 0 && connections.values().filter(same).count() >= most {
        return None;
    }
    connections.insert(id, connection.clone());
    Some(connection)
}

/// Serves a connection until it ends. Runs as one task.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    stream: Socket,
    door: Door,
) {
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
    let input = Input::new(shared, connection, input);
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
            let (bytes, last, is_delayed) = {
                let mut output = lock(&connection.output);
                let is_delayed = std::mem::take(&mut output.is_delayed);
                (output.bytes.split(), output.last, is_delayed)
            };
            if is_delayed {
                tokio::time::sleep(REFUSAL_DELAY).await;
            }
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
