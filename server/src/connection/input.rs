//! What a client says: frames in, each answered here or handed on to the pipeline.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pinfold_proto::{ErrorCode, FrameDecoder};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::batch::Batch;
use super::{Connection, weight};
use crate::authentication;
use crate::environment::Fault;
use crate::handshake;
use crate::pipeline::{Message, Submission};
use crate::reader;
use crate::reply;
use crate::request::{Decoder, Ordered, Read, Request, RequestBody};
use crate::sasl::{Exchange, Step};
use crate::shared::{Shared, lock};
use crate::statistics::Answer;

/// Frames after which it is looked at how long they took, and for how long one connection may be
/// served before others have their turn.
const LOOK_EVERY: u64 = 8;
const TURN: Duration = Duration::from_millis(2);
/// Most bytes taken from a socket at once.
const READ_BYTES: usize = 64 << 10;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
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
    /// Others have their turn first.
    Spent,
    /// Too much waits for this connection already.
    Backlogged,
    /// The connection is to end.
    Over,
}

impl<R: AsyncRead + Unpin> Input<R> {
    pub(super) fn new(shared: &Shared, connection: &Arc<Connection>, socket: R) -> Input<R> {
        let decoder = Decoder {
            ttl_enabled: shared.config.extended_types,
            reconfig_enabled: shared.config.reconfig_enabled,
            schemes: shared.gate.schemes,
        };
        Input {
            socket,
            buffer: BytesMut::new(),
            connection: connection.clone(),
            decoder,
            frames: FrameDecoder { max: shared.config.limits.frame_bytes },
            ending: false,
            sasl: Exchange::default(),
            pipeline: shared.pipeline(),
        }
    }

    /// Ends when the client does, or when nothing more may be read from it.
    pub(super) async fn run(mut self, shared: &Shared) {
        if handshake::receive(&mut self, shared).await {
            loop {
                match self.take_frames(shared) {
                    Flow::Starved if !self.more().await => {
                        shared.statistics.connections_dropped.add(1);
                        return;
                    }
                    Flow::Starved => {}
                    Flow::Spent => tokio::task::yield_now().await,
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
    ///
    /// Room to read into belongs to the thread: a connection that says nothing holds none, and one
    /// that does holds what it said.
    pub(crate) async fn more(&mut self) -> bool {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        let (socket, buffer) = (&mut self.socket, &mut self.buffer);
        std::future::poll_fn(|context| {
            SCRATCH.with_borrow_mut(|scratch| {
                scratch.resize(READ_BYTES, 0);
                let mut room = ReadBuf::new(scratch);
                let read = ready!(Pin::new(&mut *socket).poll_read(context, &mut room));
                buffer.extend_from_slice(room.filled());
                Poll::Ready(read.is_ok() && !room.filled().is_empty())
            })
        })
        .await
    }

    /// The client has been heard, whenever what it says gets done.
    fn touch(&self, shared: &Shared, at: Instant) {
        if let Some(served) = self.connection.served() {
            served.activity.touch(shared.milliseconds(at));
        }
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
        self.touch(shared, batch.received);
        let flow = loop {
            let is_due = batch.frames > 0 && batch.frames.is_multiple_of(LOOK_EVERY);
            if is_due && batch.received.elapsed() > TURN {
                break Flow::Spent;
            }
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
        let auth = self.connection.auth();
        // A write carries its identities into the log, and to whoever leads.
        let bytes = frame.len()
            + match ordered {
                Ordered::Read(_) => self.connection.answer_guess.load(Ordering::Relaxed),
                _ => weight(&auth),
            };
        self.connection.submitted_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.connection.submitted.fetch_add(1, Ordering::Relaxed);
        shared.backlog.add(bytes);
        batch.submissions.push(Submission {
            connection: self.connection.clone(),
            xid,
            operation,
            ordered,
            auth,
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
