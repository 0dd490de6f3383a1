//! What the znodes of a queue contain: one line of JSON, then the caller's bytes as they are.
//!
//! A record is readable with any ZooKeeper shell, and moving a task from place to place copies
//! its payload without looking at it.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use pinfold_client::Error;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::session::refuse;

/// The longest payload or result, in bytes. A znode and the multi that moves it must fit into
/// ZooKeeper's request limit of 1,048,575 bytes together with paths and the record's first line.
pub const MAX_PAYLOAD: usize = 1_000_000;

/// The longest progress that a worker can write, in bytes.
pub const MAX_PROGRESS: usize = 16_384;

/// The longest reason kept with a dead letter, in bytes; what is longer is cut.
pub(crate) const MAX_REASON: usize = 4_096;

/// The name of a task: `t-` and the number that the server dealt, the same at every place the
/// task passes. Ordered by age within one queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(Arc<str>);

impl TaskId {
    /// Reads a task's name, `t-` followed by digits; `None` when `name` is not one.
    pub fn parse(name: &str) -> Option<TaskId> {
        let digits = name.strip_prefix("t-")?;
        let sound = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        sound.then(|| TaskId(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number in the name; orders the tasks of one queue.
    pub(crate) fn sequence(&self) -> u64 {
        self.0[2..].parse().unwrap_or(u64::MAX)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for TaskId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TaskId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// First line of a waiting or an assigned task. What is not said has its default, so that the
/// record of a plain task is short and one of an earlier version stays readable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskHead {
    /// Counts from 1: this, or the next, is the n-th time that somebody works on the task.
    pub(crate) attempt: u32,
    /// The submission, to find a task again whose reply was lost.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) id: String,
    /// After this attempt the task is given up. Absent: what the master or the worker says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<u32>,
    /// How often the task was given to somebody, also where that did not count as an attempt.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) turn: u32,
    /// Higher first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) priority: i32,
    /// Not to be given to anybody before; milliseconds since 1970.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) not_before: i64,
    /// What a worker must be able to do; sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) needs: Vec<String>,
    /// The idempotence key, whose znode goes with the task's record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) key: String,
    /// How long a failed attempt waits for the next one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) backoff: Backoff,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) limits: Limits,
    /// `/progress` has a znode of this task, which goes with the task's end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) progress: bool,
    /// When it was submitted and when it was given to somebody; milliseconds since 1970.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) submitted: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) started: i64,
    /// Why the attempt before came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<Setback>,
}

/// How an attempt came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setback {
    pub(crate) cause: Cause,
    pub(crate) reason: String,
}

/// Why an attempt, or the whole task, came to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Its worker said so.
    #[default]
    Failed,
    /// Its worker's session ended.
    Vanished,
    /// One of its deadlines passed.
    Deadline,
    /// Somebody cancelled it.
    Cancelled,
    /// Its znode is no task record.
    Unreadable,
}

/// How long a task waits after a failed attempt; milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Backoff {
    pub(crate) initial: u64,
    pub(crate) factor: f64,
    pub(crate) cap: u64,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { initial: 1_000, factor: 2.0, cap: 60_000 }
    }
}

impl Backoff {
    /// The wait after this attempt, which counts from 1.
    pub(crate) fn after(&self, attempt: u32) -> u64 {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let wait = self.initial as f64 * self.factor.powi(exponent);
        // A float beyond the range becomes the largest number, and what is none becomes 0.
        (wait as u64).min(self.cap)
    }
}

/// The deadlines of one attempt, which the master enforces; milliseconds, 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// From when it is due until somebody has it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) start: u64,
    /// From when somebody has it until its end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) close: u64,
    /// From one sign of progress to the next.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) beat: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// First line of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResultHead {
    pub(crate) attempt: u32,
    pub(crate) worker: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) id: String,
    /// czxid of the assignment that it was committed from: who wrote it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) token: i64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) key: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) submitted: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) started: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) ended: i64,
}

/// First line of a dead letter; the payload follows, so that it can be replayed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeadHead {
    pub(crate) attempt: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) worker: String,
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) cause: Cause,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) id: String,
    /// Who gave it up, where that has to be found again after a lost reply: czxid of the
    /// assignment, or the name of one cancellation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) by: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) ended: i64,
    /// The task as it was, for a replay; absent where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<Box<TaskHead>>,
}

/// First line of a znode of `/progress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProgressHead {
    pub(crate) attempt: u32,
    pub(crate) worker: String,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
}

/// First line of a znode of `/keys`: the submission, and the task once that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyHead {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) task: String,
}

/// The only part that a search by submission needs of any record.
#[derive(Debug, Deserialize)]
pub(crate) struct IdHead {
    #[serde(default)]
    pub(crate) id: String,
}

/// What a worker says about itself in `/workers/<id>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerHead {
    /// Tasks at the same time. 0: takes its tasks itself, the master gives it none.
    pub(crate) capacity: u32,
    #[serde(default)]
    pub(crate) abilities: Vec<String>,
}

/// One record: the head as a line of JSON, then the body.
pub(crate) fn encode<H: Serialize>(head: &H, body: &[u8]) -> Bytes {
    // Heads are plain structs of numbers and strings: serde_json cannot fail on them.
    let line = serde_json::to_vec(head).unwrap_or_default();
    let mut out = BytesMut::with_capacity(line.len() + 1 + body.len());
    out.put_slice(&line);
    out.put_u8(b'\n');
    out.put_slice(body);
    out.freeze()
}

/// The head and the body; the body shares the memory of `data`. The error says what is wrong.
pub(crate) fn decode<H: DeserializeOwned>(data: &Bytes) -> Result<(H, Bytes), String> {
    let end = data.iter().position(|b| *b == b'\n').ok_or("not a record: no first line")?;
    let head =
        serde_json::from_slice(&data[..end]).map_err(|error| format!("not a record: {error}"))?;
    Ok((head, data.slice(end + 1..)))
}

/// Refuses a payload or result that would not fit, naming `what`, its size and the limit.
pub(crate) fn check_size(what: &str, data: &[u8]) -> Result<(), Error> {
    check_within(what, data, MAX_PAYLOAD)
}

pub(crate) fn check_within(what: &str, data: &[u8], limit: usize) -> Result<(), Error> {
    if data.len() <= limit {
        return Ok(());
    }
    Err(refuse(format!("{what} has {} bytes, the limit is {limit}", data.len())))
}

/// Refuses a worker's name that cannot be the name of a znode.
pub(crate) fn check_worker(worker: &str) -> Result<(), Error> {
    let sound = !worker.is_empty()
        && !worker.contains('/')
        && worker != "."
        && worker != ".."
        && !worker.chars().any(char::is_control);
    if sound { Ok(()) } else { Err(refuse(format!("worker id {worker:?} cannot name a znode"))) }
}

/// `reason` within the limit for a dead letter, cut at a character.
pub(crate) fn clip(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_its_body_as_it_is() {
        let head = TaskHead { attempt: 2, id: "a\nb".into(), max: Some(3), ..TaskHead::default() };
        for body in [&b""[..], b"\n", b"{}\n\0\xff"] {
            let (again, rest) = decode::<TaskHead>(&encode(&head, body)).expect("a record");
            assert_eq!((again, rest.as_ref()), (head.clone(), body));
        }
    }

    #[test]
    fn what_is_no_record_is_told() {
        for data in [&b""[..], b"plain", b"plain\n", b"{}\n", b"\xff\n"] {
            let error = decode::<TaskHead>(&Bytes::from_static(data)).expect_err("not a record");
            assert!(error.starts_with("not a record"), "{error}");
        }
    }

    #[test]
    fn records_of_an_earlier_version_stay_readable() {
        let old = Bytes::from_static(b"{\"attempt\":1,\"id\":\"x\",\"max\":3}\npayload");
        let (head, body) = decode::<TaskHead>(&old).expect("a record");
        assert_eq!((head.attempt, head.max, head.priority), (1, Some(3), 0));
        assert_eq!((head.backoff, &body[..]), (Backoff::default(), &b"payload"[..]));
        // A plain task says no more than it did then.
        let plain = TaskHead { attempt: 1, id: "x".into(), ..TaskHead::default() };
        assert_eq!(&encode(&plain, b"")[..], b"{\"attempt\":1,\"id\":\"x\"}\n");
        let dead = Bytes::from_static(b"{\"attempt\":3,\"worker\":\"w\",\"reason\":\"r\"}\n");
        let (head, _) = decode::<DeadHead>(&dead).expect("a record");
        assert_eq!((head.cause, head.task), (Cause::Failed, None));
    }

    #[test]
    fn a_backoff_grows_to_its_cap() {
        let waits = |backoff: Backoff| [1, 2, 3, 7, u32::MAX].map(|n| backoff.after(n));
        assert_eq!(waits(Backoff::default()), [1_000, 2_000, 4_000, 60_000, 60_000]);
        let steady = Backoff { initial: 50, factor: 1.0, cap: 60_000 };
        assert_eq!(waits(steady), [50; 5]);
        assert_eq!(waits(Backoff { initial: 0, ..steady }), [0; 5]);
    }

    #[test]
    fn names_of_tasks_and_workers() {
        assert_eq!(TaskId::parse("t-0000000012").map(|t| t.sequence()), Some(12));
        for name in ["t-", "x-1", "t-1a", "t-1/2", ""] {
            assert_eq!(TaskId::parse(name), None, "{name}");
        }
        assert!(check_worker("w 1").is_ok());
        for name in ["", "a/b", ".", "..", "a\0"] {
            assert!(check_worker(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_reason_is_cut_at_a_character() {
        let long = "é".repeat(MAX_REASON);
        assert_eq!(clip(&long).len(), MAX_REASON);
        assert_eq!(clip("short"), "short");
    }
}
