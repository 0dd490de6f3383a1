//! `cargo x demo`: the main job, end to end, with kills half-way.

mod chaos;
mod corpus;
mod gauge;
mod programs;
mod progress;
mod stage;
mod submitter;
mod verdict;

use crate::fault::Doing;
use crate::{Fallible, Fault};
use corpus::Corpus;
use programs::Programs;
use stage::Stage;
use std::path::{Path, PathBuf};
use verdict::Verdict;

/// Count the words of a tree with a Python and a Node master and workers in four languages,
/// kill -9 the master, a worker and the server half-way, and compare with a direct count
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder to count, several times if you like; default: this repository and the sources of
    /// its dependencies
    #[arg(long)]
    dir: Vec<PathBuf>,
    /// At most this many files, spread over all of them
    #[arg(long)]
    tasks: Option<usize>,
    /// Kill nothing
    #[arg(long)]
    no_chaos: bool,
    /// Keep the server's data and everybody's output, and say where
    #[arg(long)]
    keep: bool,
    /// Print the outcome as one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Fallible {
    let programs = Programs::build()?;
    eprintln!("counting directly, to compare with");
    let corpus = Corpus::collect(&args.dir, args.tasks)?;
    eprintln!("{} files, {} bytes", corpus.files.len(), corpus.total.bytes);
    let mut folder = tempfile::Builder::new().prefix("pinfold-demo-").tempdir()?;
    folder.disable_cleanup(args.keep);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .doing("starting the runtime")?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = play(&args, &programs, &corpus, folder.path()) => outcome,
            // Dropping the play ends every process that it started.
            _ = tokio::signal::ctrl_c() => Err(Fault::new("interrupted")),
        }
    });
    if args.keep {
        eprintln!("kept: {}", folder.path().display());
    }
    let verdict = outcome?;
    if args.json {
        println!("{}", verdict.json());
    } else {
        print!("{}", verdict.table());
    }
    if verdict.holds() { Ok(()) } else { Err(Fault::new("the outcome is not what it has to be")) }
}

async fn play(
    args: &Args,
    programs: &Programs,
    corpus: &Corpus,
    folder: &Path,
) -> Fallible<Verdict> {
    let mut stage = Stage::set(programs, corpus, folder).await?;
    let total = corpus.files.len();
    let damage = if args.no_chaos {
        None
    } else {
        stage.submit(60);
        stage.submitted().await?;
        stage.work_until(total / 2).await?;
        Some(chaos::strike(&mut stage).await?)
    };
    stage.submit(100);
    stage.submitted().await?;
    stage.work_until(total).await?;
    let verdict = Verdict::reach(&stage, corpus, damage).await?;
    stage.crew.stop()?;
    Ok(verdict)
}
