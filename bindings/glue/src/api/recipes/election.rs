//! Leader election.

use super::{Arg, Default, Kind, OWN_DATA, Operation, PATH, RECIPE, opt};

const LAYOUT: Arg = opt(
    "layout",
    Kind::ElectionLayout,
    Default::Variant("pinfold"),
    "How the candidates' znodes are named, for an election among programs of other libraries too.",
);

pub(super) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "election_campaign",
        doc: "Stands as a candidate and completes when this client leads. The leadership's loss \
              is told by an event of the handle, before the server could expire the session.",
        args: &[PATH, OWN_DATA, LAYOUT],
        result: "hold",
        errors: &["CLOSED", "CANCELLED"],
    },
    Operation {
        name: "election_resign",
        doc: "Gives the leadership up; the next candidate leads.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
    Operation {
        name: "election_leader",
        doc: "Returns who leads, or null.",
        args: &[PATH, LAYOUT],
        result: "nullable_leader",
        errors: &[],
    },
    Operation {
        name: "election_candidates",
        doc: "Returns who leads and who waits, in their order.",
        args: &[PATH, LAYOUT],
        result: "participants",
        errors: &[],
    },
    Operation {
        name: "election_observe",
        doc: "Follows who leads: events of the handle tell who does now, and each change. Changes \
              that follow each other fast may be skipped, the latest never is.",
        args: &[PATH, LAYOUT],
        result: "recipe",
        errors: &[],
    },
    Operation {
        name: "election_ignore",
        doc: "Follows no longer who leads.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
];
