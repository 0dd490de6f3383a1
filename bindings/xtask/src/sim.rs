//! `cargo x sim`: seeds of the simulation in core/sim.

use crate::{Fallible, step, workspace};
use std::process::Command;

/// Run the simulation: `--seeds A..B`, `--seed S` for one again, `--bug list`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Arguments of the simulation
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: Args) -> Fallible {
    workspace::build()?;
    step::run(Command::new(workspace::built()?.join("pinfold-sim")).args(args.arguments))
}
