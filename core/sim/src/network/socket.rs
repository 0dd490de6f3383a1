//! The ends of a connection, as servers and clients hold them.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use pinfold_client::simulation as client;
use pinfold_server::environment as server;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::network::{Host, Network, WINDOW};

/// One end of a connection.
pub(crate) struct End {
    pub(super) network: Network,
    pub(super) number: u64,
    pub(super) side: usize,
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "End {} of connection {}", self.side, self.number)
    }
}

impl End {
    fn end_writing(&self) {
        let mut inner = self.network.inner();
        let due_ms = inner.now_ms + inner.delay();
        if let Some(connection) = inner.connections.get_mut(&self.number) {
            let lane = &mut connection.lanes[self.side];
            lane.ends = true;
            lane.last_due_ms = lane.last_due_ms.max(due_ms);
        }
    }

    /// Registers who waits; to be called after a try that would block.
    fn wait(&self, for_writing: bool, waker: &Waker) {
        let mut inner = self.network.inner();
        let Some(connection) = inner.connections.get_mut(&self.number) else { return };
        connection.lanes[1 - self.side].reader = Some(waker.clone());
        if for_writing {
            connection.lanes[self.side].writer = Some(waker.clone());
        }
    }

    fn state(&self, for_writing: bool) -> Option<bool> {
        let inner = self.network.inner();
        let Some(connection) = inner.connections.get(&self.number) else { return Some(true) };
        let lane = &connection.lanes[1 - self.side];
        if connection.is_broken || !lane.arrived.is_empty() || lane.ended {
            return Some(true);
        }
        let has_room = connection.lanes[self.side].on_the_way < WINDOW;
        (for_writing && has_room).then_some(false)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.end_writing();
        let mut inner = self.network.inner();
        if self.side == 0 {
            inner.recorder.ended(self.number);
        }
        let Some(connection) = inner.connections.get_mut(&self.number) else { return };
        connection.held -= 1;
        let other = &mut connection.lanes[1 - self.side];
        // What comes from now on finds nobody.
        if connection.orphaned.is_none() {
            other.on_the_way = 0;
        }
        other.writer.take().into_iter().for_each(Waker::wake);
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.network.inner().read(self.number, self.side, buffer.remaining());
        match read {
            Ok(piece) => {
                buffer.put_slice(&piece);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.wait(false, context.waker());
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.network.inner();
        match inner.write(self.number, self.side, bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if let Some(connection) = inner.connections.get_mut(&self.number) {
                    connection.lanes[self.side].writer = Some(context.waker().clone());
                }
                Poll::Pending
            }
            other => Poll::Ready(other),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end_writing();
        Poll::Ready(Ok(()))
    }
}

impl client::Socket for End {
    fn ready(
        &self,
        for_writing: bool,
    ) -> Pin<Box<dyn Future<Output = io::Result<bool>> + Send + '_>> {
        Box::pin(poll_fn(move |context| match self.state(for_writing) {
            Some(is_readable) => Poll::Ready(Ok(is_readable)),
            None => {
                self.wait(for_writing, context.waker());
                Poll::Pending
            }
        }))
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.network.inner().read(self.number, self.side, buffer.len())?;
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.network.inner().write(self.number, self.side, bytes)
    }
}

/// Where connections come in.
#[derive(Debug)]
pub(crate) struct Doorway {
    pub(super) network: Network,
    pub(super) at: (Host, u16),
}

impl server::Doorway for Doorway {
    fn accept(&self) -> server::Incoming<'_> {
        Box::pin(poll_fn(|context| {
            let mut inner = self.network.inner();
            let Some(door) = inner.doors.get_mut(&self.at) else { return Poll::Pending };
            match door.queue.pop_front() {
                Some((number, from)) => {
                    let end = End { network: self.network.clone(), number, side: 1 };
                    let stream: Box<dyn server::Stream> = Box::new(end);
                    let [high, low] = from.to_be_bytes();
                    let address = IpAddr::V4(Ipv4Addr::new(10, 0, high, low));
                    Poll::Ready(Ok((stream, SocketAddr::new(address, 40_000))))
                }
                None => {
                    door.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        }))
    }
}

/// The network as one host has it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) network: Network,
    pub(crate) host: Host,
}

impl Place {
    pub(crate) async fn connect(&self, address: &str) -> io::Result<End> {
        self.network.call(self.host, address).await
    }

    pub(crate) fn bind(&self, address: &str) -> io::Result<Doorway> {
        self.network.open(self.host, address)
    }
}
