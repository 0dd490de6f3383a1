//! A client: one session, its tickets and its inbox.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pinfold_client as core;
use pinfold_client::SessionState;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::error::code;
use crate::fork::Owner;
use crate::inbox::{Inbox, SessionSink, Slot};
use crate::op::Carrier;
use crate::recipe::Recipes;
use crate::waker::{WakeFd, Waker};
use crate::{Error, Item, Op, Options, Value, runtime};

/// A ticket: the number under which an operation's completion comes back. Ascending from 1.
pub type Ticket = u64;

/// A client of one session. Clones are the same client; every method may be called from any
/// thread of the process that opened it.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    session: core::Client,
    inbox: Arc<Inbox>,
    recipes: Arc<Recipes>,
    runtime: Handle,
    owner: Owner,
    next_ticket: AtomicU64,
    /// Set by the first `close`, which alone starts the closing.
    closing: AtomicBool,
    /// Whether the session task has put in its last completion.
    ended: watch::Receiver<bool>,
    /// Keeps the descriptor that the host was given alive as long as the client.
    fd: OnceLock<Arc<WakeFd>>,
}

impl Client {
    /// Starts a session and returns at once; its states follow in the inbox.
    ///
    /// # Errors
    /// `BAD_ARGUMENTS` or `INVALID_ARGUMENT` for hosts, chroot or options that cannot be used.
    pub fn open(options: Options) -> Result<Client, Error> {
        Client::over(options.into_client()?)
    }

    fn over(options: core::Options) -> Result<Client, Error> {
        let runtime = runtime::handle()?;
        let inbox = Arc::new(Inbox::new());
        let (sender, ended) = watch::channel(false);
        let sink = Arc::new(SessionSink { inbox: inbox.clone(), ended: sender });
        let session = {
            let _inside = runtime.enter();
            core::Client::start(options, Some(sink))?
        };
        let recipes = Recipes::new(session.clone(), inbox.clone(), runtime.clone());
        Ok(Client(Arc::new(Inner {
            session,
            inbox,
            recipes,
            runtime,
            owner: Owner::this_process(),
            next_ticket: AtomicU64::new(1),
            closing: AtomicBool::new(false),
            ended,
            fd: OnceLock::new(),
        })))
    }

    /// Deals a ticket ahead of its operation, for hosts that register a callback under it first.
    pub fn reserve(&self) -> Ticket {
        self.0.next_ticket.fetch_add(1, Ordering::Relaxed)
    }

    /// Submits an operation; never blocks. It has its place in the session's order on return, and
    /// exactly one `Item::Reply` with the ticket follows.
    ///
    /// # Errors
    /// `IN_FLIGHT_FULL`, `CLOSED`, `FORKED`, `SESSION_EXPIRED`: nothing was submitted.
    pub fn submit(&self, op: Op) -> Result<Ticket, Error> {
        let ticket = self.reserve();
        self.submit_as(ticket, op)?;
        Ok(ticket)
    }

    /// Like [`Client::submit`], under a ticket that was reserved before.
    ///
    /// # Errors
    /// Those of [`Client::submit`].
    pub fn submit_as(&self, ticket: Ticket, op: Op) -> Result<(), Error> {
        let inner = &*self.0;
        inner.owner.check()?;
        if inner.closing.load(Ordering::Acquire) {
            return Err(Error::closed());
        }
        match op.into_carrier() {
            Carrier::Session(request) => Ok(inner.session.submit(ticket, request)?),
            Carrier::Recipe(call) => inner.recipes.submit(ticket, call),
        }
    }

    /// Gives an operation of a recipe up that is under way: it completes with `CANCELLED`, and
    /// what it had begun to acquire is given back. False for an operation that is complete, or is
    /// one of the session, which cannot be taken back.
    pub fn cancel(&self, ticket: Ticket) -> bool {
        self.0.owner.check().is_ok() && self.0.recipes.cancel(ticket)
    }

    /// Submits an operation and waits for its completion, which does not pass the inbox: it may
    /// be called on any host thread, also inside a callback.
    ///
    /// # Errors
    /// The operation's own, those of [`Client::submit`], and `TIMEOUT` when `timeout` passed
    /// first: an operation of the session goes on and its outcome is not known, one of a recipe
    /// is cancelled.
    pub fn call(&self, op: Op, timeout: Option<Duration>) -> Result<Value, Error> {
        self.call_as(self.reserve(), op, timeout)
    }

    /// Like [`Client::call`], under a ticket that was reserved before.
    ///
    /// # Errors
    /// Those of [`Client::call`].
    pub fn call_as(
        &self,
        ticket: Ticket,
        op: Op,
        timeout: Option<Duration>,
    ) -> Result<Value, Error> {
        let call = self.begin(ticket, op)?;
        call.wait(timeout).unwrap_or_else(|| call.give_up())
    }

    /// Submits an operation whose completion is waited for in pieces, past the inbox: for hosts
    /// that have to look at something else now and then while they wait, such as signals.
    ///
    /// # Errors
    /// Those of [`Client::submit`].
    pub fn begin(&self, ticket: Ticket, op: Op) -> Result<Call, Error> {
        let slot = self.0.inbox.expect(ticket);
        // Made first: a refused operation is forgotten by the drop.
        let (inbox, recipes) = (self.0.inbox.clone(), self.0.recipes.clone());
        let call = Call { inbox, recipes, ticket, slot };
        self.submit_as(ticket, op)?;
        Ok(call)
    }

    /// Takes at most `max` items of the inbox, in the session's order; never blocks.
    pub fn drain(&self, max: usize) -> Vec<Item> {
        self.0.inbox.drain(max)
    }

    /// Waits until there is something to drain. False when `timeout` passed first, and for ever
    /// once `Item::Closed` has been drained.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        self.0.owner.check().is_ok() && self.0.inbox.wait(timeout)
    }

    /// Installs what wakes the host when the inbox becomes non-empty; one per client.
    pub fn set_waker(&self, waker: Waker) {
        self.0.inbox.set_waker(waker);
    }

    /// A file descriptor that is readable while the inbox holds items. The client owns it; do not
    /// read, write or close it.
    ///
    /// # Errors
    /// When the system has no descriptors left.
    pub fn fd(&self) -> Result<RawFd, Error> {
        let fd = self.0.inbox.fd()?;
        Ok(self.0.fd.get_or_init(|| fd).raw())
    }

    /// The session's state now; changes of it are items of the inbox.
    pub fn state(&self) -> SessionState {
        self.0.session.state()
    }

    /// Waits until the session is served for the first time.
    ///
    /// # Errors
    /// `NOT_CONNECTED` when `connect_timeout_ms` passed first, `AUTH_FAILED`, `SESSION_EXPIRED`,
    /// `CLOSED`, `FORKED`.
    pub fn wait_connected(&self) -> Result<(), Error> {
        let connecting = self.begin_connecting()?;
        connecting.wait(None).unwrap_or_else(|| Err(Error::timeout()))
    }

    /// Begins to wait until the session is served for the first time, in pieces: for hosts that
    /// have to look at something else now and then while they wait, such as signals.
    ///
    /// # Errors
    /// `FORKED`.
    pub fn begin_connecting(&self) -> Result<Connecting, Error> {
        self.0.owner.check()?;
        let session = self.0.session.clone();
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.0.runtime.spawn(async move {
            // A caller that has gone needs no answer.
            let _ = sender.send(session.connected().await);
        });
        Ok(Connecting(receiver))
    }

    /// The session's id; 0 before the first connection.
    pub fn session_id(&self) -> i64 {
        self.0.session.session().map_or(0, |token| token.id)
    }

    /// The session timeout that the server gave, milliseconds; before that, what was asked for.
    pub fn session_timeout_ms(&self) -> u32 {
        u32::try_from(self.0.session.session_timeout().as_millis()).unwrap_or(u32::MAX)
    }

    /// A new client with a new session and the same options; this one stays as it is.
    ///
    /// # Errors
    /// Those of [`Client::open`].
    pub fn renew(&self) -> Result<Client, Error> {
        self.0.owner.check()?;
        let options = core::Options { session: None, ..self.0.session.options().clone() };
        Client::over(options)
    }

    /// Ends recipes and session; never blocks, idempotent, legal in callbacks. Every ticket is
    /// completed, then `Item::Closed` is the last item.
    pub fn close(&self) {
        if self.0.owner.check().is_err() || self.0.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = self.0.clone();
        self.0.runtime.spawn(async move {
            inner.recipes.end().await;
            // A session that is over already has nothing to close; it has ended all the same.
            let _ = inner.session.close().await;
            let mut ended = inner.ended.clone();
            let _ = ended.wait_for(|ended| *ended).await;
            inner.inbox.push(Item::Closed);
        });
    }

    /// Closes and waits until every ticket has been completed. The inbox may still hold items.
    pub fn close_and_wait(&self, timeout: Option<Duration>) {
        self.close();
        if self.0.owner.check().is_ok() {
            self.0.inbox.wait_closed(timeout);
        }
    }
}

/// A first connection that somebody waits for.
pub struct Connecting(std::sync::mpsc::Receiver<Result<(), core::Error>>);

impl Connecting {
    /// Waits until the session is served, or will not be, which comes once; `None` when the time
    /// limit passed first.
    ///
    /// # Errors
    /// Those of [`Client::wait_connected`].
    pub fn wait(&self, timeout: Option<Duration>) -> Option<Result<(), Error>> {
        use std::sync::mpsc::RecvTimeoutError;
        let received = match timeout {
            Some(timeout) => self.0.recv_timeout(timeout),
            None => self.0.recv().map_err(RecvTimeoutError::from),
        };
        match received {
            Ok(connected) => Some(connected.map_err(Into::into)),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                Some(Err(Error::panic("the waiting task ended early")))
            }
        }
    }
}

/// An operation under way that somebody waits for. Dropping it gives an operation of a recipe up;
/// one of the session goes on.
pub struct Call {
    inbox: Arc<Inbox>,
    recipes: Arc<Recipes>,
    ticket: Ticket,
    slot: Arc<Slot>,
}

impl Call {
    /// Waits for the completion, which comes once; `None` when the time limit passed first.
    pub fn wait(&self, timeout: Option<Duration>) -> Option<Result<Value, Error>> {
        self.slot.wait(timeout)
    }

    /// The end of a wait whose time limit passed. Nothing may be won that nobody knows of: what a
    /// recipe had won before it could be cancelled is the caller's after all.
    fn give_up(&self) -> Result<Value, Error> {
        if self.recipes.cancel(self.ticket) {
            return match self.slot.wait(None) {
                Some(Err(error)) if error.code == code::CANCELLED => Err(Error::timeout()),
                Some(result) => result,
                None => Err(Error::timeout()),
            };
        }
        self.inbox.forget(self.ticket);
        // The completion may have come between the time limit and `forget`.
        self.wait(Some(Duration::ZERO)).unwrap_or_else(|| Err(Error::timeout()))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.recipes.cancel(self.ticket)
            && let Some(Ok(won)) = self.slot.wait(Some(Duration::ZERO))
        {
            // Won at the last moment, and nobody will know its handle.
            self.recipes.abandon(&won);
        }
        self.inbox.forget(self.ticket);
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Client(session {:#x}, {:?})", self.session_id(), self.state())
    }
}

impl Drop for Inner {
    /// A client that nobody holds any more must not keep its session and ephemerals alive.
    fn drop(&mut self) {
        if self.owner.check().is_ok() && !self.closing.load(Ordering::Acquire) {
            let session = self.session.clone();
            let recipes = self.recipes.clone();
            self.runtime.spawn(async move {
                recipes.end().await;
                let _ = session.close().await;
            });
        }
    }
}
