//! How servers get to each other: in the open, or by TLS in which both show a certificate.

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsConnector;

use crate::config::{Member, PeerTls};
use crate::environment::{Environment, Socket};
use crate::error::ServerError;
use crate::listener::begins_with_tls;
use crate::tls::{self, Failure, Tls};

/// The way to other servers, and from them to this one.
#[derive(Clone, Debug)]
pub(crate) struct Road {
    pub(crate) environment: Environment,
    guard: Option<Arc<Guard>>,
}

struct Guard {
    settings: PeerTls,
    acceptor: Tls,
    connector: TlsConnector,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.settings.fmt(formatter)
    }
}

impl Road {
    /// Reads what TLS needs, where it is spoken.
    ///
    /// # Errors
    /// The setting, the file and what is wrong with it.
    pub(crate) fn open(settings: &PeerTls, environment: Environment) -> Result<Road, ServerError> {
        let is_guarded = settings.enabled || settings.port_unification;
        let guard = || {
            let acceptor = Tls::open(&settings.tls)?;
            let connector = Tls::connector(&settings.tls)?;
            Ok::<_, ServerError>(Arc::new(Guard {
                settings: settings.clone(),
                acceptor,
                connector,
            }))
        };
        Ok(Road { environment, guard: is_guarded.then(guard).transpose()? })
    }

    /// Gets to another server.
    pub(crate) async fn connect(&self, peer: &Member) -> io::Result<Socket> {
        let socket = self.environment.connect(&peer.peer_address()).await?;
        let guard = self.guard.as_ref().filter(|guard| guard.settings.enabled);
        match (socket, guard) {
            (Socket::Tcp(stream), Some(guard)) => {
                let connector = guard.connector()?;
                let stream = tls::shake_hands(&connector, &peer.host, stream).await?;
                Ok(Socket::Made(Box::new(stream)))
            }
            (socket, _) => Ok(socket),
        }
    }

    /// Lets another server in.
    pub(crate) async fn accept(&self, socket: Socket) -> io::Result<Socket> {
        let (stream, guard) = match (socket, &self.guard) {
            (Socket::Tcp(stream), Some(guard)) => (stream, guard),
            (socket, _) => return Ok(socket),
        };
        if guard.settings.port_unification && begins_with_tls(&stream).await == Some(false) {
            return Ok(Socket::Tcp(stream));
        }
        match guard.acceptor.accept(stream).await {
            Ok(secured) => Ok(Socket::Made(Box::new(secured.stream))),
            Err(Failure::TooMany) => Err(io::Error::other("too many TLS handshakes at a time")),
            Err(Failure::Failed(reason)) => Err(io::Error::other(reason)),
        }
    }
}

impl Guard {
    /// With the stores as they are now, where they are to be read again.
    fn connector(&self) -> io::Result<TlsConnector> {
        match self.settings.tls.reload {
            true => Tls::connector(&self.settings.tls).map_err(io::Error::other),
            false => Ok(self.connector.clone()),
        }
    }
}
