//! Faults that can be planted in the servers, to see that the checks find them.

use pinfold_server::environment::Fault;

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bug(Fault);

impl Bug {
    /// All of them, by name, and what each is.
    pub const ALL: [(&'static str, Bug, &'static str); 6] = [
        (
            "ack-before-fsync",
            Bug(Fault::AckBeforeFsync),
            "a write is acknowledged before it is durable anywhere",
        ),
        (
            "ack-before-persist",
            Bug(Fault::AckBeforePersist),
            "a follower acknowledges entries to the leader before it has written them",
        ),
        (
            "read-before-own-write",
            Bug(Fault::ReadBeforeOwnWrite),
            "a read does not wait for earlier writes of its session",
        ),
        (
            "deposed-expiry",
            Bug(Fault::DeposedExpiry),
            "a server that does not lead expires sessions by what it has heard itself",
        ),
        (
            "watch-after-reply",
            Bug(Fault::WatchAfterReply),
            "the event of a write goes out behind its answer",
        ),
        (
            "truncate-committed",
            Bug(Fault::TruncateCommitted),
            "recovery cuts off the last entry of the log",
        ),
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Bug> {
        Bug::ALL.iter().find(|(known, ..)| *known == name).map(|(_, bug, _)| *bug)
    }

    pub(crate) fn fault(self) -> Fault {
        self.0
    }
}
