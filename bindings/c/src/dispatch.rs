//! The client behind a handle: its inbox is drained here, and callbacks are called here, one at a
//! time, in the order of the inbox.
//!
//! In thread mode a thread of the client does it; in poll mode the caller's thread inside
//! `pinfold_client_poll`. No lock is held while a callback runs, so that a callback may call
//! everything, close and free its own client included.

use crate::callbacks::{Armed, Completion, StateListener, Tables};
use crate::failure::{CLOSED, Failure, INVALID_ARGUMENT, WOULD_DEADLOCK, caught, guard, remember};
use crate::kinds::{pinfold_client_t, pinfold_reply_t, pinfold_status_t, session_state};
use crate::registry;
use crate::reply::{Reply, hand_out};
use pinfold_glue::{self as glue, Item, Op, RecipeEventKind};
use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;
use std::ptr::without_provenance_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::Duration;

/// Items taken at a time, so that one lock of the inbox serves many of them.
const BATCH: usize = 256;

thread_local! {
    /// Addresses of the clients whose callbacks this thread is inside of, innermost last.
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };

    /// Ticket of the last operation that this thread submitted.
    static TICKET: Cell<u64> = const { Cell::new(0) };
}

/// A client as C has it.
pub(crate) struct Client {
    pub(crate) glue: glue::Client,
    polled: bool,
    /// Taken away with the last item, so that its user_data is released before the end is told.
    on_state: Mutex<Option<Arc<StateListener>>>,
    tables: Mutex<Tables>,
    /// Its handle, for the state callback.
    handle: OnceLock<usize>,
    /// Held by who delivers: in poll mode several threads may call poll.
    turn: Mutex<()>,
    /// The handle is gone, and whoever delivers must deliver to the end.
    freed: AtomicBool,
    /// Set when the last callback has returned.
    ended: Mutex<bool>,
    ended_changed: Condvar,
}

/// No code of ours leaves a table half-done when it panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    /// Gives the client a handle and starts delivering.
    pub(crate) fn start(
        glue: glue::Client,
        polled: bool,
        on_state: Arc<StateListener>,
    ) -> Result<*mut pinfold_client_t, Failure> {
        let client = Arc::new(Client {
            glue,
            polled,
            on_state: Mutex::new(Some(on_state)),
            tables: Mutex::default(),
            handle: OnceLock::new(),
            turn: Mutex::default(),
            freed: AtomicBool::new(false),
            ended: Mutex::new(false),
            ended_changed: Condvar::new(),
        });
        let handle = registry::insert(client.clone());
        client.handle.get_or_init(|| handle.addr());
        if polled {
            return Ok(handle);
        }
        let events = std::thread::Builder::new().name("pinfold-events".into());
        if let Err(error) = events.spawn(move || client.deliver_to_the_end()) {
            registry::remove::<Client>(handle)?;
            return Err(Failure::new(-1, &format!("no thread for callbacks: {error}")));
        }
        Ok(handle)
    }

    /// A client with a new session and the same options and state callback.
    pub(crate) fn renew(&self) -> Result<*mut pinfold_client_t, Failure> {
        let on_state = lock(&self.on_state).clone();
        let on_state = on_state.ok_or_else(|| Failure::new(CLOSED, "the client is closed"))?;
        Client::start(self.glue.renew()?, self.polled, on_state)
    }

    fn arm(&self, completion: Option<Completion>, armed: Armed) -> Result<u64, Failure> {
        armed.check()?;
        let ticket = self.glue.reserve();
        TICKET.set(ticket);
        lock(&self.tables).arm(ticket, completion, armed);
        Ok(ticket)
    }

    /// Takes out what ends with an answer; the completion is still to be called.
    fn settle(&self, ticket: u64, succeeded: bool) -> Option<Completion> {
        let mut retired = lock(&self.tables).settle(ticket, succeeded);
        retired.completion.take()
    }

    /// Whether this thread is inside a callback of this client.
    fn is_inside(&self) -> bool {
        let address = std::ptr::from_ref(self).addr();
        INSIDE.with_borrow(|clients| clients.contains(&address))
    }

    /// Delivers until the inbox says that it was the last item.
    fn deliver_to_the_end(&self) {
        while self.glue.wait(None) {
            self.deliver(BATCH);
        }
        *lock(&self.ended) = true;
        self.ended_changed.notify_all();
    }

    /// Delivers what is there, at most `max` items.
    fn deliver(&self, max: usize) -> usize {
        let items = self.glue.drain(max);
        let count = items.len();
        INSIDE.with_borrow_mut(|clients| clients.push(std::ptr::from_ref(self).addr()));
        for item in items {
            // A defect met with one item must not keep the next ones from the caller.
            if let Err(failure) = caught(|| {
                self.deliver_item(item);
                Ok(())
            }) {
                remember(&failure);
            }
        }
        INSIDE.with_borrow_mut(|clients| clients.pop());
        count
    }

    fn deliver_item(&self, item: Item) {
        match item {
            Item::Reply { ticket, result } => {
                let completion = self.settle(ticket, result.is_ok());
                let Some(completion) = completion.filter(Completion::is_wanted) else { return };
                let reply = Arc::new(Reply::new(ticket, result.map_err(Failure::from)));
                let handle = registry::insert(reply.clone());
                completion.call(handle);
                // Freed by the callback itself, it is gone already.
                let _ = registry::remove::<Reply>(handle);
            }
            Item::Watch { watch, event } => {
                let watcher = lock(&self.tables).watcher(watch, event.kind.is_removal());
                if let Some(watcher) = watcher {
                    watcher.call(watch, &event);
                }
            }
            Item::Recipe { recipe, event } => {
                let last = event.kind == RecipeEventKind::Ended;
                let listener = lock(&self.tables).listener(recipe, last);
                if let Some(listener) = listener {
                    listener.call(recipe, &event);
                }
            }
            Item::State(state) => {
                let handle = self.handle.get().copied().unwrap_or(0);
                let Some(on_state) = lock(&self.on_state).clone() else { return };
                on_state.call(without_provenance_mut(handle), session_state(state));
            }
            Item::Closed => {
                // Out of the lock: dropping it runs the callers' destroy functions.
                let rest = std::mem::take(&mut *lock(&self.tables));
                let on_state = lock(&self.on_state).take();
                drop((rest, on_state));
            }
        }
    }

    /// Poll mode: delivers at most `max` items on this thread.
    pub(crate) fn poll(&self, max: usize) -> Result<usize, Failure> {
        self.require_polled()?;
        if self.is_inside() {
            let text = "poll inside a callback of the same client";
            return Err(Failure::new(WOULD_DEADLOCK, text));
        }
        let turn = lock(&self.turn);
        let count = self.deliver(max);
        drop(turn);
        self.finish();
        Ok(count)
    }

    /// Poll mode only.
    pub(crate) fn require_polled(&self) -> Result<(), Failure> {
        match self.polled {
            true => Ok(()),
            false => Err(Failure::new(
                INVALID_ARGUMENT,
                "the client runs its callbacks on a thread of its own: \
                 open it with PINFOLD_CALLBACKS_POLL",
            )),
        }
    }

    /// Poll mode, after a free: nobody will poll any more, so everything left is delivered here,
    /// unless another call is at it, which then comes here itself.
    fn finish(&self) {
        while self.freed.load(Ordering::SeqCst) && !*lock(&self.ended) {
            match self.turn.try_lock() {
                Ok(_turn) => self.deliver_to_the_end(),
                Err(TryLockError::Poisoned(turn)) => {
                    let _turn = turn.into_inner();
                    self.deliver_to_the_end();
                }
                Err(TryLockError::WouldBlock) => return,
            }
        }
    }

    /// After its handle was taken back: closes, and returns when the last callback has, unless it
    /// is called inside a callback, where waiting could never end.
    pub(crate) fn free(&self) {
        self.glue.close();
        if self.polled {
            self.freed.store(true, Ordering::SeqCst);
            self.finish();
            return;
        }
        if INSIDE.with_borrow(|clients| !clients.is_empty()) {
            return;
        }
        let mut ended = lock(&self.ended);
        while !*ended {
            ended = self.ended_changed.wait(ended).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The asynchronous form of an operation.
pub(crate) fn submit(
    client: *mut pinfold_client_t,
    completion: Completion,
    armed: Armed,
    op: impl FnOnce() -> Result<Op, Failure>,
) -> pinfold_status_t {
    guard(|| {
        let client = registry::get::<Client>(client)?;
        let op = op()?;
        let ticket = client.arm(Some(completion), armed)?;
        client.glue.submit_as(ticket, op).map_err(|error| {
            // Not called: the status tells the caller.
            drop(client.settle(ticket, false));
            Failure::from(error)
        })
    })
}

/// The blocking form of an operation. Negative time limits mean for ever.
pub(crate) fn call(
    client: *mut pinfold_client_t,
    timeout_ms: i64,
    target: Option<&mut MaybeUninit<*mut pinfold_reply_t>>,
    armed: Armed,
    op: impl FnOnce() -> Result<Op, Failure>,
) -> pinfold_status_t {
    let mut ticket = 0;
    let result = caught(|| {
        let client = registry::get::<Client>(client)?;
        let op = op()?;
        ticket = client.arm(None, armed)?;
        let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        let is_recipe = matches!(op, Op::Recipe(_));
        let result = client.glue.call_as(ticket, op, timeout).map_err(Failure::from);
        // An operation of the session goes on after its time limit, and its answer comes by the
        // inbox; one of a recipe is cancelled.
        let goes_on = matches!(&result, Err(failure) if failure.code == crate::failure::TIMEOUT)
            && !is_recipe;
        if !goes_on {
            client.settle(ticket, result.is_ok());
        }
        result
    });
    if let Err(failure) = &result {
        remember(failure);
    }
    let reply = Reply::new(ticket, result);
    let status = reply.status();
    hand_out(reply, target);
    status
}

/// Gives an operation of a recipe up that was submitted by its asynchronous form, by the ticket
/// that `pinfold_last_ticket` told: it completes with `PINFOLD_ERR_CANCELLED`, and what it had
/// begun to acquire is given back. Operations of the session cannot be taken back.
///
/// Errors: `PINFOLD_ERR_INVALID_ARGUMENT` if no such operation is under way.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_client_cancel(
    client: *mut pinfold_client_t,
    ticket: u64,
) -> pinfold_status_t {
    guard(|| {
        let client = registry::get::<Client>(client)?;
        match client.glue.cancel(ticket) {
            true => Ok(()),
            false => {
                let text = format!("no operation of a recipe is under way as {ticket}");
                Err(Failure::argument(text))
            }
        }
    })
}

/// Ticket of the last operation that this thread submitted, by either form; 0 for none. It is the
/// id of the watch that the operation arms, known here before the answer.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_last_ticket() -> u64 {
    TICKET.get()
}
