//! Locks, read-write locks, semaphores, and what is done with what they give.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pinfold_client as core;
use pinfold_recipes::{Hold, Lock, LockLayout, Participant, ReadWriteLock, Semaphore};

use super::held::Recipe;
use super::{Recipes, unknown};
use crate::argument::Call;
use crate::value::{Field, Record};
use crate::{Error, RecipeEvent, RecipeEventKind, Value};

/// The scope of a lock, a lease or a leadership; its loss is told once.
pub(super) struct Scope {
    hold: Hold,
    loss: RecipeEventKind,
    told: AtomicBool,
}

impl Scope {
    pub(super) fn new(hold: Hold, loss: RecipeEventKind) -> Scope {
        Scope { hold, loss, told: AtomicBool::new(false) }
    }

    pub(super) fn record(&self, recipe: u64) -> Value {
        Value::Record(Record::new([
            ("recipe", Field::Handle(recipe)),
            ("token", Field::Long(self.hold.token())),
            ("path", Field::Text(self.hold.path().to_owned())),
        ]))
    }
}

impl Recipe for Scope {
    const CALLED: &'static str = "a lock, a lease or a leadership";

    async fn next(&self) -> Option<RecipeEvent> {
        let reason = self.hold.lost().await;
        let is_news = !self.told.swap(true, Ordering::AcqRel);
        is_news.then(|| RecipeEvent { reason, ..RecipeEvent::of(self.loss) })
    }

    async fn end(self) -> Result<(), core::Error> {
        self.hold.release().await
    }
}

impl Recipes {
    pub(super) async fn run_lock(&self, ticket: u64, mut call: Call) -> Result<Value, Error> {
        match call.operation().name {
            "lock_acquire" => {
                let lock = self.lock(&mut call);
                let data = call.bytes("data");
                let taken = match limit(&mut call) {
                    Limit::None => lock.acquire(data).await.map(Some),
                    Limit::Now => lock.try_acquire(data).await,
                    Limit::After(limit) => within(limit, lock.acquire(data)).await,
                };
                Ok(self.scope(ticket, taken?))
            }
            "lock_participants" => participants(self.lock(&mut call).participants().await),
            "read_write_lock_acquire" => {
                let lock = self.read_write_lock(&mut call);
                let (data, to_write) = (call.bytes("data"), call.number("mode") == 2);
                let taken = match (limit(&mut call), to_write) {
                    (Limit::None, false) => lock.read(data).await.map(Some),
                    (Limit::None, true) => lock.write(data).await.map(Some),
                    (Limit::Now, false) => lock.try_read(data).await,
                    (Limit::Now, true) => lock.try_write(data).await,
                    (Limit::After(limit), false) => within(limit, lock.read(data)).await,
                    (Limit::After(limit), true) => within(limit, lock.write(data)).await,
                };
                Ok(self.scope(ticket, taken?))
            }
            "read_write_lock_participants" => {
                participants(self.read_write_lock(&mut call).participants().await)
            }
            "semaphore_acquire" => {
                let semaphore = self.semaphore(&mut call);
                let data = call.bytes("data");
                let taken = match limit(&mut call) {
                    Limit::None => semaphore.acquire(data).await.map(Some),
                    Limit::Now => semaphore.try_acquire(data).await,
                    Limit::After(limit) => within(limit, semaphore.acquire(data)).await,
                };
                Ok(self.scope(ticket, taken?))
            }
            "semaphore_participants" => {
                participants(self.semaphore(&mut call).participants().await)
            }
            "hold_write" => {
                let recipe = call.handle();
                let scope = self.held::<Scope>(recipe)?.borrow(recipe).await?;
                let results = scope.hold.write(call.multi_ops("ops")).await?;
                Ok(Value::Multi(results))
            }
            "hold_release" => self.stop::<Scope>(call.handle()).await,
            _ => Err(unknown(&call)),
        }
    }

    /// Gives a handle to what was acquired.
    fn scope(&self, ticket: u64, taken: Option<Hold>) -> Value {
        let Some(hold) = taken else { return Value::Null };
        let scope = Scope::new(hold, RecipeEventKind::Lost);
        let record = scope.record(ticket);
        self.keep(ticket, scope);
        record
    }

    fn lock(&self, call: &mut Call) -> Lock {
        let lock = Lock::new(self.session.clone(), &call.text("path"));
        lock.with_layout(layout(call))
    }

    fn read_write_lock(&self, call: &mut Call) -> ReadWriteLock {
        let lock = ReadWriteLock::new(self.session.clone(), &call.text("path"));
        lock.with_layout(layout(call))
    }

    fn semaphore(&self, call: &mut Call) -> Semaphore {
        let permits = call.u32("permits");
        Semaphore::new(self.session.clone(), &call.text("path"), permits)
    }
}

fn layout(call: &mut Call) -> LockLayout {
    match call.number("layout") {
        1 => LockLayout::Curator,
        2 => LockLayout::Kazoo,
        _ => LockLayout::Pinfold,
    }
}

/// How long to wait.
enum Limit {
    None,
    Now,
    After(Duration),
}

fn limit(call: &mut Call) -> Limit {
    match u64::try_from(call.number("wait_ms")) {
        Err(_) => Limit::None,
        Ok(0) => Limit::Now,
        Ok(limit) => Limit::After(Duration::from_millis(limit)),
    }
}

/// What was acquired within the limit; what was not is given up.
async fn within<T>(
    limit: Duration,
    acquired: impl Future<Output = Result<T, core::Error>>,
) -> Result<Option<T>, core::Error> {
    match tokio::time::timeout(limit, acquired).await {
        Ok(acquired) => acquired.map(Some),
        Err(_) => Ok(None),
    }
}

pub(super) fn participants(
    participants: Result<Vec<Participant>, core::Error>,
) -> Result<Value, Error> {
    let record = |one: Participant| {
        Record::new([
            ("data", Field::Bytes(one.data)),
            ("token", Field::Long(one.token)),
            ("path", Field::Text(one.path)),
            ("holds", Field::Bool(one.holds)),
        ])
    };
    Ok(Value::Records(participants?.into_iter().map(record).collect()))
}
