//! `cargo x serve`: the server of this repository, in the foreground.

use crate::{Fallible, step, workspace};
use std::process::Command;

/// Build and run `pinfold serve`; arguments are passed on (try `-- --help`)
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Arguments of `pinfold serve`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: Args) -> Fallible {
    let server = workspace::server_binary()?;
    step::run(Command::new(server).arg("serve").args(args.arguments))
}
