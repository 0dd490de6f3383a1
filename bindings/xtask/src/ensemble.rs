//! `cargo x ensemble N`: an ensemble on the loopback, until Ctrl-C.

use crate::fault::Doing;
use crate::fleet::{Choice, Fleet, Plan};
use crate::{Fallible, Fault};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

const SERVING_WITHIN: Duration = Duration::from_secs(60);

/// Start N servers as one ensemble on the loopback; Ctrl-C stops them all
///
/// Prints where clients connect to, and where each server has its configuration, its data and its
/// log. The folder is removed at the end, unless it was named with --folder; with --folder the
/// ensemble goes on where it was, on other ports.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many servers
    #[arg(default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    servers: u8,
    /// Where everything lies: N/zoo.cfg, N/data, N/said
    #[arg(long)]
    folder: Option<PathBuf>,
    /// A line for every zoo.cfg, such as tickTime=500; any number of times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    #[command(flatten)]
    choice: Choice,
}

pub(crate) fn run(args: Args) -> Fallible {
    let binary = args.choice.binary()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let temporary = tempfile::tempdir().doing("making a temporary folder")?;
    let folder = args.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    let folder = std::path::absolute(&folder).doing("finding the folder")?;
    runtime.doing("starting the runtime")?.block_on(serve(&binary, &folder, &args))
}

async fn serve(binary: &Path, folder: &Path, args: &Args) -> Fallible {
    let mut interrupt = signal(SignalKind::interrupt()).doing("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).doing("listening for SIGTERM")?;
    let lines: Vec<String> = args.settings.iter().map(|line| format!("{line}\n")).collect();
    let plan = Plan { servers: args.servers.into(), settings: lines.concat(), ..Plan::default() };
    let mut fleet = Fleet::start(binary, folder, &plan).await?;
    let ended = tokio::select! {
        ended = watch(&mut fleet) => ended,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    eprintln!("stopping");
    fleet.stop().await;
    ended
}

/// Tells where everybody is, and when somebody ends. Returns when nobody is left.
async fn watch(fleet: &mut Fleet) -> Fallible {
    fleet.serving(SERVING_WITHIN).await?;
    for node in 0..fleet.len() {
        let mode = fleet.mode(node).await.unwrap_or_else(|| "not serving".to_owned());
        let (address, folder) = (fleet.address(node), fleet.folder(node).display());
        println!("server {}: {address} ({mode}), log {folder}/said", node + 1);
    }
    println!("all of them: {}", fleet.addresses());
    println!("Ctrl-C stops them");
    while (0..fleet.len()).any(|node| fleet.runs(node)) {
        if let Some((node, why)) = fleet.ended() {
            println!("server {} ended: {why}", node + 1);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(Fault::new("no server is left"))
}
