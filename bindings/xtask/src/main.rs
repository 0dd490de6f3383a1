//! `cargo x`: every developer command of the repository.
//!
//! One module per command. A module has `Args` (what clap parses; its doc comment is the help) and
//! `run(Args) -> Fallible`. To add a command, write the module, declare it below with `mod`, and
//! give it a line in `commands!`.
//!
//! Three modules also tell how a program in their language is run, for `examples`, `conformance`
//! and `demo`, which all start programs from the sources of this repository:
//! - `python::interpreter() -> Fallible<PathBuf>`: builds the package in the development profile
//!   into a virtual environment of the cache, and answers that environment's `python`;
//! - `node::prepare() -> Fallible<()>`: builds the native module in the development profile to
//!   where the package loads it from, so that `node some/example.mjs` works;
//! - `capi::compile(source: &Path) -> Fallible<PathBuf>`: builds the library, compiles one C
//!   source against it, and answers the program, which runs without further environment.
//!
//! Each does nothing slow when nothing has changed. `run` of the same modules builds and tests.

mod bench;
mod cache;
mod capi;
mod chaos;
mod check;
mod clients;
mod conformance;
mod crash;
mod crew;
mod deadline;
mod debian;
mod demo;
mod deny;
mod differential;
mod ensemble;
mod examples;
mod failover;
mod fault;
mod fleet;
mod fuzz;
mod generate;
mod languages;
mod maven;
mod node;
mod oracle;
mod python;
mod random;
mod recipes;
mod recovery;
mod serve;
mod sim;
mod step;
mod suites;
mod tally;
mod test;
mod tidy;
mod workspace;

use clap::{Parser, Subcommand};
pub(crate) use fault::{Fallible, Fault};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo x", about = "Every developer command of Pinfold.", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

macro_rules! commands {
    ($($variant:ident => $module:ident,)*) => {
        #[derive(Subcommand)]
        enum Command { $($variant($module::Args),)* }

        fn dispatch(command: Command) -> Fallible {
            match command { $(Command::$variant(args) => $module::run(args),)* }
        }
    };
}

commands! {
    Demo => demo,
    Test => test,
    Check => check,
    Serve => serve,
    Ensemble => ensemble,
    Sim => sim,
    Crash => crash,
    Chaos => chaos,
    Failover => failover,
    Recovery => recovery,
    Bench => bench,
    Fuzz => fuzz,
    Examples => examples,
    Conformance => conformance,
    Differential => differential,
    Recipes => recipes,
    Clients => clients,
    Suites => suites,
    Py => python,
    Node => node,
    Capi => capi,
    Oracle => oracle,
    Gen => generate,
    Tidy => tidy,
    Deny => deny,
}

fn main() -> ExitCode {
    let command = CommandLine::parse().command;
    let outcome = dispatch(command);
    if let Err(fault) = &outcome {
        eprintln!("\nfailed: {fault}");
    }
    // Last, so that what was left out cannot scroll away.
    let complete = step::report_left_out();
    if outcome.is_ok() && complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
