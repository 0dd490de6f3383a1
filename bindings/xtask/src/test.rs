//! `cargo x test`: everything, in the order in which a mistake shows soonest.

use crate::fault::Doing;
use crate::step::{self, Report};
use crate::{Fallible, Fault, cache, deadline, tally, workspace};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Everything: checks, unit tests, each language, examples, conformance, real clients, crashes
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the parts of these names
    parts: Vec<String>,
    /// Name the parts and end
    #[arg(long)]
    list: bool,
}

/// How long a part may take, with what it builds: several times what the longest does.
const MOST: Duration = Duration::from_secs(30 * 60);

/// A part: its name, what it shows, and the `cargo x` command that it is.
type Part = (&'static str, &'static str, &'static [&'static str]);

const PARTS: &[Part] = &[
    ("check", "formatting, tidy, generated files, clippy", &["check"]),
    ("deny", "licences and sources of the dependencies", &["deny"]),
    ("rust", "unit and integration tests of every crate", &[]),
    ("fuzz", "every committed input through its fuzz target", &["fuzz", "--replay"]),
    ("python", "the Python package, its types, and its installation", &["py", "--test"]),
    ("node", "the Node package, its types, and its installation", &["node", "--test"]),
    ("c", "the C library, its header, and its installation", &["capi", "--test"]),
    ("examples", "every story in every language", &["examples"]),
    ("conformance", "every language and the wire, on both servers", &["conformance"]),
    (
        "differential",
        "the same random programs on our server and on Apache ZooKeeper",
        &["differential", "--seeds", "0..6", "--steps", "1000"],
    ),
    ("recipes", "the tests of the recipes on Apache ZooKeeper", &["recipes"]),
    ("clients", "kazoo, libzookeeper_mt, zkCli, Java and Curator", &["clients"]),
    (
        "suites",
        "clients' own tests, those that say most, against what passes on Apache ZooKeeper",
        &["suites", "--quick", "--only-pinfold"],
    ),
    ("bench", "that every row of the benchmark gives figures", &["bench", "--quick"]),
    ("sim", "simulated ensembles and clients under faults", &["sim", "--seeds", "0..100"]),
    ("crash", "kill -9 of the server under a write load", &["crash", "--rounds", "5"]),
    (
        "chaos",
        "kills, pauses and partitions of three servers, and what their clients saw",
        &["chaos", "--minutes", "0.6", "--clients", "20"],
    ),
    ("demo", "masters and workers in four languages, with kills", &["demo", "--tasks", "600"]),
];

pub(crate) fn run(args: Args) -> Fallible {
    if args.list {
        for (name, shows, _) in PARTS {
            println!("{name:12} {shows}");
        }
        return Ok(());
    }
    for part in &args.parts {
        if !PARTS.iter().any(|(name, _, _)| name == part) {
            return Err(Fault::new(format!("{part} is no part; see --list")));
        }
    }
    let chosen: Vec<&Part> = PARTS
        .iter()
        .filter(|(name, _, _)| args.parts.is_empty() || args.parts.iter().any(|part| part == name))
        .collect();
    let _ = cache::dir()?;
    let folder = tempfile::tempdir().doing("making a temporary folder")?;
    let report = folder.path().join("report");
    let started = Instant::now();
    let mut totals = Report::default();
    let mut table = String::new();
    let mut all_well = true;
    for (index, (name, shows, command)) in chosen.iter().enumerate() {
        let seconds = started.elapsed().as_secs();
        eprintln!("\n==== [{}/{} {seconds}s] {name}: {shows}", index + 1, chosen.len());
        let begun = Instant::now();
        let work = || if command.is_empty() { rust(&report) } else { part(command, &report) };
        let well = deadline::within(MOST, work);
        let well = well.inspect_err(|fault| eprintln!("{name}: {fault}")).is_ok();
        all_well &= well;
        let mut reported = Report::take(&report);
        // A part that fails outside of a counted test, and one that counts nothing, is one test.
        if !well && reported.failed == 0 {
            reported.failed = 1;
        } else if well && reported.passed + reported.failed == 0 {
            reported.passed = 1;
        }
        write_row(&mut table, name, &reported, begun.elapsed());
        totals.passed += reported.passed;
        totals.failed += reported.failed;
        totals.left_out.extend(reported.left_out);
    }
    print!("\n{table}");
    for line in &totals.left_out {
        println!("left out: {line}");
    }
    let strict = std::env::var("CI").as_deref() == Ok("true");
    if strict {
        totals.failed += totals.left_out.len();
    }
    println!("{} passed, {} failed", totals.passed, totals.failed);
    if all_well && totals.failed == 0 {
        return Ok(());
    }
    // The counts stay the last line of standard output; this goes to the other one.
    Err(Fault::new("not everything passed"))
}

fn write_row(table: &mut String, name: &str, report: &Report, time: Duration) {
    let verdict = if report.failed == 0 { "ok" } else { "FAILED" };
    let Report { passed, failed, .. } = report;
    let seconds = time.as_secs();
    // Writing into a string cannot fail.
    let _ =
        writeln!(table, "{name:12} {verdict:7} {passed:6} passed {failed:4} failed {seconds:5} s");
}

/// Runs a command of this program as a child, so that each part stands alone.
fn part(arguments: &[&str], report: &Path) -> Fallible {
    // By its place, not by the running file: a build in between may have put a new one there.
    let mut command = Command::new(workspace::built()?.join("xtask"));
    command.args(arguments);
    Report::attach(&mut command, report);
    step::run(&mut command)
}

/// The tests of every crate.
fn rust(report: &Path) -> Fallible {
    tally::run(
        &mut workspace::cargo(&["test", "--workspace", "--no-fail-fast"]),
        |passed, failed| {
            std::fs::write(report, format!("count {passed} {failed}\n")).doing("writing the counts")
        },
    )
}
