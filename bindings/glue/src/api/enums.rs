//! Enumerations with fixed values. ZooKeeper's numbers where it has them.

use super::{Enum, Variant};

const fn variant(name: &'static str, value: i32, doc: &'static str) -> Variant {
    Variant { name, value, doc }
}

pub(super) static ENUMS: &[Enum] = &[
    Enum {
        name: "create_mode",
        doc: "How a znode is created and when it goes.",
        variants: &[
            variant("persistent", 0, "Stays until it is deleted."),
            variant("ephemeral", 1, "Goes with the session that created it."),
            variant("persistent_sequential", 2, "Persistent; the name gets a ten-digit counter."),
            variant("ephemeral_sequential", 3, "Ephemeral; the name gets a ten-digit counter."),
            variant("container", 4, "Goes some time after its last child has gone."),
            variant(
                "persistent_with_ttl",
                5,
                "Goes when it has no children and its data have not been set for `ttl_ms`.",
            ),
            variant(
                "persistent_sequential_with_ttl",
                6,
                "Likewise; the name gets a ten-digit counter.",
            ),
        ],
    },
    Enum {
        name: "watch_mode",
        doc: "What a lasting watch covers.",
        variants: &[
            variant("persistent", 0, "The znode and its list of children."),
            variant("persistent_recursive", 1, "The znode and everything below it."),
        ],
    },
    Enum {
        name: "watch_type",
        doc: "Which watches on a znode, by what they watch.",
        variants: &[
            variant("children", 1, "One-shot watches of the list of children."),
            variant("data", 2, "One-shot watches of the data, or of whether the znode exists."),
            variant("any", 3, "Every watch on the znode, the lasting ones included."),
            variant("persistent", 4, "Lasting watches of the znode."),
            variant("persistent_recursive", 5, "Lasting watches of everything below it too."),
        ],
    },
    Enum {
        name: "lock_mode",
        doc: "What a read-write lock is wanted for.",
        variants: &[
            variant("read", 1, "To have it together with other readers."),
            variant("write", 2, "To have it alone."),
        ],
    },
    Enum {
        name: "lock_layout",
        doc: "How the znodes of a lock are named.",
        variants: &[
            variant("pinfold", 0, "Pinfold's own way."),
            variant("curator", 1, "That of Curator's InterProcessMutex and its read-write lock."),
            variant("kazoo", 2, "That of kazoo's Lock, ReadLock and WriteLock."),
        ],
    },
    Enum {
        name: "election_layout",
        doc: "How the znodes of an election are named.",
        variants: &[
            variant("pinfold", 0, "Pinfold's own way."),
            variant("curator_latch", 1, "That of Curator's LeaderLatch."),
            variant("curator_selector", 2, "That of Curator's LeaderSelector."),
            variant("kazoo", 3, "That of kazoo's Election."),
        ],
    },
    Enum {
        name: "assignment_strategy",
        doc: "Which worker a master gives a task to.",
        variants: &[
            variant("least_loaded", 0, "The one with the most room for its capacity."),
            variant("round_robin", 1, "One after another."),
        ],
    },
    Enum {
        name: "tls_verify",
        doc: "How far a server's certificate is looked at.",
        variants: &[
            variant("full", 1, "It comes from a trusted authority, and is for the server's name."),
            variant("ca", 2, "It comes from a trusted authority, for whatever name."),
            variant(
                "none",
                3,
                "Anybody's will do; whoever is on the way can read and change everything.",
            ),
        ],
    },
    Enum {
        name: "event_kind",
        doc: "What happened to a watched znode.",
        variants: &[
            variant("created", 1, "The znode was created."),
            variant("deleted", 2, "The znode was deleted."),
            variant("data_changed", 3, "Its data were set."),
            variant("children_changed", 4, "A child was created or deleted."),
            variant(
                "data_watch_removed",
                5,
                "`remove_all_watches` removed this watch of data: its last event.",
            ),
            variant("child_watch_removed", 6, "Likewise, of children."),
            variant("persistent_watch_removed", 7, "Likewise, a lasting one."),
        ],
    },
    Enum {
        name: "session_state",
        doc: "State of the client's session.",
        variants: &[
            variant("connecting", 0, "No connection yet."),
            variant("connected", 1, "The session is served."),
            variant("read_only", 2, "The session is served by a read-only server."),
            variant("suspended", 3, "The connection broke; the session may still be alive."),
            variant("expired", 4, "The session is over; its ephemeral znodes are gone. Final."),
            variant("auth_failed", 5, "The credentials were refused. Final."),
            variant("closed", 6, "The client was closed. Final."),
        ],
    },
    Enum {
        name: "outcome",
        doc: "What a failed call may have changed.",
        variants: &[
            variant("not_applied", 0, "Nothing was changed."),
            variant("maybe_applied", 1, "The change may have been made; look before repeating."),
            variant("session_over", 2, "The session is over; nothing can be repeated on it."),
        ],
    },
    Enum {
        name: "recipe_event_kind",
        doc: "What a running recipe tells.",
        variants: &[
            variant("leadership_lost", 1, "This candidate leads no longer; stop at once."),
            variant("lost", 2, "What was held, a lock or a lease, is no longer; stop at once."),
            variant(
                "leader_changed",
                3,
                "`payload` is what the leader says of itself, `token` its fencing token; 0 for \
                 no leader.",
            ),
            variant("master_elected", 10, "This master leads; `token` is its fencing token."),
            variant("master_deposed", 11, "This master leads no longer."),
            variant("worker_joined", 12, "A worker has registered."),
            variant("worker_left", 13, "A worker has gone; its tasks go to others."),
            variant("task_assigned", 14, "A task was given to a worker."),
            variant("task_reassigned", 15, "A task was taken back from a worker that has gone."),
            variant("task_completed", 16, "A task's result was committed."),
            variant("task_dead", 17, "A task was given up."),
            variant("task_progress", 18, "A task's worker wrote how far it is: `payload`."),
            variant("assigned", 20, "A task for this worker: handle it, then complete or fail it."),
            variant("revoked", 21, "The task is no longer this worker's; drop the work."),
            variant(
                "session_lost",
                22,
                "The recipe's session is over; all of its work is revoked.",
            ),
            variant("session_renewed", 23, "The recipe goes on in a new session."),
            variant("member_joined", 40, "`worker` is in the group; `attempt` is its capacity."),
            variant("member_updated", 41, "Likewise; its data have changed."),
            variant("member_left", 42, "`worker` is in the group no longer."),
            variant("node_added", 50, "A znode is there; `token` is its mzxid."),
            variant("node_changed", 51, "Likewise; its data have been set."),
            variant("node_removed", 52, "A znode is gone."),
            variant("initialized", 60, "All that was there at the beginning has been told."),
            variant("ended", 30, "The recipe has ended; the last event of its handle."),
        ],
    },
];
