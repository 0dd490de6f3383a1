//! Steps of a command: says what it is doing, how far it is, and what had to be left out.
//!
//! A command may run other commands as child processes (`cargo x test` does). They then add their
//! counts and what they left out to the file named by `PINFOLD_REPORT`, and the outermost one
//! prints the sum.

use crate::fault::Doing;
use crate::{Fallible, Fault};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

const REPORT: &str = "PINFOLD_REPORT";

static LEFT_OUT: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Counts what a command does: `[2/5 14s] building the C library`.
pub(crate) struct Steps {
    total: usize,
    done: usize,
    started: Instant,
}

impl Steps {
    /// `total` is the number of steps that will be announced.
    pub(crate) fn new(total: usize) -> Steps {
        Steps { total, done: 0, started: Instant::now() }
    }

    /// Announces the next step.
    pub(crate) fn next(&mut self, what: impl std::fmt::Display) {
        self.done += 1;
        let seconds = self.started.elapsed().as_secs();
        eprintln!("[{}/{} {seconds}s] {what}", self.done, self.total);
    }
}

/// Runs a command with its output on the terminal; an exit status other than 0 is a fault.
pub(crate) fn run(command: &mut Command) -> Fallible {
    let shown = shown(command);
    let status = command.status().doing(&shown)?;
    if status.success() { Ok(()) } else { Err(Fault::new(format!("{shown}: {status}"))) }
}

/// Runs a command and returns its standard output; its error output is shown only on failure.
pub(crate) fn output(command: &mut Command) -> Fallible<String> {
    let shown = shown(command);
    let output = command.output().doing(&shown)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let error = String::from_utf8_lossy(&output.stderr);
    Err(Fault::new(format!("{shown}: {}\n{text}{error}", output.status)))
}

/// Whether a program of this name can be started.
pub(crate) fn available(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    command.get_args().fold(name.into_owned(), |mut line, argument| {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
        line
    })
}

/// Notes that something could not be done here, and why. Named again in the last lines of output;
/// with `CI=true` it fails the command.
pub(crate) fn left_out(what: impl std::fmt::Display, why: impl std::fmt::Display) {
    let line = format!("{what} ({why})");
    eprintln!("left out: {line}");
    if append(&format!("left-out {line}")) {
        return;
    }
    if let Ok(mut lines) = LEFT_OUT.lock() {
        lines.push(line);
    }
}

/// Adds test counts to the report of the command that started this one, if one did.
pub(crate) fn count(passed: usize, failed: usize) {
    append(&format!("count {passed} {failed}"));
}

fn append(line: &str) -> bool {
    let Some(path) = std::env::var_os(REPORT) else { return false };
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| writeln!(file, "{line}")).is_ok()
}

/// Prints what was left out. False if that makes the command a failure.
pub(crate) fn report_left_out() -> bool {
    let lines = LEFT_OUT.lock().map(|lines| lines.clone()).unwrap_or_default();
    for line in &lines {
        eprintln!("left out: {line}");
    }
    lines.is_empty() || std::env::var("CI").as_deref() != Ok("true")
}

/// What child commands reported.
#[derive(Default, Debug)]
pub(crate) struct Report {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) left_out: Vec<String>,
}

impl Report {
    /// Points a child command at this report file.
    pub(crate) fn attach(command: &mut Command, path: &Path) {
        command.env(REPORT, path);
    }

    /// Reads and removes what a child wrote; nothing written is an empty report.
    pub(crate) fn take(path: &PathBuf) -> Report {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        // A file that was never written need not be removed.
        let _ = std::fs::remove_file(path);
        let mut report = Report::default();
        for line in text.lines() {
            if let Some(what) = line.strip_prefix("left-out ") {
                report.left_out.push(what.to_owned());
            } else if let Some(counts) = line.strip_prefix("count ") {
                let mut numbers = counts.split(' ').filter_map(|word| word.parse::<usize>().ok());
                report.passed += numbers.next().unwrap_or(0);
                report.failed += numbers.next().unwrap_or(0);
            }
        }
        report
    }
}
