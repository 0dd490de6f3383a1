//! `pinfold log` and `pinfold snapshot`: a data directory read without a server.

mod entries;
mod image;
mod log;
mod output;
mod snapshot;
mod znode;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use output::{Failure, Output};

/// What every command of this kind ends with.
pub(crate) const EXIT_HELP: &str = "\
Nothing in the directory is changed, made or locked: a server may be running on it. What it
writes meanwhile may be missing, or be told as a write that is not finished.

Exit status:
  0  everything could be read and is whole; or both sides are the same
  1  something is damaged (file and offset are told); or the two sides differ
  2  it could not be done: a wrong argument, no data directory, no right to read it";

/// Commands about the log.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Prints every record of the log, one per line.
    #[command(after_help = EXIT_HELP)]
    Dump(LogDump),
    /// Reads the whole log, and says what is there and what is damaged.
    ///
    /// A write at the very end that was not finished is no damage: a server cuts it off.
    #[command(after_help = EXIT_HELP)]
    Verify(LogVerify),
}

/// What `log dump` is given.
#[derive(Debug, Args)]
pub(crate) struct LogDump {
    /// The data directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Index of the first record to print.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    from: u64,
    /// Index of the last record to print.
    #[arg(long, value_name = "INDEX", default_value_t = u64::MAX, hide_default_value = true)]
    to: u64,
    /// Prints one JSON object per line.
    #[arg(long)]
    json: bool,
}

/// What `log verify` is given.
#[derive(Debug, Args)]
pub(crate) struct LogVerify {
    /// The data directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Prints one JSON object per line.
    #[arg(long)]
    json: bool,
}

/// Commands about snapshots.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Prints what a snapshot holds: first itself, then its sessions, then its znodes.
    #[command(after_help = EXIT_HELP)]
    Dump(SnapshotDump),
    /// Reads every block of every snapshot, and says what is there and what is damaged.
    #[command(after_help = EXIT_HELP)]
    Verify(SnapshotVerify),
    /// Says in which znodes and sessions two states differ.
    ///
    /// The newest snapshots of two servers are seldom of the same record: --at brings both to one
    /// point with their logs.
    #[command(after_help = EXIT_HELP)]
    Diff(SnapshotDiff),
}

/// What `snapshot dump` is given.
#[derive(Debug, Args)]
pub(crate) struct SnapshotDump {
    /// A data directory, whose newest snapshot is meant, or the file of a snapshot.
    #[arg(value_name = "DIR|FILE")]
    source: PathBuf,
    /// The state after this record of the log instead, made of a snapshot and the log.
    #[arg(long, value_name = "INDEX")]
    at: Option<u64>,
    /// Prints one JSON object per line.
    #[arg(long)]
    json: bool,
}

/// What `snapshot verify` is given.
#[derive(Debug, Args)]
pub(crate) struct SnapshotVerify {
    /// A data directory, or the file of a snapshot.
    #[arg(value_name = "DIR|FILE")]
    source: PathBuf,
    /// Prints one JSON object per line.
    #[arg(long)]
    json: bool,
}

/// What `snapshot diff` is given.
#[derive(Debug, Args)]
pub(crate) struct SnapshotDiff {
    /// A data directory, whose newest snapshot is meant, or the file of a snapshot.
    #[arg(value_name = "DIR|FILE")]
    left: PathBuf,
    /// What to compare it with.
    #[arg(value_name = "DIR|FILE")]
    right: PathBuf,
    /// The states after this record of the log instead, made of snapshots and logs.
    #[arg(long, value_name = "INDEX")]
    at: Option<u64>,
    /// Prints one JSON object per line.
    #[arg(long)]
    json: bool,
}

/// Runs a command about the log.
pub(crate) fn run_log(command: &LogCommand) -> ExitCode {
    match command {
        LogCommand::Dump(wanted) => {
            conclude(wanted.json, |out| log::dump(out, &wanted.directory, wanted.from, wanted.to))
        }
        LogCommand::Verify(wanted) => {
            conclude(wanted.json, |out| log::verify(out, &wanted.directory))
        }
    }
}

/// Runs a command about snapshots.
pub(crate) fn run_snapshot(command: &SnapshotCommand) -> ExitCode {
    match command {
        SnapshotCommand::Dump(wanted) => {
            conclude(wanted.json, |out| snapshot::dump(out, &wanted.source, wanted.at))
        }
        SnapshotCommand::Verify(wanted) => {
            conclude(wanted.json, |out| snapshot::verify(out, &wanted.source))
        }
        SnapshotCommand::Diff(wanted) => {
            let SnapshotDiff { left, right, at, json } = wanted;
            conclude(*json, |out| snapshot::diff(out, left, right, *at))
        }
    }
}

/// Does the work and tells how it ended. `false` is "it was read, but all is not well".
fn conclude(json: bool, work: impl FnOnce(&mut Output) -> Result<bool, Failure>) -> ExitCode {
    let mut out = Output::new(json);
    let ended = work(&mut out).and_then(|well| out.flush().map(|()| well));
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        // Whoever read it has seen enough.
        Err(Failure::NobodyReads) => ExitCode::SUCCESS,
        Err(failure) => {
            // What was printed before it stays; that it cannot be printed any more is secondary.
            let _ = out.flush();
            eprintln!("pinfold: {failure}");
            ExitCode::from(failure.status())
        }
    }
}
