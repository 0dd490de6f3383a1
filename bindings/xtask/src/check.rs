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
    let clippy = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    step::run(&mut workspace::cargo(&clippy))?;
    step::count(4, 0);
    Ok(())
}
