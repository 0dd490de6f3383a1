//! Several servers in one process, for tests: each with its folder, on ports that nobody has.
#![allow(dead_code, unreachable_pub)] // every test uses another part of it

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use pinfold_proto::records::ConnectRequest;
use pinfold_server::{Config, Server};
use tempfile::TempDir;

use crate::wire::{Wire, handshake};

/// A port that nobody listens on, below those that the system deals out to clients, so that only
/// another test of this kind could take it before it is used.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() as u16).rotate_left(7);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(start);
        let port = 20_000 + number % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Several servers of one ensemble.
pub struct Ensemble {
    /// The configuration of each.
    pub texts: Vec<String>,
    pub servers: Vec<Option<Server>>,
    // After the servers, so that they are gone before their directories are.
    pub folders: Vec<TempDir>,
}

impl Ensemble {
    pub fn of(count: usize) -> Ensemble {
        Ensemble::with(count, "")
    }

    pub fn with(count: usize, settings: &str) -> Ensemble {
        Ensemble::mixed(count, 0, settings)
    }

    /// The observers come behind those that have a vote.
    pub fn mixed(voters: usize, observers: usize, settings: &str) -> Ensemble {
        let count = voters + observers;
        let lines: String = (1..=count)
            .map(|id| {
                let (peer, client) = (free_port(), free_port());
                let role = if id <= voters { "participant" } else { "observer" };
                format!("server.{id}=127.0.0.1:{peer}:0:{role};127.0.0.1:{client}\n")
            })
            .collect();
        let folders: Vec<TempDir> = (0..count).map(|_| tempfile::tempdir().unwrap()).collect();
        let texts = folders.iter().enumerate().map(|(index, folder)| {
            std::fs::write(folder.path().join("myid"), format!("{}\n", index + 1)).unwrap();
            format!("dataDir={}\ntickTime=500\n{settings}{lines}", folder.path().display())
        });
        let texts: Vec<String> = texts.collect();
        let mut ensemble = Ensemble { texts, servers: Vec::new(), folders };
        let started: Vec<_> = (0..count)
            .map(|index| ensemble.config(index))
            .map(|config| std::thread::spawn(|| Server::builder().config(config).start().unwrap()))
            .collect();
        ensemble.servers = started.into_iter().map(|s| Some(s.join().unwrap())).collect();
        ensemble
    }

    pub fn config(&self, index: usize) -> Config {
        Config::parse(&self.texts[index], "test").unwrap()
    }

    pub fn address(&self, index: usize) -> String {
        self.servers[index].as_ref().unwrap().address()
    }

    /// Connects to a server, again and again until it serves.
    pub fn connect(&self, index: usize) -> Wire {
        self.open(index, &handshake(10_000))
    }

    pub fn open(&self, index: usize, request: &ConnectRequest) -> Wire {
        loop {
            match Wire::open(&self.address(index), request) {
                Some(wire) => return wire,
                None => std::thread::yield_now(),
            }
        }
    }

    pub fn leader(&self) -> usize {
        let mut running = (0..self.servers.len()).filter(|at| self.servers[*at].is_some()).cycle();
        loop {
            let index = running.next().unwrap();
            let mut wire = Wire::raw(&self.address(index));
            wire.send_bytes(b"srvr");
            if wire.text().contains("Mode: leader") {
                return index;
            }
        }
    }

    pub fn stop(&mut self, index: usize) {
        self.servers[index].take().unwrap().stop().unwrap();
    }

    pub fn start(&mut self, index: usize) {
        let server = Server::builder().config(self.config(index)).start().unwrap();
        self.servers[index] = Some(server);
    }
}
