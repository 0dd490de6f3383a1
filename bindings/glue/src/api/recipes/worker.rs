//! The worker.

use super::queue::{PROGRESS, REASON, RESULT, RETRYABLE, TOKEN};
use super::{Default, Kind, Operation, RECIPE, ROOT, TASK, arg, opt};

pub(super) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "worker_start",
        doc: "Registers a worker. Its handle tells by events which tasks it has been given.",
        args: &[
            ROOT,
            arg("id", Kind::Text, "Name of this worker, unique among the living ones."),
            opt("capacity", Kind::U32, Default::Number(1), "Tasks it takes at a time."),
            opt("abilities", Kind::TextList, Default::Empty, "What it can do."),
        ],
        result: "recipe",
        errors: &["INVALID_ARGUMENT"],
    },
    Operation {
        name: "worker_complete",
        doc: "Commits the result of an assigned task, at most once.",
        args: &[RECIPE, TASK, RESULT, TOKEN],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE", "INVALID_ARGUMENT"],
    },
    Operation {
        name: "worker_fail",
        doc: "Reports that an assigned task failed; it is tried again until its attempts are \
              used up.",
        args: &[RECIPE, TASK, REASON, TOKEN, RETRYABLE],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE"],
    },
    Operation {
        name: "worker_release",
        doc: "Gives an assigned task back for others; the attempt does not count.",
        args: &[RECIPE, TASK, TOKEN],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE"],
    },
    Operation {
        name: "worker_progress",
        doc: "Writes how far the work on an assigned task is, which is a sign of life, too.",
        args: &[RECIPE, TASK, PROGRESS, TOKEN],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE", "INVALID_ARGUMENT"],
    },
    Operation {
        name: "worker_drain",
        doc: "Takes no new tasks; completes when those in hand are at their end and the worker \
              has left.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
    Operation {
        name: "worker_stop",
        doc: "Gives unfinished tasks back and ends the recipe.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
];
