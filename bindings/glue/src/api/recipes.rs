//! The recipes, each with its operations.

mod barrier;
mod election;
mod group;
mod lock;
mod master;
mod queue;
mod worker;

use super::operations::{PATH, arg, opt};
use super::{Arg, Default, Kind, Operation, OptionSet, Recipe};

const ROOT: Arg = arg("root", Kind::Path, "Root znode of the application; made when missing.");
const RECIPE: Arg = arg("recipe", Kind::Recipe, "The recipe's handle.");
const TASK: Arg = arg("task", Kind::Text, "The task's id.");
const OWN_DATA: Arg =
    opt("data", Kind::Bytes, Default::Empty, "What others see of the one that has it or waits.");
const LIMIT: Arg = opt(
    "wait_ms",
    Kind::I64,
    Default::Number(-1),
    "How long to wait, milliseconds; 0 to try and not to wait, -1 for as long as it takes.",
);

pub(super) static OPTION_SETS: &[OptionSet] = &[OptionSet {
    name: "submit_options",
    doc: "How a task is to be handled. Deadlines are enforced by a leading master; without one \
          they do not run.",
    options: &queue::SUBMIT_OPTIONS,
}];

pub(super) static RECIPES: &[Recipe] = &[
    Recipe {
        name: "election",
        doc: "Leader election: one of the clients that campaign at a path leads.",
        operations: election::OPERATIONS,
    },
    Recipe {
        name: "lock",
        doc: "Locks, read-write locks and semaphores, first come, first served.",
        operations: lock::OPERATIONS,
    },
    Recipe {
        name: "barrier",
        doc: "Barriers: one that is set and removed, and one that opens when enough have come.",
        operations: barrier::OPERATIONS,
    },
    Recipe {
        name: "counter",
        doc: "Counters that many change, each change exactly once.",
        operations: barrier::COUNTER_OPERATIONS,
    },
    Recipe {
        name: "group",
        doc: "Groups: who is there, with data and capacity.",
        operations: group::OPERATIONS,
    },
    Recipe {
        name: "cache",
        doc: "Copies of a znode, or of a part of the tree, that tell what changes.",
        operations: group::CACHE_OPERATIONS,
    },
    Recipe {
        name: "queue",
        doc: "The task queue, also its claims without a master.",
        operations: queue::OPERATIONS,
    },
    Recipe {
        name: "master",
        doc: "The master of a master-worker application.",
        operations: master::OPERATIONS,
    },
    Recipe {
        name: "worker",
        doc: "A worker of a master-worker application.",
        operations: worker::OPERATIONS,
    },
];
