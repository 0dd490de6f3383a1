//! `cargo x recipes`: the tests of the recipes with another server than our own.

use crate::fault::Doing;
use crate::{Fallible, Fault, maven, oracle, step, tally, workspace};
use pinfold_conformance::process::ServerProcess;

/// Run the tests of the recipes against Apache ZooKeeper 3.9.5, or any other server
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Against this server (host:port), which must grant sessions of one second
    #[arg(long)]
    server: Option<String>,
    /// Further arguments of cargo test, such as `--test lock`
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Names the server to the tests, see core/recipes/tests/fleet.
const HOSTS: &str = "PINFOLD_TEST_HOSTS";

/// As the server that is embedded in the tests has it: sessions may be short.
const SETTINGS: &str = "tickTime=100\nminSessionTimeout=500\n";

pub(crate) fn run(args: Args) -> Fallible {
    if let Some(address) = &args.server {
        return tests(address, &args.arguments);
    }
    if let Some(why) = maven::missing() {
        step::left_out("the recipes on Apache ZooKeeper", why);
        return Ok(());
    }
    let folder = tempfile::tempdir().doing("making a temporary folder")?;
    let jars = oracle::jars()?;
    let server = ServerProcess::zookeeper_with(&jars, folder.path(), 0, SETTINGS, &[]);
    let server = server.map_err(Fault::new)?;
    eprintln!("Apache ZooKeeper 3.9.5 on {}", server.address());
    tests(server.address(), &args.arguments)
}

fn tests(address: &str, arguments: &[String]) -> Fallible {
    // The whole workspace, so that its features are those of every other build.
    let mut command = workspace::cargo(&["test", "--workspace", "--no-fail-fast"]);
    if arguments.is_empty() {
        // Unit tests and examples need no server, or have one of their own.
        for name in programs()? {
            command.args(["--test", &name]);
        }
    }
    command.args(arguments).env(HOSTS, address);
    tally::run(&mut command, |passed, failed| {
        step::count(passed, failed);
        Ok(())
    })
}

/// The names of the test programs.
fn programs() -> Fallible<Vec<String>> {
    let folder = workspace::root().join("core/recipes/tests");
    let entries = std::fs::read_dir(&folder).doing(folder.display())?;
    let paths = entries.flatten().map(|entry| entry.path());
    let sources = paths.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let names = sources.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    Ok(names)
}
