//! A connection's beginning: a four-letter word, or a session.

use pinfold_proto::records::ConnectRequest;
use tokio::sync::oneshot;
use tokio::time::{Duration, timeout};

use crate::connection::Input;
use crate::four_letter;
use crate::pipeline::{Message, Opening};
use crate::reply;
use crate::shared::Shared;

/// A connection that says nothing for this long is closed.
const PATIENCE: Duration = Duration::from_secs(30);

/// True when a session is served on this connection from now on. Otherwise the connection ends,
/// after whatever has been appended.
pub(crate) async fn receive(input: &mut Input, shared: &Shared) -> bool {
    match timeout(PATIENCE, first_frame(input, shared)).await {
        Ok(Some(request)) => open(input, shared, request).await,
        Ok(None) => false,
        Err(_) => {
            tracing::debug!(peer = %input.connection.peer, "no handshake came");
            false
        }
    }
}

async fn first_frame(input: &mut Input, shared: &Shared) -> Option<ConnectRequest> {
    loop {
        if let Some(word) = input.buffer.first_chunk::<4>()
            && let Some(text) = four_letter::answer(shared, *word)
        {
            input.connection.append_last(|out| out.extend_from_slice(text.as_bytes()));
            return None;
        }
        match input.frames.decode(&mut input.buffer) {
            Ok(Some(frame)) => {
                let request = ConnectRequest::decode(&frame);
                if let Err(error) = &request {
                    tracing::warn!(peer = %input.connection.peer, %error, "bad handshake");
                }
                return request.ok();
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(peer = %input.connection.peer, %error, "bad handshake");
                return None;
            }
        }
        if !input.more().await {
            return None;
        }
    }
}

async fn open(input: &mut Input, shared: &Shared, request: ConnectRequest) -> bool {
    let last_zxid = shared.state().last_zxid();
    if request.last_zxid_seen > last_zxid {
        tracing::warn!(
            peer = %input.connection.peer,
            "refused: the client has seen zxid {:#x}, this server only {last_zxid:#x}",
            request.last_zxid_seen
        );
        return false;
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
        done,
    };
    if input.pipeline.send(Message::Open(opening)).is_err() {
        return false;
    }
    match opened.await {
        Ok(true) => true,
        Ok(false) => {
            let mirror = request.read_only.is_some();
            input.connection.append_last(|out| reply::connected(out, None, mirror));
            false
        }
        Err(_) => false,
    }
}
