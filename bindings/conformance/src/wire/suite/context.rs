//! What a check works with: the server, a node of its own, and connections.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use pinfold_proto::records::ConnectRequest;

use super::check::{Stop, differs};
use super::client::Client;
use super::trail::Trail;
use crate::wire::{Ended, Session, Socket, handshake};

/// Long enough for any machine; a server that is silent for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the suite is told about a server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Digest credentials of its superuser, for instance `super:admin`.
    pub superuser: Option<String>,
    /// Whether hard quotas are enforced (`enforceQuota=true`).
    pub enforces_quotas: bool,
    /// Whether to wait until the server collects containers and old nodes: up to two minutes.
    pub waits_for_collection: bool,
}

/// What a check works with.
pub struct Context {
    /// Where the server is: `host:port`.
    pub address: String,
    /// What is known about it.
    pub options: Options,
    root: String,
    trail: Trail,
}

impl Context {
    /// For one check, below `root`, which exists.
    pub(super) fn new(address: &str, options: &Options, root: String) -> Context {
        let (address, options) = (address.to_owned(), options.clone());
        Context { address, options, root, trail: Trail::default() }
    }

    /// The check's own node.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// A path below it.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.root)
    }

    /// A client with a new session.
    pub(super) fn connect(&self) -> Result<Client, Stop> {
        self.open(&handshake(10_000))
    }

    /// A client, whatever the server says to its handshake.
    pub(super) fn open(&self, request: &ConnectRequest) -> Result<Client, Stop> {
        Ok(Client::new(self.session(request)?, self.trail.clone()))
    }

    /// The same, without judging how it ends.
    pub(super) fn session(&self, request: &ConnectRequest) -> Result<Session, Ended> {
        let mut body = BytesMut::new();
        request.encode(&mut body);
        self.trail.sent("handshake", &body);
        Session::open(&self.address, request, PATIENCE)
    }

    /// The client's session, on another connection.
    pub(super) fn take_over(&self, client: &Client) -> Result<Client, Stop> {
        self.open(&client.session.takeover())
    }

    /// A connection on which nothing was said.
    pub(super) fn socket(&self) -> Result<Socket, Stop> {
        Socket::connect(&self.address, PATIENCE)
            .map_err(|error| differs("connecting", "a connection", &error.to_string()))
    }

    /// Sends bytes and nothing more; whatever comes until the server closes the connection.
    pub(super) fn exchange(&self, bytes: &[u8]) -> Result<Bytes, Stop> {
        let mut socket = self.socket()?;
        self.trail.sent("bytes", bytes);
        socket.send(bytes)?;
        let answer = socket.rest()?;
        self.trail.read("bytes", &answer);
        Ok(answer)
    }

    /// The answer to a four-letter word.
    pub(super) fn word(&self, word: &str) -> Result<String, Stop> {
        let answer = self.exchange(word.as_bytes())?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        if text.contains("is not in the whitelist") {
            return Err(Stop::NotEnabled(format!("the four-letter word {word}")));
        }
        Ok(text)
    }

    /// Asks until it is so, since some things a server does in its own time.
    pub(super) fn until(
        &self,
        what: &str,
        longest: Duration,
        mut is_so: impl FnMut() -> Result<bool, Stop>,
    ) -> Result<(), Stop> {
        let deadline = Instant::now() + longest;
        while !is_so()? {
            if Instant::now() > deadline {
                return Err(differs(what, &format!("within {longest:?}"), "not so"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Forgets what was said until now.
    pub(super) fn forget(&self) {
        self.trail.forget();
    }

    /// What was said last on the check's connections.
    pub(super) fn said(&self) -> Vec<String> {
        self.trail.lines()
    }
}
