//! `cargo x recovery`: how long a large tree takes to come back, and to get to a new server.

use crate::fault::Doing;
use crate::fleet::{Choice, Fleet, Plan};
use crate::{Fallible, Fault};
use pinfold_client::{Acl, Client, CreateMode, MultiOp, Options};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

const WITHIN: Duration = Duration::from_secs(600);
/// Nodes that one request creates.
const PER_REQUEST: u64 = 100;
/// Requests that are on their way together.
const WINDOW: usize = 32;
/// Children of one node.
const PER_PARENT: u64 = 1000;
/// One entry holds many znodes here, so snapshots come after fewer entries than usual.
const SETTINGS: &str = "snapCount=2000\n";
/// Bytes of data of each node.
const DATA: usize = 100;

/// Time the restart of a server with many znodes, and the arrival of a new one in its ensemble
///
/// A server that is alone is filled, killed and started again: it reads its newest snapshot and
/// the log behind it. Then two servers of an ensemble are filled, and the third one begins with an
/// empty directory while a client goes on writing.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many znodes
    #[arg(long, default_value_t = 1_000_000)]
    znodes: u64,
    /// Writes in a second while the third server catches up
    #[arg(long, default_value_t = 2000)]
    writes: u64,
    #[command(flatten)]
    choice: Choice,
    /// The figures as one line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Default, serde::Serialize)]
struct Figures {
    znodes: u64,
    data_bytes_each: usize,
    filled_in_ms: u64,
    standalone_ready_after_kill_ms: u64,
    standalone_snapshot_bytes: u64,
    standalone_log_bytes: u64,
    joined_ms: u64,
    writes_per_second_meanwhile: u64,
    longest_write_meanwhile_ms: u64,
}

pub(crate) fn run(args: Args) -> Fallible {
    let binary = args.choice.binary()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let folder = tempfile::tempdir().doing("making a temporary folder")?;
    let runtime = runtime.doing("starting the runtime")?;
    let figures = runtime.block_on(interruptible(&args, &binary, folder.path()))?;
    if args.json {
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(());
    }
    println!(
        "{} znodes of {} bytes, written in {} ms\n\
         a server that is alone, killed and started again: ready after {} ms (snapshots of {} \
         bytes, log of {} bytes)\n\
         a new server in an ensemble: caught up and serving after {} ms, beside {} writes/s, the \
         slowest of which took {} ms",
        figures.znodes,
        figures.data_bytes_each,
        figures.filled_in_ms,
        figures.standalone_ready_after_kill_ms,
        figures.standalone_snapshot_bytes,
        figures.standalone_log_bytes,
        figures.joined_ms,
        figures.writes_per_second_meanwhile,
        figures.longest_write_meanwhile_ms
    );
    Ok(())
}

async fn interruptible(args: &Args, binary: &Path, folder: &Path) -> Fallible<Figures> {
    let mut interrupt = signal(SignalKind::interrupt()).doing("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).doing("listening for SIGTERM")?;
    let measured = async {
        let mut figures =
            Figures { znodes: args.znodes, data_bytes_each: DATA, ..Figures::default() };
        alone(args, binary, &folder.join("alone"), &mut figures).await?;
        joining(args, binary, &folder.join("ensemble"), &mut figures).await?;
        Ok(figures)
    };
    tokio::select! {
        figures = measured => figures,
        _ = interrupt.recv() => Err(Fault::new("interrupted")),
        _ = terminate.recv() => Err(Fault::new("terminated")),
    }
}

async fn connect(hosts: &str) -> Fallible<Client> {
    let mut options = Options::new(hosts);
    options.connect_timeout = WITHIN;
    options.session_timeout = Duration::from_secs(40);
    Client::connect(options).await.map_err(Fault::from)
}

/// Creates the nodes, many with each request.
async fn fill(client: &Client, znodes: u64) -> Fallible {
    let (acl, data) = (Acl::open_unsafe(), "x".repeat(DATA));
    client.create("/fill", "", CreateMode::Persistent, &acl).await?;
    let create = |path: String, data: &str| MultiOp::Create {
        path,
        data: Some(data.to_owned().into()),
        acl: acl.clone(),
        mode: CreateMode::Persistent,
        ttl_ms: 0,
    };
    let mut waiting = VecDeque::new();
    let mut done = 0;
    while done < znodes {
        let (mut ops, until) = (Vec::new(), (done + PER_REQUEST).min(znodes));
        for number in done..until {
            let parent = number / PER_PARENT;
            if number.is_multiple_of(PER_PARENT) {
                ops.push(create(format!("/fill/p{parent}"), ""));
            }
            ops.push(create(format!("/fill/p{parent}/n{number}"), &data));
        }
        done = until;
        waiting.push_back(client.multi(ops));
        if waiting.len() >= WINDOW
            && let Some(first) = waiting.pop_front()
        {
            first.await?;
        }
        if done.is_multiple_of(100_000) {
            eprintln!("{done} znodes");
        }
    }
    for answer in waiting {
        answer.await?;
    }
    Ok(())
}

/// Bytes of the files in a folder.
fn size(folder: &Path) -> Fallible<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder).doing("looking at the server's files")? {
        total += entry.doing("looking at the server's files")?.metadata()?.len();
    }
    Ok(total)
}

async fn alone(args: &Args, binary: &Path, folder: &Path, figures: &mut Figures) -> Fallible {
    let settings = SETTINGS.to_owned();
    let plan = Plan { servers: 1, settings, ..Plan::default() };
    let mut fleet = Fleet::start(binary, folder, &plan).await?;
    fleet.serving(WITHIN).await?;
    let client = connect(&fleet.addresses()).await?;
    let begun = Instant::now();
    fill(&client, args.znodes).await?;
    figures.filled_in_ms = begun.elapsed().as_millis() as u64;
    client.close().await?;
    fleet.kill(0).await?;
    let data = fleet.folder(0).join("data");
    figures.standalone_snapshot_bytes = size(&data.join("snapshots"))?;
    figures.standalone_log_bytes = size(&data.join("log"))?;
    let begun = Instant::now();
    fleet.launch(0)?;
    fleet.serving(WITHIN).await?;
    figures.standalone_ready_after_kill_ms = begun.elapsed().as_millis() as u64;
    let client = connect(&fleet.addresses()).await?;
    let found = client.get_all_children_number("/fill").await?;
    let wanted = args.znodes + args.znodes.div_ceil(PER_PARENT);
    if u64::try_from(found).unwrap_or(0) != wanted {
        return Err(Fault::new(format!("{found} znodes came back of {wanted}")));
    }
    client.close().await?;
    fleet.stop().await;
    Ok(())
}

async fn joining(args: &Args, binary: &Path, folder: &Path, figures: &mut Figures) -> Fallible {
    let settings = SETTINGS.to_owned();
    let plan = Plan { servers: 3, settings, ..Plan::default() };
    let mut fleet = Fleet::start(binary, folder, &plan).await?;
    fleet.serving(WITHIN).await?;
    let leader = fleet.leader(WITHIN).await?;
    let third = (leader + 1) % 3;
    fleet.kill(third).await?;
    let client = connect(fleet.address(leader)).await?;
    fill(&client, args.znodes).await?;
    let data = fleet.folder(third).join("data");
    std::fs::remove_dir_all(&data).doing("emptying the directory of the third server")?;
    std::fs::create_dir_all(&data).doing("emptying the directory of the third server")?;
    std::fs::write(data.join("myid"), format!("{}\n", third + 1)).doing("writing myid")?;
    let (stop, slowest) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writing = tokio::spawn(write(client, args.writes, stop.clone(), slowest.clone()));
    let begun = Instant::now();
    fleet.launch(third)?;
    fleet.serving(WITHIN).await?;
    // What is written now has to be there now.
    let marker = connect(fleet.address(leader)).await?;
    marker.create("/marker", "", CreateMode::Persistent, &Acl::open_unsafe()).await?;
    let other = connect(fleet.address(third)).await?;
    while other.exists("/marker").await?.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    figures.joined_ms = begun.elapsed().as_millis() as u64;
    stop.store(true, Ordering::Relaxed);
    let written = writing.await??;
    figures.writes_per_second_meanwhile = written * 1000 / figures.joined_ms.max(1);
    figures.longest_write_meanwhile_ms = slowest.load(Ordering::Relaxed);
    marker.close().await?;
    other.close().await?;
    fleet.stop().await;
    Ok(())
}

/// Writes at a steady pace until it is told to stop; gives the number of acknowledged writes.
async fn write(
    client: Client,
    per_second: u64,
    stop: Arc<AtomicBool>,
    slowest: Arc<AtomicU64>,
) -> Fallible<u64> {
    const TURNS: u64 = 100;
    let mut turn = tokio::time::interval(Duration::from_millis(1000 / TURNS));
    let mut answered = tokio::task::JoinSet::new();
    let mut written = 0;
    while !stop.load(Ordering::Relaxed) {
        turn.tick().await;
        for _ in 0..per_second / TURNS {
            let (answer, begun) = (client.set("/fill", "x", -1), Instant::now());
            let slowest = slowest.clone();
            answered.spawn(async move {
                let answer = answer.await;
                let took = begun.elapsed().as_millis() as u64;
                slowest.fetch_max(took, Ordering::Relaxed);
                answer.map(drop)
            });
        }
        while let Some(done) = answered.try_join_next() {
            done?.doing("writing while a server catches up")?;
            written += 1;
        }
    }
    while let Some(done) = answered.join_next().await {
        done?.doing("writing while a server catches up")?;
        written += 1;
    }
    Ok(written)
}
