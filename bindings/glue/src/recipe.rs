//! The recipes of a client: operations that make requests of their own, and handles of those that
//! go on running. A handle is the ticket of the operation that started it, so that a host can
//! register under it before anything can happen.

mod held;
mod pump;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use pinfold_client as core;
use pinfold_recipes::{
    Claim, LeaderElection, Leadership, Master, MasterOptions, SubmitOptions, TaskId, TaskQueue,
    Worker, WorkerOptions,
};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::error::code;
use crate::inbox::Inbox;
use crate::op::RecipeOp;
use crate::value::{Leader, QueueCounts};
use crate::{Error, Item, RecipeEvent, RecipeEventKind, Value};
use held::Held;

/// How long a closing client waits for each of its recipes to say good-bye; a session that is
/// gone cannot, and takes its ephemerals with it anyway.
const FAREWELL: Duration = Duration::from_secs(2);

/// Recipe operations under way and recipes that run.
pub(crate) struct Recipes {
    session: core::Client,
    inbox: Arc<Inbox>,
    runtime: Handle,
    running: Mutex<HashMap<u64, Running>>,
    /// One queue per root, which shares what it knows about the root.
    queues: Mutex<HashMap<String, TaskQueue>>,
    /// Turns true when the client closes; whatever is under way gives up.
    ending: watch::Sender<bool>,
    /// Operations on their way to the task that carries them out; none once the client closes.
    ops: Mutex<Option<mpsc::UnboundedSender<(u64, RecipeOp)>>>,
    /// That task; it ends with the last operation.
    carrier: Mutex<Option<JoinHandle<()>>>,
}

/// A recipe that has a handle.
enum Running {
    Leadership(Held<Leadership>),
    Claim(Held<Claim>),
    Master(Held<Master>),
    Worker(Held<Worker>),
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
            ending: watch::Sender::new(false),
            ops: Mutex::new(Some(ops)),
            carrier: Mutex::default(),
        });
        let carrier = runtime.spawn(recipes.clone().carry_out(receiver));
        *lock(&recipes.carrier) = Some(carrier);
        recipes
    }

    /// Starts an operation; its completion comes under `ticket`. Operations make their first
    /// requests in the order of these calls.
    pub(crate) fn submit(&self, ticket: u64, op: RecipeOp) -> Result<(), Error> {
        let ops = lock(&self.ops);
        let sent = ops.as_ref().is_some_and(|ops| ops.send((ticket, op)).is_ok());
        if sent { Ok(()) } else { Err(Error::closed()) }
    }

    /// Carries operations out side by side, each begun in its turn: one task, since tasks of
    /// their own would begin in any order.
    async fn carry_out(self: Arc<Self>, mut ops: mpsc::UnboundedReceiver<(u64, RecipeOp)>) {
        let mut under_way = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some((ticket, op)) = ops.recv() => under_way.push(self.complete(ticket, op)),
                Some(()) = under_way.next() => {}
                else => return,
            }
        }
    }

    async fn complete(self: &Arc<Self>, ticket: u64, op: RecipeOp) {
        let mut ending = self.ending.subscribe();
        let work = AssertUnwindSafe(self.run(ticket, op)).catch_unwind();
        let result = tokio::select! {
            biased;
            _ = ending.wait_for(|ending| *ending) => Err(Error::closed()),
            result = work => result.unwrap_or_else(|_| {
                Err(Error::panic("a recipe panicked; its operation's outcome is not known"))
            }),
        };
        self.inbox.complete(ticket, result);
        // After the completion, so that a recipe's events follow the reply that told of it.
        self.tell_events(ticket);
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
            let farewell = async {
                match running {
                    Running::Leadership(held) => end_leadership(held).await,
                    Running::Master(held) => end_master(held).await,
                    Running::Worker(held) => end_worker(held).await,
                    // A claim goes back with the session.
                    Running::Claim(_) => Ok(()),
                }
            };
            // Told as ended either way: the session's end takes what could not be undone.
            let _ = tokio::time::timeout(FAREWELL, farewell).await;
            self.tell_ended(recipe, String::new());
        }
    }

    async fn run(&self, ticket: u64, op: RecipeOp) -> Result<Value, Error> {
        match op {
            RecipeOp::Campaign { path, data } => {
                let election = LeaderElection::new(self.session.clone(), &path);
                let leadership = election.campaign(data).await?;
                let token = leadership.token();
                self.keep(ticket, Running::Leadership(Held::new(leadership)));
                Ok(Value::Leadership { recipe: ticket, token })
            }
            RecipeOp::Resign { recipe } => {
                let held = self.take(recipe, "a leadership", |running| match running {
                    Running::Leadership(held) => Ok(held),
                    other => Err(other),
                })?;
                self.ended(recipe, end_leadership(held).await)
            }
            RecipeOp::Leader { path } => {
                let election = LeaderElection::new(self.session.clone(), &path);
                let leader = election.leader().await?;
                let leader = leader.map(|at| Leader { data: at.data, token: at.token });
                Ok(Value::Leader(leader))
            }
            RecipeOp::MasterStart { root, id, max_attempts } => {
                let options = MasterOptions { max_attempts, ..MasterOptions::new(id) };
                let master = Master::start(&self.session, &root, options).await?;
                self.keep(ticket, Running::Master(Held::new(master)));
                Ok(Value::Recipe(ticket))
            }
            RecipeOp::MasterStop { recipe } => {
                let held = self.take(recipe, "a master", |running| match running {
                    Running::Master(held) => Ok(held),
                    other => Err(other),
                })?;
                self.ended(recipe, end_master(held).await)
            }
            RecipeOp::WorkerStart { root, id, capacity, abilities } => {
                let options = WorkerOptions { abilities, ..WorkerOptions::new(id, capacity) };
                let worker = Worker::start(&self.session, &root, options).await?;
                self.keep(ticket, Running::Worker(Held::new(worker)));
                Ok(Value::Recipe(ticket))
            }
            RecipeOp::WorkerStop { recipe } => {
                let held = self.take(recipe, "a worker", |running| match running {
                    Running::Worker(held) => Ok(held),
                    other => Err(other),
                })?;
                self.ended(recipe, end_worker(held).await)
            }
            RecipeOp::WorkerComplete { recipe, task, result } => {
                let worker = self.worker(recipe)?.borrow(recipe, "a worker").await?;
                worker.complete(&task_id(&task)?, result).await?;
                Ok(Value::Done)
            }
            RecipeOp::WorkerFail { recipe, task, reason } => {
                let worker = self.worker(recipe)?.borrow(recipe, "a worker").await?;
                worker.fail(&task_id(&task)?, reason).await?;
                Ok(Value::Done)
            }
            op => self.run_queue(ticket, op).await,
        }
    }

    async fn run_queue(&self, ticket: u64, op: RecipeOp) -> Result<Value, Error> {
        match op {
            RecipeOp::Submit { root, payload } => {
                let task = self.queue(root).submit(payload, SubmitOptions::default()).await?;
                Ok(Value::Task(task.to_string()))
            }
            RecipeOp::Result { root, task } => {
                let done = self.queue(root).result(&task_id(&task)?).await?;
                match done.result {
                    Ok(result) => Ok(Value::TaskResult {
                        task: done.task.to_string(),
                        attempt: done.attempt,
                        worker: done.worker,
                        result,
                    }),
                    Err(reason) => {
                        Err(Error::new(code::TASK_FAILED, format!("task {task}: {reason}")))
                    }
                }
            }
            RecipeOp::Counts { root } => {
                let counts = self.queue(root).counts().await?;
                let number = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
                Ok(Value::Counts(QueueCounts {
                    waiting: number(counts.waiting),
                    assigned: number(counts.assigned),
                    done: number(counts.done),
                    dead: number(counts.dead),
                    workers: number(counts.workers),
                    master: counts.master,
                }))
            }
            RecipeOp::Claim { root, worker } => {
                let claim = self.queue(root).claim(&worker).await?;
                let value = Value::Claim {
                    recipe: ticket,
                    task: claim.task.to_string(),
                    payload: claim.payload.clone(),
                    attempt: claim.attempt,
                };
                self.keep(ticket, Running::Claim(Held::new(claim)));
                Ok(value)
            }
            RecipeOp::ClaimComplete { recipe, result } => {
                self.settle(recipe, async |claim| claim.complete(result).await).await
            }
            RecipeOp::ClaimFail { recipe, reason } => {
                self.settle(recipe, async |claim| claim.fail(reason).await).await
            }
            RecipeOp::ClaimRelease { recipe } => {
                self.settle(recipe, async |claim| claim.release().await).await
            }
            _ => Err(Error::panic("an operation reached the wrong recipe")),
        }
    }

    /// Brings a claim to an end; its handle stays only where the outcome is open.
    async fn settle(
        &self,
        recipe: u64,
        end: impl AsyncFnOnce(&Claim) -> Result<(), core::Error>,
    ) -> Result<Value, Error> {
        let held = match lock(&self.running).get(&recipe) {
            Some(Running::Claim(held)) => held.share(),
            _ => return Err(Error::invalid_handle(recipe, "a claim")),
        };
        let claim = held.borrow(recipe, "a claim").await?;
        let result = end(&claim).await;
        let open = matches!(&result, Err(error) if error.outcome() == core::Outcome::MaybeApplied);
        if !open {
            lock(&self.running).remove(&recipe);
        }
        result?;
        Ok(Value::Done)
    }

    fn queue(&self, root: String) -> TaskQueue {
        let mut queues = lock(&self.queues);
        queues
            .entry(root)
            .or_insert_with_key(|root| TaskQueue::new(self.session.clone(), root))
            .clone()
    }

    fn worker(&self, recipe: u64) -> Result<Held<Worker>, Error> {
        match lock(&self.running).get(&recipe) {
            Some(Running::Worker(held)) => Ok(held.share()),
            _ => Err(Error::invalid_handle(recipe, "a worker")),
        }
    }

    fn keep(&self, recipe: u64, running: Running) {
        lock(&self.running).insert(recipe, running);
    }

    fn take<T>(
        &self,
        recipe: u64,
        wanted: &str,
        pick: impl FnOnce(Running) -> Result<T, Running>,
    ) -> Result<T, Error> {
        let mut running = lock(&self.running);
        let found = running.remove(&recipe).ok_or_else(|| Error::invalid_handle(recipe, wanted))?;
        pick(found).map_err(|other| {
            running.insert(recipe, other);
            Error::invalid_handle(recipe, wanted)
        })
    }

    fn ended(&self, recipe: u64, result: Result<(), core::Error>) -> Result<Value, Error> {
        self.tell_ended(recipe, String::new());
        result?;
        Ok(Value::Done)
    }

    fn tell_ended(&self, recipe: u64, reason: String) {
        let event = RecipeEvent { reason, ..RecipeEvent::of(RecipeEventKind::Ended) };
        self.inbox.push(Item::Recipe { recipe, event });
    }
}

async fn end_leadership(held: Held<Leadership>) -> Result<(), core::Error> {
    match held.take().await {
        Some(leadership) => leadership.resign().await,
        None => Ok(()),
    }
}

async fn end_master(held: Held<Master>) -> Result<(), core::Error> {
    match held.take().await {
        Some(master) => master.stop().await,
        None => Ok(()),
    }
}

async fn end_worker(held: Held<Worker>) -> Result<(), core::Error> {
    match held.take().await {
        Some(worker) => worker.stop().await,
        None => Ok(()),
    }
}

fn task_id(task: &str) -> Result<TaskId, Error> {
    TaskId::parse(task).ok_or_else(|| {
        Error::invalid_argument(format!("{task:?} is no task's id; those begin with t-"))
    })
}
