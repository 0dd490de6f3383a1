//! Records that results and events carry.

use super::{Field, Kind, Record};

const fn field(name: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name, kind, doc }
}

pub(super) static RECORDS: &[Record] = &[
    Record {
        name: "stat",
        doc: "What the server keeps about a znode.",
        fields: &[
            field("czxid", Kind::I64, "zxid of the create."),
            field("mzxid", Kind::I64, "zxid of the last change of the data."),
            field("ctime", Kind::I64, "Time of the create, milliseconds since 1970."),
            field("mtime", Kind::I64, "Time of the last change of the data, likewise."),
            field("version", Kind::I32, "Changes of the data."),
            field("cversion", Kind::I32, "Changes of the list of children."),
            field("aversion", Kind::I32, "Changes of the ACL."),
            field("ephemeral_owner", Kind::I64, "Session that owns the znode; 0 for none."),
            field("data_length", Kind::I32, "Bytes of data."),
            field("num_children", Kind::I32, "Number of children."),
            field("pzxid", Kind::I64, "zxid of the last change of the list of children."),
        ],
    },
    Record {
        name: "acl",
        doc: "One entry of an access control list.",
        fields: &[
            field("perms", Kind::I32, "Sum of 1 read, 2 write, 4 create, 8 delete, 16 admin."),
            field("scheme", Kind::Text, "world, auth, digest, ip, x509, sasl."),
            field("id", Kind::Text, "Who, in the form of the scheme."),
        ],
    },
    Record {
        name: "identity",
        doc: "Who the server takes a connection for.",
        fields: &[
            field("scheme", Kind::Text, "ip, digest, x509, sasl."),
            field("user", Kind::Text, "Who, without secrets."),
        ],
    },
    Record {
        name: "created",
        doc: "A znode that was created.",
        fields: &[
            field("path", Kind::Path, "Its full path, with the counter of a sequential one."),
            field("stat", Kind::Stat, "Its stat."),
        ],
    },
    Record {
        name: "data",
        doc: "A znode's data.",
        fields: &[
            field("data", Kind::NullableBytes, "The data; null where null was stored."),
            field("stat", Kind::Stat, "Its stat."),
        ],
    },
    Record {
        name: "children",
        doc: "A znode's children.",
        fields: &[
            field("names", Kind::TextList, "Names, not paths; the order means nothing."),
            field("stat", Kind::Stat, "The parent's stat."),
        ],
    },
    Record {
        name: "acl_result",
        doc: "A znode's access control list.",
        fields: &[
            field("acl", Kind::AclList, "Its entries."),
            field("stat", Kind::Stat, "Its stat."),
        ],
    },
    Record {
        name: "watch_event",
        doc: "One delivery of a watch.",
        fields: &[
            field("kind", Kind::I32, "`event_kind`."),
            field("path", Kind::Path, "The znode that changed."),
            field("zxid", Kind::I64, "zxid of the change; -1 where the server did not tell."),
        ],
    },
    Record {
        name: "hold",
        doc: "Something that this client has: a lock, a lease, the lead.",
        fields: &[
            field("recipe", Kind::Recipe, "Handle; release or resign with it."),
            field("token", Kind::I64, "Fencing token: it grows with every new holder."),
            field("path", Kind::Path, "Its znode; a check of it in a multi guards the write."),
        ],
    },
    Record {
        name: "participant",
        doc: "One that has something, or waits for it.",
        fields: &[
            field("data", Kind::Bytes, "What it said of itself."),
            field("token", Kind::I64, "Its fencing token, once it holds."),
            field("path", Kind::Path, "Its znode."),
            field("holds", Kind::Bool, "Whether it has it; the others wait, in this order."),
        ],
    },
    Record {
        name: "member",
        doc: "One of a group.",
        fields: &[
            field("id", Kind::Text, "Its name, unique in the group."),
            field("data", Kind::Bytes, "What it says of itself."),
            field("capacity", Kind::U32, "How much it can take, compared with the others."),
            field("token", Kind::I64, "Its fencing token."),
        ],
    },
    Record {
        name: "leader",
        doc: "Who leads.",
        fields: &[
            field("data", Kind::Bytes, "What the leader said of itself."),
            field("token", Kind::I64, "Its fencing token."),
        ],
    },
    Record {
        name: "claim",
        doc: "A task that this client has claimed for itself.",
        fields: &[
            field("recipe", Kind::Recipe, "Handle; complete, fail or release with it."),
            field("task", Kind::Text, "The task's id."),
            field("payload", Kind::Bytes, "The task."),
            field("attempt", Kind::U32, "1 for the first attempt."),
        ],
    },
    Record {
        name: "task_result",
        doc: "A committed result.",
        fields: &[
            field("task", Kind::Text, "The task's id."),
            field("attempt", Kind::U32, "The attempt that succeeded."),
            field("worker", Kind::Text, "The worker that did it."),
            field("result", Kind::Bytes, "The result."),
        ],
    },
    Record {
        name: "queue_counts",
        doc: "Where the tasks of a queue are.",
        fields: &[
            field("waiting", Kind::U32, "Not given to a worker."),
            field("assigned", Kind::U32, "With a worker."),
            field("done", Kind::U32, "With a committed result."),
            field("dead", Kind::U32, "Given up."),
            field("workers", Kind::U32, "Workers that are alive."),
            field("master", Kind::NullableBytes, "Id of the master; null while there is none."),
        ],
    },
    Record {
        name: "queue_metrics",
        doc: "How a queue is doing; latencies are those of the last tasks whose results are kept.",
        fields: &[
            field("waiting", Kind::I64, "Not given to a worker."),
            field("assigned", Kind::I64, "With a worker."),
            field("done", Kind::I64, "With a committed result."),
            field("dead", Kind::I64, "Given up."),
            field("workers", Kind::I64, "Workers that are alive."),
            field("is_paused", Kind::Bool, "Whether nothing is given out."),
            field("oldest_waiting_ms", Kind::I64, "Age of the oldest waiting task; -1 for none."),
            field(
                "waited_count",
                Kind::I64,
                "Tasks whose time from submission to beginning is known.",
            ),
            field("waited_mean_ms", Kind::I64, "The average of it."),
            field("waited_median_ms", Kind::I64, "Half of them took no longer."),
            field("waited_p95_ms", Kind::I64, "95 of 100 took no longer."),
            field("waited_max_ms", Kind::I64, "None took longer."),
            field("worked_count", Kind::I64, "Tasks whose time from beginning to result is known."),
            field("worked_mean_ms", Kind::I64, "The average of it."),
            field("worked_median_ms", Kind::I64, "Half of them took no longer."),
            field("worked_p95_ms", Kind::I64, "95 of 100 took no longer."),
            field("worked_max_ms", Kind::I64, "None took longer."),
        ],
    },
    Record {
        name: "dead_letter",
        doc: "A task that was given up.",
        fields: &[
            field("task", Kind::Text, "The task's id."),
            field("attempt", Kind::U32, "Its last attempt; 0 when it was never a task."),
            field("worker", Kind::Text, "Who had it; empty when nobody did."),
            field("cause", Kind::Text, "failed, vanished, deadline, cancelled or unreadable."),
            field("reason", Kind::Text, "Why, in words."),
            field("ended_ms", Kind::I64, "When, milliseconds since 1970; 0 when not known."),
            field("payload", Kind::Bytes, "What was submitted."),
        ],
    },
    Record {
        name: "recipe_event",
        doc: "One event of a running recipe; fields that do not apply are empty, null or 0.",
        fields: &[
            field("kind", Kind::I32, "`recipe_event_kind`."),
            field("task", Kind::Text, "The task's id."),
            field("worker", Kind::Text, "The worker."),
            field("payload", Kind::Bytes, "The task, for `assigned`."),
            field("attempt", Kind::U32, "1 for the first attempt, for `assigned`."),
            field("token", Kind::I64, "Fencing token, for `master_elected`."),
            field("reason", Kind::Text, "Why, for losses, dead tasks and a failed end."),
            field("path", Kind::Path, "The znode, for those of a cache."),
        ],
    },
];
