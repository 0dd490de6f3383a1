//! `cargo x fuzz`: the fuzz targets of server/fuzz.
//!
//! cargo-fuzz builds them with the sanitizer of addresses, by the installed toolchain: a stable one
//! is told to allow the unstable flags. What a target finds of interest stays in the build folder
//! and is used by the next run; the committed inputs in server/fuzz/seeds are read by every run.

use crate::fault::Doing;
use crate::step::{self, Steps};
use crate::{Fallible, Fault, cache, workspace};
use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Fuzz every decoder, and whole sessions; without a target all of them, one after the other
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Names of targets: config, entry, jute, log, replication, replies, requests, session
    targets: Vec<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many targets run at a time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Only put the committed inputs through their targets, as an ordinary test
    #[arg(long)]
    replay: bool,
}

const TARGETS: [&str; 8] =
    ["config", "entry", "jute", "log", "replication", "replies", "requests", "session"];
const CARGO_FUZZ: &str = "0.13.2";
/// One input that takes longer than this many seconds hangs.
const TIMEOUT: u64 = 40;
/// More than this many megabytes at a time are too many.
const MEMORY: u64 = 2048;
/// Longest input, in bytes.
const LENGTH: u64 = 4096;
const PROGRESS: Duration = Duration::from_secs(10);
/// How much of what a failing target says is shown.
const TAIL: usize = 60;

/// What a run came to.
#[derive(Debug, Default)]
struct Verdict {
    runs: u64,
    per_second: u64,
    corpus: u64,
    coverage: u64,
    peak_mb: u64,
    /// What it said last, when it failed.
    failure: Option<String>,
}

pub(crate) fn run(args: Args) -> Fallible {
    if args.replay {
        return replay();
    }
    if let Some(unknown) = args.targets.iter().find(|name| !TARGETS.contains(&name.as_str())) {
        let known = TARGETS.join(", ");
        return Err(Fault::new(format!("{unknown} is no target; there are {known}")));
    }
    let chosen = |name: &&str| args.targets.is_empty() || args.targets.iter().any(|t| t == name);
    let targets: Vec<&str> = TARGETS.into_iter().filter(chosen).collect();
    let mut steps = Steps::new(2);
    steps.next("building the targets");
    let folder = build(&targets)?;
    steps.next(format!("{} s for each of {}", args.seconds, targets.join(", ")));
    let temporary = temporary()?;
    let waiting = Mutex::new(VecDeque::from(targets));
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().ok().and_then(|mut waiting| waiting.pop_front());
                    let Some(target) = next else { return };
                    let verdict = fuzz(&folder, target, args.seconds, temporary.path());
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((target, verdict));
                }
            });
        }
    });
    report(done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn replay() -> Fallible {
    let manifest = workspace::root().join("server/fuzz/Cargo.toml");
    let cargo = |arguments: &[&str]| {
        let mut command = workspace::cargo(arguments);
        command.arg("--manifest-path").arg(&manifest);
        command
    };
    step::run(cargo(&["fmt"]).args(["--", "--check"]))?;
    let mut test = cargo(&["test"]);
    // What is built in common is built once.
    let built = workspace::built()?;
    test.env("CARGO_TARGET_DIR", built.parent().unwrap_or(&built));
    step::run(&mut test)?;
    step::count(1, 0);
    Ok(())
}

/// The folder with the programs.
fn build(targets: &[&str]) -> Fallible<PathBuf> {
    let version = step::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| Fault::new("rustc does not tell its host"))?;
    let target_dir = folder()?.join("build");
    for target in targets {
        let mut build = workspace::cargo(&["fuzz", "build", "--features", "libfuzzer"]);
        build.args(["--fuzz-dir", "server/fuzz"]).arg("--target-dir").arg(&target_dir).arg(target);
        build.env("PATH", path_with(&tool()?)?);
        if !version.contains("nightly") {
            build.env("RUSTC_BOOTSTRAP", "1");
        }
        step::run(&mut build)?;
    }
    Ok(target_dir.join(host).join("release"))
}

/// Where all that belongs to fuzzing is built and found.
fn folder() -> Fallible<PathBuf> {
    let built = workspace::built()?;
    Ok(built.parent().unwrap_or(&built).join("fuzz"))
}

/// The folder with `cargo-fuzz`, installed at the first use.
fn tool() -> Fallible<PathBuf> {
    let folder = cache::filled("cargo-fuzz", CARGO_FUZZ, |folder| {
        eprintln!("installing cargo-fuzz {CARGO_FUZZ}");
        let mut install = workspace::cargo(&["install", "cargo-fuzz", "--locked"]);
        install.args(["--version", CARGO_FUZZ]).arg("--root").arg(folder);
        step::run(install.env_remove("CARGO_TARGET_DIR"))
    })?;
    Ok(folder.join("bin"))
}

fn path_with(folder: &Path) -> Fallible<std::ffi::OsString> {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&old));
    std::env::join_paths(all).doing("the PATH")
}

/// A folder in memory where there is one, for the directories of servers.
fn temporary() -> Fallible<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.doing("making a temporary folder")
}

/// The server of `session` still runs when its program exits, and holds what only the kernel's
/// list of sockets points to: that is no leak. What grows is seen by the peak of the memory.
fn options(target: &str) -> String {
    let leaks = u8::from(target != "session");
    format!("detect_odr_violation=0:quarantine_size_mb=64:detect_leaks={leaks}")
}

fn fuzz(programs: &Path, target: &str, seconds: u64, temporary: &Path) -> Fallible<Verdict> {
    let here = folder()?;
    let (corpus, artifacts) = (here.join("corpus").join(target), here.join("artifacts"));
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).doing(format!("making {}", folder.display()))?;
    }
    let mut program = Command::new(programs.join(target));
    program
        .arg(&corpus)
        .arg(workspace::root().join("server/fuzz/seeds").join(target))
        .arg(format!("-artifact_prefix={}/{target}-", artifacts.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .arg(format!("-max_len={LENGTH}"))
        .arg("-print_final_stats=1")
        .env("ASAN_OPTIONS", options(target))
        .env("RUST_BACKTRACE", "1")
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = program.spawn().doing(target)?;
    let stderr = child.stderr.take().ok_or_else(|| Fault::new("no standard error"))?;
    let mut verdict = Verdict::default();
    let mut tail = VecDeque::new();
    let mut shown = Instant::now();
    let begun = Instant::now();
    for line in BufReader::new(stderr).split(b'\n') {
        let line = line.doing(target)?;
        let line = String::from_utf8_lossy(&line).into_owned();
        verdict.take(&line);
        if shown.elapsed() >= PROGRESS {
            shown = Instant::now();
            let Verdict { runs, per_second, corpus, coverage, peak_mb, .. } = &verdict;
            eprintln!(
                "[{target} {}s] {runs} runs, {per_second}/s, corpus {corpus}, coverage \
                 {coverage}, {peak_mb} MB",
                begun.elapsed().as_secs()
            );
        }
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(line);
    }
    let status = child.wait().doing(target)?;
    if !status.success() {
        tail.push_back(format!("{target}: {status}"));
        verdict.failure = Some(Vec::from(tail).join("\n"));
    }
    Ok(verdict)
}

impl Verdict {
    /// What libfuzzer tells in a line.
    fn take(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let first = words.first().and_then(|word| word.strip_prefix('#'));
        if let Some(runs) = first.and_then(|number| number.trim_end_matches(':').parse().ok()) {
            self.runs = runs;
        }
        for pair in words.windows(2) {
            let number = number(pair[1]);
            match pair[0] {
                "cov:" => self.coverage = number,
                "corp:" => self.corpus = number,
                "exec/s:" | "stat::average_exec_per_sec:" => self.per_second = number,
                "rss:" => self.peak_mb = self.peak_mb.max(number),
                "stat::number_of_executed_units:" => self.runs = number,
                "stat::peak_rss_mb:" => self.peak_mb = number,
                _ => {}
            }
        }
    }
}

/// The digits with which a word begins.
fn number(word: &str) -> u64 {
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    word[..end].parse().unwrap_or(0)
}

fn report(mut done: Vec<(&str, Fallible<Verdict>)>) -> Fallible {
    done.sort_by_key(|(target, _)| *target);
    let mut failed = Vec::new();
    let mut passed = 0;
    for (target, verdict) in &done {
        let verdict = match verdict {
            Ok(verdict) => verdict,
            Err(fault) => {
                println!("{target:12} {fault}");
                failed.push(*target);
                continue;
            }
        };
        let Verdict { runs, per_second, corpus, coverage, peak_mb, failure } = verdict;
        let word = if failure.is_some() { "FAILED" } else { "ok" };
        println!(
            "{target:12} {word:7} {runs:10} runs {per_second:7}/s  corpus {corpus:5}  coverage \
             {coverage:6}  peak {peak_mb:5} MB"
        );
        match failure {
            None => passed += 1,
            Some(said) => {
                failed.push(*target);
                eprintln!("\n==== {target} failed; what it said last:\n{said}\n");
                for line in said.lines().filter(|line| line.contains("written to ")) {
                    println!("{target:12} {}", line.trim());
                }
            }
        }
    }
    step::count(passed, failed.len());
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Fault::new(format!("{} failed", failed.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_tells_is_read() {
        let mut verdict = Verdict::default();
        let line = "#4096\tpulse  cov: 310 ft: 855 corp: 120/3120b lim: 43 exec/s: 2048 rss: 61Mb";
        verdict.take(line);
        let Verdict { runs, per_second, corpus, coverage, peak_mb, .. } = &verdict;
        assert_eq!((*runs, *per_second, *corpus, *coverage), (4096, 2048, 120, 310));
        assert_eq!(*peak_mb, 61);
        verdict.take("stat::number_of_executed_units: 9000");
        verdict.take("stat::peak_rss_mb:            70");
        assert_eq!((verdict.runs, verdict.peak_mb), (9000, 70));
    }
}
