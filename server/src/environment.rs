//! What a server has around it: sockets, the clock on the wall, random numbers, threads, a disk.
//!
//! Everything else in a server is a function of what comes through here and of tokio's clock, so
//! that a simulation which provides a [`World`] of its own decides everything that happens.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pinfold_replication::NodeId;
use pinfold_storage::{FileSystem, LogOptions, OsFileSystem};
use rustix::net::{self, AddressFamily, SocketType, sockopt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::error::ServerError;

/// Connections that may wait to be accepted, as in the standard library.
const BACKLOG: i32 = 4096;

/// The bytes of a connection that is none of the operating system's.
pub trait Stream: AsyncRead + AsyncWrite + fmt::Debug + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + fmt::Debug + Send + Sync + Unpin> Stream for T {}

/// A connection that comes some time.
pub type Incoming<'a> =
    Pin<Box<dyn Future<Output = io::Result<(Box<dyn Stream>, SocketAddr)>> + Send + 'a>>;
/// A connection that is being made.
pub type Outgoing<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send + 'a>>;

/// A door that is none of the operating system's.
pub trait Doorway: fmt::Debug + Send + Sync {
    /// The next one who comes in.
    fn accept(&self) -> Incoming<'_>;
}

/// An environment that is not the operating system.
pub trait World: fmt::Debug + Send + Sync {
    /// Makes a connection to `host:port`.
    fn connect<'a>(&'a self, address: &'a str) -> Outgoing<'a>;

    /// Listens on `host:port`.
    ///
    /// # Errors
    /// When somebody else does.
    fn bind(&self, address: &str) -> io::Result<Box<dyn Doorway>>;

    /// Milliseconds since 1970 on the wall; may go back.
    fn wall_ms(&self) -> i64;

    /// Fills the buffer at random.
    fn fill(&self, buffer: &mut [u8]);

    /// Does work that takes its time, beside everything else.
    fn run(&self, work: Box<dyn FnOnce() + Send>);

    /// This server leads in a term.
    fn leads(&self, id: NodeId, term: u64);

    /// This server has applied the entry at this place of the log, which took this zxid.
    fn applied(&self, id: NodeId, place: (u64, u64), entry: &[u8], zxid: i64);

    /// What this server's state is, as of this index.
    fn state(&self, id: NodeId, index: u64, digest: u64);

    /// True where this fault is planted, to see whether it is found.
    fn is_planted(&self, fault: Fault) -> bool;
}

/// Faults that a simulation can plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A read does not wait for earlier writes of its own session.
    ReadBeforeOwnWrite,
    /// A server that does not lead any more still ends sessions.
    DeposedExpiry,
    /// The event of a change goes out behind the answer to it.
    WatchAfterReply,
    /// A follower says that entries are durable which are not yet.
    AckBeforePersist,
    /// A write is answered before it is durable anywhere.
    AckBeforeFsync,
    /// Recovery cuts off an entry that was decided.
    TruncateCommitted,
}

/// The environment of one server; the operating system when nothing else is said.
#[derive(Clone, Debug)]
pub struct Environment {
    world: Option<Arc<dyn World>>,
    /// The only door to the disk.
    pub fs: Arc<dyn FileSystem>,
    /// How the log is cut into files.
    pub log: LogOptions,
}

impl Default for Environment {
    fn default() -> Environment {
        Environment { world: None, fs: Arc::new(OsFileSystem), log: LogOptions::default() }
    }
}

impl Environment {
    /// One that is not the operating system.
    pub fn of(world: Arc<dyn World>, fs: Arc<dyn FileSystem>, log: LogOptions) -> Environment {
        Environment { world: Some(world), fs, log }
    }

    pub(crate) fn wall_ms(&self) -> i64 {
        match &self.world {
            Some(world) => world.wall_ms(),
            None => {
                let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                since_1970.as_millis() as i64
            }
        }
    }

    pub(crate) fn fill(&self, buffer: &mut [u8]) -> Result<(), ServerError> {
        match &self.world {
            Some(world) => world.fill(buffer),
            None => getrandom::fill(buffer).map_err(|e| ServerError::Random(e.to_string()))?,
        }
        Ok(())
    }

    pub(crate) fn random(&self) -> Result<u64, ServerError> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub(crate) async fn connect(&self, address: &str) -> io::Result<Socket> {
        match &self.world {
            Some(world) => world.connect(address).await.map(Socket::Made),
            None => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                notice_silence(&stream);
                Ok(Socket::Tcp(stream))
            }
        }
    }

    /// Whether nothing is known of the name in `host:port`, which may change.
    pub(crate) fn is_unknown(&self, address: &str) -> bool {
        self.world.is_none()
            && address.to_socket_addrs().map_or(true, |mut resolved| resolved.next().is_none())
    }

    /// Listens on `host:port`; needs a runtime.
    pub(crate) fn bind(&self, address: &str) -> Result<Listener, ServerError> {
        match &self.world {
            Some(world) => match world.bind(address) {
                Ok(doorway) => Ok(Listener::Made(doorway, address.to_owned())),
                Err(error) => Err(listen_error(address, error.to_string())),
            },
            None => {
                let listener = TcpListener::from_std(bind(address)?);
                Ok(Listener::Tcp(listener.map_err(ServerError::Thread)?))
            }
        }
    }

    /// Does work on a thread of its own; needs a runtime.
    pub(crate) fn run(
        &self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<Background> {
        match &self.world {
            Some(world) => {
                world.run(Box::new(work));
                Ok(Background(None))
            }
            None => {
                let thread = thread::Builder::new().name(name.to_owned()).spawn(work)?;
                Ok(Background(Some(thread)))
            }
        }
    }

    /// Does work that makes this task's thread wait; other tasks go on.
    pub(crate) fn here<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.world {
            Some(_) => work(),
            None => tokio::task::block_in_place(work),
        }
    }

    /// Does work elsewhere, and waits for it.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        match &self.world {
            Some(_) => Ok(work()),
            None => Ok(tokio::task::spawn_blocking(work).await?),
        }
    }

    pub(crate) fn leads(&self, id: NodeId, term: u64) {
        if let Some(world) = &self.world {
            world.leads(id, term);
        }
    }

    pub(crate) fn applied(&self, id: NodeId, place: (u64, u64), entry: &[u8], zxid: i64) {
        if let Some(world) = &self.world {
            world.applied(id, place, entry, zxid);
        }
    }

    /// `digest` is asked for only where somebody looks at it.
    pub(crate) fn state(&self, id: NodeId, index: u64, digest: impl FnOnce() -> u64) {
        if let Some(world) = &self.world {
            world.state(id, index, digest());
        }
    }

    /// Never true outside of a simulation: nothing is planted in what is not built for one.
    pub(crate) fn is_planted(&self, fault: Fault) -> bool {
        cfg!(feature = "simulation")
            && self.world.as_ref().is_some_and(|world| world.is_planted(fault))
    }
}

/// Work that was given to [`Environment::run`].
#[derive(Debug)]
pub(crate) struct Background(Option<JoinHandle<()>>);

impl Background {
    /// Waits until it is done, where that is a matter of waiting; false when it panicked.
    pub(crate) fn join(self) -> bool {
        self.0.is_none_or(|thread| thread.join().is_ok())
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Made(Box<dyn Stream>),
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Socket::Made(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

/// Without the methods for vectors: the system call for those raises SIGPIPE when the other side
/// has gone. Their defaults write one buffer at a time.
impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Socket::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Socket::Made(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Socket::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Socket::Made(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Socket::Made(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// Where connections come in.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Made(Box<dyn Doorway>, String),
}

impl Listener {
    pub(crate) async fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Only a matter of speed.
                let _ = stream.set_nodelay(true);
                notice_silence(&stream);
                Ok((Socket::Tcp(stream), address))
            }
            Listener::Made(doorway, _) => {
                let (stream, address) = doorway.accept().await?;
                Ok((Socket::Made(stream), address))
            }
        }
    }

    /// The real address, as `host:port`.
    pub(crate) fn address(&self) -> io::Result<String> {
        match self {
            Listener::Tcp(listener) => Ok(listener.local_addr()?.to_string()),
            Listener::Made(_, address) => Ok(address.clone()),
        }
    }
}

/// Who only waits for the other side never learns that its machine has lost its power, unless the
/// operating system asks: then the connection ends after about half a minute. A server that sends
/// a snapshot would wait for its answer for ever, and a peer's dead connections would add up.
fn notice_silence(stream: &TcpStream) {
    const IDLE: Duration = Duration::from_secs(15);
    const INTERVAL: Duration = Duration::from_secs(5);
    const PROBES: u32 = 3;
    let asked = sockopt::set_tcp_keepidle(stream, IDLE)
        .and_then(|()| sockopt::set_tcp_keepintvl(stream, INTERVAL))
        .and_then(|()| sockopt::set_tcp_keepcnt(stream, PROBES))
        .and_then(|()| sockopt::set_socket_keepalive(stream, true));
    if let Err(error) = asked {
        tracing::debug!(%error, "a connection is not watched for silence");
    }
}

pub(crate) fn listen_error(address: &str, reason: String) -> ServerError {
    ServerError::Listen { address: address.to_owned(), reason }
}

/// Every address of this machine, of both families: that is what 0.0.0.0 means to ZooKeeper, and
/// `localhost` is often found as `::1` first.
fn bind_to_all(port: u16) -> io::Result<std::net::TcpListener> {
    let socket = net::socket(AddressFamily::INET6, SocketType::STREAM, None)?;
    rustix::io::ioctl_fioclex(&socket)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_ipv6_v6only(&socket, false)?;
    net::bind(&socket, &SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))?;
    net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

fn bind(address: &str) -> Result<std::net::TcpListener, ServerError> {
    let resolved: Vec<_> = match address.to_socket_addrs() {
        Ok(resolved) => resolved.collect(),
        Err(error) => {
            let reason = format!("{error}; an address has the form host:port");
            return Err(listen_error(address, reason));
        }
    };
    let bound = match resolved.first() {
        Some(any) if any.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED) => bind_to_all(any.port())
            .or_else(|error| match error.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                // Where there is no IPv6.
                _ => std::net::TcpListener::bind(any),
            }),
        _ => std::net::TcpListener::bind(&*resolved),
    };
    let listener = bound.and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.map_err(|error| {
        let reason = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "the port is in use by another process; stop that one or choose another port"
                    .to_owned()
            }
            io::ErrorKind::PermissionDenied => {
                "not permitted; ports below 1024 need privileges".to_owned()
            }
            // On a host of its own, that is how a number shows that two servers have.
            io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address; if it is that of a server.N line, is the N in \
                 myid another server's?"
                    .to_owned()
            }
            _ => error.to_string(),
        };
        listen_error(address, reason)
    })
}
