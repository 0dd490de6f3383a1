//! A server in this process: for the `pinfold` program, for tests, for small applications.

use std::net::{TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};

use pinfold_replication::{Consensus, Membership, NodeConfig, RaftNode};
use pinfold_state::StateMachine;
use pinfold_storage::{DataDir, LogOptions, OsFileSystem, SnapshotReader};
use tokio::runtime::{Builder as RuntimeBuilder, Runtime};
use tokio::sync::watch;

use crate::config::{Config, Member};
use crate::error::ServerError;
use crate::gate::Gate;
use crate::listener::{self, Door};
use crate::log_store::DiskLog;
use crate::peers::{self, Courier, Formation, Links, Reception};
use crate::pipeline::{Message, Pipeline};
use crate::shared::{Shared, lock};
use crate::snapshots::Snapshots;
use crate::statistics::Statistics;

/// A running server. It has threads of its own and needs no runtime of the caller.
///
/// Dropping it stops it, like [`Server::stop`]; both wait until it has stopped.
#[derive(Debug)]
pub struct Server {
    address: String,
    secure_address: Option<String>,
    data_dir: PathBuf,
    stop: watch::Sender<bool>,
    pipeline: Sender<Message>,
    threads: Vec<JoinHandle<()>>,
    failure: Arc<Failure>,
    temporary: Option<Temporary>,
}

#[derive(Debug)]
struct Failure {
    error: Mutex<Option<ServerError>>,
    happened: watch::Sender<bool>,
}

/// How a server is to be started.
#[derive(Clone, Debug)]
pub struct Builder {
    config: Config,
    has_data_dir: bool,
}

impl Builder {
    /// `host:port` to listen on; port 0 takes a free one. `127.0.0.1:0` when not set.
    pub fn listen(mut self, address: &str) -> Builder {
        self.config.listen = address.to_owned();
        self
    }

    /// `host:port` of a port that takes TLS alone; port 0 takes a free one. There is none when not
    /// set. It needs the property `ssl.keyStore.location`.
    pub fn listen_secure(mut self, address: &str) -> Builder {
        self.config.tls.listen = Some(address.to_owned());
        self
    }

    /// Takes one of the settings of a zoo.cfg or of Java's system properties, such as
    /// `ssl.keyStore.location` or `zookeeper.superUser`.
    ///
    /// # Errors
    /// A known setting whose value has no meaning.
    pub fn property(mut self, name: &str, value: &str) -> Result<Builder, ServerError> {
        self.config.property("property", name, value)?;
        Ok(self)
    }

    /// Where log and snapshots are. A fresh temporary directory when not set, which is removed
    /// when the server stops.
    pub fn data_dir(mut self, path: impl AsRef<Path>) -> Builder {
        self.config.data_dir = path.as_ref().to_owned();
        self.has_data_dir = true;
        self
    }

    /// The unit of session timeouts, in milliseconds, at least 1. A session's timeout is between
    /// 2 and 20 of them. 2000 when not set.
    pub fn tick_time_ms(mut self, tick_time_ms: u32) -> Builder {
        self.config.tick_time_ms = tick_time_ms.max(1);
        self
    }

    /// All settings at once, the address and the directory included.
    pub fn config(mut self, config: Config) -> Builder {
        self.config = config;
        self.has_data_dir = true;
        self
    }

    /// Uses a fresh temporary directory, which is removed when the server stops, whatever was set
    /// before.
    pub fn temporary_data_dir(mut self) -> Builder {
        self.has_data_dir = false;
        self
    }

    /// Starts the server; when this returns it can be connected to. Blocks while the data
    /// directory is being recovered.
    ///
    /// # Errors
    /// Whatever keeps the server from starting: the address, the directory, what is in it.
    pub fn start(mut self) -> Result<Server, ServerError> {
        let temporary = match self.has_data_dir {
            true => None,
            false => Some(Temporary::new()?),
        };
        if let Some(Temporary(path)) = &temporary {
            self.config.data_dir = path.clone();
        }
        Server::launch(self.config, temporary)
    }
}

impl Server {
    /// Sets up a server that listens on a free port of the loopback.
    pub fn builder() -> Builder {
        let config = Config { listen: "127.0.0.1:0".to_owned(), ..Config::default() };
        Builder { config, has_data_dir: false }
    }

    /// Starts a server on a free port of the loopback, in a fresh temporary directory.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn start() -> Result<Server, ServerError> {
        Server::builder().start()
    }

    /// The address it listens on, as `host:port`, with the real port; that of TLS where it speaks
    /// TLS alone.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// The address of the port that takes TLS alone, as `host:port`, with the real port.
    pub fn secure_address(&self) -> Option<&str> {
        self.secure_address.as_deref()
    }

    /// Where its log and snapshots are.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Stops the server: what was acknowledged is on the disk, connections are closed, sessions
    /// stay open in the data directory. Waits until everything has ended.
    ///
    /// # Errors
    /// The error by which the server had stopped itself before, if it had.
    pub fn stop(mut self) -> Result<(), ServerError> {
        self.halt();
        match lock(&self.failure.error).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Returns when the server has stopped by itself, because its disk failed. Why is told by
    /// [`Server::stop`]. Needs no particular runtime.
    pub async fn failed(&self) {
        let mut happened = self.failure.happened.subscribe();
        if happened.wait_for(|happened| *happened).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn launch(mut config: Config, temporary: Option<Temporary>) -> Result<Server, ServerError> {
        let gate = Gate::load(&config)?;
        let doors = open_doors(&mut config)?;
        let secure_address = config.tls.listen.clone();
        let address = match config.listen.is_empty() {
            true => secure_address.clone().unwrap_or_default(),
            false => config.listen.clone(),
        };
        let data_dir = config.data_dir.clone();
        let (sender, inbox) = mpsc::channel();
        let runtime = runtime()?;
        let (directory, pipeline) = assemble(config, gate, &runtime, sender.clone(), inbox)?;
        let shared = pipeline.shared.clone();
        let (stop, stopped) = watch::channel(false);
        let failure =
            Arc::new(Failure { error: Mutex::new(None), happened: watch::Sender::new(false) });
        let mut server = Server {
            address,
            secure_address,
            data_dir,
            stop,
            pipeline: sender,
            threads: Vec::new(),
            failure,
            temporary,
        };
        server.spawn_pipeline(directory, pipeline)?;
        server.spawn_listener(shared, runtime, doors, stopped)?;
        Ok(server)
    }

    fn spawn_pipeline<C: Consensus + Send + 'static, P: Courier + 'static>(
        &mut self,
        directory: DataDir,
        mut pipeline: Pipeline<C, P>,
    ) -> Result<(), ServerError> {
        let (failure, stop) = (self.failure.clone(), self.stop.clone());
        let run = move || {
            let watched = Ended { failure: failure.clone(), stop, cleanly: AtomicBool::new(false) };
            match pipeline.run() {
                Ok(()) => watched.cleanly.store(true, Ordering::Relaxed),
                Err(error) => {
                    tracing::error!(%error, "the server stops");
                    *lock(&failure.error) = Some(error);
                }
            }
            pipeline.finish();
            // Only now may another process open the directory.
            drop(directory);
        };
        let thread = thread::Builder::new().name("pinfold-pipeline".to_owned()).spawn(run);
        self.threads.push(thread.map_err(ServerError::Thread)?);
        Ok(())
    }

    fn spawn_listener(
        &mut self,
        shared: Arc<Shared>,
        runtime: Runtime,
        doors: Vec<(TcpListener, Door)>,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), ServerError> {
        let mut accepting = Vec::new();
        for (listener, door) in doors {
            let _guard = runtime.enter();
            let listener =
                tokio::net::TcpListener::from_std(listener).map_err(ServerError::Thread)?;
            accepting.push(runtime.spawn(listener::accept(shared.clone(), listener, door)));
        }
        // A thread of its own, because a runtime must not be dropped inside another one's.
        let run = move || {
            runtime.block_on(async {
                let _ = stopped.wait_for(|stopped| *stopped).await;
                accepting.iter().for_each(tokio::task::JoinHandle::abort);
            });
        };
        let thread = thread::Builder::new().name("pinfold-listener".to_owned()).spawn(run);
        self.threads.push(thread.map_err(ServerError::Thread)?);
        Ok(())
    }

    fn halt(&mut self) {
        let _ = self.pipeline.send(Message::Stop);
        let threads = std::mem::take(&mut self.threads);
        for thread in threads {
            if thread.join().is_err() {
                lock(&self.failure.error).get_or_insert(ServerError::Panicked);
            }
            // The pipeline ends first, so that answers still find their connections.
            self.stop.send_replace(true);
        }
        self.temporary = None;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Tells the others when the pipeline ends, even by a panic.
struct Ended {
    failure: Arc<Failure>,
    stop: watch::Sender<bool>,
    cleanly: AtomicBool,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if !self.cleanly.load(Ordering::Relaxed) {
            self.failure.happened.send_replace(true);
        }
    }
}

/// A directory that is removed when this is dropped.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Result<Temporary, ServerError> {
        let number = getrandom::u64().map_err(|error| ServerError::Random(error.to_string()))?;
        let path = std::env::temp_dir().join(format!("pinfold-{number:016x}"));
        std::fs::create_dir(&path).map_err(ServerError::Temporary)?;
        Ok(Temporary(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "cannot remove {}", self.0.display());
        }
    }
}

fn listen_error(address: &str, reason: String) -> ServerError {
    ServerError::Listen { address: address.to_owned(), reason }
}

/// Listens wherever the settings say. With port 0 only the listener knows the real one, which is
/// put into the settings.
fn open_doors(config: &mut Config) -> Result<Vec<(TcpListener, Door)>, ServerError> {
    let mut doors = Vec::new();
    let mut open = |listen: &mut String, door| {
        let listener = bind(listen)?;
        let address =
            listener.local_addr().map_err(|error| listen_error(listen, error.to_string()))?;
        *listen = address.to_string();
        doors.push((listener, door));
        Ok::<(), ServerError>(())
    };
    if !config.listen.is_empty() {
        let door = if config.tls.port_unification { Door::Either } else { Door::Plain };
        open(&mut config.listen, door)?;
    }
    if let Some(listen) = &mut config.tls.listen {
        open(listen, Door::Secure)?;
    }
    Ok(doors)
}

fn bind(address: &str) -> Result<TcpListener, ServerError> {
    let resolved: Vec<_> = match address.to_socket_addrs() {
        Ok(resolved) => resolved.collect(),
        Err(error) => {
            let reason = format!("{error}; an address has the form host:port");
            return Err(listen_error(address, reason));
        }
    };
    let listener = TcpListener::bind(&*resolved)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "the port is in use by another process; stop that one or choose another port"
                    .to_owned()
            }
            std::io::ErrorKind::PermissionDenied => {
                "not permitted; ports below 1024 need privileges".to_owned()
            }
            _ => error.to_string(),
        };
        listen_error(address, reason)
    })
}

fn runtime() -> Result<Runtime, ServerError> {
    RuntimeBuilder::new_multi_thread()
        .worker_threads(thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)))
        .thread_name("pinfold-server")
        .enable_all()
        .build()
        .map_err(ServerError::Thread)
}

/// Opens the directory, meets the other servers if there are any, and brings the state to where
/// the log ends.
fn assemble(
    config: Config,
    gate: Gate,
    runtime: &Runtime,
    sender: Sender<Message>,
    inbox: Receiver<Message>,
) -> Result<(DataDir, Pipeline<RaftNode<DiskLog>, Links>), ServerError> {
    let id = config.ensemble.own_id(&config.data_dir)?;
    let lone = getrandom::u64().map_err(|error| ServerError::Random(error.to_string()))?;
    let reception = Arc::new(Reception {
        id,
        formation: Mutex::default(),
        snapshots: OnceLock::new(),
        pipeline: sender.clone(),
    });
    if config.ensemble.has_peers() {
        let member = config.ensemble.member(id);
        let address = member.map(Member::peer_address).unwrap_or_default();
        let listener = {
            let _guard = runtime.enter();
            tokio::net::TcpListener::from_std(bind(&address)?).map_err(ServerError::Thread)?
        };
        runtime.spawn(peers::receive(reception.clone(), listener));
    }
    let found = || match config.ensemble.has_peers() {
        true => runtime.block_on(peers::form(&config.ensemble, id, lone)).identity(),
        false => Formation { cluster: lone, founders: Membership::single(id) }.identity(),
    };
    let fs = Arc::new(OsFileSystem);
    let directory = DataDir::open_or_found(fs, &config.data_dir, found)?;
    let formation = Formation::of(&directory)?;
    let opened = DiskLog::open(&directory, &formation.founders, LogOptions::default())?;
    let (state, term) = match opened.snapshot {
        Some(reader) => {
            let term = reader.id().term;
            (restore(reader)?, term)
        }
        None => (StateMachine::new(), 0),
    };
    let consensus = RaftNode::new(&NodeConfig::new(id), opened.log)?;
    let links = {
        let _guard = runtime.enter();
        let cluster = formation.cluster;
        Links::keep(cluster, id, &config, &opened.snapshots, &sender)
    };
    let _ = reception.snapshots.set(opened.snapshots.clone());
    *lock(&reception.formation) = Some(formation);
    let snapshots = Snapshots::new(opened.snapshots, config.snapshot_every);
    let statistics = Statistics::new(opened.syncs);
    let shared = Arc::new(Shared::new(config, gate, state, sender, statistics));
    let mut pipeline = Pipeline::new(shared, consensus, links, inbox, snapshots, term)?;
    pipeline.recover()?;
    Ok((directory, pipeline))
}

/// The state that a snapshot holds.
pub(crate) fn restore(reader: SnapshotReader) -> Result<StateMachine, ServerError> {
    let mut failure = None;
    let blocks = reader.map_while(|block| block.map_err(|error| failure = Some(error)).ok());
    let restored = StateMachine::restore(blocks);
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(restored?),
    }
}
