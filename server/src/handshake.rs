//! A connection's beginning: a four-letter word, or a session.

use std::sync::Arc;

use pinfold_proto::records::ConnectRequest;
use tokio::io::AsyncRead;
use tokio::sync::oneshot;
use tokio::time::{Duration, Instant, timeout};

use crate::connection::{Input, Served};
use crate::four_letter::Word;
use crate::pipeline::{Message, Opening};
use crate::reply;
use crate::sessions::Activity;
use crate::shared::Shared;

/// A connection that says nothing for this long is closed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// True when a session is served on this connection from now on. Otherwise the connection ends,
/// after whatever has been appended.
pub(crate) async fn receive(input: &mut Input<impl AsyncRead + Unpin>, shared: &Shared) -> bool {
    match timeout(PATIENCE, first_frame(input, shared)).await {
        Ok(Some(request)) => open(input, shared, request).await,
        Ok(None) => false,
        Err(_) => {
            shared.statistics.silent_connections.add(1);
            tracing::debug!(peer = %input.connection.peer, "no handshake came");
            false
        }
    }
}

async fn first_frame(
    input: &mut Input<impl AsyncRead + Unpin>,
    shared: &Shared,
) -> Option<ConnectRequest> {
    loop {
        if let Some(word) = input.buffer.first_chunk::<4>()
            && let Some(word) = Word::known(*word)
        {
            answer(input, shared, word).await;
            return None;
        }
        match input.frames.decode(&mut input.buffer) {
            Ok(Some(frame)) => {
                input.connection.count_received(shared, 1, frame.len() as u64 + 4);
                shared.statistics.handshakes.add(1);
                let request = ConnectRequest::decode(&frame);
                if let Err(error) = &request {
                    tracing::warn!(peer = %input.connection.peer, %error, "bad handshake");
                }
                return request.ok();
            }
            Ok(None) => {}
            Err(error) => {
                shared.statistics.large_requests_rejected.add(1);
                tracing::warn!(peer = %input.connection.peer, %error, "bad handshake");
                return None;
            }
        }
        if !input.more().await {
            shared.statistics.connections_dropped.add(1);
            return None;
        }
    }
}

/// Answers a four-letter word; the connection ends behind it.
async fn answer(input: &mut Input<impl AsyncRead + Unpin>, shared: &Shared, word: Word) {
    input.connection.count_received(shared, 1, 4);
    let length = 4 + word.argument_length(shared);
    // What has come by the end of the stream is all there is to its argument.
    while input.buffer.len() < length && input.more().await {}
    let text = word.answer(shared, input.buffer.get(4..length)).await;
    if !text.is_empty() {
        shared.statistics.sent.add(1);
    }
    input.connection.append_last(|out| out.extend_from_slice(text.as_bytes()));
}

async fn open(
    input: &mut Input<impl AsyncRead + Unpin>,
    shared: &Shared,
    request: ConnectRequest,
) -> bool {
    if shared.mode().is_none() {
        tracing::debug!(peer = %input.connection.peer, "sent away: no leader is known");
        return false;
    }
    let last_zxid = shared.state().last_zxid();
    if request.last_zxid_seen > last_zxid {
        tracing::warn!(
            peer = %input.connection.peer,
            "refused: the client has seen zxid {:#x}, this server only {last_zxid:#x}",
            request.last_zxid_seen
        );
        return false;
    }
    if shared.is_read_only() {
        return open_read_only(input, shared, &request);
    }
    let (min, max) = shared.config.session_timeouts_ms();
    let (done, opened) = oneshot::channel();
    let mut password = [0; 16];
    let shown = request.password.as_deref().unwrap_or_default();
    let shown_whole = shown.len() == password.len();
    if shown_whole {
        password.copy_from_slice(shown);
    }
    let opening = Opening {
        connection: input.connection.clone(),
        session: (request.session_id != 0)
            .then_some((request.session_id, shown_whole.then_some(password))),
        timeout_ms: request.timeout_ms.clamp(min, max),
        mirror_read_only: request.read_only.is_some(),
        received: Instant::now(),
        done,
    };
    if input.pipeline.send(Message::Open(opening)).is_err() {
        return false;
    }
    match opened.await {
        Ok(true) => true,
        Ok(false) => {
            let mirror = request.read_only.is_some();
            input.connection.count_sent(shared, 1);
            let mirrored = mirror.then_some(false);
            input.connection.append_last(|out| reply::connected(out, None, mirrored));
            false
        }
        Err(_) => false,
    }
}

/// Serves reads alone, if the client allows it. A session that the ensemble knows is taken as it
/// is; a new one is known here only, until the connection ends.
fn open_read_only<R>(input: &mut Input<R>, shared: &Shared, request: &ConnectRequest) -> bool {
    let connection = &input.connection;
    if request.read_only != Some(true) {
        tracing::debug!(peer = %connection.peer, "sent away: reads alone are served");
        return false;
    }
    let (min, max) = shared.config.session_timeouts_ms();
    let timeout_ms = request.timeout_ms.clamp(min, max);
    let session = match request.session_id {
        0 => fresh_session(shared),
        id => {
            let known = shared.state().sessions().get(id).map(|session| session.password);
            // It may be over, or be newer than what is known here: its client asks elsewhere.
            let Some(password) = known else {
                tracing::debug!(peer = %connection.peer, "sent away: session {id:#x} is not known");
                return false;
            };
            (request.password.as_deref() == Some(&password[..])).then_some((id, password))
        }
    };
    connection.count_sent(shared, 1);
    let Some((session_id, password)) = session else {
        connection.append_last(|out| reply::connected(out, None, Some(true)));
        return false;
    };
    let activity = Arc::new(Activity::new(timeout_ms, shared.elapsed_ms()));
    let read_only = true;
    connection.begin_session(Served { session_id, attachment: 0, activity, read_only });
    // Whoever ends the read-only mode has looked for connections before, or finds this one.
    if !shared.is_read_only() {
        return false;
    }
    let answer = Some((session_id, password, timeout_ms));
    connection.append(|out| reply::connected(out, answer, Some(true)));
    connection.flush();
    true
}

/// A number that no session has, and a password.
fn fresh_session(shared: &Shared) -> Option<(i64, [u8; 16])> {
    let mut password = [0; 16];
    shared.environment.fill(&mut password).ok()?;
    loop {
        // Positive, and nothing like the numbers that leaders give.
        let id = (shared.environment.random().ok()? >> 1) as i64;
        if id != 0 && shared.state().sessions().get(id).is_none() {
            return Some((id, password));
        }
    }
}
