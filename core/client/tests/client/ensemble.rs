//! Servers of one ensemble in this process.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use pinfold_server::Config;
use pinfold_server::embedded::Server;
use tempfile::TempDir;

/// A port that nobody listens on, below those that the system deals out.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() as u16).rotate_left(9);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(start);
        let port = 20_000 + number % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The configurations of this many servers, each with these settings.
pub(crate) fn configurations(folder: &TempDir, count: usize, settings: &str) -> Vec<Config> {
    let line =
        |id: usize| format!("server.{id}=127.0.0.1:{}:0;127.0.0.1:{}\n", free_port(), free_port());
    let lines: String = (1..=count).map(line).collect();
    let config = |id: usize| {
        let data = folder.path().join(id.to_string());
        std::fs::create_dir_all(&data).unwrap();
        std::fs::write(data.join("myid"), id.to_string()).unwrap();
        let dir = data.display();
        let text = format!("dataDir={dir}\ntickTime=500\n{settings}{lines}");
        Config::parse(&text, "test").unwrap()
    };
    (1..=count).map(config).collect()
}

pub(crate) async fn start(config: &Config) -> Server {
    let config = config.clone();
    let start = || Server::builder().config(config).start().unwrap();
    tokio::task::spawn_blocking(start).await.unwrap()
}

pub(crate) async fn stop(server: Server) {
    tokio::task::spawn_blocking(|| server.stop().unwrap()).await.unwrap();
}
