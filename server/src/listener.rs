//! The door: sockets in, one task for each.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::authentication;
use crate::connection::{self, Connection};
use crate::environment::{Listener, Socket};
use crate::handshake;
use crate::shared::Shared;
use crate::tls::{Failure, Secured};

/// What a client that speaks TLS sends first.
const TLS_HANDSHAKE: u8 = 0x16;

/// What is spoken behind a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// No TLS.
    Plain,
    /// TLS.
    Secure,
    /// Whatever the client begins with.
    Either,
}

/// Accepts until it is dropped.
pub(crate) async fn accept(shared: Arc<Shared>, listener: Listener, door: Door) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match connection::admit(&shared, peer) {
                Some(admitted) => {
                    tokio::spawn(connection::serve(shared.clone(), admitted, stream, door));
                }
                None => {
                    shared.statistics.connections_rejected.add(1);
                    tracing::warn!(
                        %peer,
                        "refused: too many connections, in all or from this address"
                    );
                }
            },
            Err(error) => {
                // Out of file descriptors, mostly: those who are connected are still served.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Shakes hands over TLS where that is spoken, then lets the client speak.
pub(crate) async fn enter(
    shared: &Shared,
    connection: &Arc<Connection>,
    stream: Socket,
    door: Door,
) {
    let stream = match stream {
        Socket::Tcp(stream) => stream,
        Socket::Made(stream) => {
            let (input, output) = tokio::io::split(stream);
            return connection::converse(shared, connection, input, output).await;
        }
    };
    let is_secure = match door {
        Door::Plain => false,
        Door::Secure => true,
        Door::Either => match begins_with_tls(&stream).await {
            Some(is_tls) => is_tls,
            None => return,
        },
    };
    let Some(tls) = shared.gate.tls.as_ref().filter(|_| is_secure) else {
        let (input, output) = stream.into_split();
        return connection::converse(shared, connection, input, output).await;
    };
    let peer = connection.peer;
    match tls.accept(stream).await {
        Ok(Secured { stream, subject }) => {
            if let Some(subject) = subject {
                tracing::debug!(%peer, subject, "the client has shown a certificate");
                connection.add_auth(&authentication::of_certificate(&shared.config, subject));
            }
            let (input, output) = tokio::io::split(stream);
            connection::converse(shared, connection, input, output).await;
        }
        Err(Failure::TooMany) => {
            shared.statistics.handshakes_exceeded.add(1);
            tracing::warn!(%peer, "refused: too many TLS handshakes at the same time");
        }
        Err(Failure::Failed(reason)) => {
            shared.statistics.handshakes_failed.add(1);
            shared.statistics.auth_failed.add(1);
            tracing::warn!(%peer, reason, "TLS handshake failed");
        }
    }
}

/// Looks at the first byte and leaves it there; nothing when none comes.
pub(crate) async fn begins_with_tls(stream: &TcpStream) -> Option<bool> {
    let mut first = [0];
    match timeout(handshake::PATIENCE, stream.peek(&mut first)).await {
        Ok(Ok(1)) => Some(first == [TLS_HANDSHAKE]),
        _ => None,
    }
}
