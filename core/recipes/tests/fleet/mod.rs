//! A real server for a test, its clients, and a proxy that breaks connections on purpose.

// Each test binary uses its own part of this module.
#![allow(dead_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use pinfold_client::{Client, Options, SessionState};
use pinfold_recipes::{
    Assignment, Master, MasterEvent, MasterOptions, TaskId, TaskQueue, Worker, WorkerEvent,
    WorkerOptions,
};
use pinfold_server::embedded::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Short, so that a test of expiry is; the tick of the server allows it.
pub(crate) const SESSION_TIMEOUT: Duration = Duration::from_millis(1_000);

/// ZooKeeper's numbers of the requests that tests cut off.
pub(crate) const CREATES: [i32; 2] = [1, 15];
pub(crate) const MULTI: [i32; 2] = [14, 14];

/// A server with its clients.
pub(crate) struct Fleet {
    pub(crate) server: Option<Server>,
    pub(crate) hosts: String,
}

impl Fleet {
    /// An embedded server; or, for comparisons, the one that PINFOLD_TEST_HOSTS names.
    pub(crate) fn start() -> Fleet {
        if let Ok(hosts) = std::env::var("PINFOLD_TEST_HOSTS") {
            return Fleet { server: None, hosts };
        }
        let server = Server::builder().tick_time_ms(100).start().expect("an embedded server");
        let hosts = server.address();
        Fleet { server: Some(server), hosts }
    }

    /// A root that no other test uses, also on a shared server.
    pub(crate) fn root(&self, name: &str) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let count = NEXT.fetch_add(1, Ordering::Relaxed);
        format!("/{name}-{}-{count}", std::process::id())
    }

    pub(crate) async fn client(&self) -> Client {
        connect(&self.hosts).await
    }

    /// How many have come to a double barrier, which may not be there yet.
    pub(crate) async fn members(&self, client: &Client, path: &str) -> usize {
        client.get_children(path).await.map_or(0, |(names, _)| names.len())
    }

    pub(crate) async fn proxy(&self) -> Proxy {
        Proxy::start(self.hosts.clone()).await
    }
}

pub(crate) async fn connect(hosts: &str) -> Client {
    let mut options = Options::new(hosts);
    options.session_timeout = SESSION_TIMEOUT;
    Client::connect(options).await.expect("a session")
}

/// A master that says when it leads.
pub(crate) async fn master(client: &Client, root: &str, id: &str) -> Master {
    let options = MasterOptions::new(id);
    Master::start(client, root, options).await.expect("a master")
}

pub(crate) async fn elected(master: &Master) -> i64 {
    loop {
        match master.next().await.expect("an event before the end") {
            MasterEvent::Elected { token } => return token,
            _ => continue,
        }
    }
}

pub(crate) async fn worker(client: &Client, root: &str, id: &str, capacity: u32) -> Worker {
    Worker::start(client, root, WorkerOptions::new(id, capacity)).await.expect("a worker")
}

pub(crate) async fn assigned(worker: &Worker) -> Assignment {
    loop {
        match worker.next().await.expect("an event before the end") {
            WorkerEvent::Assigned(assignment) => return assignment,
            _ => continue,
        }
    }
}

/// Answers every task with its own payload until dropped or stopped.
pub(crate) fn echo(worker: Worker) -> tokio::task::JoinHandle<u64> {
    tokio::spawn(async move {
        let mut done = 0;
        while let Some(event) = worker.next().await {
            if let WorkerEvent::Assigned(assignment) = event {
                let outcome = worker.complete(&assignment.task, assignment.payload).await;
                done += u64::from(outcome.is_ok());
            }
        }
        done
    })
}

/// The payload and the result of every task, each once.
pub(crate) async fn all_results(queue: &TaskQueue, tasks: &[TaskId]) -> Vec<Bytes> {
    let mut results = queue.results();
    let mut found = std::collections::HashMap::new();
    while found.len() < tasks.len() {
        let one = results.next().await.expect("a result").expect("no error");
        let body = one.result.expect("no dead letter");
        assert!(found.insert(one.task.clone(), body).is_none(), "{} came twice", one.task);
    }
    tasks.iter().map(|task| found[task].clone()).collect()
}

pub(crate) async fn children(client: &Client, path: &str) -> Vec<String> {
    let mut names = client.get_children(path).await.expect("the children").0;
    names.sort();
    names
}

/// Waits until the session is over.
pub(crate) async fn expired(client: &Client) {
    let mut states = client.states();
    let over = states.wait_for(|state| *state == SessionState::Expired).await;
    assert!(over.is_ok(), "the session ends by expiry");
}

/// What a proxy does with the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Open,
    /// Connections stay, and nothing comes through.
    Silent,
    /// Connections break and are refused.
    Closed,
}

/// Sits between a client and the server.
pub(crate) struct Proxy {
    pub(crate) hosts: String,
    mode: Arc<watch::Sender<Mode>>,
    /// The request after which the connection breaks, once: its opcodes; 0 for none.
    cut: Arc<[AtomicI32; 2]>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    async fn start(server: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let hosts = listener.local_addr().expect("an address").to_string();
        let mode = Arc::new(watch::channel(Mode::Open).0);
        let cut = Arc::new([AtomicI32::new(0), AtomicI32::new(0)]);
        let (modes, cuts) = (Arc::clone(&mode), Arc::clone(&cut));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *modes.borrow() == Mode::Closed {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                tokio::spawn(relay(client, server, modes.subscribe(), Arc::clone(&cuts)));
            }
        });
        Proxy { hosts, mode, cut, task }
    }

    /// Nothing comes through from now on, and nobody is told.
    pub(crate) fn silence(&self) {
        self.mode.send_replace(Mode::Silent);
    }

    pub(crate) fn open(&self) {
        self.mode.send_replace(Mode::Open);
    }

    /// Breaks every connection, and the new ones until opened.
    pub(crate) fn close(&self) {
        self.mode.send_replace(Mode::Closed);
    }

    /// The next request with one of these opcodes reaches the server, and its reply is lost with
    /// the connection.
    pub(crate) fn cut_after(&self, opcodes: [i32; 2]) {
        for (slot, opcode) in self.cut.iter().zip(opcodes) {
            slot.store(opcode, Ordering::SeqCst);
        }
    }

    /// True once the cut was made.
    pub(crate) fn was_cut(&self) -> bool {
        self.cut[0].load(Ordering::SeqCst) == 0
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(
    client: TcpStream,
    server: TcpStream,
    mut mode: watch::Receiver<Mode>,
    cut: Arc<[AtomicI32; 2]>,
) {
    for side in [&client, &server] {
        side.set_nodelay(true).expect("a socket option");
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut first = true;
    // Frames are read by tasks of their own: a read of a frame must not be cancelled half-way.
    let (requests_in, mut requests) = tokio::sync::mpsc::channel(1_024);
    let (replies_in, mut replies) = tokio::sync::mpsc::channel(1_024);
    let reading = tokio::spawn(async move {
        while let Some(frame) = read_frame(&mut from_client).await {
            if requests_in.send(frame).await.is_err() {
                return;
            }
        }
    });
    let answering = tokio::spawn(async move {
        while let Some(frame) = read_frame(&mut from_server).await {
            if replies_in.send(frame).await.is_err() {
                return;
            }
        }
    });
    loop {
        let now = *mode.borrow_and_update();
        if now == Mode::Closed {
            break;
        }
        let open = now == Mode::Open;
        tokio::select! {
            changed = mode.changed() => if changed.is_err() { break },
            request = requests.recv(), if open => {
                let Some(request) = request else { break };
                let opcode = request.get(8..12).map_or(0, |bytes| {
                    i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
                });
                let hit = !first && cut.iter().any(|slot| slot.load(Ordering::SeqCst) == opcode);
                first = false;
                if to_server.write_all(&request).await.is_err() {
                    break;
                }
                if hit && opcode != 0 {
                    let xid = request[4..8].to_vec();
                    // The server has answered this very request: it is applied.
                    while let Some(reply) = replies.recv().await {
                        if reply.get(4..8) == Some(&xid) {
                            break;
                        }
                    }
                    cut.iter().for_each(|slot| slot.store(0, Ordering::SeqCst));
                    break;
                }
            }
            reply = replies.recv(), if open => {
                let Some(reply) = reply else { break };
                if to_client.write_all(&reply).await.is_err() {
                    break;
                }
            }
        }
    }
    reading.abort();
    answering.abort();
}

/// One frame with its length; `None` at the end.
async fn read_frame(from: &mut (impl AsyncReadExt + Unpin)) -> Option<Vec<u8>> {
    let mut head = [0u8; 4];
    from.read_exact(&mut head).await.ok()?;
    let length = usize::try_from(i32::from_be_bytes(head)).ok()?;
    let mut frame = head.to_vec();
    frame.resize(4 + length, 0);
    from.read_exact(&mut frame[4..]).await.ok()?;
    Some(frame)
}
