//! When each session was last heard of. Only the leader's clock decides that one is over.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};

/// When one session was last heard of.
#[derive(Debug)]
pub(crate) struct Activity {
    timeout_ms: AtomicI32,
    heard_ms: AtomicI64,
}

impl Activity {
    /// Of a session that no clock watches over.
    pub(crate) fn new(timeout_ms: i32, now_ms: i64) -> Activity {
        Activity { timeout_ms: AtomicI32::new(timeout_ms), heard_ms: AtomicI64::new(now_ms) }
    }

    /// The client was heard of at this time of the server's own clock.
    pub(crate) fn touch(&self, now_ms: i64) {
        self.heard_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    /// The negotiated timeout, in milliseconds.
    pub(crate) fn timeout_ms(&self) -> i32 {
        self.timeout_ms.load(Ordering::Relaxed)
    }

    /// When it will be over if nothing more is heard of it.
    pub(crate) fn ends_ms(&self) -> i64 {
        self.heard_ms.load(Ordering::Relaxed) + i64::from(self.timeout_ms())
    }

    fn is_over(&self, now_ms: i64) -> bool {
        now_ms > self.ends_ms()
    }
}

/// The clock of all open sessions. Times are milliseconds of the server's own clock.
#[derive(Debug)]
pub(crate) struct SessionClock {
    sessions: HashMap<i64, Arc<Activity>>,
    interval_ms: i64,
    checked_ms: i64,
}

impl SessionClock {
    /// `interval_ms` is how often `expired` will be called.
    pub(crate) fn new(interval_ms: i64, now_ms: i64) -> SessionClock {
        SessionClock { sessions: HashMap::new(), interval_ms, checked_ms: now_ms }
    }

    /// Watches over a session, with the full time from now on. One that is known already goes on
    /// with this timeout.
    pub(crate) fn begin(&mut self, id: i64, timeout_ms: i32, now_ms: i64) -> Arc<Activity> {
        let activity =
            self.sessions.entry(id).or_insert_with(|| Arc::new(Activity::new(0, now_ms)));
        activity.timeout_ms.store(timeout_ms, Ordering::Relaxed);
        activity.touch(now_ms);
        activity.clone()
    }

    /// Another server has heard of the session.
    pub(crate) fn touch(&self, id: i64, now_ms: i64) {
        if let Some(activity) = self.sessions.get(&id) {
            activity.touch(now_ms);
        }
    }

    /// Every open session, and the time at which it will be over if nothing more is heard of it.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (i64, i64)> {
        let end = |activity: &Activity| {
            let over_ms = activity.ends_ms();
            // Somebody has to look, too.
            over_ms + (self.checked_ms - over_ms).rem_euclid(self.interval_ms)
        };
        self.sessions.iter().map(move |(id, activity)| (*id, end(activity)))
    }

    /// Whether the session was heard of at this time or later.
    pub(crate) fn was_heard(&self, id: i64, since_ms: i64) -> bool {
        let activity = self.sessions.get(&id);
        activity.is_some_and(|activity| activity.heard_ms.load(Ordering::Relaxed) >= since_ms)
    }

    /// Every session has its full time again.
    pub(crate) fn restart(&mut self, now_ms: i64) {
        self.checked_ms = now_ms;
        self.sessions.values().for_each(|activity| activity.touch(now_ms));
    }

    pub(crate) fn end(&mut self, id: i64) {
        self.sessions.remove(&id);
    }

    /// The sessions that were silent for longer than their timeout, by id. Each is named until
    /// it is ended.
    ///
    /// A server that was itself stopped for a while could not hear anybody: then every session
    /// gets its full timeout again.
    pub(crate) fn expired(&mut self, now_ms: i64) -> Vec<i64> {
        let late_ms = now_ms - self.checked_ms - self.interval_ms;
        self.checked_ms = now_ms;
        if late_ms > self.interval_ms.max(500) {
            tracing::warn!(late_ms, "the server was stopped; sessions get their time again");
            self.restart(now_ms);
            return Vec::new();
        }
        let over = self.sessions.iter().filter(|(_, activity)| activity.is_over(now_ms));
        let mut over: Vec<i64> = over.map(|(id, _)| *id).collect();
        over.sort_unstable();
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_ends_a_session_and_a_word_saves_it() {
        let mut clock = SessionClock::new(100, 0);
        let first = clock.begin(1, 400, 0);
        clock.begin(2, 400, 0);
        for now in (100..=400).step_by(100) {
            assert!(clock.expired(now).is_empty());
        }
        first.touch(350);
        assert_eq!(clock.expired(500), [2]);
        clock.end(2);
        assert_eq!(clock.expired(600), []);
        assert_eq!(clock.expired(700), []);
        assert_eq!(clock.expired(800), [1]);
    }

    #[test]
    fn a_server_that_was_stopped_expires_nobody() {
        let mut clock = SessionClock::new(100, 0);
        clock.begin(1, 400, 0);
        assert!(clock.expired(90_000).is_empty());
        for now in (90_100..=90_400).step_by(100) {
            assert!(clock.expired(now).is_empty());
        }
        assert_eq!(clock.expired(90_500), [1]);
    }
}
