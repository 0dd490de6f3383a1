//! What Apache ZooKeeper does not do, and is asked of others all the same.

/// A check that Apache ZooKeeper 3.9.5 fails.
pub struct Difference {
    /// The check's title.
    pub title: &'static str,
    /// Why it is a check nevertheless.
    pub reason: &'static str,
}

/// Every one of them. One that ZooKeeper passes does not belong here.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        title: "operation and flags of a create must agree",
        reason: "a mistake must not create a node of another kind",
    },
    Difference {
        title: "no client may collect containers",
        reason: "ZooKeeper's deleteContainer asks neither for a right nor for a session",
    },
    Difference {
        title: "who knows no password cannot cut a session's connection off",
        reason: "ZooKeeper closes it before it looks at the password, and ids can be guessed",
    },
];
