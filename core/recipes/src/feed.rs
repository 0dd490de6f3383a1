//! The queue of events from a recipe's task to its owner.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Events that nobody fetches are kept up to this number; then the oldest go.
const LIMIT: usize = 65_536;

/// An ordered queue that never blocks the one who fills it.
#[derive(Debug)]
pub(crate) struct Feed<T> {
    state: Mutex<State<T>>,
    filled: Notify,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    ended: bool,
}

impl<T> Feed<T> {
    pub(crate) fn new() -> Feed<T> {
        let state = State { queue: VecDeque::new(), ended: false };
        Feed { state: Mutex::new(state), filled: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, item: T) {
        let mut state = self.state();
        if state.queue.len() >= LIMIT {
            state.queue.pop_front();
        }
        state.queue.push_back(item);
        drop(state);
        self.filled.notify_one();
    }

    /// No more events: `next` gives what is left, then `None` for ever.
    pub(crate) fn end(&self) {
        self.state().ended = true;
        self.filled.notify_one();
    }

    /// The next event, the end, or nothing yet.
    fn take(&self) -> Option<Option<T>> {
        let mut state = self.state();
        let item = state.queue.pop_front();
        if item.is_none() && !state.ended {
            return None;
        }
        // notify_one keeps a single permit: hand it on for another caller.
        if !state.queue.is_empty() || state.ended {
            self.filled.notify_one();
        }
        Some(item)
    }

    /// The next event in order; cancel-safe, any number of callers.
    pub(crate) async fn next(&self) -> Option<T> {
        loop {
            let filled = self.filled.notified();
            if let Some(outcome) = self.take() {
                return outcome;
            }
            filled.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_order_and_ends_once_empty() {
        let feed = Feed::new();
        feed.push(1);
        feed.push(2);
        feed.end();
        assert_eq!(feed.next().await, Some(1));
        assert_eq!(feed.next().await, Some(2));
        assert_eq!(feed.next().await, None);
        assert_eq!(feed.next().await, None);
    }

    #[tokio::test]
    async fn the_oldest_go_when_nobody_fetches() {
        let feed = Feed::new();
        for i in 0..LIMIT + 3 {
            feed.push(i);
        }
        assert_eq!(feed.next().await, Some(3));
    }
}
