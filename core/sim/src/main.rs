//! `pinfold-sim`: runs seeds of the simulation; behind `cargo x sim`.

use std::process::ExitCode;

use clap::Parser;
use pinfold_sim::{Bug, Report, run};

/// Run the simulation with seeds; exit 1 on the first violation
#[derive(Parser)]
#[command(name = "pinfold-sim")]
struct Arguments {
    /// Seeds A to B, without B
    #[arg(long, value_name = "A..B", default_value = "0..200", value_parser = range)]
    seeds: std::ops::Range<u64>,
    /// One seed again
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Plant a fault, to see it caught; `list` names them
    #[arg(long)]
    bug: Option<String>,
}

fn range(text: &str) -> Result<std::ops::Range<u64>, String> {
    let parsed = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    parsed.filter(|range| !range.is_empty()).ok_or_else(|| format!("{text} is no range A..B"))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let bug = match arguments.bug.as_deref() {
        None => None,
        Some(name) => match Bug::ALL.into_iter().find(|bug| bug.name() == name) {
            Some(bug) => Some(bug),
            None => {
                Bug::ALL.iter().for_each(|bug| println!("{}", bug.name()));
                return if name == "list" { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            }
        },
    };
    let seeds = arguments.seed.map_or(arguments.seeds, |seed| seed..seed + 1);
    let count = seeds.end - seeds.start;
    let mut total = Report::default();
    for (done, seed) in seeds.enumerate() {
        match run(seed, bug) {
            Ok(report) => add(&mut total, &report),
            Err(violation) => {
                println!("violation: {violation}");
                println!("again: cargo x sim --seed {}", violation.seed);
                return ExitCode::FAILURE;
            }
        }
        if (done + 1) % 100 == 0 {
            eprintln!("{} of {count} seeds", done + 1);
        }
    }
    println!(
        "{count} seeds: {} writes acknowledged, {} unanswered, {} crashes, {} failed syncs, \
         {} snapshots, no violation",
        total.acknowledged, total.unanswered, total.crashes, total.failed_syncs, total.snapshots
    );
    if count == 1 {
        println!("digest {:016x}", total.digest);
    }
    ExitCode::SUCCESS
}

fn add(total: &mut Report, report: &Report) {
    total.acknowledged += report.acknowledged;
    total.unanswered += report.unanswered;
    total.crashes += report.crashes;
    total.failed_syncs += report.failed_syncs;
    total.snapshots += report.snapshots;
    total.digest = report.digest;
}
