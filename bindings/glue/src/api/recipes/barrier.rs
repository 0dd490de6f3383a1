//! Barriers and counters.

use super::{Kind, Operation, PATH, RECIPE, arg};

pub(super) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "barrier_set",
        doc: "Sets a barrier, if it is not set: whoever waits for it is held back. It stays when \
              this session ends.",
        args: &[PATH],
        result: "done",
        errors: &[],
    },
    Operation {
        name: "barrier_remove",
        doc: "Removes a barrier, if it is set: all that wait may pass.",
        args: &[PATH],
        result: "done",
        errors: &[],
    },
    Operation {
        name: "barrier_is_set",
        doc: "Returns whether a barrier is set.",
        args: &[PATH],
        result: "truth",
        errors: &[],
    },
    Operation {
        name: "barrier_wait",
        doc: "Completes when a barrier is not set.",
        args: &[PATH],
        result: "done",
        errors: &["CLOSED", "CANCELLED"],
    },
    Operation {
        name: "double_barrier_enter",
        doc: "Completes when so many have come; they are in one round. That others may take this \
              client for one that has left is told by an event of the handle.",
        args: &[
            PATH,
            arg("members", Kind::U32, "How many make a round, the same for all; at least 1."),
        ],
        result: "recipe",
        errors: &["CLAIM_LOST", "INVALID_ARGUMENT", "CLOSED", "CANCELLED"],
    },
    Operation {
        name: "double_barrier_leave",
        doc: "Leaves a round, and completes when all of it have left. One whose session ends has.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
];

pub(super) static COUNTER_OPERATIONS: &[Operation] = &[
    Operation {
        name: "counter_get",
        doc: "Returns a counter's number; 0 before its first change.",
        args: &[PATH],
        result: "number",
        errors: &["INVALID_ARGUMENT"],
    },
    Operation {
        name: "counter_add",
        doc: "Adds to a counter exactly once, whatever reply is lost, and returns the new number.",
        args: &[PATH, arg("addend", Kind::I64, "What is added; negative to subtract.")],
        result: "number",
        errors: &["INVALID_ARGUMENT"],
    },
    Operation {
        name: "counter_set",
        doc: "Sets a counter, whatever it was.",
        args: &[PATH, arg("number", Kind::I64, "The new number.")],
        result: "done",
        errors: &["INVALID_ARGUMENT"],
    },
    Operation {
        name: "counter_compare_and_set",
        doc: "Sets a counter if it is what is expected, and returns whether it was.",
        args: &[
            PATH,
            arg("expected", Kind::I64, "What it has to be."),
            arg("number", Kind::I64, "The new number."),
        ],
        result: "truth",
        errors: &["INVALID_ARGUMENT"],
    },
];
