//! A running recipe: several operations may use it at a time, until one takes it out to end it.

use std::any::Any;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use pinfold_client as core;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::task::JoinHandle;

use super::Recipes;
use crate::{Error, RecipeEvent};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What has a handle: it tells events, and ends in good order.
pub(super) trait Recipe: Send + Sync + Sized + 'static {
    /// What a handle of it is called in an error.
    const CALLED: &'static str;

    /// The next event; `None` when it has ended by itself.
    fn next(&self) -> impl Future<Output = Option<RecipeEvent>> + Send;

    /// Ends it.
    fn end(self) -> impl Future<Output = Result<(), core::Error>> + Send;
}

/// A recipe of some kind.
pub(super) trait Running: Send + Sync {
    fn as_any(&self) -> &dyn Any;

    /// Has its events told from now on.
    fn tell_events(&self, recipe: u64, recipes: Arc<Recipes>);

    fn end(self: Box<Self>) -> Boxed<Result<(), core::Error>>;
}

pub(super) struct Held<T> {
    slot: Arc<RwLock<Option<T>>>,
    /// The task that tells the recipe's events; it borrows the recipe as long as it runs.
    pump: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// A recipe in use.
pub(super) struct Borrowed<T>(OwnedRwLockReadGuard<Option<T>, T>);

impl<T> Deref for Borrowed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Recipe> Held<T> {
    pub(super) fn new(recipe: T) -> Held<T> {
        Held { slot: Arc::new(RwLock::new(Some(recipe))), pump: Arc::default() }
    }

    pub(super) fn share(&self) -> Held<T> {
        Held { slot: self.slot.clone(), pump: self.pump.clone() }
    }

    /// Uses the recipe; whoever takes it waits until the use is over.
    pub(super) async fn borrow(self, recipe: u64) -> Result<Borrowed<T>, Error> {
        let guard = self.slot.read_owned().await;
        OwnedRwLockReadGuard::try_map(guard, Option::as_ref)
            .map(Borrowed)
            .map_err(|_| Error::invalid_handle(recipe, T::CALLED))
    }

    /// Takes the recipe out to end it, once nobody uses it any more.
    async fn take(self) -> Option<T> {
        let pump = self.pump.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(pump) = pump {
            pump.abort();
            // Cancelled is what was asked for.
            let _ = pump.await;
        }
        self.slot.write().await.take()
    }
}

impl<T: Recipe> Running for Held<T> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn tell_events(&self, recipe: u64, recipes: Arc<Recipes>) {
        let own = self.share();
        let runtime = recipes.runtime.clone();
        let pump = runtime.spawn(async move {
            let mut last = None;
            if let Ok(running) = own.borrow(recipe).await {
                while let Some(event) = running.next().await {
                    last = Some(event.clone());
                    recipes.tell(recipe, event);
                }
            }
            recipes.finish(recipe, last);
        });
        *self.pump.lock().unwrap_or_else(PoisonError::into_inner) = Some(pump);
    }

    fn end(self: Box<Self>) -> Boxed<Result<(), core::Error>> {
        Box::pin(async move {
            match self.take().await {
                Some(recipe) => recipe.end().await,
                None => Ok(()),
            }
        })
    }
}
