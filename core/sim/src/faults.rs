//! What goes wrong in a run, and when: all of it decided by the seed before the run begins.

use std::fmt;

use crate::network::Weather;
use crate::world::SPARES;
use crate::{CrashKind, Random};

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The network is like this for a while.
    Weather { delay: (u64, u64), per_mille: [u64; 3], for_ms: u64 },
    /// Servers are cut off from the others, and maybe from the clients.
    Partition { servers: Vec<u64>, kind: Partition, with_clients: bool, for_ms: u64 },
    /// A server goes down at once.
    Kill { server: u64, kind: CrashKind, down_ms: u64 },
    /// A server goes down during the operation of its disk that many operations from now.
    KillAtWrite { server: u64, operations: u64, kind: CrashKind, down_ms: u64 },
    /// All servers go down at once.
    PowerCut { kind: CrashKind, down_ms: u64 },
    /// The leader goes down, and another server with it.
    KillLeaderAndOne { kind: CrashKind, down_ms: u64 },
    /// The sync that many syncs from now fails.
    FailSync { server: u64, syncs: u64 },
    /// There is no room on the disk for a while.
    FullDisk { server: u64, for_ms: u64 },
    /// Every sync takes so long for a while.
    SlowDisk { server: u64, sync_ms: u64, for_ms: u64 },
    /// The process stands still, and does not know it.
    Pause { server: u64, for_ms: u64 },
    /// The clock on the wall jumps.
    ClockJump { server: u64, by_ms: i64 },
    /// A server is stopped as it should be, and started again.
    Restart { server: u64, down_ms: u64 },
    /// An operator adds a server, or changes its role. It is started if it never was.
    Join { server: u64, is_observer: bool },
    /// An operator removes a server, which goes on running.
    Leave { server: u64 },
    /// A client dies without a word; another takes its place.
    KillClient { client: usize, with_power: bool },
    /// A client's process stands still, and does not know it.
    PauseClient { client: usize, for_ms: u64 },
    /// A client's connections break, and answers that are on their way are lost.
    ResetClient { client: usize },
}

/// How a partition cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partition {
    Symmetric,
    /// Nothing comes in any more, or nothing goes out.
    OneWay {
        inwards: bool,
    },
    /// It comes and goes, every so many milliseconds.
    Flapping {
        every_ms: u64,
    },
}

/// A fault and its time.
#[derive(Clone, Debug)]
pub struct Scheduled {
    pub(crate) at_ms: u64,
    pub(crate) fault: Fault,
}

impl fmt::Display for Scheduled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} ms  {:?}", self.at_ms, self.fault)
    }
}

/// What goes wrong before `until_ms` among this many servers and clients. With `of_clients` more
/// than every other time it is a client that something befalls.
pub(crate) fn plan(
    seed: u64,
    servers: u64,
    clients: u64,
    until_ms: u64,
    of_clients: bool,
) -> Vec<Scheduled> {
    let mut random = Random::new(seed ^ 0xfa017);
    // Some runs are quiet, in some everything comes at once.
    let pause_ms = *random.pick(&[1500, 3000, 3000, 6000, 12_000]);
    let mut plan = Vec::new();
    let mut at_ms = 1500 + random.below(2000);
    while at_ms < until_ms {
        let fault = match of_clients && !random.one_in(3) {
            true => fault_of_client(&mut random, clients),
            false => fault(&mut random, servers, clients),
        };
        plan.push(Scheduled { at_ms, fault });
        at_ms += 1 + random.below(2 * pause_ms);
    }
    plan
}

fn fault_of_client(random: &mut Random, clients: u64) -> Fault {
    let client = random.below(clients) as usize;
    match random.below(6) {
        0 => Fault::KillClient { client, with_power: random.one_in(2) },
        1..=3 => Fault::ResetClient { client },
        // From shorter than any session's timeout to much longer than that.
        _ => Fault::PauseClient { client, for_ms: 100 + random.below(9000) },
    }
}

fn crash(random: &mut Random) -> CrashKind {
    *random.pick(&[CrashKind::Process, CrashKind::PowerLossAll, CrashKind::PowerLossSome])
}

fn fault(random: &mut Random, servers: u64, clients: u64) -> Fault {
    // Spare ones too, which may be there by then.
    let server = match random.one_in(6) {
        true => 1 + random.below(servers + SPARES),
        false => 1 + random.below(servers),
    };
    let down_ms = 100 + random.below(5000);
    let for_ms = 200 + random.below(6000);
    match random.below(27) {
        0..=2 => {
            let least = 2 + random.below(20);
            let delay = (least, least + random.below(120));
            let per_mille = [random.below(100), random.below(60), random.below(60)];
            Fault::Weather { delay, per_mille, for_ms }
        }
        3..=6 => {
            let kind = match random.below(4) {
                0 | 1 => Partition::Symmetric,
                2 => Partition::OneWay { inwards: random.one_in(2) },
                _ => Partition::Flapping { every_ms: 50 + random.below(1500) },
            };
            let mut chosen = vec![server];
            if servers > 3 && random.one_in(2) {
                chosen.push(1 + server % servers);
            }
            let with_clients = random.one_in(2);
            Fault::Partition { servers: chosen, kind, with_clients, for_ms }
        }
        7..=9 => Fault::Kill { server, kind: crash(random), down_ms },
        10..=12 => {
            let operations = 1 + random.below(300);
            Fault::KillAtWrite { server, operations, kind: crash(random), down_ms }
        }
        13 => Fault::PowerCut { kind: crash(random), down_ms: down_ms / 4 },
        14 => Fault::KillLeaderAndOne { kind: crash(random), down_ms: down_ms / 2 },
        15 => Fault::FailSync { server, syncs: 1 + random.below(60) },
        16 => Fault::FullDisk { server, for_ms },
        17 => Fault::SlowDisk { server, sync_ms: 5 + random.below(200), for_ms },
        18 | 19 => Fault::Pause { server, for_ms: 50 + random.below(9000) },
        20 => {
            let by_ms = random.below(7_200_000) as i64 - 3_600_000;
            Fault::ClockJump { server, by_ms }
        }
        21 | 22 => Fault::Restart { server, down_ms: down_ms / 4 },
        23 | 24 => {
            let server = 1 + random.below(servers + SPARES);
            Fault::Join { server, is_observer: random.one_in(4) }
        }
        25 => Fault::Leave { server: 1 + random.below(servers + SPARES) },
        _ => {
            let client = random.below(clients) as usize;
            Fault::KillClient { client, with_power: random.one_in(2) }
        }
    }
}

impl Fault {
    /// The weather that it makes.
    pub(crate) fn weather(delay: (u64, u64), [lost, twice, swapped]: [u64; 3]) -> Weather {
        Weather { delay, lost, twice, swapped }
    }
}
