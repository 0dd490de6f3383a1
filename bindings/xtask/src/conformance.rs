//! `cargo x conformance`: every case in every language, double execution, and the suite of the
//! wire, against both servers; or the suite against any other server.

mod late;
mod suite;

use crate::fault::Doing;
use crate::languages::{self, LANGUAGES};
use crate::{Fallible, Fault, oracle, step, workspace};
use pinfold_conformance::case;
use pinfold_conformance::driver::Launch;
use pinfold_conformance::matrix::{Matrix, Target};
use pinfold_conformance::process::ServerProcess;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

/// Play every case in every language and the suite of the wire, against Pinfold and ZooKeeper
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these languages (rust, python, node, c)
    #[arg(long, value_delimiter = ',')]
    languages: Vec<String>,
    /// Only cases whose name contains this
    #[arg(long)]
    case: Option<String>,
    /// Also play the cases against a server that runs already (host:port)
    #[arg(long)]
    also: Option<String>,
    /// Only the suite of the wire, no languages
    #[arg(long)]
    suite: bool,
    /// Only double execution: a worker that stood still finishes a task that another has done
    #[arg(long, conflicts_with_all = ["suite", "case", "driver", "also"])]
    late: bool,
    #[command(flatten)]
    score: suite::Score,
    /// A driver of your own: a command line that speaks the protocol of DRIVERS.md
    #[arg(long)]
    driver: Option<String>,
    /// Only against Apache ZooKeeper (oracle) or only against our server (pinfold)
    #[arg(long, value_parser = ["pinfold", "oracle"])]
    only: Option<String>,
}

pub(crate) fn run(args: Args) -> Fallible {
    if let Some(address) = &args.score.server {
        return suite::score(address, &args.score);
    }
    if args.suite {
        return suite::compare(&args.score, args.only.as_deref());
    }
    if args.late {
        return late::play(&args.chosen(), args.only.as_deref());
    }
    play(&args)?;
    // Whoever asked for part of the cases or of the languages did not ask for what follows.
    if args.case.is_some() || args.driver.is_some() {
        return Ok(());
    }
    late::play(&args.chosen(), args.only.as_deref())?;
    match args.languages.is_empty() {
        true => suite::compare(&args.score, args.only.as_deref()),
        false => Ok(()),
    }
}

impl Args {
    /// The languages that are meant.
    fn chosen(&self) -> Vec<&'static str> {
        let meant = |language: &&str| {
            self.languages.is_empty() || self.languages.iter().any(|meant| meant == language)
        };
        LANGUAGES.iter().copied().filter(meant).collect()
    }
}

fn play(args: &Args) -> Fallible {
    let folder = workspace::root().join("bindings/conformance/cases");
    let mut cases = case::read_all(&folder).map_err(Fault::new)?;
    if let Some(part) = &args.case {
        cases.retain(|case| case.name.contains(part.as_str()));
    }
    let launches = launches(args)?;
    let mut targets = Vec::new();
    let data = tempfile::tempdir().doing("making a temporary folder")?;
    let mut ours = None;
    if args.only.as_deref() != Some("oracle") {
        let binary = workspace::server_binary()?;
        let server = pinfold(&binary, data.path())?;
        targets.push(target("pinfold", server.address()));
        ours = Some(server);
    }
    let mut theirs = None;
    if args.only.as_deref() != Some("pinfold") {
        match oracle::missing() {
            Some(why) => step::left_out("conformance against Apache ZooKeeper", why),
            None => {
                let server = oracle::start()?;
                targets.push(target("zookeeper", server.server.address()));
                theirs = Some(server);
            }
        }
    }
    if let Some(address) = &args.also {
        targets.push(target(address, address));
    }
    let matrix = Matrix::play(&cases, &launches, &targets, |column| eprintln!("playing {column}"));
    drop((ours, theirs));
    print!("{}", matrix.table());
    let (passed, failed) = matrix.counts();
    println!("conformance: {passed} cells passed, {failed} failed");
    step::count(passed, failed);
    if failed == 0 { Ok(()) } else { Err(Fault::new(format!("{failed} cells of the matrix"))) }
}

/// Our server with what the oracle has on, too.
fn pinfold(binary: &Path, data_dir: &Path) -> Fallible<ServerProcess> {
    let on = ["zookeeper.extendedTypesEnabled=true", "zookeeper.enforceQuota=true"];
    let arguments: Vec<_> = on.iter().flat_map(|on| ["-D", on].map(OsString::from)).collect();
    let log = Stdio::inherit();
    ServerProcess::pinfold_with(binary, data_dir, 0, &arguments, log).map_err(Fault::new)
}

fn target(name: &str, address: &str) -> Target {
    Target { name: name.to_owned(), address: address.to_owned() }
}

fn launches(args: &Args) -> Fallible<Vec<Launch>> {
    if let Some(line) = &args.driver {
        let command = line.split(' ').map(str::to_owned).collect();
        return Ok(vec![Launch { language: "own".into(), command }]);
    }
    let mut launches = Vec::new();
    for language in args.chosen() {
        eprintln!("building the driver in {language}");
        let driver = languages::driver(language)?;
        launches.push(Launch { language: language.to_owned(), command: driver.command });
    }
    Ok(launches)
}
