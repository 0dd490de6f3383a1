//! The deadlines of the tasks that workers have. Pure: the time comes in.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::record::{Limits, TaskId};

/// Which deadlines run, and which comes next.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    running: HashMap<TaskId, Running>,
    next: BTreeSet<(Instant, TaskId)>,
}

#[derive(Debug)]
struct Running {
    worker: String,
    limits: Limits,
    close: Option<Instant>,
    beat: Option<Instant>,
}

impl Running {
    fn first(&self) -> Option<Instant> {
        match (self.close, self.beat) {
            (Some(close), Some(beat)) => Some(close.min(beat)),
            (close, beat) => close.or(beat),
        }
    }
}

/// A deadline that passed: whose it was, and the reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Late {
    pub(crate) task: TaskId,
    pub(crate) worker: String,
    pub(crate) reason: String,
}

fn after(from: Instant, ms: u64) -> Option<Instant> {
    (ms > 0).then(|| from.checked_add(Duration::from_millis(ms))).flatten()
}

impl Deadlines {
    /// The worker has had the task for `age`. A sign of progress is waited for from now on: how
    /// long the last one is ago is not known.
    pub(crate) fn begin(
        &mut self,
        task: &TaskId,
        worker: &str,
        limits: Limits,
        age: Duration,
        now: Instant,
    ) {
        self.end(task);
        let left = Duration::from_millis(limits.close).saturating_sub(age);
        let close = (limits.close > 0).then(|| now.checked_add(left)).flatten();
        let beat = after(now, limits.beat);
        let running = Running { worker: worker.to_owned(), limits, close, beat };
        let Some(first) = running.first() else { return };
        self.next.insert((first, task.clone()));
        self.running.insert(task.clone(), running);
    }

    /// The task showed a sign of progress.
    pub(crate) fn beat(&mut self, task: &TaskId, now: Instant) {
        let Some(running) = self.running.get_mut(task) else { return };
        if let Some(first) = running.first() {
            self.next.remove(&(first, task.clone()));
        }
        running.beat = after(now, running.limits.beat);
        if let Some(first) = running.first() {
            self.next.insert((first, task.clone()));
        }
    }

    pub(crate) fn end(&mut self, task: &TaskId) {
        if let Some(first) = self.running.remove(task).and_then(|running| running.first()) {
            self.next.remove(&(first, task.clone()));
        }
    }

    /// When the next one passes.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.next.first().map(|(at, _)| *at)
    }

    /// Those that have passed; each is told once.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Late> {
        let mut late = Vec::new();
        while let Some((at, _)) = self.next.first()
            && *at <= now
        {
            let Some((_, task)) = self.next.pop_first() else { break };
            let Some(running) = self.running.remove(&task) else { continue };
            let Limits { close, beat, .. } = running.limits;
            let reason = match running.close {
                Some(at) if at <= now => format!("not done within {close} ms"),
                _ => format!("no sign of progress for {beat} ms"),
            };
            late.push(Late { task, worker: running.worker, reason });
        }
        late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn task(n: u32) -> TaskId {
        TaskId::parse(&format!("t-{n:010}")).expect("a task name")
    }

    #[test]
    fn progress_puts_off_one_deadline_and_not_the_other() {
        let mut deadlines = Deadlines::default();
        let start = Instant::now();
        let limits = Limits { start: 0, close: 3_000, beat: 1_000 };
        deadlines.begin(&task(1), "w", limits, Duration::ZERO, start);
        assert_eq!(deadlines.next_timer(), Some(start + SECOND));
        for step in 1..=3 {
            let now = start + step * SECOND * 4 / 5;
            assert_eq!(deadlines.tick(now), []);
            deadlines.beat(&task(1), now);
        }
        assert_eq!(deadlines.next_timer(), Some(start + 3 * SECOND));
        let late = deadlines.tick(start + 3 * SECOND);
        assert_eq!(late[0].reason, "not done within 3000 ms");
        assert_eq!(deadlines.next_timer(), None);
        // A beat that comes late brings nothing back.
        deadlines.beat(&task(1), start + 3 * SECOND);
        assert_eq!(deadlines.next_timer(), None);
    }

    #[test]
    fn silence_is_told_and_what_ended_is_not() {
        let mut deadlines = Deadlines::default();
        let start = Instant::now();
        let limits = Limits { start: 0, close: 0, beat: 1_000 };
        for n in 1..=2 {
            deadlines.begin(&task(n), "w", limits, Duration::ZERO, start);
        }
        deadlines.begin(&task(3), "w", Limits::default(), Duration::ZERO, start);
        deadlines.end(&task(1));
        let late = deadlines.tick(start + SECOND);
        let reason = "no sign of progress for 1000 ms".to_owned();
        assert_eq!(late, [Late { task: task(2), worker: "w".into(), reason }]);
    }

    #[test]
    fn a_task_that_was_there_before_has_less_time_left() {
        let mut deadlines = Deadlines::default();
        let start = Instant::now();
        let limits = Limits { start: 0, close: 3_000, beat: 0 };
        deadlines.begin(&task(1), "w", limits, 2 * SECOND, start);
        deadlines.begin(&task(2), "w", limits, 9 * SECOND, start);
        assert_eq!(deadlines.tick(start).len(), 1);
        assert_eq!(deadlines.next_timer(), Some(start + SECOND));
    }
}
