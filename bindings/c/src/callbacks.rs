//! What C asked to be called back with, and the tables in which it waits for its turn.

use crate::argconv::UserData;
use crate::failure::{Failure, c_string};
use crate::kinds::{
    event_kind, pinfold_client_t, pinfold_destroy_fn, pinfold_listener_t, pinfold_recipe_event_t,
    pinfold_recipe_fn, pinfold_reply_fn, pinfold_reply_t, pinfold_state_fn, pinfold_watch_event_t,
    pinfold_watch_fn, pinfold_watcher_t,
};
use pinfold_glue::{RecipeEvent, WatchEvent};
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::Arc;

/// Who gets the answer of an asynchronous operation.
pub(crate) struct Completion {
    callback: pinfold_reply_fn,
    user_data: UserData,
}

impl Completion {
    /// Made first thing in an entry point, so that user_data is released on every path.
    pub(crate) fn new(
        callback: pinfold_reply_fn,
        user_data: *mut c_void,
        destroy: pinfold_destroy_fn,
    ) -> Completion {
        Completion { callback, user_data: UserData::new(user_data, destroy) }
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.callback.is_some()
    }

    pub(crate) fn call(&self, reply: *const pinfold_reply_t) {
        if let Some(callback) = self.callback {
            callback(self.user_data.pointer(), reply);
        }
    }
}

/// Who gets the events of a watch.
pub(crate) struct Watcher {
    callback: pinfold_watch_fn,
    user_data: UserData,
    /// A one-shot watch delivers once.
    once: bool,
}

impl Watcher {
    fn new(given: &pinfold_watcher_t, once: bool) -> Watcher {
        let user_data = UserData::new(given.user_data, given.destroy);
        Watcher { callback: given.callback, user_data, once }
    }

    pub(crate) fn call(&self, watch: u64, event: &WatchEvent) {
        let Some(callback) = self.callback else { return };
        let path = c_string(&event.path);
        let event = pinfold_watch_event_t {
            size: size_of::<pinfold_watch_event_t>(),
            watch,
            kind: event_kind(event.kind),
            path: path.as_ptr(),
            zxid: event.zxid,
        };
        callback(self.user_data.pointer(), &event);
    }
}

/// Who gets the events of a recipe.
pub(crate) struct Listener {
    callback: pinfold_recipe_fn,
    user_data: UserData,
}

impl Listener {
    pub(crate) fn call(&self, recipe: u64, event: &RecipeEvent) {
        let Some(callback) = self.callback else { return };
        let (task, worker) = (c_string(&event.task), c_string(&event.worker));
        let (reason, path) = (c_string(&event.reason), c_string(&event.path));
        let event = pinfold_recipe_event_t {
            size: size_of::<pinfold_recipe_event_t>(),
            recipe,
            kind: event.kind as i32,
            task: task.as_ptr(),
            worker: worker.as_ptr(),
            payload: event.payload.as_ptr(),
            payload_length: event.payload.len(),
            attempt: event.attempt,
            token: event.token,
            reason: reason.as_ptr(),
            path: path.as_ptr(),
        };
        callback(self.user_data.pointer(), &event);
    }
}

/// Who gets the changes of the session's state. A renewed client shares it with its predecessor.
pub(crate) struct StateListener {
    callback: pinfold_state_fn,
    user_data: UserData,
}

impl StateListener {
    pub(crate) fn new(
        callback: pinfold_state_fn,
        user_data: *mut c_void,
        destroy: pinfold_destroy_fn,
    ) -> StateListener {
        StateListener { callback, user_data: UserData::new(user_data, destroy) }
    }

    pub(crate) fn call(&self, client: *mut pinfold_client_t, state: i32) {
        if let Some(callback) = self.callback {
            callback(self.user_data.pointer(), client, state);
        }
    }
}

/// What an operation sets up beside its answer.
pub(crate) enum Armed {
    Nothing,
    Watch(Watcher),
    Recipe(Listener),
    /// Takes the watch with this id away.
    Removal(u64),
}

impl Armed {
    /// A watch if the caller wants one.
    pub(crate) fn watch(given: Option<&pinfold_watcher_t>, once: bool) -> Armed {
        given.map_or(Armed::Nothing, |given| Armed::Watch(Watcher::new(given, once)))
    }

    /// A recipe's listener if the caller wants one.
    pub(crate) fn recipe(given: Option<&pinfold_listener_t>) -> Armed {
        given.map_or(Armed::Nothing, |given| {
            let user_data = UserData::new(given.user_data, given.destroy);
            Armed::Recipe(Listener { callback: given.callback, user_data })
        })
    }

    /// A callback that is NULL would lose events without a trace.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let missing = match self {
            Armed::Watch(watcher) => watcher.callback.is_none(),
            Armed::Recipe(listener) => listener.callback.is_none(),
            Armed::Nothing | Armed::Removal(_) => false,
        };
        match missing {
            true => Err(Failure::argument("the callback is NULL".into())),
            false => Ok(()),
        }
    }
}

/// Callbacks that wait, by ticket. Shared pointers, because a callback runs without the lock of
/// the table and may end its own registration.
#[derive(Default)]
pub(crate) struct Tables {
    completions: HashMap<u64, Completion>,
    watchers: HashMap<u64, Arc<Watcher>>,
    listeners: HashMap<u64, Arc<Listener>>,
    /// Ticket of a removal to the watch that it removes.
    removals: HashMap<u64, u64>,
}

/// Callbacks that have left the tables. To be dropped after the lock, since dropping runs the
/// caller's destroy functions.
#[must_use]
#[derive(Default)]
pub(crate) struct Retired {
    pub(crate) completion: Option<Completion>,
    watchers: Vec<Arc<Watcher>>,
    listener: Option<Arc<Listener>>,
}

impl Tables {
    /// Puts in what a call brings, before the operation can be answered.
    pub(crate) fn arm(&mut self, ticket: u64, completion: Option<Completion>, armed: Armed) {
        if let Some(completion) = completion {
            self.completions.insert(ticket, completion);
        }
        match armed {
            Armed::Nothing => {}
            Armed::Watch(watcher) => {
                self.watchers.insert(ticket, Arc::new(watcher));
            }
            Armed::Recipe(listener) => {
                self.listeners.insert(ticket, Arc::new(listener));
            }
            Armed::Removal(watch) => {
                self.removals.insert(ticket, watch);
            }
        }
    }

    /// Takes out what ends with the answer of an operation.
    pub(crate) fn settle(&mut self, ticket: u64, succeeded: bool) -> Retired {
        let mut retired =
            Retired { completion: self.completions.remove(&ticket), ..Retired::default() };
        let removed = self.removals.remove(&ticket);
        match succeeded {
            true => {
                let watcher = removed.and_then(|watch| self.watchers.remove(&watch));
                retired.watchers.extend(watcher);
            }
            false => {
                retired.watchers.extend(self.watchers.remove(&ticket));
                retired.listener = self.listeners.remove(&ticket);
            }
        }
        retired
    }

    /// The watcher of an event; it leaves the table if it is a one-shot one, or with the last.
    pub(crate) fn watcher(&mut self, watch: u64, last: bool) -> Option<Arc<Watcher>> {
        let watcher = self.watchers.get(&watch)?.clone();
        if watcher.once || last {
            self.watchers.remove(&watch);
        }
        Some(watcher)
    }

    /// The listener of a recipe's event; it leaves the table with the last one.
    pub(crate) fn listener(&mut self, recipe: u64, last: bool) -> Option<Arc<Listener>> {
        match last {
            true => self.listeners.remove(&recipe),
            false => self.listeners.get(&recipe).cloned(),
        }
    }
}
