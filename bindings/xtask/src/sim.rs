//! `cargo x sim`: seeds of the simulation in core/sim.

use crate::fault::Doing;
use crate::{Fallible, Fault, step, workspace};
use std::process::Command;

/// Simulate ensembles under faults: `--seeds A..B`, `--seed S` for one again, `--bug list`
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Arguments of the simulation
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: Args) -> Fallible {
    // Optimised, because it is all about many seeds.
    let profile = ["--profile", "simulation"];
    // With it the runtime takes a seed, for the order of what is ready at the same time.
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default() + " --cfg tokio_unstable";
    let mut build = workspace::cargo(&["build", "-q", "-p", "pinfold-sim"]);
    step::run(build.args(profile).env("RUSTFLAGS", flags.trim()))?;
    let target = workspace::built()?;
    let optimised = target.parent().unwrap_or(&target).join("simulation");
    let status = Command::new(optimised.join("pinfold-sim")).args(args.arguments).status();
    match status.doing("running the simulation")?.code() {
        Some(0) => Ok(()),
        // It has said what is wrong with its command line.
        Some(2) => std::process::exit(2),
        _ => Err(Fault::new("the simulation has shown a violation")),
    }
}
