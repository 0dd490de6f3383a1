//! What ZooKeeper's clients rely on and one server alone cannot show.

/// A line of the list that no check of this suite shows.
pub struct Elsewhere {
    /// Its number.
    pub item: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What would be needed.
    pub needs: &'static str,
}

/// Every such line.
pub const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        item: "6",
        title: "a session that has moved is not served by its former server",
        needs: "an ensemble (shown here: a former connection of the same server)",
    },
    Elsewhere {
        item: "10",
        title: "what is on its way when a session ends gets -112",
        needs: "a request between the decision to end a session and its end, which is a matter of \
                microseconds",
    },
    Elsewhere {
        item: "16",
        title: "the epoch goes on when the counter of a zxid is used up",
        needs: "four thousand million writes, or the server's data",
    },
    Elsewhere {
        item: "22",
        title: "after -2 a version goes on with 0",
        needs: "four thousand million writes, or the server's data",
    },
    Elsewhere {
        item: "60",
        title: "local sessions and their upgrade",
        needs: "a server with local sessions",
    },
    Elsewhere {
        item: "61",
        title: "a read-only server accepts read-only clients alone",
        needs: "a server that has lost its quorum",
    },
    Elsewhere {
        item: "64",
        title: "data of ZooKeeper 3.4 to 3.10 are loaded and written",
        needs: "the server's data",
    },
    Elsewhere {
        item: "65",
        title: "clients go on with their sessions after a migration",
        needs: "the server's data",
    },
];
