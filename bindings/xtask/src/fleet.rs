//! An ensemble of server processes on the loopback, for commands that need a real one.
//!
//! What goes from one server to another passes a relay of its own, where it can be held up or cut.
//! Everything lies below one folder: `N/zoo.cfg`, `N/data`, and `N/said`, which is what server N
//! writes on its standard error.

mod relay;

use crate::fault::Doing;
use crate::{Fallible, Fault, workspace};
use relay::Relay;
pub(crate) use relay::Weather;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// The ports that the system does not deal out by itself begin here.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 12_000;

/// Which server is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Choice {
    /// Build and run the optimised server
    #[arg(long)]
    release: bool,
    /// Run this program, and build nothing
    #[arg(long, value_name = "PROGRAM", conflicts_with = "release")]
    server: Option<PathBuf>,
}

impl Choice {
    /// The server's program, built if need be.
    pub(crate) fn binary(&self) -> Fallible<PathBuf> {
        match &self.server {
            Some(server) => std::path::absolute(server).doing("finding the server"),
            None if self.release => workspace::release_server(),
            None => workspace::server_binary(),
        }
    }
}

/// The file in a server's folder that says how its disk misbehaves.
const DISK: &str = "disk";

/// How an ensemble is to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) servers: usize,
    /// Further lines of each zoo.cfg.
    pub(crate) settings: String,
    /// Whether what the servers say to each other passes relays.
    pub(crate) relayed: bool,
    /// Whether their disks can be made to misbehave, see [`Fleet::disk`].
    pub(crate) faulty_disks: bool,
}

/// One server's process.
#[derive(Debug)]
struct Node {
    folder: PathBuf,
    client: String,
    child: Option<Child>,
    stopped: bool,
}

/// The servers. Dropping it kills them.
#[derive(Debug)]
pub(crate) struct Fleet {
    binary: PathBuf,
    nodes: Vec<Node>,
    relays: BTreeMap<(usize, usize), Relay>,
}

/// Finds a port that nobody listens on.
fn free_port(next: &mut u16) -> u16 {
    loop {
        let port = FIRST_PORT + *next % PORTS;
        *next = next.wrapping_add(1);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Fleet {
    /// Writes the configurations and starts all servers; they may still look for each other when
    /// this returns.
    pub(crate) async fn start(binary: &Path, folder: &Path, plan: &Plan) -> Fallible<Fleet> {
        let mut next = (std::process::id() as u16).rotate_left(5);
        let ports: Vec<(u16, u16)> =
            (0..plan.servers).map(|_| (free_port(&mut next), free_port(&mut next))).collect();
        let mut relays = BTreeMap::new();
        for from in 0..plan.servers {
            for to in (0..plan.servers).filter(|to| plan.relayed && *to != from) {
                relays.insert((from, to), Relay::open(ports[to].0).await?);
            }
        }
        let mut nodes = Vec::new();
        for own in 0..plan.servers {
            let folder = folder.join((own + 1).to_string());
            let data = folder.join("data");
            std::fs::create_dir_all(&data).doing("making a data directory")?;
            std::fs::write(data.join("myid"), format!("{}\n", own + 1)).doing("writing myid")?;
            let mut text = format!("dataDir={}\n{}", data.display(), plan.settings);
            if plan.faulty_disks {
                let control = folder.join(DISK);
                text.push_str(&format!("pinfold.diskFaults={}\n", control.display()));
            }
            if plan.servers == 1 {
                let client = ports[own].1;
                text.push_str(&format!("clientPortAddress=127.0.0.1\nclientPort={client}\n"));
            }
            // One that is alone is no ensemble.
            let members = ports.iter().enumerate().filter(|_| plan.servers > 1);
            for (other, (peer, client)) in members {
                let peer = relays.get(&(own, other)).map_or(*peer, Relay::port);
                let line = format!("127.0.0.1:{peer}:0;127.0.0.1:{client}");
                text.push_str(&format!("server.{}={line}\n", other + 1));
            }
            std::fs::write(folder.join("zoo.cfg"), text).doing("writing zoo.cfg")?;
            let client = format!("127.0.0.1:{}", ports[own].1);
            nodes.push(Node { folder, client, child: None, stopped: false });
        }
        let mut fleet = Fleet { binary: binary.to_owned(), nodes, relays };
        for node in 0..plan.servers {
            fleet.launch(node)?;
        }
        Ok(fleet)
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Where clients of a server connect to.
    pub(crate) fn address(&self, node: usize) -> &str {
        &self.nodes[node].client
    }

    /// All of them, as clients write them.
    pub(crate) fn addresses(&self) -> String {
        let all: Vec<&str> = self.nodes.iter().map(|node| node.client.as_str()).collect();
        all.join(",")
    }

    /// Where a server has its data and what it said.
    pub(crate) fn folder(&self, node: usize) -> &Path {
        &self.nodes[node].folder
    }

    /// Starts a server that does not run.
    pub(crate) fn launch(&mut self, node: usize) -> Fallible {
        let Node { folder, child, stopped, .. } = &mut self.nodes[node];
        let said = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("said"));
        let mut command = Command::new(&self.binary);
        command.args(["serve", "--config"]).arg(folder.join("zoo.cfg"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(said.doing("opening a server's log")?);
        // Ctrl-C in a terminal is for us alone, who stop them in turn.
        command.process_group(0).kill_on_drop(true);
        *child = Some(command.spawn().doing("starting a server")?);
        *stopped = false;
        Ok(())
    }

    /// SIGKILL, and gone when this returns.
    pub(crate) async fn kill(&mut self, node: usize) -> Fallible {
        match self.nodes[node].child.take() {
            Some(mut child) => child.kill().await.doing("killing a server"),
            None => Ok(()),
        }
    }

    /// SIGSTOP: it stands still until [`Fleet::wake`].
    pub(crate) fn pause(&mut self, node: usize) -> Fallible {
        self.nodes[node].stopped = true;
        self.signal(node, rustix::process::Signal::STOP)
    }

    /// SIGCONT.
    pub(crate) fn wake(&mut self, node: usize) -> Fallible {
        self.nodes[node].stopped = false;
        self.signal(node, rustix::process::Signal::CONT)
    }

    fn signal(&self, node: usize, signal: rustix::process::Signal) -> Fallible {
        let pid = self.nodes[node].child.as_ref().and_then(Child::id);
        let pid = pid.and_then(|pid| rustix::process::Pid::from_raw(pid as i32));
        let pid = pid.ok_or_else(|| Fault::new(format!("server {} does not run", node + 1)))?;
        rustix::process::kill_process(pid, signal).doing("sending a signal")
    }

    /// Whether the process runs, paused or not.
    pub(crate) fn runs(&self, node: usize) -> bool {
        self.nodes[node].child.is_some()
    }

    /// A server that ended without being told to, with what it said last.
    pub(crate) fn ended(&mut self) -> Option<(usize, String)> {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            let status = node.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = status {
                let said = std::fs::read_to_string(node.folder.join("said")).unwrap_or_default();
                let last: Vec<&str> = said.lines().rev().take(3).collect();
                node.child = None;
                let last: Vec<&str> = last.into_iter().rev().collect();
                return Some((index, format!("{status}: {}", last.join(" | "))));
            }
        }
        None
    }

    /// Makes a server's disk `slow MS` or `full`, or well again with nothing. One step, so that the
    /// server never reads half of it.
    pub(crate) fn disk(&self, node: usize, fault: &str) -> Fallible {
        let folder = &self.nodes[node].folder;
        let (new, control) = (folder.join("disk.new"), folder.join(DISK));
        std::fs::write(&new, fault).doing("saying how a disk is")?;
        std::fs::rename(&new, &control).doing("saying how a disk is")
    }

    /// Sets what becomes of what `from` says to `to`. Nothing without relays.
    pub(crate) fn weather(&self, from: usize, to: usize, weather: Weather) {
        if let Some(relay) = self.relays.get(&(from, to)) {
            relay.set(weather);
        }
    }

    /// Everybody reaches everybody again.
    pub(crate) fn clear(&self) {
        self.relays.values().for_each(|relay| relay.set(Weather::Fair));
    }

    /// What a server says to `srvr`, if it answers soon.
    pub(crate) async fn mode(&self, node: usize) -> Option<String> {
        let ask = async {
            let mut socket = TcpStream::connect(&self.nodes[node].client).await.ok()?;
            socket.write_all(b"srvr").await.ok()?;
            let mut text = String::new();
            socket.read_to_string(&mut text).await.ok()?;
            let mode = text.lines().find_map(|line| line.strip_prefix("Mode: "))?;
            Some(mode.to_owned())
        };
        tokio::time::timeout(Duration::from_millis(500), ask).await.ok()?
    }

    /// The server that leads.
    pub(crate) async fn leader(&self, within: Duration) -> Fallible<usize> {
        let started = Instant::now();
        loop {
            for node in (0..self.nodes.len()).filter(|node| !self.nodes[*node].stopped) {
                if self.runs(node) && self.mode(node).await.as_deref() == Some("leader") {
                    return Ok(node);
                }
            }
            if started.elapsed() > within {
                return Err(Fault::new(format!("nobody leads after {} s", within.as_secs())));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until every server serves clients.
    pub(crate) async fn serving(&mut self, within: Duration) -> Fallible {
        let started = Instant::now();
        for node in 0..self.nodes.len() {
            while self.mode(node).await.is_none() {
                if let Some((node, why)) = self.ended() {
                    return Err(Fault::new(format!("server {} ended: {why}", node + 1)));
                }
                if started.elapsed() > within {
                    let seconds = within.as_secs();
                    let text = format!("server {} does not serve after {seconds} s", node + 1);
                    return Err(Fault::new(text));
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// SIGTERM to all of them; they are gone when this returns.
    pub(crate) async fn stop(mut self) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].stopped {
                let _ = self.wake(node);
            }
            // One that has ended already needs no signal.
            let _ = self.signal(node, rustix::process::Signal::TERM);
        }
        for node in &mut self.nodes {
            let Some(mut child) = node.child.take() else { continue };
            if tokio::time::timeout(Duration::from_secs(10), child.wait()).await.is_err() {
                let _ = child.kill().await;
            }
        }
    }
}
