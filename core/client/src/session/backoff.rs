//! Pauses between attempts to connect.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);
const LAST: Duration = Duration::from_secs(1);

/// A pause after each whole pass over the hosts, doubling up to a second, each with jitter so
/// that the clients of a server that comes back do not all come at once.
pub(super) struct Backoff {
    hosts: usize,
    tried: usize,
    pause: Duration,
}

impl Backoff {
    pub(super) fn new(hosts: usize) -> Backoff {
        Backoff { hosts, tried: 0, pause: FIRST }
    }

    pub(super) fn reset(&mut self) {
        self.tried = 0;
        self.pause = FIRST;
    }

    /// The pause before the next attempt.
    pub(super) fn next(&mut self, random: impl FnOnce(usize) -> usize) -> Duration {
        self.tried += 1;
        if !self.tried.is_multiple_of(self.hosts) {
            return Duration::ZERO;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LAST);
        let jitter = u32::try_from(random(1000)).unwrap_or(0);
        pause / 2 + pause / 2 * jitter / 1000
    }
}
