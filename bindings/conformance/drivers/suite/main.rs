//! `pinfold-conformance HOST:PORT`: how compatible to ZooKeeper is the server there?

use std::process::ExitCode;

fn main() -> ExitCode {
    match pinfold_conformance::wire::suite::command(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::from(2)
        }
    }
}
