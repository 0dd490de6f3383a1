//! The task queue, and its masterless claims.

use super::{Arg, Default, Kind, Operation, RECIPE, ROOT, TASK, arg, opt};

const fn number(name: &'static str, kind: Kind, default: i64, doc: &'static str) -> Arg {
    opt(name, kind, Default::Number(default), doc)
}

/// How a task is to be handled.
pub(super) const SUBMIT_OPTIONS: [Arg; 12] = [
    number(
        "max_attempts",
        Kind::U32,
        0,
        "How often it is tried before it is given up; 0 for what the master says.",
    ),
    number("initial_backoff_ms", Kind::I64, 1_000, "The wait after the first failed attempt."),
    opt(
        "backoff_factor",
        Kind::F64,
        Default::Real(2.0),
        "By how much each wait is longer than the one before; at least 1.",
    ),
    number("max_backoff_ms", Kind::I64, 60_000, "No wait between attempts is longer."),
    number("delay_ms", Kind::I64, 0, "Not to be given to anybody for so long."),
    number(
        "not_before_ms",
        Kind::I64,
        0,
        "Not to be given to anybody before, milliseconds since 1970.",
    ),
    number("priority", Kind::I32, 0, "Higher first; tasks of the same priority by age."),
    opt("needs", Kind::TextList, Default::Empty, "Only a worker with all of these gets it."),
    opt(
        "key",
        Kind::Text,
        Default::Empty,
        "Idempotence key: while a task that was submitted with it is there, waiting, assigned, \
         done or dead, submitting gives that task. Empty for none.",
    ),
    number(
        "schedule_to_start_ms",
        Kind::I64,
        0,
        "Given up when nobody took it for so long after it was due; 0 for never.",
    ),
    number(
        "start_to_close_ms",
        Kind::I64,
        0,
        "Taken back, with the attempt counted, when it is not done within; 0 for never.",
    ),
    number(
        "heartbeat_ms",
        Kind::I64,
        0,
        "Taken back, with the attempt counted, when its worker writes no progress for so long; 0 \
         for never.",
    ),
];

/// Arguments of an operation that takes those options, too.
const fn with_options(own: [Arg; 2]) -> [Arg; 14] {
    let mut all = [own[0]; 14];
    all[1] = own[1];
    let mut at = 0;
    while at < SUBMIT_OPTIONS.len() {
        all[2 + at] = SUBMIT_OPTIONS[at];
        at += 1;
    }
    all
}

pub(super) const TOKEN: Arg = opt(
    "token",
    Kind::I64,
    Default::Number(0),
    "Which assignment of the task is meant, as its event told; 0 for whichever is in hand.",
);
const AGE: Arg = arg("age_ms", Kind::I64, "How old, milliseconds.");
pub(super) const REASON: Arg = arg("reason", Kind::Text, "Why.");
pub(super) const RETRYABLE: Arg =
    opt("retryable", Kind::Bool, Default::Bool(true), "Whether another attempt may go better.");
pub(super) const PROGRESS: Arg = arg("data", Kind::Bytes, "How far the work is, up to 16 KiB.");
pub(super) const RESULT: Arg = arg("result", Kind::Bytes, "The result, up to 1,000,000 bytes.");

pub(super) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "queue_submit",
        doc: "Submits a task, once whatever reply is lost, and returns its id.",
        args: &with_options([
            ROOT,
            arg("payload", Kind::Bytes, "The task, up to 1,000,000 bytes."),
        ]),
        result: "task",
        errors: &["INVALID_ARGUMENT"],
    },
    Operation {
        name: "queue_submit_many",
        doc: "Submits many tasks, pipelined, and returns their ids in the same order.",
        args: &with_options([
            ROOT,
            arg("payloads", Kind::BytesList, "The tasks, each up to 1,000,000 bytes."),
        ]),
        result: "paths",
        errors: &["INVALID_ARGUMENT"],
    },
    Operation {
        name: "queue_result",
        doc: "Completes when the task has a committed result, or fails with TASK_FAILED when it \
              was given up.",
        args: &[ROOT, TASK],
        result: "task_result",
        errors: &["TASK_FAILED", "NO_NODE"],
    },
    Operation {
        name: "queue_results",
        doc: "Follows what becomes of the tasks: events of the handle tell every result and dead \
              letter there is, then each as it comes.",
        args: &[ROOT],
        result: "recipe",
        errors: &[],
    },
    Operation {
        name: "queue_ignore",
        doc: "Ends what follows a queue.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
    Operation {
        name: "queue_counts",
        doc: "Returns how many tasks are waiting, assigned, done and dead, and who is there.",
        args: &[ROOT],
        result: "queue_counts",
        errors: &[],
    },
    Operation {
        name: "queue_cancel",
        doc: "Cancels a task, wherever it is: it becomes a dead letter, and a worker that has it \
              is told. Returns whether it was in time.",
        args: &[ROOT, TASK, opt("reason", Kind::Text, Default::Empty, "Why.")],
        result: "truth",
        errors: &["INVALID_ARGUMENT"],
    },
    Operation {
        name: "queue_progress",
        doc: "Follows how far the work on a task is, until its end: events of the handle tell \
              what its worker wrote. Only the latest counts; what is written over fast may be \
              skipped.",
        args: &[ROOT, TASK],
        result: "recipe",
        errors: &[],
    },
    Operation {
        name: "queue_dead_letters",
        doc: "Returns dead letters, those of the oldest tasks first.",
        args: &[
            ROOT,
            opt("after", Kind::Text, Default::Empty, "Only those of younger tasks than this one."),
            opt("limit", Kind::U32, Default::Number(100), "So many at most."),
        ],
        result: "dead_letters",
        errors: &["INVALID_ARGUMENT"],
    },
    Operation {
        name: "queue_replay",
        doc: "Submits a dead letter's task once more, as a new task in the letter's place, and \
              returns its id.",
        args: &[ROOT, TASK],
        result: "task",
        errors: &["NO_NODE"],
    },
    Operation {
        name: "queue_forget",
        doc: "Removes a result or a dead letter. Returns whether there was one.",
        args: &[ROOT, TASK],
        result: "truth",
        errors: &[],
    },
    Operation {
        name: "queue_forget_results",
        doc: "Removes results that are older. Returns how many.",
        args: &[ROOT, AGE],
        result: "number",
        errors: &["INVALID_ARGUMENT"],
    },
    Operation {
        name: "queue_forget_dead",
        doc: "Removes dead letters that are older. Returns how many.",
        args: &[ROOT, AGE],
        result: "number",
        errors: &["INVALID_ARGUMENT"],
    },
    Operation {
        name: "queue_pause",
        doc: "Pauses a queue: nothing is given out or claimed until it is resumed.",
        args: &[ROOT],
        result: "done",
        errors: &[],
    },
    Operation {
        name: "queue_resume",
        doc: "Resumes a queue.",
        args: &[ROOT],
        result: "done",
        errors: &[],
    },
    Operation {
        name: "queue_is_paused",
        doc: "Returns whether a queue is paused.",
        args: &[ROOT],
        result: "truth",
        errors: &[],
    },
    Operation {
        name: "queue_drain",
        doc: "Completes when no task waits and none is with a worker.",
        args: &[ROOT],
        result: "queue_counts",
        errors: &[],
    },
    Operation {
        name: "queue_metrics",
        doc: "Returns depth, age and latencies of a queue.",
        args: &[ROOT],
        result: "queue_metrics",
        errors: &[],
    },
    Operation {
        name: "queue_claim",
        doc: "Claims the next waiting task without a master; completes when there is one. Its \
              handle tells by an event that the task is lost.",
        args: &[
            ROOT,
            arg("worker", Kind::Text, "Name of the claimant, for the result."),
            opt("abilities", Kind::TextList, Default::Empty, "What the claimant can do."),
        ],
        result: "claim",
        errors: &["CLOSED"],
    },
    Operation {
        name: "claim_complete",
        doc: "Commits the result of a claimed task, at most once.",
        args: &[RECIPE, RESULT],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE", "INVALID_ARGUMENT"],
    },
    Operation {
        name: "claim_fail",
        doc: "Reports that a claimed task failed; it is tried again until its attempts are used \
              up, and then given up with the reason.",
        args: &[RECIPE, REASON, RETRYABLE],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE"],
    },
    Operation {
        name: "claim_release",
        doc: "Puts a claimed task back.",
        args: &[RECIPE],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE"],
    },
    Operation {
        name: "claim_progress",
        doc: "Writes how far the work on a claimed task is.",
        args: &[RECIPE, PROGRESS],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE", "INVALID_ARGUMENT"],
    },
];
