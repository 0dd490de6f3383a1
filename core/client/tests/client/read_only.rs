//! A client that allows a read-only server: reads go on without a majority, and writes come back
//! when there is one again.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use pinfold_client::{Acl, Client, CreateMode, ErrorCode, Options, SessionState};
use pinfold_server::Config;
use pinfold_server::embedded::Server;
use tempfile::TempDir;

use crate::options;

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

/// The configurations of two servers, which are a majority only together.
fn pair(folder: &TempDir) -> [Config; 2] {
    let line =
        |id: usize| format!("server.{id}=127.0.0.1:{}:0;127.0.0.1:{}\n", free_port(), free_port());
    let lines = line(1) + &line(2);
    [1, 2].map(|id| {
        let data = folder.path().join(id.to_string());
        std::fs::create_dir_all(&data).unwrap();
        std::fs::write(data.join("myid"), id.to_string()).unwrap();
        let dir = data.display();
        let text = format!("dataDir={dir}\ntickTime=500\nreadonlymode.enabled=true\n{lines}");
        Config::parse(&text, "test").unwrap()
    })
}

async fn start(config: &Config) -> Server {
    let config = config.clone();
    let start = || Server::builder().config(config).start().unwrap();
    tokio::task::spawn_blocking(start).await.unwrap()
}

async fn stop(server: Server) {
    tokio::task::spawn_blocking(|| server.stop().unwrap()).await.unwrap();
}

async fn reaches(client: &Client, wanted: SessionState) {
    client.states().wait_for(|state| *state == wanted).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_on_without_a_majority_and_writes_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let configs = pair(&folder);
    let (first, second) = tokio::join!(start(&configs[0]), start(&configs[1]));
    let hosts = format!("{},{}", first.address(), second.address());
    let allowing = || Options { read_only: true, ..options(hosts.clone()) };
    let client = Client::connect(allowing()).await.unwrap();
    reaches(&client, SessionState::Connected).await;
    let session = client.session();
    let acl = Acl::open_unsafe();
    client.create("/n", "v", CreateMode::Persistent, &acl).await.unwrap();
    client.create("/e", "", CreateMode::Ephemeral, &acl).await.unwrap();
    client.sync("/").await.unwrap();

    stop(second).await;
    reaches(&client, SessionState::ReadOnly).await;
    assert_eq!(&client.get("/n").await.unwrap().0[..], b"v");
    assert!(client.set("/n", "w", -1).await.unwrap_err().is(ErrorCode::NotReadOnly));
    assert_eq!(client.session(), session);
    // A session that begins now is of this server alone.
    let other = Client::connect(allowing()).await.unwrap();
    assert_eq!(other.state(), SessionState::ReadOnly);
    let passing = other.session();
    assert_eq!(&other.get("/n").await.unwrap().0[..], b"v");
    let strict = Options {
        read_only: false,
        connect_timeout: std::time::Duration::from_millis(300),
        ..allowing()
    };
    assert!(Client::connect(strict).await.is_err());

    let second = start(&configs[1]).await;
    reaches(&client, SessionState::Connected).await;
    reaches(&other, SessionState::Connected).await;
    assert_eq!(client.session(), session);
    let owner = other.exists("/e").await.unwrap().map(|stat| stat.ephemeral_owner);
    assert_eq!(owner, session.map(|session| session.id));
    assert_ne!(other.session(), passing);
    other.set("/n", "w", -1).await.unwrap();
    drop((client, other));
    stop(first).await;
    stop(second).await;
}
