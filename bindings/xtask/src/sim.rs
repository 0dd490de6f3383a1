//! `cargo x sim`: seeds of the simulation in core/sim.

use crate::{Fallible, step, workspace};
use std::process::Command;

/// Simulate ensembles under faults: `--seeds A..B`, `--seed S` for one again, `--bug list`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Arguments of the simulation
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: Args) -> Fallible {
    // Optimised, because it is all about many seeds.
    step::run(&mut workspace::cargo(&["build", "--release", "-p", "pinfold-sim"]))?;
    let target = workspace::built()?;
    let optimised = target.parent().unwrap_or(&target).join("release");
    step::run(Command::new(optimised.join("pinfold-sim")).args(args.arguments))
}
