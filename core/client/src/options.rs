//! How to reach the servers, and what session to ask for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::simulation::World;
use crate::{Sasl, Tls};

/// What it takes to go on with a session on another connection or in another client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionToken {
    /// The session's id.
    pub id: i64,
    /// Its password.
    pub password: [u8; 16],
}

impl std::fmt::Debug for SessionToken {
    /// Without the password, which must not get into a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SessionToken({:#x})", self.id)
    }
}

/// Options of a client.
#[derive(Debug, Clone)]
pub struct Options {
    /// `host:port,host:port/chroot`; the port is 2181 where it is left out.
    pub hosts: String,
    /// Session timeout to ask for; the server may give another. Default 10 s.
    pub session_timeout: Duration,
    /// How long [`crate::Client::connect`] tries. Default 10 s.
    pub connect_timeout: Duration,
    /// Credentials as (scheme, bytes), given again at every reconnection.
    pub auth: Vec<(String, Bytes)>,
    /// Whether a read-only server is accepted.
    pub read_only: bool,
    /// Requests that may wait for an answer before a call is refused. Default 16,384.
    pub in_flight_limit: usize,
    /// Longest reply that is accepted, bytes. Default 64 MiB.
    pub max_reply: usize,
    /// Longest request that is sent, bytes; the servers' `jute.maxbuffer`. Default 1 MiB - 1.
    pub max_request: usize,
    /// A session to go on with.
    pub session: Option<SessionToken>,
    /// TLS to every server; none for plain connections.
    pub tls: Option<Tls>,
    /// Who the client is, proved at every connection; nobody in particular when there is none.
    pub sasl: Option<Sasl>,
    /// Where the client is, if that is not the operating system's world.
    #[doc(hidden)]
    pub world: Option<Arc<dyn World>>,
}

impl Options {
    /// Options with every default.
    pub fn new(hosts: impl Into<String>) -> Options {
        Options {
            hosts: hosts.into(),
            session_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            auth: Vec::new(),
            read_only: false,
            in_flight_limit: 16_384,
            max_reply: 64 << 20,
            max_request: pinfold_proto::frame::DEFAULT_MAX_FRAME,
            session: None,
            tls: None,
            sasl: None,
            world: None,
        }
    }
}
