//! `cargo x chaos`: three real server processes, many clients, and one fault after another.
//!
//! What the clients did and saw is judged as it comes (`chaos/history.rs` says how), and once more
//! at the end, when every server has to hold the same. The servers themselves compare the digests
//! of their states, and one that differs stops, which is a violation here.

mod faults;
mod history;
mod load;

use crate::fault::Doing;
use crate::fleet::{Choice, Fleet, Plan};
use crate::random::Random;
use crate::{Fallible, Fault};
use history::{Counts, History, Seen};
use load::Load;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

const SERVING_WITHIN: Duration = Duration::from_secs(90);
/// What a client has under way when the faults are over is done after this.
const DONE_WITHIN: Duration = Duration::from_secs(180);
/// Snapshots and comparisons of states often enough that faults fall into them.
const SETTINGS: &str = "tickTime=2000\nsnapCount=3000\npinfold.digestEvery=200\n";

/// Hurt an ensemble of real processes under load, and check what its clients saw
///
/// One fault at a time: kill -9 of a server, of the leader, of all; SIGSTOP; partitions, also in
/// one direction; flapping and slow links; slow and full disks. Exit status 1 on a violation, with
/// the data and the logs of all servers kept.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// For how long; parts of a minute are possible
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// How many servers
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=9))]
    nodes: u8,
    /// How many clients, each with a session of its own
    #[arg(long, default_value_t = 50)]
    clients: u32,
    /// Decides which faults come when and what the clients do; random if left out
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    choice: Choice,
    /// Where the servers' data and logs go, and stay; a temporary folder if left out
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The figures as one line of JSON
    #[arg(long)]
    json: bool,
}

/// What a run did.
#[derive(Debug, serde::Serialize)]
struct Figures {
    seed: u64,
    nodes: u8,
    clients: u32,
    seconds: u64,
    #[serde(flatten)]
    counts: Counts,
    faults: BTreeMap<&'static str, u64>,
    longest_unavailability_ms: u64,
    longest_unavailability_after: String,
    violations: Vec<String>,
}

pub(crate) fn run(args: Args) -> Fallible {
    let binary = args.choice.binary()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let temporary = tempfile::tempdir().doing("making a temporary folder")?;
    let folder = args.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    let folder = std::path::absolute(&folder).doing("finding the folder")?;
    let runtime = runtime.doing("starting the runtime")?;
    let outcome = runtime.block_on(interruptible(&args, &binary, &folder));
    let outcome = outcome.and_then(|figures| tell(&figures, args.json));
    if outcome.is_err() {
        let _ = temporary.keep();
        eprintln!("the servers' data and what they said are kept in {}", folder.display());
    }
    outcome
}

/// No server is left behind when somebody presses Ctrl-C: they go with the fleet.
async fn interruptible(args: &Args, binary: &Path, folder: &Path) -> Fallible<Figures> {
    let mut interrupt = signal(SignalKind::interrupt()).doing("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).doing("listening for SIGTERM")?;
    tokio::select! {
        figures = hurt(args, binary, folder) => figures,
        _ = interrupt.recv() => Err(Fault::new("interrupted")),
        _ = terminate.recv() => Err(Fault::new("terminated")),
    }
}

async fn hurt(args: &Args, binary: &Path, folder: &Path) -> Fallible<Figures> {
    let seed = args.seed.unwrap_or_else(|| std::process::id().into());
    let mut random = Random::new(seed);
    let settings = SETTINGS.to_owned();
    let plan = Plan { servers: args.nodes.into(), settings, relayed: true, faulty_disks: true };
    let mut fleet = Fleet::start(binary, folder, &plan).await?;
    fleet.serving(SERVING_WITHIN).await?;
    load::prepare(&fleet.addresses()).await?.close().await?;
    let history = Arc::new(History::new());
    let stop = Arc::new(AtomicBool::new(false));
    let mut working = tokio::task::JoinSet::new();
    for number in 0..args.clients {
        let (hosts, history, random) = (fleet.addresses(), history.clone(), random.fork());
        let stop = stop.clone();
        working.spawn(async move {
            let mut load = Load::new(number, hosts, history, random).await?;
            load.run(&stop).await
        });
    }
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(args.minutes * 60.0);
    let faults = faults::run(&mut fleet, &history, &mut random, until).await?;
    stop.store(true, Ordering::Relaxed);
    let all_done = async {
        while let Some(done) = working.join_next().await {
            done??;
        }
        Ok::<(), Fault>(())
    };
    let all_done = tokio::time::timeout(DONE_WITHIN, all_done).await;
    all_done.map_err(|_| Fault::new("clients hang although all servers are well"))??;
    look_everywhere(&fleet, &history).await?;
    if let Some((node, why)) = fleet.ended() {
        history.violation(format!("server {} ended by itself: {why}", node + 1));
    }
    let (silence, during) = history.longest_silence();
    fleet.stop().await;
    Ok(Figures {
        seed,
        nodes: args.nodes,
        clients: args.clients,
        seconds: started.elapsed().as_secs(),
        counts: history.counts(),
        faults,
        longest_unavailability_ms: silence.as_millis() as u64,
        longest_unavailability_after: during,
        violations: history.violations(),
    })
}

/// In the end every server has to have all that was acknowledged.
async fn look_everywhere(fleet: &Fleet, history: &History) -> Fallible {
    for node in 0..fleet.len() {
        let client = load::connect(fleet.address(node)).await?;
        let mut seen = Seen::default();
        for key in 0..load::REGISTERS {
            let (path, floor) = (load::register(key), history.floor(key));
            client.sync(&path).await?;
            let (data, stat) = client.get(&path).await?;
            history.read(key, Some(floor), &mut seen, (&data, &stat));
        }
        let (names, _) = client.get_children(load::QUEUE).await?;
        history.finally(load::QUEUE, &names);
        client.close().await?;
    }
    Ok(())
}

fn tell(figures: &Figures, json: bool) -> Fallible {
    let Figures { seed, counts, faults, violations, .. } = figures;
    if json {
        println!("{}", serde_json::to_string(figures)?);
    } else {
        let kinds: Vec<String> =
            faults.iter().map(|(name, count)| format!("{count} x {name}")).collect();
        let total: u64 = faults.values().sum();
        println!(
            "{} s, {} servers, {} clients, seed {seed}: {} writes acknowledged and {} not, \
             {} reads ({} behind a sync), {} of {} watches fired, {} sequential nodes, {} looks at \
             ephemerals, {} sessions closed and {} expired",
            figures.seconds,
            figures.nodes,
            figures.clients,
            counts.writes,
            counts.unanswered_writes,
            counts.reads,
            counts.synced_reads,
            counts.watches_fired,
            counts.watches,
            counts.sequential,
            counts.ephemeral_checks,
            counts.sessions_closed,
            counts.sessions_expired,
        );
        println!("{total} faults: {}", kinds.join(", "));
        println!(
            "longest time without an acknowledged write: {} ms, at or after: {}",
            figures.longest_unavailability_ms, figures.longest_unavailability_after
        );
        println!("violations: {}", violations.len());
    }
    match violations.first() {
        None => Ok(()),
        Some(first) => {
            Err(Fault::new(format!("{} violations, seed {seed}: {first}", violations.len())))
        }
    }
}
