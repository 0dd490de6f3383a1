//! `cargo x check`: the quick verdict on a change.

use crate::step::{self, Steps};
use crate::{Fallible, generate, tidy, workspace};

/// Formatting, clippy without warnings, tidy, generated files fresh
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: Args) -> Fallible {
    let mut steps = Steps::new(4);
    steps.next("formatting");
    step::run(&mut workspace::cargo(&["fmt", "--all", "--check"]))?;
    steps.next("tidy");
    tidy::check()?;
    steps.next("generated files");
    generate::check()?;
    steps.next("clippy");
    // Not --all-targets, which asks for unit tests also where a crate says that it can have none.
    let mut clippy = workspace::cargo(&["clippy", "--workspace"]);
    clippy.args(["--lib", "--bins", "--tests", "--examples", "--", "-D", "warnings"]);
    step::run(&mut clippy)?;
    step::count(4, 0);
    Ok(())
}
