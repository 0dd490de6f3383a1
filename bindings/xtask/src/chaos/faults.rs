//! What is done to the servers, one thing at a time, so that a majority is always well.

use super::history::History;
use crate::fleet::{Fleet, Weather};
use crate::random::Random;
use crate::{Fallible, Fault};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// However it was treated, a server serves again after this.
const SERVING_WITHIN: Duration = Duration::from_secs(90);

/// A server whose disk is full has stopped after this.
const STOPS_WITHIN: Duration = Duration::from_secs(30);

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// kill -9 of one server, and a new start.
    Kill,
    /// kill -9 of the leader.
    KillLeader,
    /// kill -9 of all servers at once.
    KillAll,
    /// SIGSTOP and SIGCONT.
    Pause,
    PauseLeader,
    /// One server neither hears the others nor is heard.
    Isolate,
    IsolateLeader,
    /// It hears, but is not heard.
    Mute,
    /// It is heard, but does not hear.
    Deafen,
    /// One direction between two servers.
    OneWay,
    /// On and off.
    Flap,
    /// Everything between servers takes longer.
    Slow,
    /// Every write and sync of one server takes longer.
    SlowDisk,
    /// One server's disk takes nothing more: it stops, and says why.
    FullDisk,
}

const KINDS: [(Kind, &str, u64); 14] = [
    (Kind::Kill, "kill -9", 3),
    (Kind::KillLeader, "kill -9 of the leader", 3),
    (Kind::KillAll, "kill -9 of all", 1),
    (Kind::Pause, "pause", 2),
    (Kind::PauseLeader, "pause of the leader", 2),
    (Kind::Isolate, "isolation", 2),
    (Kind::IsolateLeader, "isolation of the leader", 2),
    (Kind::Mute, "not heard", 2),
    (Kind::Deafen, "not hearing", 2),
    (Kind::OneWay, "one way between two", 2),
    (Kind::Flap, "flapping link", 1),
    (Kind::Slow, "slow links", 1),
    (Kind::SlowDisk, "slow disk", 2),
    (Kind::FullDisk, "full disk", 1),
];

/// Does things to the servers until the time is over, and then lets them be well.
pub(crate) async fn run(
    fleet: &mut Fleet,
    history: &History,
    random: &mut Random,
    until: Instant,
) -> Fallible<BTreeMap<&'static str, u64>> {
    let mut done = BTreeMap::new();
    let started = Instant::now();
    while Instant::now() < until && history.violations().is_empty() {
        tokio::time::sleep(random.between(500, 3000)).await;
        let (kind, name) = choose(random);
        let seconds = started.elapsed().as_secs();
        eprintln!("[{seconds}s] {name}; {} writes so far", history.counts().writes);
        history.trouble(name);
        inflict(fleet, kind, random).await?;
        fleet.clear();
        fleet.serving(SERVING_WITHIN).await?;
        *done.entry(name).or_insert(0) += 1;
    }
    match fleet.ended() {
        Some((node, why)) => Err(Fault::new(format!("server {} ended by itself: {why}", node + 1))),
        None => Ok(done),
    }
}

fn choose(random: &mut Random) -> (Kind, &'static str) {
    let total: u64 = KINDS.iter().map(|(.., weight)| weight).sum();
    let mut place = random.below(total);
    for (kind, name, weight) in KINDS {
        match place.checked_sub(weight) {
            Some(rest) => place = rest,
            None => return (kind, name),
        }
    }
    (KINDS[0].0, KINDS[0].1)
}

async fn inflict(fleet: &mut Fleet, kind: Kind, random: &mut Random) -> Fallible {
    let count = fleet.len();
    let of_leader = matches!(kind, Kind::KillLeader | Kind::PauseLeader | Kind::IsolateLeader);
    let any = random.below(count as u64) as usize;
    let node = if of_leader { fleet.leader(SERVING_WITHIN).await? } else { any };
    let long = random.between(500, 9000);
    match kind {
        Kind::Kill | Kind::KillLeader => {
            fleet.kill(node).await?;
            tokio::time::sleep(random.between(0, 4000)).await;
            fleet.launch(node)?;
        }
        Kind::KillAll => {
            for node in 0..count {
                fleet.kill(node).await?;
            }
            (0..count).try_for_each(|node| fleet.launch(node))?;
        }
        Kind::Pause | Kind::PauseLeader => {
            fleet.pause(node)?;
            tokio::time::sleep(long).await;
            fleet.wake(node)?;
        }
        Kind::SlowDisk => {
            fleet.disk(node, &format!("slow {}", 10 + random.below(90)))?;
            tokio::time::sleep(long).await;
            fleet.disk(node, "")?;
        }
        Kind::FullDisk => fill_disk(fleet, node).await?,
        _ => disturb(fleet, kind, node, random).await,
    }
    Ok(())
}

/// What happens between `node` and the others.
async fn disturb(fleet: &Fleet, kind: Kind, node: usize, random: &mut Random) {
    let count = fleet.len();
    let others: Vec<usize> = (0..count).filter(|other| *other != node).collect();
    let one = others[random.below(others.len() as u64) as usize];
    let long = random.between(500, 9000);
    match kind {
        Kind::Isolate | Kind::IsolateLeader => {
            for other in others {
                fleet.weather(node, other, Weather::Cut);
                fleet.weather(other, node, Weather::Cut);
            }
            tokio::time::sleep(long).await;
        }
        Kind::Mute => {
            others.iter().for_each(|other| fleet.weather(node, *other, Weather::Cut));
            tokio::time::sleep(long).await;
        }
        Kind::Deafen => {
            others.iter().for_each(|other| fleet.weather(*other, node, Weather::Cut));
            tokio::time::sleep(long).await;
        }
        Kind::OneWay => {
            fleet.weather(node, one, Weather::Cut);
            tokio::time::sleep(long).await;
        }
        Kind::Flap => {
            for _ in 0..5 {
                fleet.weather(node, one, Weather::Cut);
                fleet.weather(one, node, Weather::Cut);
                tokio::time::sleep(random.between(100, 900)).await;
                fleet.clear();
                tokio::time::sleep(random.between(100, 900)).await;
            }
        }
        Kind::Slow => {
            for from in 0..count {
                for to in (0..count).filter(|to| *to != from) {
                    fleet.weather(from, to, Weather::Slow(random.between(5, 100)));
                }
            }
            tokio::time::sleep(long).await;
        }
        // Not of links.
        _ => {}
    }
}

/// A server whose disk is full stops by itself, and goes on when there is room again.
async fn fill_disk(fleet: &mut Fleet, node: usize) -> Fallible {
    fleet.disk(node, "full")?;
    let started = Instant::now();
    let said = loop {
        match fleet.ended() {
            Some((ended, said)) if ended == node => break said,
            Some((ended, said)) => {
                return Err(Fault::new(format!("server {} ended by itself: {said}", ended + 1)));
            }
            None if started.elapsed() > STOPS_WITHIN => {
                let text = format!("server {} goes on although its disk is full", node + 1);
                return Err(Fault::new(text));
            }
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    if !said.contains("no storage space") {
        return Err(Fault::new(format!("a full disk was not told of: {said}")));
    }
    fleet.disk(node, "")?;
    fleet.launch(node)
}
