//! `cargo x bench`: how fast, beside whom, in one run.

mod curve;
mod gets;
mod library;
mod limit;
mod measure;
mod peer;
mod plot;
mod readme;
mod redis;
mod row;
mod table;

use crate::fault::Doing;
use crate::{Fallible, Fault, step, workspace};
use measure::Effort;
use peer::Programs;
use row::{ROWS, Row};
use std::path::PathBuf;
use table::Outcome;

/// Measure Pinfold beside Apache ZooKeeper and beside what the machine allows
///
/// Rows are measured one after another, and in each everybody in turn, round after round. Ratios
/// are of figures of one round; their median and their spread are printed beside what is to be
/// shown. Processor time is that of the server's process. A row that saw an error or
/// lost a reply has no figure, and the command fails at its end.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these rows; may be given several times
    #[arg(long, value_name = "ROW")]
    only: Vec<String>,
    /// Name the rows and end
    #[arg(long)]
    list: bool,
    /// How often everybody has its turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long each turn counts
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// All that was measured, as a file of JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How the cost grows with sessions, znodes and watches, instead of the rows: JSON and SVG
    /// into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["only", "json", "readme"])]
    curves: Option<PathBuf>,
    /// Put the table into README.md, with the machine and the date
    #[arg(long)]
    readme: bool,
    /// Pinfold alone, and each row as small as it can be: whether figures come out
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(args: Args) -> Fallible {
    if args.list {
        ROWS.iter().for_each(|row| println!("{:12} {}", row.name, row.says));
        return Ok(());
    }
    let chosen = chosen(&args.only)?;
    let (pinfold, load) = match args.quick {
        true => (workspace::server_binary()?, workspace::built()?.join("pinfold-load")),
        false => (workspace::release_server()?, release_load()?),
    };
    let programs = Programs::find(pinfold, load, args.quick);
    let effort = match args.quick {
        true => Effort { rounds: 1, seconds: 0.2, quick: true },
        false => Effort { rounds: args.rounds.into(), seconds: args.seconds, quick: false },
    };
    // Where the build goes there is a disk; a temporary folder may be in memory.
    let target = workspace::built()?;
    let folder = tempfile::tempdir_in(target.parent().unwrap_or(&target));
    let folder = folder.doing("making a folder for the servers")?;
    if let Some(pictures) = &args.curves {
        return curve::draw(&programs, effort, folder.path(), pictures);
    }
    let (mut outcomes, mut failed) = (Vec::new(), Vec::new());
    for (index, row) in chosen.iter().enumerate() {
        eprintln!("[{}/{}] {}: {}", index + 1, chosen.len(), row.name, row.says);
        match measure::measure(&programs, row, effort, folder.path()) {
            Ok(series) => {
                let outcome = Outcome::new(row, series);
                println!("{}", outcome.text());
                outcomes.push(outcome);
            }
            Err(fault) => {
                eprintln!("{}: no figure: {fault}", row.name);
                failed.push(format!("{}: {fault}", row.name));
            }
        }
    }
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&outcomes)?;
        std::fs::write(file, text).doing(file.display())?;
    }
    if args.readme {
        readme::paste(&outcomes, effort)?;
    }
    let ratios = outcomes.iter().flat_map(|outcome| &outcome.ratios);
    let missed = ratios.clone().filter(|ratio| !ratio.is_met).count();
    println!("{} comparisons, {missed} missed", ratios.count());
    if failed.is_empty() { Ok(()) } else { Err(Fault::new(failed.join("\n"))) }
}

fn chosen(only: &[String]) -> Fallible<Vec<&'static Row>> {
    if let Some(name) = only.iter().find(|name| !ROWS.iter().any(|row| row.name == **name)) {
        return Err(Fault::new(format!("{name} is no row; see --list")));
    }
    let is_chosen = |row: &&Row| only.is_empty() || only.iter().any(|name| name == row.name);
    Ok(ROWS.iter().filter(is_chosen).collect())
}

/// Builds the optimised load generator if need be.
fn release_load() -> Fallible<PathBuf> {
    eprintln!("building the optimised load generator");
    let build = ["build", "--release", "-p", "pinfold-conformance", "--bin", "pinfold-load"];
    step::run(&mut workspace::cargo(&build))?;
    let target = workspace::built()?;
    Ok(target.parent().unwrap_or(&target).join("release").join("pinfold-load"))
}
