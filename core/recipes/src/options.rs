//! What a submitter asks of a task.

use pinfold_client::{Client, Error};

use crate::record::{Backoff, Limits, TaskHead};
use crate::session::refuse;

/// The longest idempotence key, in bytes.
pub const MAX_KEY: usize = 255;

/// The needs of one task together, in bytes.
const MAX_NEEDS: usize = 2_048;

/// How a task is to be handled. All times are milliseconds.
///
/// Deadlines are enforced by a leading master; without one they do not run. Times of day are
/// compared on different machines, whose clocks should agree.
///
/// ```
/// use pinfold_recipes::SubmitOptions;
///
/// let nightly = SubmitOptions {
///     key: Some("report-2026-01-31".to_owned()),
///     needs: vec!["gpu".to_owned()],
///     priority: 5,
///     start_to_close_ms: 600_000,
///     ..SubmitOptions::default()
/// };
/// assert_eq!(nightly.initial_backoff_ms, 1_000);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SubmitOptions {
    /// How often it is tried before it becomes a dead letter; `None`: what the master says.
    pub max_attempts: Option<u32>,
    /// The wait after the first failed attempt.
    pub initial_backoff_ms: u64,
    /// By how much each wait is longer than the one before; at least 1.
    pub backoff_factor: f64,
    /// No wait is longer.
    pub max_backoff_ms: u64,
    /// Not to be given to anybody for so long.
    pub delay_ms: u64,
    /// Not to be given to anybody before; milliseconds since 1970. With a delay, the later of the
    /// two counts.
    pub not_before_ms: Option<i64>,
    /// Higher first; tasks of the same priority by age.
    pub priority: i32,
    /// Only a worker with all of these abilities gets it.
    pub needs: Vec<String>,
    /// Idempotence key: while the record of a task that was submitted with the same key is there,
    /// waiting, assigned, done or dead, submitting gives that task. At most [`MAX_KEY`] bytes.
    pub key: Option<String>,
    /// Given up when nobody took it for so long after it was due; 0: never.
    pub schedule_to_start_ms: u64,
    /// Taken back, with the attempt counted, when it was not done within; 0: never.
    pub start_to_close_ms: u64,
    /// Taken back, with the attempt counted, when its worker wrote no progress for so long; 0:
    /// never.
    pub heartbeat_ms: u64,
}

impl Default for SubmitOptions {
    fn default() -> SubmitOptions {
        let backoff = Backoff::default();
        SubmitOptions {
            max_attempts: None,
            initial_backoff_ms: backoff.initial,
            backoff_factor: backoff.factor,
            max_backoff_ms: backoff.cap,
            delay_ms: 0,
            not_before_ms: None,
            priority: 0,
            needs: Vec::new(),
            key: None,
            schedule_to_start_ms: 0,
            start_to_close_ms: 0,
            heartbeat_ms: 0,
        }
    }
}

impl From<&TaskHead> for SubmitOptions {
    /// What was asked of the task; its delay, if it had one, is over.
    fn from(head: &TaskHead) -> SubmitOptions {
        SubmitOptions {
            max_attempts: head.max,
            initial_backoff_ms: head.backoff.initial,
            backoff_factor: head.backoff.factor,
            max_backoff_ms: head.backoff.cap,
            delay_ms: 0,
            not_before_ms: None,
            priority: head.priority,
            needs: head.needs.clone(),
            key: (!head.key.is_empty()).then(|| head.key.clone()),
            schedule_to_start_ms: head.limits.start,
            start_to_close_ms: head.limits.close,
            heartbeat_ms: head.limits.beat,
        }
    }
}

impl SubmitOptions {
    /// The first line of a task's record that says all this.
    pub(crate) fn head(&self, client: &Client) -> Result<TaskHead, Error> {
        self.check()?;
        let submitted = client.wall_ms();
        let delayed = match self.delay_ms {
            0 => 0,
            delay => submitted.saturating_add_unsigned(delay),
        };
        let mut needs = self.needs.clone();
        needs.sort_unstable();
        needs.dedup();
        Ok(TaskHead {
            attempt: 1,
            max: self.max_attempts,
            priority: self.priority,
            not_before: delayed.max(self.not_before_ms.unwrap_or(0)),
            needs,
            key: self.key.clone().unwrap_or_default(),
            backoff: Backoff {
                initial: self.initial_backoff_ms,
                factor: self.backoff_factor,
                cap: self.max_backoff_ms,
            },
            limits: Limits {
                start: self.schedule_to_start_ms,
                close: self.start_to_close_ms,
                beat: self.heartbeat_ms,
            },
            submitted,
            ..TaskHead::default()
        })
    }

    fn check(&self) -> Result<(), Error> {
        if self.max_attempts == Some(0) {
            return Err(refuse("max_attempts must be at least 1"));
        }
        if !(self.backoff_factor >= 1.0 && self.backoff_factor.is_finite()) {
            let factor = self.backoff_factor;
            return Err(refuse(format!("backoff_factor must be at least 1, it is {factor}")));
        }
        if self.not_before_ms.is_some_and(|at| at < 0) {
            return Err(refuse("not_before_ms must not be negative"));
        }
        let needs: usize = self.needs.iter().map(String::len).sum();
        if needs > MAX_NEEDS || self.needs.iter().any(String::is_empty) {
            let why = format!("needs have {needs} bytes, the limit is {MAX_NEEDS}; none is empty");
            return Err(refuse(why));
        }
        match &self.key {
            Some(key) if key.is_empty() || key.len() > MAX_KEY => {
                let len = key.len();
                Err(refuse(format!("the key has {len} bytes; from 1 to {MAX_KEY} are possible")))
            }
            _ => Ok(()),
        }
    }
}
