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
        name: "leadership",
        doc: "A won election.",
        fields: &[
            field("recipe", Kind::Recipe, "Handle; resign with it."),
            field("token", Kind::I64, "Fencing token: it grows with every new leader."),
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
        ],
    },
];
