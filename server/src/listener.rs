//! The door: sockets in, one task for each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::connection;
use crate::shared::{Shared, lock};

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
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener, door: Door) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) if may_connect(&shared, peer) => {
                tokio::spawn(connection::serve(shared.clone(), stream, peer, door));
            }
            Ok((_, peer)) => {
                shared.statistics.connections_rejected.add(1);
                let limit = shared.config.limits.connections_per_address;
                tracing::warn!(%peer, limit, "refused: too many connections from this address");
            }
            Err(error) => {
                // Out of file descriptors, mostly: those who are connected are still served.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn may_connect(shared: &Shared, peer: SocketAddr) -> bool {
    let limit = shared.config.limits.connections_per_address;
    if limit == 0 {
        return true;
    }
    let connections = lock(&shared.connections);
    let same = connections.values().filter(|c| c.peer.ip() == peer.ip());
    same.count() < limit
}
