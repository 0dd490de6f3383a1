//! Operations, with their arguments, defaults and doc texts.

use super::{Arg, Default, Group, Kind, Operation};

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

const PATH: Arg = arg("path", Kind::Path, "Absolute path; the client's chroot goes before it.");
const ROOT: Arg = arg("root", Kind::Path, "Root znode of the application; made when missing.");
const RECIPE: Arg = arg("recipe", Kind::Recipe, "The recipe's handle.");
const TASK: Arg = arg("task", Kind::Text, "The task's id.");
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
        group: Group::Session,
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
        group: Group::Session,
        doc: "Deletes a znode that has no children.",
        args: &[PATH, ANY_VERSION],
        result: "done",
        errors: &["NO_NODE", "NOT_EMPTY", "BAD_VERSION", "NO_AUTH"],
    },
    Operation {
        name: "exists",
        group: Group::Session,
        doc: "Returns the znode's stat, or null where there is none. A watch is armed either way.",
        args: &[PATH, WATCH],
        result: "nullable_stat",
        errors: &["NO_AUTH"],
    },
    Operation {
        name: "get",
        group: Group::Session,
        doc: "Returns the znode's data and stat.",
        args: &[PATH, WATCH],
        result: "data",
        errors: &["NO_NODE", "NO_AUTH"],
    },
    Operation {
        name: "set",
        group: Group::Session,
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
        group: Group::Session,
        doc: "Returns the names of the znode's children and its stat.",
        args: &[PATH, WATCH],
        result: "children",
        errors: &["NO_NODE", "NO_AUTH"],
    },
    Operation {
        name: "get_acl",
        group: Group::Session,
        doc: "Returns the znode's access control list and its stat.",
        args: &[PATH],
        result: "acl_result",
        errors: &["NO_NODE", "NO_AUTH"],
    },
    Operation {
        name: "set_acl",
        group: Group::Session,
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
        group: Group::Session,
        doc: "Brings the connected server up to date, so that a read after it sees every write \
              that was acknowledged before it.",
        args: &[PATH],
        result: "done",
        errors: &[],
    },
    Operation {
        name: "multi",
        group: Group::Session,
        doc: "Applies several creates, deletes, sets and checks, all of them or none. A failure \
              tells the index of the operation that failed.",
        args: &[arg("ops", Kind::MultiOps, "The operations, in order.")],
        result: "multi_results",
        errors: &["NO_NODE", "NODE_EXISTS", "BAD_VERSION", "NOT_EMPTY", "NO_AUTH"],
    },
    Operation {
        name: "multi_read",
        group: Group::Session,
        doc: "Reads the data or the children of several znodes with one request, from one state \
              of the tree. Each read succeeds or fails by itself, and tells so in its result.",
        args: &[arg("ops", Kind::ReadOps, "The reads, in order.")],
        result: "read_results",
        errors: &[],
    },
    Operation {
        name: "get_ephemerals",
        group: Group::Session,
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
        group: Group::Session,
        doc: "Returns how many znodes there are below the znode, at any depth.",
        args: &[PATH],
        result: "count",
        errors: &["NO_NODE", "NO_AUTH"],
    },
    Operation {
        name: "who_am_i",
        group: Group::Session,
        doc: "Returns who the server takes this connection for.",
        args: &[],
        result: "identities",
        errors: &[],
    },
    Operation {
        name: "add_auth",
        group: Group::Session,
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
        group: Group::Session,
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
        group: Group::Session,
        doc: "Removes a watch; it delivers nothing after the answer.",
        args: &[arg("watch", Kind::Watch, "Ticket of the operation that armed it.")],
        result: "done",
        errors: &["NO_WATCHER"],
    },
    Operation {
        name: "remove_all_watches",
        group: Group::Session,
        doc: "Removes every watch of a type on the znode, whoever of this client armed it, the \
              recipes included. Each delivers a last event that tells so, before the answer.",
        args: &[PATH, WATCH_TYPE],
        result: "done",
        errors: &["NO_WATCHER"],
    },
    Operation {
        name: "check_watches",
        group: Group::Session,
        doc: "Asks the server whether this connection has a watch of a type on the znode; fails \
              with NO_WATCHER if it has none.",
        args: &[PATH, WATCH_TYPE],
        result: "done",
        errors: &["NO_WATCHER"],
    },
    Operation {
        name: "election_campaign",
        group: Group::Election,
        doc: "Stands as a candidate and completes when this client leads. The leadership's loss \
              is told by an event of the handle, before the server could expire the session.",
        args: &[PATH, opt("data", Kind::Bytes, Default::Empty, "What others see of the leader.")],
        result: "leadership",
        errors: &["CLOSED"],
    },
    Operation {
        name: "election_resign",
        group: Group::Election,
        doc: "Gives the leadership up; the next candidate leads.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
    Operation {
        name: "election_leader",
        group: Group::Election,
        doc: "Returns who leads, or null.",
        args: &[PATH],
        result: "nullable_leader",
        errors: &[],
    },
    Operation {
        name: "queue_submit",
        group: Group::Queue,
        doc: "Submits a task and returns its id.",
        args: &[ROOT, arg("payload", Kind::Bytes, "The task, up to about 1 MiB.")],
        result: "task",
        errors: &[],
    },
    Operation {
        name: "queue_result",
        group: Group::Queue,
        doc: "Completes when the task has a committed result, or fails with TASK_FAILED when it \
              was given up.",
        args: &[ROOT, TASK],
        result: "task_result",
        errors: &["TASK_FAILED", "NO_NODE"],
    },
    Operation {
        name: "queue_counts",
        group: Group::Queue,
        doc: "Returns how many tasks are waiting, assigned, done and dead, and who is there.",
        args: &[ROOT],
        result: "queue_counts",
        errors: &[],
    },
    Operation {
        name: "queue_claim",
        group: Group::Queue,
        doc: "Claims the next waiting task without a master; completes when there is one.",
        args: &[ROOT, arg("worker", Kind::Text, "Name of the claimant, for the result.")],
        result: "claim",
        errors: &["CLOSED"],
    },
    Operation {
        name: "claim_complete",
        group: Group::Queue,
        doc: "Commits the result of a claimed task, at most once.",
        args: &[RECIPE, arg("result", Kind::Bytes, "The result.")],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE"],
    },
    Operation {
        name: "claim_fail",
        group: Group::Queue,
        doc: "Reports that a claimed task failed; it is tried again until its attempts are used \
              up, and then given up with the reason.",
        args: &[RECIPE, arg("reason", Kind::Text, "Why.")],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE"],
    },
    Operation {
        name: "claim_release",
        group: Group::Queue,
        doc: "Puts a claimed task back.",
        args: &[RECIPE],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE"],
    },
    Operation {
        name: "master_start",
        group: Group::Master,
        doc: "Stands as a master: elected, it gives waiting tasks to workers until it is \
              stopped. Its handle tells what happens by events.",
        args: &[
            ROOT,
            arg("id", Kind::Text, "Name of this candidate."),
            opt(
                "max_attempts",
                Kind::U32,
                Default::Number(3),
                "Attempts before a task is given up.",
            ),
        ],
        result: "recipe",
        errors: &[],
    },
    Operation {
        name: "master_stop",
        group: Group::Master,
        doc: "Resigns and ends the recipe.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
    Operation {
        name: "worker_start",
        group: Group::Worker,
        doc: "Registers a worker. Its handle tells by events which tasks it has been given.",
        args: &[
            ROOT,
            arg("id", Kind::Text, "Name of this worker, unique among the living ones."),
            opt("capacity", Kind::U32, Default::Number(1), "Tasks it takes at a time."),
            opt("abilities", Kind::TextList, Default::Empty, "What it can do."),
        ],
        result: "recipe",
        errors: &[],
    },
    Operation {
        name: "worker_complete",
        group: Group::Worker,
        doc: "Commits the result of an assigned task, at most once.",
        args: &[RECIPE, TASK, arg("result", Kind::Bytes, "The result.")],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE"],
    },
    Operation {
        name: "worker_fail",
        group: Group::Worker,
        doc: "Reports that an assigned task failed; it is tried again until its attempts are \
              used up.",
        args: &[RECIPE, TASK, arg("reason", Kind::Text, "Why.")],
        result: "done",
        errors: &["CLAIM_LOST", "INVALID_HANDLE"],
    },
    Operation {
        name: "worker_stop",
        group: Group::Worker,
        doc: "Gives unfinished tasks back and ends the recipe.",
        args: &[RECIPE],
        result: "done",
        errors: &["INVALID_HANDLE"],
    },
];
