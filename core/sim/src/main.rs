//! `pinfold-sim`: runs seeds of the simulation; behind `cargo x sim`.

use std::io::IsTerminal;
use std::ops::Range;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use pinfold_sim::{Bug, Report, Setting, Violation, run_range, shrink, storage};
use serde_json::json;

/// Runs that may be spent on a shorter schedule for a violation.
const SHRINKING: usize = 60;

/// Run the simulation with seeds
#[derive(Parser)]
#[command(
    name = "cargo x sim",
    after_help = "Exit status: 0 when no seed shows a violation, 1 \
                                             when one does, 2 when the command line is wrong."
)]
struct Arguments {
    /// Seeds A to B, without B
    #[arg(long, value_name = "A..B", default_value = "0..100", value_parser = range)]
    seeds: Range<u64>,
    /// One seed again, to the byte; the trace is printed
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Virtual seconds of each run, at least 20
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(20..))]
    seconds: u64,
    /// Servers at the beginning; two more may join
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=9))]
    nodes: u64,
    /// Plant a fault, to see it caught; `list` names them, `all` tries each in turn
    #[arg(long)]
    bug: Option<String>,
    /// One server's log and state machine alone, with many crashes
    #[arg(long)]
    storage: bool,
    /// What the servers say meanwhile, to standard error: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", requires = "seed")]
    log: Option<tracing::Level>,
    /// One line of JSON for the result, nothing else
    #[arg(long)]
    json: bool,
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let parsed = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    parsed.filter(|range| !range.is_empty()).ok_or_else(|| format!("{text} is no range A..B"))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(level) = arguments.log {
        let subscriber =
            tracing_subscriber::fmt().with_max_level(level).without_time().with_ansi(false);
        subscriber.with_writer(std::io::stderr).init();
    }
    let seeds = arguments.seed.map_or(arguments.seeds.clone(), |seed| seed..seed + 1);
    if arguments.storage {
        return run_storage(seeds);
    }
    let (servers, seconds) = (arguments.nodes, arguments.seconds);
    let mut setting = Setting { seed: 0, servers, seconds, bug: None };
    match arguments.bug.as_deref() {
        Some("all") => return run_bugs(&setting, seeds, arguments.json),
        Some(name) => match Bug::named(name) {
            Some(bug) => setting.bug = Some(bug),
            None => return list_bugs(name),
        },
        None => {}
    }
    let began = Instant::now();
    let ended = run_all(&setting, seeds.clone(), arguments.json);
    match ended {
        Ok(total) => {
            tell(&arguments, &total, seeds, began.elapsed());
            ExitCode::SUCCESS
        }
        Err(violation) => {
            tell_violation(&arguments, &setting, violation);
            ExitCode::FAILURE
        }
    }
}

fn list_bugs(name: &str) -> ExitCode {
    let list = Bug::ALL.iter().map(|(name, _, what)| format!("{name:<24}{what}\n"));
    let list: String = list.collect();
    if name == "list" {
        print!("{list}");
        return ExitCode::SUCCESS;
    }
    eprint!("error: {name} is no fault that can be planted:\n{list}");
    ExitCode::from(2)
}

/// Whether each of the planted faults is caught in the seeds.
fn run_bugs(setting: &Setting, seeds: Range<u64>, json: bool) -> ExitCode {
    let mut caught = serde_json::Map::new();
    for (name, bug, _) in Bug::ALL {
        let setting = Setting { bug: Some(bug), ..setting.clone() };
        let found = run_all(&setting, seeds.clone(), json).err();
        if !json {
            match &found {
                Some(Violation { seed, at_ms, what, .. }) => {
                    println!("{name:<24}caught with seed {seed}, at {at_ms} ms: {what}");
                }
                None => println!("{name:<24}not caught"),
            }
        }
        caught.insert(name.to_owned(), json!(found.map(|found| found.seed)));
    }
    let all_caught = caught.values().all(|seed| !seed.is_null());
    if json {
        println!("{}", json!({ "caught": caught }));
    }
    if all_caught { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the seeds, and says how far it is: all the time to a terminal, now and then to others.
fn run_all(setting: &Setting, seeds: Range<u64>, quiet: bool) -> Result<Report, Violation> {
    let all = seeds.end - seeds.start;
    let is_terminal = std::io::stderr().is_terminal();
    let mut told = Instant::now();
    let ended = run_range(setting, seeds, |done| {
        if !quiet && is_terminal {
            eprint!("\r{done} of {all} seeds ");
        } else if !quiet && told.elapsed() >= Duration::from_secs(10) {
            told = Instant::now();
            eprintln!("{done} of {all} seeds");
        }
    });
    if !quiet && is_terminal {
        eprintln!();
    }
    ended
}

fn tell(arguments: &Arguments, total: &Report, seeds: Range<u64>, took: Duration) {
    let count = seeds.end - seeds.start;
    let Report { answers, events, entries, faults, falls, trace } = *total;
    if arguments.json {
        let result = json!({
            "violation": null, "seeds": count, "seconds": arguments.seconds,
            "nodes": arguments.nodes, "answers": answers, "events": events, "entries": entries,
            "faults": faults, "falls": falls, "took_ms": took.as_millis() as u64,
            "trace": format!("{trace:016x}"),
        });
        return println!("{result}");
    }
    println!(
        "{count} seeds of {} virtual seconds in {:.0} s: {answers} answers, {events} events, \
         {entries} entries, {faults} faults, {falls} times a server down, no violation",
        arguments.seconds,
        took.as_secs_f64()
    );
    if count == 1 {
        println!("trace {trace:016x}");
    }
}

fn tell_violation(arguments: &Arguments, setting: &Setting, violation: Violation) {
    let setting = Setting { seed: violation.seed, ..setting.clone() };
    let bug = arguments.bug.as_ref().map_or(String::new(), |name| format!(" --bug {name}"));
    let Setting { seed, servers, seconds, .. } = setting;
    let again = format!("cargo x sim --seed {seed} --nodes {servers} --seconds {seconds}{bug}");
    let Violation { at_ms, what, trace, .. } = violation.clone();
    if !arguments.json {
        println!("violation: {violation}");
        println!("trace {trace:016x}");
        eprintln!("looking for fewer faults that show it, in {SHRINKING} runs at most");
    }
    // Not while the servers speak: they would go on with what is another run.
    let tries = if arguments.log.is_some() { 0 } else { SHRINKING };
    let (left, shown) = shrink(&setting, violation, tries);
    if arguments.json {
        let faults: Vec<String> = left.iter().map(|fault| fault.to_string()).collect();
        let found = json!({
            "seed": seed, "nodes": servers, "seconds": seconds, "at_ms": at_ms, "what": what,
            "trace": format!("{trace:016x}"), "schedule": faults, "again": again,
        });
        return println!("{}", json!({ "violation": found }));
    }
    println!("what had to go wrong for it:");
    left.iter().for_each(|fault| println!("  {fault}"));
    println!("with that alone: {shown}");
    println!("again: {again}");
}

fn run_storage(seeds: Range<u64>) -> ExitCode {
    let count = seeds.end - seeds.start;
    let (mut acknowledged, mut crashes) = (0, 0);
    for seed in seeds {
        match storage::run(seed, None) {
            Ok(report) => {
                acknowledged += report.acknowledged;
                crashes += report.crashes;
            }
            Err(violation) => {
                println!("violation: {violation}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{count} seeds: {acknowledged} writes acknowledged, {crashes} crashes, no violation");
    ExitCode::SUCCESS
}
