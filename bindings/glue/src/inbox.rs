//! The inbox: one ordered queue per client that the host drains on a thread of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pinfold_client::{self as client, Response, SessionState, Sink, WatchEvent};

use crate::waker::{WakeFd, Waker};
use crate::{Error, Item, Value};

/// What the session task fills and the host drains.
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    /// Woken at every change from empty to non-empty, for hosts that wait on a thread.
    filled: Condvar,
    /// Callers that wait for their ticket directly, past the queue.
    waiting: Mutex<HashMap<u64, Arc<Slot>>>,
    /// Size of `waiting`, so that a reply takes its lock only when somebody waits.
    waiting_count: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    waker: Option<Arc<Waker>>,
    fd: Option<Arc<WakeFd>>,
    /// `Item::Closed` has been put in; nothing may follow it.
    closed: bool,
}

/// Where a blocking call waits for its own completion.
pub(crate) struct Slot {
    result: Mutex<Option<Result<Value, Error>>>,
    ready: Condvar,
}

/// When a time limit passes; none for one that is past all clocks.
fn deadline_after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// No code of ours panics with these locks held; a poisoned one still holds consistent data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inbox {
    pub(crate) fn new() -> Inbox {
        Inbox {
            queue: Mutex::default(),
            filled: Condvar::new(),
            waiting: Mutex::default(),
            waiting_count: AtomicUsize::new(0),
        }
    }

    /// Puts an item at the end, and wakes the host if the queue was empty.
    pub(crate) fn push(&self, item: Item) {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return;
        }
        queue.closed = matches!(item, Item::Closed);
        if queue.closed {
            self.filled.notify_all();
        }
        let was_empty = queue.items.is_empty();
        queue.items.push_back(item);
        if !was_empty {
            return;
        }
        self.filled.notify_all();
        // Under the lock, so that a drain cannot clear the fd before it is set.
        if let Some(fd) = &queue.fd {
            fd.set();
        }
        let waker = queue.waker.clone();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Completes a ticket: past the queue for a caller that waits for it, else in the queue.
    pub(crate) fn complete(&self, ticket: u64, result: Result<Value, Error>) {
        if self.waiting_count.load(Ordering::Acquire) > 0 {
            let slot = lock(&self.waiting).remove(&ticket);
            if let Some(slot) = slot {
                self.waiting_count.fetch_sub(1, Ordering::Release);
                *lock(&slot.result) = Some(result);
                slot.ready.notify_one();
                return;
            }
        }
        self.push(Item::Reply { ticket, result });
    }

    /// Takes at most `max` items, in order.
    pub(crate) fn drain(&self, max: usize) -> Vec<Item> {
        let mut queue = lock(&self.queue);
        let count = queue.items.len().min(max);
        if count == queue.items.len() {
            if let Some(fd) = &queue.fd {
                fd.clear();
            }
            return std::mem::take(&mut queue.items).into();
        }
        queue.items.drain(..count).collect()
    }

    /// Waits until there is something to drain; false when the time limit passed first, or when
    /// `Closed` has been drained and nothing will come any more.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> bool {
        let deadline = timeout.and_then(deadline_after);
        let mut queue = lock(&self.queue);
        loop {
            if !queue.items.is_empty() {
                return true;
            }
            if queue.closed {
                return false;
            }
            let Some(deadline) = deadline else {
                queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let now = Instant::now();
            if now >= deadline {
                return false;
            }
            let woken = self.filled.wait_timeout(queue, deadline - now);
            queue = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until `Closed` has been put in.
    pub(crate) fn wait_closed(&self, timeout: Option<Duration>) {
        let deadline = timeout.and_then(deadline_after);
        let mut queue = lock(&self.queue);
        while !queue.closed {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            queue = match left {
                None => self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return,
                Some(left) => {
                    let woken = self.filled.wait_timeout(queue, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Installs the host's waker; it is called at once if there are items already.
    pub(crate) fn set_waker(&self, waker: Waker) {
        let waker = Arc::new(waker);
        let mut queue = lock(&self.queue);
        queue.waker = Some(waker.clone());
        let wake = !queue.items.is_empty();
        drop(queue);
        if wake {
            waker.wake();
        }
    }

    /// The file descriptor that is readable while there are items; made on first use.
    pub(crate) fn fd(&self) -> Result<Arc<WakeFd>, Error> {
        let mut queue = lock(&self.queue);
        if let Some(fd) = &queue.fd {
            return Ok(fd.clone());
        }
        let fd = Arc::new(WakeFd::new()?);
        if !queue.items.is_empty() {
            fd.set();
        }
        queue.fd = Some(fd.clone());
        Ok(fd)
    }

    /// Announces that a caller will wait for `ticket`; before the operation is submitted.
    pub(crate) fn expect(&self, ticket: u64) -> Arc<Slot> {
        let slot = Arc::new(Slot { result: Mutex::default(), ready: Condvar::new() });
        lock(&self.waiting).insert(ticket, slot.clone());
        self.waiting_count.fetch_add(1, Ordering::AcqRel);
        slot
    }

    /// The caller does not wait any more; a late completion of `ticket` comes in the queue.
    pub(crate) fn forget(&self, ticket: u64) {
        if lock(&self.waiting).remove(&ticket).is_some() {
            self.waiting_count.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Slot {
    /// Waits for the completion; `None` when the time limit passed first.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Option<Result<Value, Error>> {
        let deadline = timeout.and_then(deadline_after);
        let mut result = lock(&self.result);
        loop {
            if let Some(result) = result.take() {
                return Some(result);
            }
            let Some(deadline) = deadline else {
                result = self.ready.wait(result).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let now = Instant::now();
            if now >= deadline {
                return None;
            }
            let woken = self.ready.wait_timeout(result, deadline - now);
            result = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The session's end of the inbox.
pub(crate) struct SessionSink {
    pub(crate) inbox: Arc<Inbox>,
    /// Told when the session task has ended, so that `Closed` can be put in last.
    pub(crate) ended: tokio::sync::watch::Sender<bool>,
}

impl Sink for SessionSink {
    fn reply(&self, ticket: u64, result: Result<Response, client::Error>) {
        self.inbox.complete(ticket, result.map(Value::from).map_err(Error::from));
    }

    fn event(&self, ticket: u64, event: WatchEvent) {
        self.inbox.push(Item::Watch { watch: ticket, event });
    }

    fn state(&self, state: SessionState) {
        self.inbox.push(Item::State(state));
    }

    fn closed(&self) {
        self.ended.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(ticket: u64) -> Item {
        Item::Reply { ticket, result: Ok(Value::Done) }
    }

    #[test]
    fn the_host_is_woken_once_per_filling() {
        let inbox = Inbox::new();
        let wakes = Arc::new(AtomicUsize::new(0));
        let count = wakes.clone();
        inbox.set_waker(Waker::callback(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        (1..=3).for_each(|ticket| inbox.complete(ticket, Ok(Value::Done)));
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
        assert_eq!(inbox.drain(2), [reply(1), reply(2)]);
        assert_eq!(inbox.drain(usize::MAX), [reply(3)]);
        inbox.complete(4, Ok(Value::Done));
        assert_eq!(wakes.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_waiting_caller_gets_its_reply_past_the_queue() {
        let inbox = Inbox::new();
        let slot = inbox.expect(7);
        inbox.complete(8, Ok(Value::Done));
        inbox.complete(7, Ok(Value::Recipe(1)));
        assert_eq!(slot.wait(None), Some(Ok(Value::Recipe(1))));
        assert_eq!(inbox.drain(usize::MAX), [reply(8)]);
    }

    #[test]
    fn nothing_follows_closed() {
        let inbox = Inbox::new();
        inbox.push(Item::Closed);
        inbox.push(reply(1));
        assert!(inbox.wait(None));
        assert_eq!(inbox.drain(usize::MAX), [Item::Closed]);
        assert!(!inbox.wait(None));
    }

    #[test]
    fn the_fd_is_readable_while_there_are_items() {
        let inbox = Inbox::new();
        inbox.complete(1, Ok(Value::Done));
        let fd = inbox.fd().unwrap();
        assert!(fd.is_set());
        inbox.complete(2, Ok(Value::Done));
        inbox.drain(1);
        assert!(fd.is_set());
        inbox.drain(1);
        assert!(!fd.is_set());
        inbox.complete(3, Ok(Value::Done));
        assert!(fd.is_set());
    }
}
