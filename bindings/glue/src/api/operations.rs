//! Operations, with their arguments, defaults and doc texts.

use super::{Arg, Default, Kind, Operation};

pub(super) const fn arg(name: &'static str, kind: Kind, doc: &'static str) -> Arg {
    Arg { name, kind, default: None, doc }
}

pub(super) const fn opt(
    name: &'static str,
    kind: Kind,
    default: Default,
    doc: &'static str,
) -> Arg {
    Arg { name, kind, default: Some(default), doc }
}

pub(super) const PATH: Arg =
    arg("path", Kind::Path, "Absolute path; the client's chroot goes before it.");
const ANY_VERSION: Arg = opt(
    "version",
    Kind::I32,
    Default::Number(-1),
    "The version that the znode must have; -1 for any.",
);
const WATCH: Arg = opt(
    "watch",
    Kind::Bool,
    Default::Bool(false),
    "Arm a one-shot watch with the same request, so that no change is missed between them.",
);

const WATCH_TYPE: Arg =
    opt("watch_type", Kind::WatchType, Default::Variant("any"), "Which of its watches.");

pub(super) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "create",
        doc: "Creates a znode and returns its path and stat.",
        args: &[
            PATH,
            opt("data", Kind::NullableBytes, Default::Empty, "Its data, up to about 1 MiB."),
            opt(
                "mode",
                Kind::CreateMode,
                Default::Variant("persistent"),
                "When it goes, and whether its name gets a counter.",
            ),
            opt("acl", Kind::AclList, Default::OpenAcl, "Who may do what with it."),
            opt(
                "ttl_ms",
                Kind::I64,
                Default::Number(0),
                "Time to live, milliseconds, 1 to 2^40 - 1, for the two modes that have one; 0 \
                 for the others.",
            ),
        ],
        result: "created",
        errors: &[
            "NO_NODE",
            "NODE_EXISTS",
            "NO_AUTH",
            "INVALID_ACL",
            "NO_CHILDREN_FOR_EPHEMERALS",
            "QUOTA_EXCEEDED",
            "UNIMPLEMENTED",
        ],
    },
    Operation {
        name: "delete",
        doc: "Deletes a znode that has no children.",
        args: &[PATH, ANY_VERSION],
        result: "done",
        errors: &["NO_NODE", "NOT_EMPTY", "BAD_VERSION", "NO_AUTH"],
    },
    Operation {
        name: "exists",
        doc: "Returns the znode's stat, or null where there is none. A watch is armed either way.",
        args: &[PATH, WATCH],
        result: "nullable_stat",
        errors: &["NO_AUTH"],
    },
    Operation {
        name: "get",
        doc: "Returns the znode's data and stat.",
        args: &[PATH, WATCH],
        result: "data",
        errors: &["NO_NODE", "NO_AUTH"],
    },
    Operation {
        name: "set",
        doc: "Sets the znode's data and returns its new stat.",
        args: &[
            PATH,
            arg("data", Kind::NullableBytes, "The new data, up to about 1 MiB."),
            ANY_VERSION,
        ],
        result: "stat",
        errors: &["NO_NODE", "BAD_VERSION", "NO_AUTH", "QUOTA_EXCEEDED"],
    },
    Operation {
        name: "get_children",
        doc: "Returns the names of the znode's children and its stat.",
        args: &[PATH, WATCH],
        result: "children",
        errors: &["NO_NODE", "NO_AUTH"],
    },
    Operation {
        name: "get_acl",
        doc: "Returns the znode's access control list and its stat.",
        args: &[PATH],
        result: "acl_result",
        errors: &["NO_NODE", "NO_AUTH"],
    },
    Operation {
        name: "set_acl",
        doc: "Sets the znode's access control list and returns its new stat.",
        args: &[
            PATH,
            arg("acl", Kind::AclList, "The new list."),
            opt(
                "version",
                Kind::I32,
                Default::Number(-1),
                "The ACL version (aversion) that the znode must have; -1 for any.",
            ),
        ],
        result: "stat",
        errors: &["NO_NODE", "BAD_VERSION", "NO_AUTH", "INVALID_ACL"],
    },
    Operation {
        name: "sync",
        doc: "Brings the connected server up to date, so that a read after it sees every write \
              that was acknowledged before it.",
        args: &[PATH],
        result: "done",
        errors: &[],
    },
    Operation {
        name: "multi",
        doc: "Applies several creates, deletes, sets and checks, all of them or none. A failure \
              tells the index of the operation that failed.",
        args: &[arg("ops", Kind::MultiOps, "The operations, in order.")],
        result: "multi_results",
        errors: &["NO_NODE", "NODE_EXISTS", "BAD_VERSION", "NOT_EMPTY", "NO_AUTH"],
    },
    Operation {
        name: "multi_read",
        doc: "Reads the data or the children of several znodes with one request, from one state \
              of the tree. Each read succeeds or fails by itself, and tells so in its result.",
        args: &[arg("ops", Kind::ReadOps, "The reads, in order.")],
        result: "read_results",
        errors: &[],
    },
    Operation {
        name: "get_ephemerals",
        doc: "Returns the paths of this session's ephemeral znodes that begin with a prefix, \
              sorted.",
        args: &[arg(
            "prefix",
            Kind::Path,
            "What the paths begin with, compared as text: /a finds /ab too, and / finds all.",
        )],
        result: "paths",
        errors: &[],
    },
    Operation {
        name: "get_all_children_number",
        doc: "Returns how many znodes there are below the znode, at any depth.",
        args: &[PATH],
        result: "count",
        errors: &["NO_NODE", "NO_AUTH"],
    },
    Operation {
        name: "who_am_i",
        doc: "Returns who the server takes this connection for.",
        args: &[],
        result: "identities",
        errors: &[],
    },
    Operation {
        name: "add_auth",
        doc: "Adds credentials to the session; they are given again at every reconnection.",
        args: &[
            arg("scheme", Kind::Text, "For instance digest."),
            arg("auth", Kind::Bytes, "For digest: user:password."),
        ],
        result: "done",
        errors: &["AUTH_FAILED"],
    },
    Operation {
        name: "add_watch",
        doc: "Arms a watch that lasts until it is removed or the client closes. The znode need \
              not exist.",
        args: &[
            PATH,
            opt(
                "mode",
                Kind::WatchMode,
                Default::Variant("persistent"),
                "The znode alone, or everything below it too.",
            ),
        ],
        result: "done",
        errors: &[],
    },
    Operation {
        name: "remove_watches",
        doc: "Removes a watch; it delivers nothing after the answer.",
        args: &[arg("watch", Kind::Watch, "Ticket of the operation that armed it.")],
        result: "done",
        errors: &["NO_WATCHER"],
    },
    Operation {
        name: "remove_all_watches",
        doc: "Removes every watch of a type on the znode, whoever of this client armed it, the \
              recipes included. Each delivers a last event that tells so, before the answer.",
        args: &[PATH, WATCH_TYPE],
        result: "done",
        errors: &["NO_WATCHER"],
    },
    Operation {
        name: "check_watches",
        doc: "Asks the server whether this connection has a watch of a type on the znode; fails \
              with NO_WATCHER if it has none.",
        args: &[PATH, WATCH_TYPE],
        result: "done",
        errors: &["NO_WATCHER"],
    },
];
