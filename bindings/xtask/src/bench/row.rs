//! What is measured, and what is to be shown.

use super::library::Library;

/// How a figure of ours is to be beside that of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    /// At least so many times theirs.
    AtLeast(f64),
    /// At most this part of theirs.
    AtMost(f64),
    /// At most so many microseconds more than theirs.
    Beyond(f64),
}

impl Bound {
    pub(super) fn holds(self, ratio: f64) -> bool {
        match self {
            Bound::AtLeast(bound) => ratio >= bound,
            Bound::AtMost(bound) | Bound::Beyond(bound) => ratio <= bound,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Bound::AtLeast(bound) => write!(f, ">= {bound}"),
            Bound::AtMost(bound) if *bound > 0.9 => write!(f, "<= {bound}"),
            Bound::AtMost(bound) => write!(f, "<= 1/{:.0}", 1.0 / bound),
            Bound::Beyond(bound) => write!(f, "<= {bound} us more"),
        }
    }
}

/// Which figure is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    /// Operations in a second.
    Throughput,
    /// Microseconds below which half of the operations stayed.
    Median,
    /// Microseconds below which 99 of 100 operations stayed.
    Tail,
    /// Microseconds of the server's processors for each operation.
    Processor,
    /// Microseconds of the client's processors for each operation.
    Client,
    /// Bytes of resident memory.
    Resident,
    /// Bytes of resident memory beyond those of the idle server.
    Added,
}

impl Figure {
    pub(super) fn name(self) -> &'static str {
        match self {
            Figure::Throughput => "operations/s",
            Figure::Median => "median time",
            Figure::Tail => "p99",
            Figure::Processor => "processor/op",
            Figure::Client => "client's processor/op",
            Figure::Resident => "resident memory",
            Figure::Added => "memory added",
        }
    }
}

/// With whom Pinfold is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    ZooKeeper,
    Null,
    /// A loop of fdatasync for as many records as half of the requests that are on their way.
    GroupSync,
    /// A loop of fdatasync for one record.
    OneSync,
    Client(Library),
}

impl Against {
    pub(super) fn name(self) -> &'static str {
        match self {
            Against::ZooKeeper => "Apache ZooKeeper 3.9.5",
            Against::Null => "null server",
            Against::GroupSync => "group-commit fdatasync loop",
            Against::OneSync => "fdatasync loop",
            Against::Client(library) => library.name(),
        }
    }
}

/// One thing that is to be shown.
pub(super) type Target = (Against, Figure, Bound);

/// How a row is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By the load generator, which is told to do this work.
    Load(&'static str),
    /// From the start of the process to its first answer, with so many znodes.
    Start(u64),
    /// From the death of the leader to the first accepted write.
    Failover,
    /// By the programs of these client libraries, against one server; ours is the first.
    Gets(&'static [Library]),
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    pub(super) way: Way,
    pub(super) servers: usize,
    pub(super) sessions: usize,
    pub(super) window: usize,
    pub(super) bytes: usize,
    /// Znodes that are made.
    pub(super) nodes: u64,
    /// One round is all there is: what it leaves behind cannot be taken back.
    pub(super) once: bool,
    pub(super) targets: &'static [Target],
}

impl Row {
    pub(super) const PLAIN: Row = Row {
        name: "",
        says: "",
        way: Way::Load("get"),
        servers: 1,
        sessions: 64,
        window: 16,
        bytes: 1024,
        nodes: 0,
        once: false,
        targets: &[],
    };
}

const PLAIN: Row = Row::PLAIN;

/// Client programs: 1 KiB, 1,000 gets in flight.
const GETS: Row = Row { sessions: 1, window: 1000, ..PLAIN };

use Against::{GroupSync, Null, OneSync, ZooKeeper};
use Bound::{AtLeast, AtMost, Beyond};
use Figure::{Added, Client, Median, Processor, Resident, Tail, Throughput};

const WRITES: &[Target] = &[
    (ZooKeeper, Throughput, AtLeast(3.0)),
    (ZooKeeper, Tail, AtMost(1.0 / 3.0)),
    (ZooKeeper, Processor, AtMost(0.2)),
    (GroupSync, Throughput, AtLeast(0.7)),
];
const FANOUT: &[Target] = &[(ZooKeeper, Median, AtMost(0.25)), (ZooKeeper, Processor, AtMost(0.2))];

const PYTHON: &[Target] = &[
    (Against::Client(Library::Kazoo), Throughput, AtLeast(4.0)),
    (Against::Client(Library::Kazoo), Client, AtMost(0.1)),
    (Against::Client(Library::Aiozk), Throughput, AtLeast(3.0)),
    (Against::Client(Library::Aiozk), Client, AtMost(1.0 / 6.0)),
];

/// Tasks of 100 bytes.
const CREW: Row = Row { window: 100, bytes: 100, ..GETS };

const TASKS: &[Target] = &[
    (Against::Client(Library::LockingQueue), Throughput, AtLeast(5.0)),
    (Against::Client(Library::Celery), Throughput, AtLeast(2.0)),
];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "set",
        says: "durable setData 1 KiB, 64 sessions x 16 in flight",
        way: Way::Load("set"),
        targets: WRITES,
        ..PLAIN
    },
    Row {
        name: "create",
        says: "durable create 1 KiB, 64 sessions x 16 in flight",
        way: Way::Load("create"),
        targets: WRITES,
        ..PLAIN
    },
    Row {
        name: "set-one",
        says: "one session, one outstanding setData 1 KiB",
        way: Way::Load("set"),
        sessions: 1,
        window: 1,
        targets: &[(OneSync, Median, AtMost(1.25))],
        ..PLAIN
    },
    Row {
        name: "get",
        says: "getData 1 KiB, 64 sessions x 16 in flight",
        targets: &[
            (ZooKeeper, Throughput, AtLeast(3.0)),
            (ZooKeeper, Processor, AtMost(1.0 / 6.0)),
            (Null, Throughput, AtLeast(0.6)),
        ],
        ..PLAIN
    },
    Row {
        name: "mixed",
        says: "9 getData : 1 setData, 1 KiB, 64 x 16, ensemble of 3",
        way: Way::Load("mixed"),
        servers: 3,
        targets: &[(ZooKeeper, Throughput, AtLeast(3.0)), (ZooKeeper, Processor, AtMost(0.2))],
        ..PLAIN
    },
    Row {
        name: "watch-1000",
        says: "set to last notification, 1,000 watching sessions",
        way: Way::Load("watch"),
        sessions: 1000,
        bytes: 100,
        targets: FANOUT,
        ..PLAIN
    },
    Row {
        name: "watch-9000",
        says: "set to last notification, 9,000 watching sessions",
        way: Way::Load("watch"),
        sessions: 9000,
        bytes: 100,
        targets: FANOUT,
        ..PLAIN
    },
    Row {
        name: "churn",
        says: "connect, handshake, close; 64 at a time",
        way: Way::Load("churn"),
        targets: &[(ZooKeeper, Throughput, AtLeast(3.0)), (ZooKeeper, Processor, AtMost(0.2))],
        ..PLAIN
    },
    Row {
        name: "idle",
        says: "5,000 idle sessions",
        way: Way::Load("idle"),
        sessions: 5000,
        once: true,
        targets: &[(ZooKeeper, Added, AtMost(0.25))],
        ..PLAIN
    },
    Row {
        name: "fill",
        says: "1,000,000 znodes of 100 bytes",
        way: Way::Load("fill"),
        bytes: 100,
        nodes: 1_000_000,
        once: true,
        targets: &[(ZooKeeper, Resident, AtMost(0.25))],
        ..PLAIN
    },
    Row {
        name: "start",
        says: "start to first answer, empty",
        way: Way::Start(0),
        targets: &[(ZooKeeper, Median, AtMost(0.05))],
        ..PLAIN
    },
    Row {
        name: "start-full",
        says: "start to first answer after a kill, 1,000,000 znodes of 100 bytes",
        way: Way::Start(1_000_000),
        bytes: 100,
        targets: &[(ZooKeeper, Median, AtMost(0.2))],
        ..PLAIN
    },
    Row {
        name: "failover",
        says: "leader of 3 killed to first accepted write",
        way: Way::Failover,
        servers: 3,
        targets: &[(ZooKeeper, Median, AtMost(0.5))],
        ..PLAIN
    },
    Row {
        name: "py-asyncio",
        says: "Python, asyncio, 1,000 gets of 1 KiB in flight",
        way: Way::Gets(&[Library::Asyncio, Library::Kazoo, Library::Aiozk]),
        targets: PYTHON,
        ..GETS
    },
    Row {
        name: "py-one",
        says: "Python, one get of 1 KiB at a time",
        way: Way::Gets(&[Library::Python, Library::KazooOne]),
        window: 1,
        targets: &[
            (Against::Client(Library::KazooOne), Throughput, AtLeast(2.0)),
            (Against::Client(Library::KazooOne), Client, AtMost(0.25)),
        ],
        ..GETS
    },
    Row {
        name: "node",
        says: "Node, 1,000 gets of 1 KiB in flight",
        way: Way::Gets(&[Library::Node, Library::NodeZookeeperClient, Library::NpmZookeeper]),
        targets: &[
            (Against::Client(Library::NodeZookeeperClient), Throughput, AtLeast(2.0)),
            (Against::Client(Library::NodeZookeeperClient), Client, AtMost(0.25)),
            (Against::Client(Library::NpmZookeeper), Throughput, AtLeast(2.0)),
            (Against::Client(Library::NpmZookeeper), Client, AtMost(0.25)),
        ],
        ..GETS
    },
    Row {
        name: "c",
        says: "C, 1,000 gets of 1 KiB in flight",
        way: Way::Gets(&[Library::C, Library::ZookeeperMt]),
        targets: &[
            (Against::Client(Library::ZookeeperMt), Throughput, AtLeast(1.5)),
            (Against::Client(Library::ZookeeperMt), Client, AtMost(0.25)),
        ],
        ..GETS
    },
    Row {
        name: "c-one",
        says: "C, one get of 1 KiB at a time",
        way: Way::Gets(&[Library::C, Library::ZookeeperMt]),
        window: 1,
        targets: &[
            (Against::Client(Library::ZookeeperMt), Throughput, AtLeast(1.0)),
            (Against::Client(Library::ZookeeperMt), Client, AtMost(0.25)),
        ],
        ..GETS
    },
    Row {
        name: "rust",
        says: "Rust, 1,000 gets of 1 KiB in flight",
        way: Way::Gets(&[Library::Rust, Library::ZookeeperClient]),
        targets: &[
            (Against::Client(Library::ZookeeperClient), Throughput, AtLeast(1.5)),
            (Against::Client(Library::ZookeeperClient), Client, AtMost(0.5)),
        ],
        ..GETS
    },
    Row {
        name: "over-python",
        says: "a pipelined call from Python beyond the same from Rust",
        way: Way::Gets(&[Library::Asyncio, Library::Rust]),
        targets: &[(Against::Client(Library::Rust), Client, Beyond(5.0))],
        ..GETS
    },
    Row {
        name: "over-node",
        says: "a pipelined call from Node beyond the same from Rust",
        way: Way::Gets(&[Library::Node, Library::Rust]),
        targets: &[(Against::Client(Library::Rust), Client, Beyond(3.0))],
        ..GETS
    },
    Row {
        name: "over-c",
        says: "a pipelined call from C beyond the same from Rust",
        way: Way::Gets(&[Library::C, Library::Rust]),
        targets: &[(Against::Client(Library::Rust), Client, Beyond(0.3))],
        ..GETS
    },
    Row {
        name: "tasks-python",
        says: "Python, 100 tasks in flight to committed results, 4 workers",
        way: Way::Gets(&[Library::PythonTasks, Library::LockingQueue, Library::Celery]),
        targets: TASKS,
        ..CREW
    },
    Row {
        name: "claims-python",
        says: "the same without a master",
        way: Way::Gets(&[Library::PythonClaims, Library::LockingQueue, Library::Celery]),
        targets: TASKS,
        ..CREW
    },
    Row {
        name: "tasks-rust",
        says: "Rust, 100 tasks in flight to committed results, 4 workers",
        way: Way::Gets(&[Library::RustTasks, Library::LockingQueue, Library::Celery]),
        targets: TASKS,
        ..CREW
    },
    Row {
        name: "claims-rust",
        says: "the same without a master",
        way: Way::Gets(&[Library::RustClaims, Library::LockingQueue, Library::Celery]),
        targets: TASKS,
        ..CREW
    },
];
