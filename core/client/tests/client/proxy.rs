//! A connection that tests can cut and hold.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does with what clients send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Forward,
    /// Swallows what clients send on connections that stand.
    Hold,
    /// Closes connections as soon as they are made.
    Refuse,
}

/// A TCP proxy in front of a server.
pub(crate) struct Proxy {
    pub(crate) address: String,
    inner: Arc<Inner>,
}

struct Inner {
    server: String,
    mode: watch::Sender<Mode>,
    cuts: watch::Sender<u64>,
    /// Bytes of clients that were held.
    swallowed: watch::Sender<usize>,
}

impl Proxy {
    pub(crate) async fn to(server: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let inner = Arc::new(Inner {
            server,
            mode: watch::Sender::new(Mode::Forward),
            cuts: watch::Sender::new(0),
            swallowed: watch::Sender::new(0),
        });
        let shared = inner.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if *shared.mode.borrow() != Mode::Refuse {
                    tokio::spawn(shared.clone().carry(stream));
                }
            }
        });
        Proxy { address, inner }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.inner.mode.send_replace(mode);
    }

    /// Closes every connection that stands.
    pub(crate) fn cut(&self) {
        self.inner.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Waits until so many bytes have been held, in all.
    pub(crate) async fn swallowed(&self, bytes: usize) {
        let mut swallowed = self.inner.swallowed.subscribe();
        swallowed.wait_for(|count| *count >= bytes).await.unwrap();
    }
}

impl Inner {
    async fn carry(self: Arc<Inner>, client: TcpStream) {
        let mut cuts = self.cuts.subscribe();
        let Ok(server) = TcpStream::connect(&self.server).await else { return };
        let (mut client_in, mut client_out) = client.into_split();
        let (mut server_in, mut server_out) = server.into_split();
        tokio::select! {
            _ = cuts.changed() => {}
            () = self.requests(&mut client_in, &mut server_out) => {}
            _ = tokio::io::copy(&mut server_in, &mut client_out) => {}
        }
    }

    async fn requests(&self, from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            if *self.mode.borrow() == Mode::Hold {
                self.swallowed.send_modify(|swallowed| *swallowed += count);
            } else if to.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    }
}
