//! `cargo x crash`: kill -9 of a real server under a write load, again and again.
//!
//! Several sessions write without waiting for answers, each below its own node. At a random
//! moment the server is killed; it is started again on the same data, the sessions attach again,
//! and everything is read back. What a session finds must be what it asked for up to some place in
//! its own order, at or after its last acknowledged write: nothing acknowledged is lost, and what
//! was not answered is there as a whole or not at all. What it asked for after the connection had
//! broken waits for the new one, and comes on top of that.

mod load;
mod model;
mod process;

use crate::fault::Doing;
use crate::random::Random;
use crate::{Fallible, Fault, workspace};
use load::Load;
use pinfold_client::{Acl, Client, CreateMode, Options};
use process::Process;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

const SESSIONS: usize = 4;
const ROOT: &str = "/crash";
const ATTACH_WITHIN: Duration = Duration::from_secs(30);

/// Kill the server under a write load and check what is left, `--rounds` times
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often the server is killed
    #[arg(long, default_value_t = 50)]
    rounds: u32,
    /// Decides what is written and when the server is killed; random if left out
    #[arg(long)]
    seed: Option<u64>,
    /// The result as one line of JSON
    #[arg(long)]
    json: bool,
}

/// What a run did.
#[derive(Debug, Default, serde::Serialize)]
struct Totals {
    rounds: u32,
    seed: u64,
    acknowledged: u64,
    acknowledged_late: u64,
    unanswered_present: u64,
    unanswered_absent: u64,
    nodes_read_back: u64,
    ephemerals_kept: u64,
    longest_restart_ms: u64,
    seconds: u64,
}

pub(crate) fn run(args: Args) -> Fallible {
    eprintln!("building the server");
    let binary = workspace::server_binary()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.doing("starting the runtime")?;
    let folder = tempfile::tempdir().doing("making a temporary folder")?;
    match runtime.block_on(unless_interrupted(&args, &binary, folder.path())) {
        Ok(Some(totals)) => tell(&totals, args.json),
        Ok(None) => Err(Fault::new("interrupted")),
        Err(fault) => {
            let kept = folder.keep();
            eprintln!("the server's data and what it said are kept in {}", kept.display());
            Err(fault)
        }
    }
}

/// Nothing if somebody pressed Ctrl-C, or wants it to end. No server is left behind in any case.
async fn unless_interrupted(args: &Args, binary: &Path, folder: &Path) -> Fallible<Option<Totals>> {
    let mut interrupt = signal(SignalKind::interrupt()).doing("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).doing("listening for SIGTERM")?;
    let mut server = tokio::select! {
        server = Process::start(binary, folder) => server?,
        _ = interrupt.recv() => return Ok(None),
        _ = terminate.recv() => return Ok(None),
    };
    let outcome = tokio::select! {
        outcome = rounds(args, &mut server) => outcome.map(Some),
        _ = interrupt.recv() => Ok(None),
        _ = terminate.recv() => Ok(None),
    };
    server.end().await;
    outcome
}

fn tell(totals: &Totals, json: bool) -> Fallible {
    if json {
        println!("{}", serde_json::to_string(totals)?);
        return Ok(());
    }
    println!(
        "{} kills (seed {}): {} writes acknowledged, none lost ({} of them had waited for the \
         restart); of the unanswered ones {} are there as a whole and {} not at all; {} nodes read \
         back, {} ephemerals of live sessions stayed; longest restart {} ms; {} s",
        totals.rounds,
        totals.seed,
        totals.acknowledged,
        totals.acknowledged_late,
        totals.unanswered_present,
        totals.unanswered_absent,
        totals.nodes_read_back,
        totals.ephemerals_kept,
        totals.longest_restart_ms,
        totals.seconds
    );
    Ok(())
}

async fn rounds(args: &Args, server: &mut Process) -> Fallible<Totals> {
    let seed = args.seed.unwrap_or_else(|| std::process::id().into());
    let mut random = Random::new(seed);
    let started = Instant::now();
    let mut totals = Totals { rounds: args.rounds, seed, ..Totals::default() };
    let mut loads = sessions(server.address(), &mut random).await?;
    // The highest zxid that anybody was told of.
    let mut floor = 0;
    for round in 1..=args.rounds {
        let delay = Duration::from_millis(20 + random.below(400));
        let killed = Arc::new(AtomicBool::new(false));
        let running = loads.into_iter().map(|mut load| {
            let killed = killed.clone();
            tokio::spawn(async move {
                load.write_until(&killed).await;
                load
            })
        });
        let running: Vec<_> = running.collect();
        tokio::time::sleep(delay).await;
        server.kill().await?;
        killed.store(true, Ordering::Relaxed);
        // Before the loads have ended: some of what they wait for is answered only then.
        let restart = Instant::now();
        server.restart().await?;
        totals.longest_restart_ms =
            totals.longest_restart_ms.max(restart.elapsed().as_millis() as u64);
        loads = Vec::new();
        for load in running {
            loads.push(load.await?);
        }
        let mut highest = floor;
        let mut line = String::new();
        for load in &mut loads {
            load.attached(ATTACH_WITHIN).await?;
            let found = load.verify(floor).await.doing(format!("round {round}, seed {seed}"))?;
            highest = highest.max(found.highest_zxid);
            totals.add(&found);
            line = format!("{} of {} nodes ephemeral", found.ephemerals, found.nodes);
        }
        floor = highest;
        eprintln!(
            "[{round}/{} {}s] killed after {} ms, {} acknowledged so far, last session: {line}",
            args.rounds,
            started.elapsed().as_secs(),
            delay.as_millis(),
            totals.acknowledged
        );
    }
    totals.seconds = started.elapsed().as_secs();
    Ok(totals)
}

impl Totals {
    fn add(&mut self, found: &model::Found) {
        self.acknowledged += found.acknowledged;
        self.acknowledged_late += found.late;
        self.unanswered_present += found.present;
        self.unanswered_absent += found.absent;
        self.nodes_read_back += found.nodes;
        self.ephemerals_kept += found.ephemerals;
    }
}

async fn sessions(address: &str, random: &mut Random) -> Fallible<Vec<Load>> {
    let mut loads = Vec::new();
    for number in 0..SESSIONS {
        let mut options = Options::new(address);
        options.session_timeout = Duration::from_secs(30);
        let client = Client::connect(options).await.doing("connecting a session")?;
        let acl = Acl::open_unsafe();
        if number == 0 {
            client.create(ROOT, "", CreateMode::Persistent, &acl).await?;
        }
        let home = format!("{ROOT}/s{number}");
        client.create(&home, "", CreateMode::Persistent, &acl).await?;
        loads.push(Load::new(client, home, random.fork())?);
    }
    Ok(loads)
}
