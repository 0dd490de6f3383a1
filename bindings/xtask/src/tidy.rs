//! `cargo x tidy`: the house rules that a program can check.

mod imports;
mod sources;

use crate::{Fallible, Fault};

/// Import rules between crates, file and function sizes, names, unsafe, leftovers
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: Args) -> Fallible {
    check()?;
    println!("tidy");
    Ok(())
}

/// Fails with every breach, each with its file and line.
pub(crate) fn check() -> Fallible {
    let mut breaches = imports::breaches()?;
    breaches.extend(sources::breaches()?);
    if breaches.is_empty() {
        return Ok(());
    }
    let count = breaches.len();
    Err(Fault::new(format!("{count} breaches of the house rules:\n{}", breaches.join("\n"))))
}
