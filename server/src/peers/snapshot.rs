//! A snapshot on its way to a server whose log ends before ours begins.
//!
//! It goes over a connection of its own, so that it holds nothing else up, and not faster than
//! the network has room beside it. The message of consensus that announces it comes behind it.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pinfold_replication::{SnapshotMeta, StoreError};
use pinfold_storage::{SnapshotId, SnapshotStore, SnapshotWriter};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use crate::config::Member;
use crate::peers::hello::{Answer, Hello};
use crate::peers::{Frame, Road};

/// Which snapshot comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) index: u64,
    pub(crate) term: u64,
    /// The members as of there, encoded.
    pub(crate) note: Bytes,
}

/// Sends a snapshot and the message that announces it, at so many bytes in a second at most (0 for
/// any number); returns when it is durable there.
pub(crate) async fn send(
    road: &Road,
    hello: Hello,
    peer: Member,
    store: SnapshotStore,
    meta: SnapshotMeta,
    announcement: Bytes,
    bytes_per_second: usize,
) -> io::Result<()> {
    let id = SnapshotId { index: meta.index, term: meta.term };
    let opened = road.environment.aside(move || store.open_checked(id)).await?;
    let reader = opened.map_err(io::Error::other)?;
    let mut socket = road.connect(&peer).await?;
    hello.send(&mut socket).await?;
    if Answer::receive(&mut socket).await? != Answer::Welcome {
        return Err(io::Error::other("it does not take a snapshot from here"));
    }
    let mut out = BytesMut::new();
    let note = meta.membership.encode();
    Frame::Offer(Offer { index: id.index, term: id.term, note }).encode(&mut out);
    let (begun, mut sent) = (Instant::now(), 0);
    for block in reader {
        let block = block.map_err(io::Error::other)?;
        sent += block.len();
        Frame::Block(block).encode(&mut out);
        socket.write_all_buf(&mut out).await?;
        if bytes_per_second > 0 {
            let due = Duration::from_secs_f64(sent as f64 / bytes_per_second as f64);
            sleep(due.saturating_sub(begun.elapsed())).await;
        }
    }
    Frame::Announced(announcement).encode(&mut out);
    socket.write_all_buf(&mut out).await?;
    socket.flush().await?;
    match Answer::receive(&mut socket).await? {
        Answer::Welcome => Ok(()),
        other => Err(io::Error::other(format!("an answer that fits nothing: {other:?}"))),
    }
}

/// A snapshot that is arriving.
#[derive(Debug, Default)]
pub(crate) struct Arrival(Option<SnapshotWriter>);

impl Arrival {
    /// It begins; what had come of another one is forgotten.
    pub(crate) fn begin(&mut self, store: &SnapshotStore, offer: &Offer) -> Result<(), StoreError> {
        let id = SnapshotId { index: offer.index, term: offer.term };
        self.0 = Some(store.create(id, &offer.note).map_err(StoreError::new)?);
        Ok(())
    }

    /// The next block.
    pub(crate) fn add(&mut self, block: &[u8]) -> Result<(), StoreError> {
        let writer = self.0.as_mut().ok_or_else(|| StoreError::message("a block of nothing"))?;
        writer.write_block(block).map_err(StoreError::new)
    }

    /// All of it has come; durable when this returns.
    pub(crate) fn finish(&mut self) -> Result<(), StoreError> {
        let writer = self.0.take().ok_or_else(|| StoreError::message("the end of nothing"))?;
        writer.finish().map(drop).map_err(StoreError::new)
    }
}
