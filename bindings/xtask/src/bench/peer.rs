//! The servers that are compared, each with the same configuration.

use crate::fault::Doing;
use crate::{Fallible, Fault, oracle};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SERVING_WITHIN: Duration = Duration::from_secs(120);
/// Between two looks at a server that starts.
const LOOK: Duration = Duration::from_millis(1);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pinfold,
    ZooKeeper,
    /// A server that answers from a constant.
    Null,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Pinfold => "Pinfold",
            Kind::ZooKeeper => "Apache ZooKeeper 3.9.5",
            Kind::Null => "null server",
        }
    }
}

/// What the programs are.
pub(super) struct Programs {
    pub(super) pinfold: PathBuf,
    pub(super) load: PathBuf,
    /// Apache ZooKeeper's jars; without them it is missing.
    pub(super) jars: Option<PathBuf>,
}

impl Programs {
    /// Finds out what there is. What is missing is told at the end as well.
    pub(super) fn find(pinfold: PathBuf, load: PathBuf, alone: bool) -> Programs {
        let jars = match oracle::missing() {
            _ if alone => None,
            Some(why) => {
                crate::step::left_out("Apache ZooKeeper as a peer", why);
                None
            }
            None => match oracle::jars() {
                Ok(jars) => Some(jars),
                Err(why) => {
                    crate::step::left_out("Apache ZooKeeper as a peer", why);
                    None
                }
            },
        };
        Programs { pinfold, load, jars }
    }
}

/// One server, or an ensemble. Its processes end with the value.
pub(super) struct Peer {
    pub(super) kind: Kind,
    pub(super) addresses: Vec<String>,
    children: Vec<Option<Child>>,
    commands: Vec<Vec<String>>,
    folder: PathBuf,
}

impl Drop for Peer {
    fn drop(&mut self) {
        for node in 0..self.children.len() {
            self.kill(node);
        }
        // What is left would only take room.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Peer {
    /// Starts so many servers with their data below `folder`, and waits until they serve.
    pub(super) fn start(
        programs: &Programs,
        kind: Kind,
        servers: usize,
        folder: &Path,
    ) -> Fallible<Peer> {
        let folder = folder.join(format!("{kind:?}-{servers}"));
        let _ = fs::remove_dir_all(&folder);
        let ports = free_ports(servers * 3)?;
        let mut commands = Vec::new();
        let mut addresses = Vec::new();
        for (node, own) in ports.chunks_exact(3).enumerate() {
            let config = configure(&folder.join(node.to_string()), node, own[0], &ports)?;
            commands.push(command(programs, kind, &config)?);
            addresses.push(format!("127.0.0.1:{}", own[0]));
        }
        let children = commands.iter().map(|_| None).collect();
        let mut peer = Peer { kind, addresses, children, commands, folder };
        for node in 0..servers {
            peer.launch(node)?;
        }
        (0..servers).try_for_each(|node| peer.wait_for(node))?;
        Ok(peer)
    }

    /// A server that answers from a constant.
    pub(super) fn null(programs: &Programs, bytes: usize) -> Fallible<Peer> {
        let mut command = Command::new(&programs.load);
        command.args(["null", "--bytes", &bytes.to_string()]).stdout(Stdio::piped());
        let mut child = command.spawn().doing("starting the null server")?;
        let stdout = child.stdout.take().ok_or_else(|| Fault::new("no standard output"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).doing("starting the null server")?;
        let address = line.trim().rsplit(' ').next().unwrap_or("").to_owned();
        Ok(Peer {
            kind: Kind::Null,
            addresses: vec![address],
            children: vec![Some(child)],
            commands: Vec::new(),
            folder: PathBuf::new(),
        })
    }

    /// Starts a server that does not run, and does not wait.
    pub(super) fn launch(&mut self, node: usize) -> Fallible {
        let folder = self.folder.join(node.to_string());
        let said = File::options().create(true).append(true).open(folder.join("said"));
        let said = said.doing("opening a server's log")?;
        let words = &self.commands[node];
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null());
        self.children[node] = Some(command.stderr(said).spawn().doing("starting a server")?);
        Ok(())
    }

    /// Waits until a server has something to serve.
    pub(super) fn wait_for(&mut self, node: usize) -> Fallible {
        let begun = Instant::now();
        while ask(&self.addresses[node], "isro").as_deref() != Some("rw") {
            let child = self.children[node].as_mut();
            let ended = child.and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() || begun.elapsed() > SERVING_WITHIN {
                let said = self.folder.join(node.to_string()).join("said");
                let said = fs::read_to_string(said).unwrap_or_default();
                return Err(Fault::new(format!("{} did not start: {said}", self.kind.name())));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self, node: usize) {
        if let Some(mut child) = self.children[node].take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The server that leads.
    pub(super) fn leader(&self) -> Fallible<usize> {
        let begun = Instant::now();
        while begun.elapsed() < SERVING_WITHIN {
            for (node, address) in self.addresses.iter().enumerate() {
                let answer = ask(address, "srvr").unwrap_or_default();
                if answer.lines().any(|line| line == "Mode: leader") {
                    return Ok(node);
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(Fault::new(format!("{}: nobody leads", self.kind.name())))
    }

    /// The processes that run.
    pub(super) fn processes(&self) -> Vec<String> {
        self.children.iter().flatten().map(|child| child.id().to_string()).collect()
    }
}

fn ask(address: &str, word: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(word.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

fn free_ports(count: usize) -> Fallible<Vec<u16>> {
    let bind = || TcpListener::bind("127.0.0.1:0");
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| bind()).collect::<Result<_, _>>().doing("finding free ports")?;
    let ports = listeners.iter().map(|listener| listener.local_addr().map(|own| own.port()));
    ports.collect::<Result<_, _>>().doing("finding free ports")
}

/// The same file for both: ZooKeeper's defaults, but for what lets one address have many sessions.
fn configure(folder: &Path, node: usize, client: u16, ports: &[u16]) -> Fallible<PathBuf> {
    let data = folder.join("data");
    fs::create_dir_all(&data).doing("making a data directory")?;
    let mut text = format!(
        "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={}\nmaxClientCnxns=0\n\
         admin.enableServer=false\n4lw.commands.whitelist=*\n",
        data.display()
    );
    if ports.len() > 3 {
        fs::write(data.join("myid"), format!("{}\n", node + 1)).doing("writing myid")?;
        for (other, of) in ports.chunks_exact(3).enumerate() {
            let line = format!("127.0.0.1:{}:{};127.0.0.1:{}", of[1], of[2], of[0]);
            text.push_str(&format!("server.{}={line}\n", other + 1));
        }
    } else {
        text.push_str(&format!("clientPort={client}\nclientPortAddress=127.0.0.1\n"));
    }
    let config = folder.join("zoo.cfg");
    fs::write(&config, text).doing("writing zoo.cfg")?;
    Ok(config)
}

fn command(programs: &Programs, kind: Kind, config: &Path) -> Fallible<Vec<String>> {
    let config = config.display().to_string();
    let words = match (kind, &programs.jars) {
        (Kind::ZooKeeper, Some(jars)) => {
            let jars = format!("{}/*", jars.display());
            let main = "org.apache.zookeeper.server.quorum.QuorumPeerMain".to_owned();
            vec!["java".to_owned(), "-Xmx2g".to_owned(), "-cp".to_owned(), jars, main, config]
        }
        (Kind::Pinfold, _) => {
            let program = programs.pinfold.display().to_string();
            vec![program, "serve".to_owned(), "--config".to_owned(), config]
        }
        _ => return Err(Fault::new(format!("{} is missing", kind.name()))),
    };
    Ok(words)
}
