//! A recipe that several operations may use at a time, until one takes it out to end it.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::task::JoinHandle;

use crate::Error;

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

impl<T> Held<T> {
    pub(super) fn new(recipe: T) -> Held<T> {
        Held { slot: Arc::new(RwLock::new(Some(recipe))), pump: Arc::default() }
    }

    pub(super) fn share(&self) -> Held<T> {
        Held { slot: self.slot.clone(), pump: self.pump.clone() }
    }

    /// Uses the recipe; whoever takes it waits until the use is over.
    pub(super) async fn borrow(self, recipe: u64, wanted: &str) -> Result<Borrowed<T>, Error> {
        let guard = self.slot.read_owned().await;
        OwnedRwLockReadGuard::try_map(guard, Option::as_ref)
            .map(Borrowed)
            .map_err(|_| Error::invalid_handle(recipe, wanted))
    }

    pub(super) fn set_pump(&self, pump: JoinHandle<()>) {
        *self.pump.lock().unwrap_or_else(PoisonError::into_inner) = Some(pump);
    }

    /// Takes the recipe out to end it, once nobody uses it any more.
    pub(super) async fn take(self) -> Option<T> {
        let pump = self.pump.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(pump) = pump {
            pump.abort();
            // Cancelled is what was asked for.
            let _ = pump.await;
        }
        self.slot.write().await.take()
    }
}
