//! A server in this process: for the `pinfold` program, for tests, for small applications.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use pinfold_storage::FaultyFileSystem;
use tokio::runtime::{Builder as RuntimeBuilder, Runtime};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use crate::assembly::{Assembled, Site};
use crate::config::Config;
use crate::environment::Environment;
use crate::error::ServerError;
use crate::pipeline::Message;
use crate::shared::lock;

/// A running server. It has threads of its own and needs no runtime of the caller.
///
/// Dropping it stops it, like [`Server::stop`]; both wait until it has stopped.
#[derive(Debug)]
pub struct Server {
    address: String,
    secure_address: Option<String>,
    data_dir: PathBuf,
    stop: watch::Sender<bool>,
    pipeline: UnboundedSender<Message>,
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

    fn launch(config: Config, temporary: Option<Temporary>) -> Result<Server, ServerError> {
        let runtime = runtime()?;
        let mut environment = Environment::default();
        if let Some(control) = &config.disk_faults {
            environment.fs = Arc::new(FaultyFileSystem::new(environment.fs, control));
        }
        let site = {
            let _guard = runtime.enter();
            Site::open(config, environment)?
        };
        let secure_address = site.config.tls.listen.clone();
        let address = match site.config.listen.is_empty() {
            true => secure_address.clone().unwrap_or_default(),
            false => site.config.listen.clone(),
        };
        let (data_dir, pipeline) = (site.config.data_dir.clone(), site.sender.clone());
        // Whoever starts a server that is alone may be in a runtime itself, and must not block.
        let formation = site.has_to_ask().then(|| runtime.block_on(site.ask()));
        let assembled = {
            let _guard = runtime.enter();
            site.assemble(formation)?
        };
        let (stop, stopped) = watch::channel(false);
        let failure =
            Arc::new(Failure { error: Mutex::new(None), happened: watch::Sender::new(false) });
        let mut server = Server {
            address,
            secure_address,
            data_dir,
            stop,
            pipeline,
            threads: Vec::new(),
            failure,
            temporary,
        };
        server.spawn(assembled, runtime, stopped)?;
        Ok(server)
    }

    fn spawn(
        &mut self,
        mut assembled: Assembled,
        runtime: Runtime,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), ServerError> {
        let accepting = assembled.accept(runtime.handle());
        self.spawn_pipeline(assembled)?;
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

    fn spawn_pipeline(&mut self, assembled: Assembled) -> Result<(), ServerError> {
        let (failure, stop) = (self.failure.clone(), self.stop.clone());
        // For the pipeline alone, which waits for its inbox and for the time, and blocks at will.
        let runtime = RuntimeBuilder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(ServerError::Thread)?;
        let run = move || {
            let Assembled { directory, mut pipeline, .. } = assembled;
            let watched = Ended { failure: failure.clone(), stop, cleanly: AtomicBool::new(false) };
            match runtime.block_on(pipeline.run()) {
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

fn runtime() -> Result<Runtime, ServerError> {
    RuntimeBuilder::new_multi_thread()
        .worker_threads(thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)))
        .thread_name("pinfold-server")
        .enable_all()
        .build()
        .map_err(ServerError::Thread)
}
