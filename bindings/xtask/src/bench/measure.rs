//! One row: everybody in turn, round after round.

use super::peer::{Kind, Peer, Programs};
use super::row::{Against, Row, Way};
use super::{gets, limit};
use crate::fault::Doing;
use crate::{Fallible, Fault, failover, step};
use pinfold_conformance::load::{Figures, Latency};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a machine that compiles as it runs is warmed up, in the first round.
const WARM_FIRST: f64 = 4.0;
const WARM: f64 = 0.5;

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) rounds: usize,
    pub(super) seconds: f64,
    /// Whether figures are only to come out.
    pub(super) quick: bool,
}

/// What one of them came to, a round each.
#[derive(Debug, serde::Serialize)]
pub(super) struct Series {
    pub(super) who: String,
    pub(super) rounds: Vec<Figures>,
}

impl Series {
    pub(super) fn new(who: &str) -> Series {
        Series { who: who.to_owned(), rounds: Vec::new() }
    }
}

/// Everybody's figures; Pinfold's are the first.
pub(super) fn measure(
    programs: &Programs,
    row: &Row,
    effort: Effort,
    folder: &Path,
) -> Fallible<Vec<Series>> {
    match row.way {
        Way::Load(work) => by_load(programs, row, work, effort, folder),
        Way::Start(nodes) => starts(programs, row, nodes, effort, folder),
        Way::Failover => failovers(programs, row, effort, folder),
        Way::Gets(libraries) => gets::measure(programs, row, libraries, effort, folder),
    }
}

pub(super) fn kinds(programs: &Programs) -> Vec<Kind> {
    let theirs = programs.jars.is_some().then_some(Kind::ZooKeeper);
    [Kind::Pinfold].into_iter().chain(theirs).collect()
}

/// A row as small as it can be and still be itself.
fn reduced(row: &Row) -> Row {
    let sessions = row.sessions.min(20);
    Row { sessions, nodes: row.nodes.min(2000), ..*row }
}

fn by_load(
    programs: &Programs,
    row: &Row,
    work: &str,
    effort: Effort,
    folder: &Path,
) -> Fallible<Vec<Series>> {
    let row = if effort.quick { reduced(row) } else { *row };
    let start = |kind| Peer::start(programs, kind, row.servers, folder);
    let mut peers: Vec<Peer> = kinds(programs).into_iter().map(start).collect::<Fallible<_>>()?;
    let has = |against| row.targets.iter().any(|(who, _, _)| *who == against);
    if has(Against::Null) {
        peers.push(Peer::null(programs, row.bytes)?);
    }
    let mut all: Vec<Series> = peers.iter().map(|peer| Series::new(peer.kind.name())).collect();
    let limits = [(Against::GroupSync, row.sessions * row.window / 2), (Against::OneSync, 1)];
    let limits = limits.into_iter().filter(|(against, _)| has(*against));
    let limits: Vec<(Against, usize)> = limits.collect();
    all.extend(limits.iter().map(|(against, _)| Series::new(against.name())));
    for round in 0..if row.once { 1 } else { effort.rounds } {
        for (peer, series) in peers.iter().zip(&mut all) {
            let is_cold = round == 0 && peer.kind == Kind::ZooKeeper && !row.once;
            let warm = if is_cold { WARM_FIRST } else { WARM.min(effort.seconds) };
            series.rounds.push(load(programs, peer, &row, work, warm, effort.seconds)?);
        }
        for (at, (_, records)) in limits.iter().enumerate() {
            let time = Duration::from_secs_f64(effort.seconds.min(1.0));
            let figures = limit::sync_loop(folder, *records, row.bytes, time)?;
            all[peers.len() + at].rounds.push(figures);
        }
    }
    Ok(all)
}

/// One run of the load generator.
pub(super) fn load(
    programs: &Programs,
    peer: &Peer,
    row: &Row,
    work: &str,
    warm: f64,
    seconds: f64,
) -> Fallible<Figures> {
    let mut command = Command::new(&programs.load);
    command.arg(work).args(["--servers", &peer.addresses.join(",")]);
    command.args(["--pids", &peer.processes().join(",")]);
    let numbers = [
        ("--sessions", row.sessions as f64),
        ("--window", row.window as f64),
        ("--bytes", row.bytes as f64),
        ("--nodes", row.nodes as f64),
        ("--warm", warm),
        ("--seconds", seconds),
    ];
    for (name, number) in numbers {
        command.args([name, &number.to_string()]);
    }
    let text = step::output(&mut command).doing(peer.kind.name())?;
    let figures: Figures = serde_json::from_str(text.trim()).doing("reading the figures")?;
    if figures.operations == 0 {
        return Err(Fault::new(format!("{}: nothing was answered", peer.kind.name())));
    }
    Ok(figures)
}

fn of_time(took: Duration) -> Figures {
    let us = took.as_secs_f64() * 1e6;
    let latency = Latency { p50: us, p99: us, p999: us, max: us };
    Figures { operations: 1, seconds: took.as_secs_f64(), latency, ..Figures::default() }
}

fn starts(
    programs: &Programs,
    row: &Row,
    nodes: u64,
    effort: Effort,
    folder: &Path,
) -> Fallible<Vec<Series>> {
    let nodes = if effort.quick { nodes.min(2000) } else { nodes };
    let filling = Row { nodes, ..*row };
    let mut all = Vec::new();
    let mut peers = Vec::new();
    for kind in kinds(programs) {
        let mut peer = Peer::start(programs, kind, 1, folder)?;
        if nodes > 0 {
            load(programs, &peer, &filling, "fill", 0.0, 1.0)?;
        }
        peer.kill(0);
        all.push(Series::new(kind.name()));
        peers.push(peer);
    }
    for _ in 0..effort.rounds {
        for (peer, series) in peers.iter_mut().zip(&mut all) {
            let begun = Instant::now();
            peer.launch(0)?;
            peer.wait_for(0)?;
            series.rounds.push(of_time(begun.elapsed()));
            peer.kill(0);
        }
    }
    Ok(all)
}

fn failovers(
    programs: &Programs,
    row: &Row,
    effort: Effort,
    folder: &Path,
) -> Fallible<Vec<Series>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.doing("starting the runtime")?;
    let mut all = Vec::new();
    for kind in kinds(programs) {
        let mut peer = Peer::start(programs, kind, row.servers, folder)?;
        let hosts: Vec<&str> = peer.addresses.iter().map(String::as_str).collect();
        let witnesses = runtime.block_on(failover::witnesses(&hosts))?;
        let mut series = Series::new(kind.name());
        for _ in 0..effort.rounds {
            let leader = peer.leader()?;
            let killed = Instant::now();
            peer.kill(leader);
            let took = runtime.block_on(failover::accepted(&witnesses, killed))?;
            series.rounds.push(of_time(took));
            peer.launch(leader)?;
            (0..row.servers).try_for_each(|node| peer.wait_for(node))?;
        }
        all.push(series);
    }
    Ok(all)
}
