//! The server that programs run against, one for many of them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pinfold_server::{Config, Server};

/// Programs after which the server is started again, on what it has written.
const USES: u32 = 200;
/// Starts after which it begins with nothing.
const LIVES: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(20);

struct Ground {
    server: Server,
    uses: u32,
    lives: u32,
    directory: std::path::PathBuf,
}

static GROUND: Mutex<Option<Ground>> = Mutex::new(None);

fn start(directory: &std::path::Path) -> Server {
    let config = Config {
        listen: "127.0.0.1:0".to_owned(),
        data_dir: directory.to_owned(),
        extended_types: true,
        snapshot_every: 500,
        ..Config::default()
    };
    Server::builder().config(config).start().expect("the server starts")
}

fn fresh() -> Ground {
    let directory = std::env::temp_dir().join(format!("pinfold-fuzz-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    Ground { server: start(&directory), uses: 0, lives: 0, directory }
}

/// The address of a server that has nothing to do.
pub(super) fn address() -> String {
    let mut ground = GROUND.lock().unwrap_or_else(PoisonError::into_inner);
    let mut current = ground.take().unwrap_or_else(fresh);
    current.uses += 1;
    if current.uses > USES {
        let Ground { server, lives, directory, .. } = current;
        server.stop().expect("the server stops because it is told to");
        current = match lives + 1 {
            LIVES => fresh(),
            lives => Ground { server: start(&directory), uses: 0, lives, directory },
        };
    }
    let address = current.server.address();
    *ground = Some(current);
    address
}

/// Stops the server if there is one; the next program gets a new one.
pub(super) fn end() {
    let ended = GROUND.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(Ground { server, directory, .. }) = ended {
        server.stop().expect("the server stops because it is told to");
        std::fs::remove_dir_all(&directory).expect("its directory can be removed");
    }
}

/// Waits until the server has let go of everything that belonged to connections.
pub(super) fn assert_nobody_left(address: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = ask(address, "mntr");
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.trim().parse::<u64>().ok()).expect("a figure")
        };
        let left = [
            // The question's own.
            value("zk_num_alive_connections\t") - 1,
            value("zk_watch_count\t"),
            value("zk_outstanding_requests\t"),
        ];
        if left == [0; 3] {
            return;
        }
        assert!(Instant::now() < deadline, "connections, watches, requests left: {left:?}");
    }
}

fn ask(address: &str, word: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(word.as_bytes()).expect("the server reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the server answers");
    text
}
