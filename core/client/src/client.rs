//! The handle of a session.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use pinfold_proto::records::ClientInfo;
use pinfold_proto::{Acl, AddWatchMode, CreateMode, Stat, WatcherType};
use tokio::sync::{mpsc, oneshot, watch};

use crate::connector::Connector;
use crate::hosts::Hosts;
use crate::pending::{Pending, Watch};
use crate::session::Session;
use crate::shared::{Call, Completion, Shared};
use crate::watches::{Target, WatchKey};
use crate::{
    Error, ErrorKind, MultiOp, MultiResult, Options, ReadOp, ReadResult, Request, Response,
    SessionState, SessionToken, Sink,
};

/// A client of exactly one session. Clones are the same client; when the last is dropped the
/// session is closed. After expiry every call fails with `SESSION_EXPIRED`, and [`Client::renew`]
/// makes a client with a new session.
///
/// A request takes its place in the session's order when its method is called, not when the
/// future is polled.
#[derive(Clone)]
pub struct Client(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Refused only when the session is over already.
        let _ = self.shared.enqueue(call(Request::Close, Completion::Nobody));
    }
}

fn call(request: Request, completion: Completion) -> Call {
    Call { request, completion, watch: None, remove: None }
}

/// A node that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its path, with the counter of a sequential one.
    pub path: String,
    /// Its stat.
    pub stat: Stat,
}

impl Client {
    /// Starts a session and waits until it is served.
    ///
    /// # Errors
    /// `BAD_ARGUMENTS` for a connect string that cannot be used, `NOT_CONNECTED` when the time
    /// limit of the options passed first, `SESSION_EXPIRED` when the session to go on with is
    /// over, `AUTH_FAILED`.
    pub async fn connect(options: Options) -> Result<Client, Error> {
        let client = Client::start(options, None)?;
        client.connected().await?;
        Ok(client)
    }

    /// Starts a session and returns at once; must be called inside a tokio runtime. The sink gets
    /// the session's states and the completions of [`Client::submit`].
    ///
    /// # Errors
    /// `BAD_ARGUMENTS` for a connect string that cannot be used, `INVALID_ARGUMENT` for a file of
    /// certificates that cannot be used, or outside of a runtime.
    pub fn start(options: Options, sink: Option<Arc<dyn Sink>>) -> Result<Client, Error> {
        let hosts = Hosts::parse(&options.hosts)?;
        let connector = options.tls.as_ref().map(Connector::load).transpose()?;
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|error| Error::new(ErrorKind::InvalidArgument, error.to_string()))?;
        let shared = Arc::new(Shared::new(options, hosts, connector, sink));
        runtime.spawn(Session::new(shared.clone()).run());
        Ok(Client(Arc::new(Handle { shared })))
    }

    /// Waits until the session is served.
    ///
    /// # Errors
    /// Those of [`Client::connect`].
    pub async fn connected(&self) -> Result<(), Error> {
        let shared = &self.0.shared;
        let mut states = shared.state.subscribe();
        let settled = states.wait_for(|state| state.is_connected() || state.is_final());
        let limit = shared.options.connect_timeout;
        match tokio::time::timeout(limit, settled).await {
            Ok(Ok(state)) if state.is_connected() => Ok(()),
            Ok(state) => {
                let state = state.map_or(SessionState::Closed, |state| *state);
                Err(shared.over().unwrap_or_else(|| over(state)))
            }
            Err(_) => {
                let failure = shared.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
                let message = format!(
                    "no server of {:?} could be reached within {limit:?}: {failure}",
                    shared.options.hosts
                );
                Err(Error::new(ErrorKind::NotConnected, message))
            }
        }
    }

    /// Submits a request whose answer goes to the sink, under `ticket`; never blocks. A watch that
    /// it arms delivers to the sink under the same ticket.
    ///
    /// # Errors
    /// `BAD_ARGUMENTS` for an illegal path or too large a request, `IN_FLIGHT_FULL`, `CLOSED`,
    /// `SESSION_EXPIRED`, `AUTH_FAILED`: nothing was submitted, and the sink hears nothing.
    pub fn submit(&self, ticket: u64, request: Request) -> Result<(), Error> {
        let shared = &self.0.shared;
        let Some(sink) = &shared.sink else {
            return Err(Error::new(ErrorKind::InvalidArgument, "the client has no sink"));
        };
        let remove = match request {
            Request::RemoveWatches { ticket } => Some(WatchKey::Ticket(ticket)),
            _ => None,
        };
        let watch = Some(Target::Sink(ticket, sink.clone()));
        shared.enqueue(Call { request, completion: Completion::Sink(ticket), watch, remove })
    }

    fn pend<T>(&self, request: Request, convert: fn(Response) -> Option<T>) -> Pending<T> {
        let (sender, receiver) = oneshot::channel();
        match self.0.shared.enqueue(call(request, Completion::Future(sender))) {
            Ok(()) => Pending::waiting(receiver, convert),
            Err(error) => Pending::refused(error, convert),
        }
    }

    /// Submits a request that arms a watch; the watch yields nothing when the request fails.
    fn watch<T>(
        &self,
        request: Request,
        convert: fn(Response) -> Option<T>,
    ) -> (Pending<T>, Watch) {
        let shared = &self.0.shared;
        let number = shared.next_watch();
        let (events, event_receiver) = mpsc::unbounded_channel();
        let (sender, receiver) = oneshot::channel();
        let pending = match shared.enqueue(Call {
            request,
            completion: Completion::Future(sender),
            watch: Some(Target::Channel(number, events)),
            remove: None,
        }) {
            Ok(()) => Pending::waiting(receiver, convert),
            Err(error) => Pending::refused(error, convert),
        };
        let key = WatchKey::Channel(number);
        (pending, Watch { receiver: event_receiver, shared: shared.clone(), key })
    }

    /// Creates a node.
    pub fn create(
        &self,
        path: &str,
        data: impl Into<Bytes>,
        mode: CreateMode,
        acl: &[Acl],
    ) -> Pending<Created> {
        let (path, data, acl) = (path.to_owned(), Some(data.into()), acl.to_vec());
        self.pend(Request::Create { path, data, mode, acl, ttl_ms: 0 }, to_created)
    }

    /// Creates a node that goes when it has no children and its data have not been set for
    /// `ttl_ms` milliseconds, 1 to 2^40 - 1; `mode` is one of the two with a time to live. Apache
    /// ZooKeeper answers `UNIMPLEMENTED` unless its extended types are enabled.
    pub fn create_ttl(
        &self,
        path: &str,
        data: impl Into<Bytes>,
        mode: CreateMode,
        acl: &[Acl],
        ttl_ms: i64,
    ) -> Pending<Created> {
        let (path, data, acl) = (path.to_owned(), Some(data.into()), acl.to_vec());
        self.pend(Request::Create { path, data, mode, acl, ttl_ms }, to_created)
    }

    /// Deletes a node; -1 for any version.
    pub fn delete(&self, path: &str, version: i32) -> Pending<()> {
        self.pend(Request::Delete { path: path.to_owned(), version }, |_| Some(()))
    }

    /// The node's stat; none where there is no node.
    pub fn exists(&self, path: &str) -> Pending<Option<Stat>> {
        self.pend(Request::Exists { path: path.to_owned(), watch: false }, to_exists)
    }

    /// Like [`Client::exists`], with a one-shot watch that is armed either way.
    pub fn exists_watch(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(Option<Stat>, Watch), Error>> + Send + use<> {
        let request = Request::Exists { path: path.to_owned(), watch: true };
        let (pending, watch) = self.watch(request, to_exists);
        async move { Ok((pending.await?, watch)) }
    }

    /// The node's data, null as empty, and stat.
    pub fn get(&self, path: &str) -> Pending<(Bytes, Stat)> {
        self.pend(Request::GetData { path: path.to_owned(), watch: false }, to_data)
    }

    /// The node's data, with null told from empty, and stat.
    pub fn get_nullable(&self, path: &str) -> Pending<(Option<Bytes>, Stat)> {
        let request = Request::GetData { path: path.to_owned(), watch: false };
        self.pend(request, |response| match response {
            Response::Data { data, stat } => Some((data, stat)),
            _ => None,
        })
    }

    /// Like [`Client::get`], with a one-shot watch.
    pub fn get_watch(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(Bytes, Stat, Watch), Error>> + Send + use<> {
        let request = Request::GetData { path: path.to_owned(), watch: true };
        let (pending, watch) = self.watch(request, to_data);
        async move {
            let (data, stat) = pending.await?;
            Ok((data, stat, watch))
        }
    }

    /// Sets the node's data; -1 for any version.
    pub fn set(&self, path: &str, data: impl Into<Bytes>, version: i32) -> Pending<Stat> {
        let (path, data) = (path.to_owned(), Some(data.into()));
        self.pend(Request::SetData { path, data, version }, to_stat)
    }

    /// The names of the node's children, in no order, and its stat.
    pub fn get_children(&self, path: &str) -> Pending<(Vec<String>, Stat)> {
        self.pend(Request::GetChildren { path: path.to_owned(), watch: false }, to_children)
    }

    /// Like [`Client::get_children`], with a one-shot watch.
    pub fn get_children_watch(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(Vec<String>, Stat, Watch), Error>> + Send + use<> {
        let request = Request::GetChildren { path: path.to_owned(), watch: true };
        let (pending, watch) = self.watch(request, to_children);
        async move {
            let (names, stat) = pending.await?;
            Ok((names, stat, watch))
        }
    }

    /// The node's ACL and stat.
    pub fn get_acl(&self, path: &str) -> Pending<(Vec<Acl>, Stat)> {
        self.pend(Request::GetAcl { path: path.to_owned() }, |response| match response {
            Response::Acl { acl, stat } => Some((acl, stat)),
            _ => None,
        })
    }

    /// Sets the node's ACL; the version is its aversion, -1 for any.
    pub fn set_acl(&self, path: &str, acl: &[Acl], version: i32) -> Pending<Stat> {
        let (path, acl) = (path.to_owned(), acl.to_vec());
        self.pend(Request::SetAcl { path, acl, version }, to_stat)
    }

    /// Brings the server up to date: a read after it sees every write acknowledged before it.
    pub fn sync(&self, path: &str) -> Pending<()> {
        self.pend(Request::Sync { path: path.to_owned() }, |_| Some(()))
    }

    /// Applies all operations or none.
    pub fn multi(&self, ops: Vec<MultiOp>) -> Pending<Vec<MultiResult>> {
        self.pend(Request::Multi { ops }, |response| match response {
            Response::Multi(results) => Some(results),
            _ => None,
        })
    }

    /// Reads several nodes with one request. Each read succeeds or fails by itself, and the server
    /// answers them from one state of the tree.
    pub fn multi_read(&self, ops: Vec<ReadOp>) -> Pending<Vec<Result<ReadResult, Error>>> {
        self.pend(Request::MultiRead { ops }, |response| match response {
            Response::MultiRead(results) => Some(results),
            _ => None,
        })
    }

    /// The paths of this session's ephemeral nodes that begin with `prefix`, sorted. The prefix is
    /// compared as text: `/a` finds `/ab` too. `/` finds all.
    pub fn get_ephemerals(&self, prefix: &str) -> Pending<Vec<String>> {
        let request = Request::GetEphemerals { prefix: prefix.to_owned() };
        self.pend(request, |response| match response {
            Response::Ephemerals(paths) => Some(paths),
            _ => None,
        })
    }

    /// How many nodes there are below the node, at any depth; without itself.
    pub fn get_all_children_number(&self, path: &str) -> Pending<i32> {
        let request = Request::GetAllChildrenNumber { path: path.to_owned() };
        self.pend(request, |response| match response {
            Response::Count(count) => Some(count),
            _ => None,
        })
    }

    /// Who the server takes this connection for: schemes and identities, without secrets.
    pub fn who_am_i(&self) -> Pending<Vec<ClientInfo>> {
        self.pend(Request::WhoAmI, |response| match response {
            Response::Identities(identities) => Some(identities),
            _ => None,
        })
    }

    /// Asks the server whether this connection has a watch of that type on the node; fails with
    /// `NO_WATCHER` if not.
    pub fn check_watches(&self, path: &str, kind: WatcherType) -> Pending<()> {
        self.pend(Request::CheckWatches { path: path.to_owned(), kind }, |_| Some(()))
    }

    /// Removes every watch of that type on the node, whoever of this client armed it; fails with
    /// `NO_WATCHER` if there is none. Each gets a last event, of [`crate::EventKind::is_removal`].
    pub fn remove_all_watches(&self, path: &str, kind: WatcherType) -> Pending<()> {
        self.pend(Request::RemoveAllWatches { path: path.to_owned(), kind }, |_| Some(()))
    }

    /// Adds credentials to the session, which are given again at every reconnection.
    pub fn add_auth(&self, scheme: &str, auth: impl Into<Bytes>) -> Pending<()> {
        let (scheme, auth) = (scheme.to_owned(), auth.into());
        self.pend(Request::AddAuth { scheme, auth }, |_| Some(()))
    }

    /// Arms a lasting watch. The node need not exist.
    pub fn add_watch(
        &self,
        path: &str,
        mode: AddWatchMode,
    ) -> impl Future<Output = Result<Watch, Error>> + Send + use<> {
        let request = Request::AddWatch { path: path.to_owned(), mode };
        let (pending, watch) = self.watch(request, |_| Some(()));
        async move {
            pending.await?;
            Ok(watch)
        }
    }

    /// The session; none before the first connection.
    pub fn session(&self) -> Option<SessionToken> {
        self.0.shared.token()
    }

    /// The session's state now.
    pub fn state(&self) -> SessionState {
        *self.0.shared.state.borrow()
    }

    /// The session's states as they change; a slow receiver sees only the newest.
    pub fn states(&self) -> watch::Receiver<SessionState> {
        self.0.shared.state.subscribe()
    }

    /// The session timeout that the server gave; before that, what was asked for.
    pub fn session_timeout(&self) -> Duration {
        self.0.shared.timeout()
    }

    /// When the last request was sent that the server has answered: it has not begun to count the
    /// session's timeout before.
    pub fn last_contact(&self) -> Instant {
        self.0.shared.last_contact().into_std()
    }

    /// The earliest instant at which the server could expire the session.
    pub fn expires_at(&self) -> Instant {
        self.last_contact() + self.session_timeout()
    }

    /// The options that it was made with.
    pub fn options(&self) -> &Options {
        &self.0.shared.options
    }

    /// For the recipes: fills the buffer at random, from where the client itself takes what it
    /// needs. False where the system has no randomness to give.
    #[doc(hidden)]
    #[must_use]
    pub fn fill_random(&self, buffer: &mut [u8]) -> bool {
        self.0.shared.fill_random(buffer)
    }

    /// For the recipes: milliseconds since 1970, by the clock on the wall of where the client is.
    #[doc(hidden)]
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        if let Some(world) = &self.options().world {
            return world.wall_ms();
        }
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
    }

    /// A client with a new session and the same options. This one stays as it is.
    ///
    /// # Errors
    /// Those of [`Client::connect`].
    pub async fn renew(&self) -> Result<Client, Error> {
        Client::connect(Options { session: None, ..self.options().clone() }).await
    }

    /// Closes the session: everything submitted before is completed first, where no server is
    /// connected with `CLOSED`. Idempotent.
    pub fn close(&self) -> Pending<()> {
        let (sender, receiver) = oneshot::channel();
        if self.0.shared.enqueue(call(Request::Close, Completion::Future(sender))).is_err() {
            // It is over already, which is what the caller wants.
            let (sender, receiver) = oneshot::channel();
            let _ = sender.send(Ok(Response::Done));
            return Pending::waiting(receiver, |_| Some(()));
        }
        Pending::waiting(receiver, |_| Some(()))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Client({:?}, {:?})", self.session(), self.state())
    }
}

/// The error of calls on a session in a final state.
pub(crate) fn over(state: SessionState) -> Error {
    use pinfold_proto::ErrorCode;
    match state {
        SessionState::Expired => Error::protocol(ErrorCode::SessionExpired),
        SessionState::AuthFailed => Error::protocol(ErrorCode::AuthFailed),
        _ => crate::shared::closed(),
    }
}

fn to_created(response: Response) -> Option<Created> {
    match response {
        Response::Created { path, stat } => Some(Created { path, stat }),
        _ => None,
    }
}

fn to_exists(response: Response) -> Option<Option<Stat>> {
    match response {
        Response::Exists(stat) => Some(stat),
        _ => None,
    }
}

fn to_data(response: Response) -> Option<(Bytes, Stat)> {
    match response {
        Response::Data { data, stat } => Some((data.unwrap_or_default(), stat)),
        _ => None,
    }
}

fn to_stat(response: Response) -> Option<Stat> {
    match response {
        Response::Stat(stat) => Some(stat),
        _ => None,
    }
}

fn to_children(response: Response) -> Option<(Vec<String>, Stat)> {
    match response {
        Response::Children { names, stat } => Some((names, stat)),
        _ => None,
    }
}
