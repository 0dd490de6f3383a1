//! The recipes of a client: operations that make requests of their own, and handles of those that
//! go on running. A handle is the ticket of the operation that started it, so that a host can
//! register under it before anything can happen.

mod barrier;
mod election;
mod group;
mod held;
mod lock;
mod master;
mod queue;
mod worker;

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use pinfold_client as core;
use pinfold_recipes::{Counter, TaskQueue};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::argument::Call;
use crate::error::code;
use crate::inbox::Inbox;
use crate::{Error, Item, RecipeEvent, RecipeEventKind, Value};
use held::{Held, Recipe, Running};

/// How long a closing client waits for each of its recipes to say good-bye; a session that is
/// gone cannot, and takes its ephemerals with it anyway.
const FAREWELL: Duration = Duration::from_secs(2);

/// So many lost recipes are known as lost; handles of earlier ones are unknown.
const LOST_KEPT: usize = 1_024;

/// Recipe operations under way and recipes that run.
pub(crate) struct Recipes {
    session: core::Client,
    inbox: Arc<Inbox>,
    runtime: Handle,
    running: Mutex<HashMap<u64, Box<dyn Running>>>,
    /// One queue per root, which shares what it knows about the root.
    queues: Mutex<HashMap<String, TaskQueue>>,
    /// One handle per counter, whose changes are made one after the other.
    counters: Mutex<HashMap<String, Counter>>,
    /// Turns true when the client closes; whatever is under way gives up.
    ending: watch::Sender<bool>,
    /// Operations under way, each with what its caller gives it up by.
    cancels: Mutex<HashMap<u64, oneshot::Sender<()>>>,
    /// Operations on their way to the task that carries them out; none once the client closes.
    ops: Mutex<Option<mpsc::UnboundedSender<Ordered>>>,
    /// That task; it ends with the last operation.
    carrier: Mutex<Option<JoinHandle<()>>>,
    /// The recipes that were lost last, and why.
    lost: Mutex<VecDeque<(u64, String)>>,
}

/// An operation that was asked for.
struct Ordered {
    ticket: u64,
    call: Call,
    cancelled: oneshot::Receiver<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recipes {
    pub(crate) fn new(session: core::Client, inbox: Arc<Inbox>, runtime: Handle) -> Arc<Recipes> {
        let (ops, receiver) = mpsc::unbounded_channel();
        let recipes = Arc::new(Recipes {
            session,
            inbox,
            runtime: runtime.clone(),
            running: Mutex::default(),
            queues: Mutex::default(),
            counters: Mutex::default(),
            ending: watch::Sender::new(false),
            cancels: Mutex::default(),
            ops: Mutex::new(Some(ops)),
            carrier: Mutex::default(),
            lost: Mutex::default(),
        });
        let carrier = runtime.spawn(recipes.clone().carry_out(receiver));
        *lock(&recipes.carrier) = Some(carrier);
        recipes
    }

    /// Starts an operation; its completion comes under `ticket`. Operations make their first
    /// requests in the order of these calls.
    pub(crate) fn submit(&self, ticket: u64, call: Call) -> Result<(), Error> {
        let (cancel, cancelled) = oneshot::channel();
        lock(&self.cancels).insert(ticket, cancel);
        let ops = lock(&self.ops);
        let ordered = Ordered { ticket, call, cancelled };
        if ops.as_ref().is_some_and(|ops| ops.send(ordered).is_ok()) {
            return Ok(());
        }
        lock(&self.cancels).remove(&ticket);
        Err(Error::closed())
    }

    /// Gives an operation up that is under way; false when there is none under this ticket.
    pub(crate) fn cancel(&self, ticket: u64) -> bool {
        let cancel = lock(&self.cancels).remove(&ticket);
        cancel.is_some_and(|cancel| cancel.send(()).is_ok())
    }

    /// Carries operations out side by side, each begun in its turn: one task, since tasks of
    /// their own would begin in any order.
    async fn carry_out(self: Arc<Self>, mut ops: mpsc::UnboundedReceiver<Ordered>) {
        let mut under_way = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some(ordered) = ops.recv() => under_way.push(self.complete(ordered)),
                Some(()) = under_way.next() => {}
                else => return,
            }
        }
    }

    async fn complete(self: &Arc<Self>, ordered: Ordered) {
        let Ordered { ticket, call, cancelled } = ordered;
        let mut ending = self.ending.subscribe();
        let work = AssertUnwindSafe(self.run(ticket, call)).catch_unwind();
        let result = tokio::select! {
            biased;
            _ = ending.wait_for(|ending| *ending) => Err(Error::closed()),
            // What the work had begun to acquire is given back by its being dropped.
            Ok(()) = cancelled => Err(Error::cancelled()),
            result = work => result.unwrap_or_else(|_| {
                Err(Error::panic("a recipe panicked; its operation's outcome is not known"))
            }),
        };
        lock(&self.cancels).remove(&ticket);
        self.inbox.complete(ticket, result);
        // After the completion, so that a recipe's events follow the reply that told of it.
        if let Some(running) = lock(&self.running).get(&ticket) {
            running.tell_events(ticket, self.clone());
        }
    }

    /// Ends everything; returns when every operation has been completed and every recipe ended.
    pub(crate) async fn end(&self) {
        self.ending.send_replace(true);
        lock(&self.ops).take();
        let carrier = lock(&self.carrier).take();
        if let Some(carrier) = carrier {
            // Panics of operations are caught where they happen.
            let _ = carrier.await;
        }
        let running: Vec<_> = lock(&self.running).drain().collect();
        for (recipe, running) in running {
            // Told as ended either way: the session's end takes what could not be undone.
            let _ = tokio::time::timeout(FAREWELL, running.end()).await;
            self.tell_ended(recipe, String::new());
        }
    }

    /// Each recipe's operations are in the module of its name.
    async fn run(&self, ticket: u64, call: Call) -> Result<Value, Error> {
        let verb = call.verb();
        match call.recipe() {
            "election" => self.run_election(ticket, verb, call).await,
            "lock" => self.run_lock(ticket, call).await,
            "barrier" => self.run_barrier(ticket, call).await,
            "counter" => self.run_counter(call).await,
            "group" => self.run_group(ticket, verb, call).await,
            "cache" => self.run_cache(ticket, verb, call).await,
            "queue" => self.run_queue(ticket, call).await,
            "master" => self.run_master(ticket, verb, call).await,
            "worker" => self.run_worker(ticket, verb, call).await,
            _ => Err(unknown(&call)),
        }
    }

    /// The recipe behind a handle, to be used.
    fn held<T: Recipe>(&self, recipe: u64) -> Result<Held<T>, Error> {
        let running = lock(&self.running);
        let held = running.get(&recipe).and_then(|it| it.as_any().downcast_ref::<Held<T>>());
        held.map(Held::share).ok_or_else(|| self.missing(recipe, T::CALLED))
    }

    /// Why there is no recipe behind a handle: what was lost answers so for a while, for whoever
    /// has not yet seen its event.
    fn missing(&self, recipe: u64, called: &str) -> Error {
        let lost = lock(&self.lost);
        match lost.iter().find(|(known, _)| *known == recipe) {
            Some((_, reason)) => Error::new(code::CLAIM_LOST, reason.clone()),
            None => Error::invalid_handle(recipe, called),
        }
    }

    /// Gives a recipe the handle `ticket`.
    fn keep<T: Recipe>(&self, ticket: u64, recipe: T) {
        lock(&self.running).insert(ticket, Box::new(Held::new(recipe)));
    }

    /// Ends the recipe behind a handle, and tells so.
    async fn stop<T: Recipe>(&self, recipe: u64) -> Result<Value, Error> {
        self.held::<T>(recipe)?;
        let running = lock(&self.running).remove(&recipe);
        let running = running.ok_or_else(|| Error::invalid_handle(recipe, T::CALLED))?;
        let ended = running.end().await;
        self.tell_ended(recipe, String::new());
        ended?;
        Ok(Value::Done)
    }

    /// Ends, in the background, what an operation has won that nobody waits for any more.
    pub(crate) fn abandon(&self, won: &Value) {
        let Some(recipe) = won.handle() else { return };
        if let Some(running) = lock(&self.running).remove(&recipe) {
            self.runtime.spawn(running.end());
        }
    }

    fn tell(&self, recipe: u64, event: RecipeEvent) {
        self.inbox.push(Item::Recipe { recipe, event });
    }

    fn tell_ended(&self, recipe: u64, reason: String) {
        self.tell(recipe, RecipeEvent { reason, ..RecipeEvent::of(RecipeEventKind::Ended) });
    }

    /// The recipe has ended by itself: asks it why, and tells so. `last` says whether it was lost.
    fn finish(self: Arc<Self>, recipe: u64, last: Option<RecipeEvent>) {
        use RecipeEventKind::{LeadershipLost, Lost, Revoked};
        let is_loss = |event: &RecipeEvent| matches!(event.kind, Lost | LeadershipLost | Revoked);
        if let Some(RecipeEvent { reason, .. }) = last.filter(is_loss) {
            let mut lost = lock(&self.lost);
            lost.truncate(LOST_KEPT - 1);
            lost.push_front((recipe, reason));
        }
        let Some(running) = lock(&self.running).remove(&recipe) else { return };
        let runtime = self.runtime.clone();
        // Not in the pump's own task, which `Held::take` ends.
        runtime.spawn(async move {
            let ended = running.end().await;
            let reason = ended.err().map(|error| error.to_string()).unwrap_or_default();
            self.tell_ended(recipe, reason);
        });
    }
}

/// An operation that the table has and no module carries out: a defect of this crate.
fn unknown(call: &Call) -> Error {
    Error::panic(format!("{} is not carried out by any recipe", call.operation().name))
}
