//! Looking for a server that takes writes while a read-only one serves.

use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::{sleep, timeout};

use crate::shared::Shared;
use crate::stream::Stream;

/// Between the first two questions; it doubles from one to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A server that takes longer to answer is none to change to.
const PATIENCE: Duration = Duration::from_secs(2);

/// The index of a host that takes writes; returns when there is one. That of the read-only server
/// is asked only when it is the only one.
pub(super) async fn writable(shared: &Shared, current: usize) -> usize {
    let addresses = &shared.hosts.addresses;
    let (mut pause, mut next) = (FIRST_PAUSE, current);
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        next = (next + 1) % addresses.len();
        if next == current {
            next = (next + 1) % addresses.len();
        }
        match timeout(PATIENCE, takes_writes(&addresses[next], shared)).await {
            Ok(Ok(true)) => return next,
            Ok(Ok(false)) => tracing::debug!("{} takes no writes", addresses[next]),
            Ok(Err(error)) => tracing::debug!("{}: {error}", addresses[next]),
            Err(_) => tracing::debug!("{}: no answer within {PATIENCE:?}", addresses[next]),
        }
    }
}

/// Asks by the four-letter word that every server with a read-only mode answers.
async fn takes_writes(address: &str, shared: &Shared) -> io::Result<bool> {
    let world = shared.options.world.as_deref();
    let mut stream = Stream::connect(address, shared.connector.as_ref(), world).await?;
    stream.write_all(b"isro").await?;
    let mut answer = BytesMut::new();
    while answer.len() < 2 {
        match stream.try_read_buf(&mut answer) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                stream.ready(false).await?;
                stream.push()?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(answer.starts_with(b"rw"))
}
