//! `cargo x differential`: our server and Apache ZooKeeper, the same random programs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use pinfold_conformance::differential::rules::{self, RULES, Uses};
use pinfold_conformance::differential::{Divergence, Program, differ, generate, shrink};
use pinfold_conformance::process::ServerProcess;

use crate::fault::Doing;
use crate::{Fallible, Fault, oracle, step, workspace};

/// Replays of a program while it is made smaller.
const SHRINK_BUDGET: usize = 400;
/// Programs that once made the servers differ.
const PROGRAMS: &str = "bindings/conformance/programs";

/// Play random programs on Pinfold and on Apache ZooKeeper 3.9.5 and compare every answer
#[derive(clap::Args)]
pub(crate) struct Args {
    /// One seed, or several as A..B (B is not among them)
    #[arg(long, default_value = "0..4", alias = "seed")]
    seeds: String,
    /// Steps of each program
    #[arg(long, default_value_t = 1000)]
    steps: usize,
    /// A program from a file instead, as a divergence prints it; a folder stands for all in it
    #[arg(long)]
    program: Option<PathBuf>,
    /// Compare this running server (HOST:PORT) with Apache ZooKeeper instead of ours
    #[arg(long)]
    server: Option<String>,
    /// Print a diverging program as it is, without making it smaller
    #[arg(long)]
    no_shrink: bool,
}

pub(crate) fn run(args: Args) -> Fallible {
    if let Some(why) = oracle::missing() {
        step::left_out("differential against Apache ZooKeeper", why);
        return Ok(());
    }
    let mut pair = Pair::start(args.server.as_deref())?;
    let (mut passed, mut failed) = (0, 0);
    let mut uses = Uses::new();
    let whole = Instant::now();
    let mut steps = 0;
    for (name, program) in programs(&args)? {
        for (rule, count) in rules::for_zookeeper(&program).1 {
            *uses.entry(rule).or_default() += count;
        }
        steps += program.steps.len();
        let begun = Instant::now();
        let divergence = differ(&program, pair.addresses()).map_err(Fault::new)?;
        let seconds = begun.elapsed().as_secs_f32();
        match divergence {
            None => {
                println!("{name}: {} steps, no divergence, {seconds:.1} s", program.steps.len());
                passed += 1;
            }
            Some(divergence) => {
                println!("{name}: divergence at step {}", divergence.step);
                failed += 1;
                pair = pair.restart(args.server.as_deref())?;
                report(&mut pair, program, &divergence, args.no_shrink)?;
                // What they hold now may differ already.
                pair = pair.restart(args.server.as_deref())?;
            }
        }
    }
    println!("what differs on purpose (server/COMPAT.md), and how often it was met:");
    for rule in RULES {
        println!("{:8}  {}: {}", uses.get(rule.name).copied().unwrap_or(0), rule.name, rule.row);
    }
    let seconds = whole.elapsed().as_secs();
    println!(
        "differential: {passed} programs without a divergence, {failed} with one; \
         {steps} steps in {seconds} s"
    );
    step::count(passed, failed);
    if failed == 0 { Ok(()) } else { Err(Fault::new(format!("{failed} programs diverge"))) }
}

fn programs(args: &Args) -> Fallible<Vec<(String, Program)>> {
    let mut programs = Vec::new();
    let folder = workspace::root().join(PROGRAMS);
    for path in files(args.program.as_deref().unwrap_or(&folder))? {
        let text = std::fs::read_to_string(&path).doing("reading a program")?;
        let program = serde_json::from_str(&text)
            .map_err(|error| Fault::new(format!("{}: {error}", path.display())))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        programs.push((name, program));
    }
    if args.program.is_none() {
        for seed in seeds(&args.seeds)? {
            programs.push((format!("seed {seed}"), generate(seed, args.steps)));
        }
    }
    Ok(programs)
}

fn files(path: &Path) -> Fallible<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = path.read_dir().doing("listing the programs")?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

fn seeds(text: &str) -> Fallible<std::ops::Range<u64>> {
    let bad = || Fault::new(format!("{text:?} is neither a seed nor a range A..B"));
    match text.split_once("..") {
        None => text.parse().map(|seed| seed..seed + 1).map_err(|_| bad()),
        Some((from, to)) => {
            let (from, to) = (from.parse().map_err(|_| bad())?, to.parse().map_err(|_| bad())?);
            Ok(from..to)
        }
    }
}

/// Makes the program smaller and prints it with what each server said.
fn report(
    pair: &mut Pair,
    mut program: Program,
    divergence: &Divergence,
    as_it_is: bool,
) -> Fallible {
    let mut last = divergence.clone();
    program.steps.truncate(divergence.step + 1);
    let addresses = pair.addresses();
    let again = differ(&program, addresses).map_err(Fault::new)?;
    if again.is_none() {
        println!("it does not diverge every time; this is the whole program");
    } else if !as_it_is {
        eprintln!("making the program smaller");
        program = shrink(program, SHRINK_BUDGET, &mut |candidate| {
            matches!(differ(candidate, addresses), Ok(Some(_)))
        });
        let again = differ(&program, addresses).map_err(Fault::new)?;
        match again {
            Some(divergence) => last = divergence,
            None => println!("it does not diverge every time"),
        }
    }
    println!("{}", serde_json::to_string(&program).doing("writing the program")?);
    println!("step {}: {:?}", last.step, program.steps.get(last.step));
    last.left.iter().for_each(|line| println!("  pinfold   {line}"));
    last.right.iter().for_each(|line| println!("  zookeeper {line}"));
    println!("to keep it, put the program into {PROGRAMS}/<what it shows>.json\n");
    Ok(())
}

/// The two servers.
struct Pair {
    _ours: Option<ServerProcess>,
    _theirs: ServerProcess,
    left: String,
    right: String,
    // After the servers, so that they are gone before their folders are.
    _folders: [tempfile::TempDir; 2],
}

impl Pair {
    fn start(other: Option<&str>) -> Fallible<Pair> {
        let folders = [
            tempfile::tempdir().doing("making a temporary folder")?,
            tempfile::tempdir().doing("making a temporary folder")?,
        ];
        let settings = ServerProcess::DIFFERENTIAL;
        let java: Vec<OsString> =
            settings.iter().map(|(key, value)| format!("-D{key}={value}").into()).collect();
        let ours = match other {
            Some(_) => None,
            None => {
                let binary = workspace::server_binary()?;
                let log = std::fs::File::create(folders[0].path().join("server.log"));
                let log = Stdio::from(log.doing("making a log file")?);
                let data = folders[0].path().join("data");
                let started = ServerProcess::pinfold_with(&binary, &data, 0, &java, log);
                Some(started.map_err(Fault::new)?)
            }
        };
        let jars = oracle::jars()?;
        // What ZooKeeper takes from its file only; a later line counts.
        let plain = settings.iter().filter(|(key, _)| !key.starts_with("zookeeper."));
        let lines: String = plain.map(|(key, value)| format!("{key}={value}\n")).collect();
        let theirs = ServerProcess::zookeeper_with(&jars, folders[1].path(), 0, &lines, &java);
        let theirs = theirs.map_err(Fault::new)?;
        let left = match (&ours, other) {
            (Some(ours), _) => ours.address().to_owned(),
            (None, other) => other.unwrap_or_default().to_owned(),
        };
        let right = theirs.address().to_owned();
        Ok(Pair { _ours: ours, _theirs: theirs, left, right, _folders: folders })
    }

    fn restart(self, other: Option<&str>) -> Fallible<Pair> {
        drop(self);
        Pair::start(other)
    }

    fn addresses(&self) -> [&str; 2] {
        [&self.left, &self.right]
    }
}
