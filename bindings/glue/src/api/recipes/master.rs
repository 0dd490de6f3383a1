//! The master.

use super::{Default, Kind, Operation, RECIPE, ROOT, arg, opt};

pub(super) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "master_start",
        doc: "Stands as a master: elected, it gives waiting tasks to workers until it is \
              stopped. Its handle tells what happens by events.",
        args: &[
            ROOT,
            arg("id", Kind::Text, "Name of this candidate."),
            opt(
                "max_attempts",
                Kind::U32,
                Default::Number(3),
                "Attempts before a task is given up, where the task does not say.",
            ),
            opt(
                "strategy",
                Kind::AssignmentStrategy,
                Default::Variant("least_loaded"),
                "Which worker gets a task.",
            ),
            opt(
                "keep_results_ms",
                Kind::I64,
                Default::Number(0),
                "Results are removed when they are so old; 0 for never.",
            ),
            opt(
                "keep_dead_ms",
                Kind::I64,
                Default::Number(0),
                "Dead letters are removed when they are so old; 0 for never.",
            ),
        ],
        result: "recipe",
        errors: &["INVALID_ARGUMENT"],
    },
    Operation {
        name: "master_stop",
        doc: "Resigns and ends the recipe.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
];
