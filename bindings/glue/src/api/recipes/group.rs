//! Groups and caches.

use super::{Default, Kind, Operation, PATH, RECIPE, arg, opt};

pub(super) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "group_join",
        doc: "Joins a group, and stays in it until it leaves or the session ends, which an event \
              of the handle tells. Waits for the end of another session that has the name.",
        args: &[
            PATH,
            arg("id", Kind::Text, "Name of this member, unique in the group."),
            opt("data", Kind::Bytes, Default::Empty, "What others see of it."),
            opt(
                "capacity",
                Kind::U32,
                Default::Number(1),
                "How much it can take, compared with the others.",
            ),
        ],
        result: "hold",
        errors: &["INVALID_ARGUMENT", "CLOSED", "CANCELLED"],
    },
    Operation {
        name: "group_update",
        doc: "Changes what others see of a member.",
        args: &[RECIPE, arg("data", Kind::Bytes, "What others see of it.")],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE"],
    },
    Operation {
        name: "group_leave",
        doc: "Leaves a group; completes when nobody takes this client for a member.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
    Operation {
        name: "group_members",
        doc: "Returns who is in a group, by name.",
        args: &[PATH],
        result: "members",
        errors: &[],
    },
    Operation {
        name: "group_watch",
        doc: "Follows who is in a group: events of the handle tell who is there, that this was \
              everybody, and then who comes, changes and goes. Nothing is missed, also not over \
              a broken connection.",
        args: &[PATH],
        result: "recipe",
        errors: &[],
    },
    Operation {
        name: "group_ignore",
        doc: "Follows a group no longer.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
];

pub(super) static CACHE_OPERATIONS: &[Operation] = &[
    Operation {
        name: "cache_start",
        doc: "Follows a znode, which need not be there, and what is below it: events of the \
              handle tell each znode, that this was everything, and then what changes. After a \
              broken connection the difference is told; changes that follow each other fast may \
              be told as one.",
        args: &[
            PATH,
            opt(
                "max_depth",
                Kind::I32,
                Default::Number(-1),
                "0 for the znode alone, 1 for its children too; -1 for everything below it.",
            ),
        ],
        result: "recipe",
        errors: &["INVALID_ARGUMENT"],
    },
    Operation {
        name: "cache_get",
        doc: "Returns a znode as the cache read it last, or null; asks no server.",
        args: &[RECIPE, PATH],
        result: "nullable_data",
        errors: &["INVALID_HANDLE"],
    },
    Operation {
        name: "cache_children",
        doc: "Returns the names of a znode's children in the cache, sorted; asks no server.",
        args: &[RECIPE, PATH],
        result: "paths",
        errors: &["INVALID_HANDLE"],
    },
    Operation {
        name: "cache_stop",
        doc: "Follows the znode no longer.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
];
