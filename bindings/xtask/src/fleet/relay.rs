//! What passes from one server to another, and what can come over it on the way.

use crate::Fallible;
use crate::fault::Doing;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// It passes.
    Fair,
    /// It passes this much later.
    Slow(Duration),
    /// Nothing passes; what is on the way waits.
    Cut,
}

/// A port that leads to another one. Everything ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    port: u16,
    weather: watch::Sender<Weather>,
    accepting: JoinHandle<()>,
}

impl Relay {
    pub(crate) async fn open(target: u16) -> Fallible<Relay> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.doing("opening a relay")?;
        let port = listener.local_addr().doing("opening a relay")?.port();
        let weather = watch::Sender::new(Weather::Fair);
        let watched = weather.subscribe();
        let accepting = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            loop {
                let Ok((near, _)) = listener.accept().await else { continue };
                open.spawn(pass(near, target, watched.clone()));
                while open.try_join_next().is_some() {}
            }
        });
        Ok(Relay { port, weather, accepting })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(near: TcpStream, target: u16, mut weather: watch::Receiver<Weather>) {
    // A cut line is not even picked up at the other end.
    if weather.wait_for(|weather| *weather != Weather::Cut).await.is_err() {
        return;
    }
    let Ok(far) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    // When either end closes, the whole line does.
    tokio::select! {
        () = carry(near_in, far_out, weather.clone()) => {}
        () = carry(far_in, near_out, weather) => {}
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = match from.read(&mut buffer).await {
            Ok(length @ 1..) => length,
            _ => return,
        };
        let delay = match weather.wait_for(|weather| *weather != Weather::Cut).await {
            Ok(weather) => match *weather {
                Weather::Slow(delay) => Some(delay),
                _ => None,
            },
            Err(_) => return,
        };
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
