//! A TCP relay between client and server that loses what a network can lose.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Relay {
    address: SocketAddr,
    /// Every change of the number cuts the connections made before.
    cuts: watch::Sender<u64>,
    /// Whether new connections are refused.
    down: Arc<AtomicBool>,
    /// Whether what the server sends is swallowed.
    deaf: Arc<AtomicBool>,
    /// Bytes of the server that were swallowed.
    swallowed: watch::Sender<usize>,
}

impl Relay {
    pub(crate) async fn to(server: &str) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay {
            address: listener.local_addr().unwrap(),
            cuts: watch::Sender::new(0),
            down: Arc::default(),
            deaf: Arc::default(),
            swallowed: watch::Sender::new(0),
        };
        let (cuts, down) = (relay.cuts.clone(), relay.down.clone());
        let (deaf, swallowed) = (relay.deaf.clone(), relay.swallowed.clone());
        let server = server.to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if down.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let never = (Arc::new(AtomicBool::new(false)), watch::Sender::new(0));
                tokio::spawn(pass(from_client, to_server, cuts.subscribe(), never));
                let loss = (deaf.clone(), swallowed.clone());
                tokio::spawn(pass(from_server, to_client, cuts.subscribe(), loss));
            }
        });
        relay
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Refuses new connections, or accepts them again.
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Swallows what the server sends, or passes it on again.
    pub(crate) fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, Ordering::SeqCst);
    }

    /// Waits until the server has sent something that was swallowed.
    pub(crate) async fn swallowed(&self) {
        let mut swallowed = self.swallowed.subscribe();
        swallowed.wait_for(|bytes| *bytes > 0).await.unwrap();
    }
}

type Loss = (Arc<AtomicBool>, watch::Sender<usize>);

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut cuts: watch::Receiver<u64>,
    (deaf, swallowed): Loss,
) {
    cuts.mark_unchanged();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = tokio::select! {
            _ = cuts.changed() => return,
            count = from.read(&mut buffer) => count.unwrap_or(0),
        };
        if count == 0 {
            return;
        }
        if deaf.load(Ordering::SeqCst) {
            swallowed.send_modify(|bytes| *bytes += count);
        } else if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
