//! Locks, read-write locks and semaphores.

use super::{Arg, Default, Kind, LIMIT, OWN_DATA, Operation, PATH, RECIPE, arg, opt};

const LAYOUT: Arg = opt(
    "layout",
    Kind::LockLayout,
    Default::Variant("pinfold"),
    "How the znodes are named, for a lock among programs of other libraries too.",
);
const PERMITS: Arg =
    arg("permits", Kind::U32, "How many may have it at a time, the same for all; at least 1.");

pub(super) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "lock_acquire",
        doc: "Gets the lock, or null when the time limit passed first. One has it at a time; the \
              others wait in their order. Its loss is told by an event of the handle, before the \
              server could expire the session. Not reentrant.",
        args: &[PATH, OWN_DATA, LAYOUT, LIMIT],
        result: "nullable_hold",
        errors: &["CLOSED", "CANCELLED"],
    },
    Operation {
        name: "lock_participants",
        doc: "Returns who has the lock and who waits, in their order.",
        args: &[PATH, LAYOUT],
        result: "participants",
        errors: &[],
    },
    Operation {
        name: "read_write_lock_acquire",
        doc: "Gets the lock, with other readers or alone, or null when the time limit passed \
              first. A reader waits for the writers before it, a writer for all before it.",
        args: &[PATH, arg("mode", Kind::LockMode, "To read or to write."), OWN_DATA, LAYOUT, LIMIT],
        result: "nullable_hold",
        errors: &["CLOSED", "CANCELLED"],
    },
    Operation {
        name: "read_write_lock_participants",
        doc: "Returns who has the lock and who waits, in their order.",
        args: &[PATH, LAYOUT],
        result: "participants",
        errors: &[],
    },
    Operation {
        name: "semaphore_acquire",
        doc: "Gets one lease of a semaphore, or null when the time limit passed first.",
        args: &[PATH, PERMITS, OWN_DATA, LIMIT],
        result: "nullable_hold",
        errors: &["INVALID_ARGUMENT", "CLOSED", "CANCELLED"],
    },
    Operation {
        name: "semaphore_participants",
        doc: "Returns who has a lease and who waits, in their order.",
        args: &[PATH, PERMITS],
        result: "participants",
        errors: &[],
    },
    Operation {
        name: "hold_write",
        doc: "Applies several operations while it is held, all of them or none: the check that \
              it still is goes in the same multi. For locks, leases and leaderships.",
        args: &[RECIPE, arg("ops", Kind::MultiOps, "The operations, in order.")],
        result: "multi_results",
        errors: &["CLAIM_LOST", "INVALID_HANDLE"],
    },
    Operation {
        name: "hold_release",
        doc: "Gives a lock or a lease to the next; completes when the next can have it.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
];
