//! The suite of the wire: against a server that runs already, or against ours and the oracle.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::Stdio;

use pinfold_conformance::process::ServerProcess;
use pinfold_conformance::wire::suite::{self, DIFFERENCES, Options, Report};

use crate::fault::Doing;
use crate::{Fallible, Fault, oracle, step, workspace};

/// The settings of both servers: all that is checked is on, and nothing takes long.
const SETTINGS: &[(&str, &str)] = &[
    ("tickTime", "1000"),
    ("znode.container.checkIntervalMs", "1000"),
    ("zookeeper.extendedTypesEnabled", "true"),
    ("zookeeper.enforceQuota", "true"),
    // super:admin, as the oracle has it.
    ("zookeeper.DigestAuthenticationProvider.superDigest", "super:xQJmxLMiHGwaqBvst5y6rkB6HQs="),
];

#[derive(clap::Args)]
pub(crate) struct Score {
    /// Score this server (host:port) by the suite of the wire, and do nothing else
    #[arg(long)]
    pub(super) server: Option<String>,
    /// Of the suite, only this item or checks whose title contains this; repeatable
    #[arg(long)]
    item: Vec<String>,
    /// The result as JSON
    #[arg(long, requires = "server")]
    json: bool,
    /// Digest credentials of the server's superuser, for instance super:admin
    #[arg(long = "super", requires = "server")]
    superuser: Option<String>,
    /// The server enforces quotas (enforceQuota=true)
    #[arg(long, requires = "server")]
    quotas: bool,
    /// Wait for the collection of containers and old nodes, up to some minutes
    #[arg(long, requires = "server")]
    collection: bool,
}

/// Against a server that runs already.
pub(super) fn score(address: &str, args: &Score) -> Fallible {
    let options = Options {
        superuser: args.superuser.clone(),
        enforces_quotas: args.quotas,
        waits_for_collection: args.collection,
    };
    let report = suite::run(address, &options, |check| check.is_meant(&args.item));
    let report = report.map_err(Fault::new)?;
    suite::show(&report, address, args.json).map_err(Fault::new)?;
    match report.counts() {
        (_, 0, _) => Ok(()),
        (_, failed, _) => Err(Fault::new(format!("{failed} checks of {address}"))),
    }
}

/// Against ours, where everything must pass, and against the oracle, where everything must but
/// what is listed as better done in another way.
pub(super) fn compare(args: &Score, only: Option<&str>) -> Fallible {
    let mut faults = Vec::new();
    if only != Some("oracle") {
        let folder = tempfile::tempdir().doing("making a temporary folder")?;
        let binary = workspace::server_binary()?;
        let log = std::fs::File::create(folder.path().join("server.log"));
        let log = Stdio::from(log.doing("making a log file")?);
        let data = folder.path().join("data");
        let server = ServerProcess::pinfold_with(&binary, &data, 0, &properties(), log);
        let server = server.map_err(Fault::new)?;
        let report = play("pinfold", server.address(), args)?;
        faults.extend(report.failed().map(|title| format!("pinfold: {title}")));
    }
    if only != Some("pinfold") {
        match oracle::missing() {
            Some(why) => step::left_out("the suite against Apache ZooKeeper", why),
            None => {
                let folder = tempfile::tempdir().doing("making a temporary folder")?;
                let jars = oracle::jars()?;
                // What ZooKeeper takes from its file only; a later line counts.
                let plain = SETTINGS.iter().filter(|(key, _)| !key.starts_with("zookeeper."));
                let lines: String = plain.map(|(key, value)| format!("{key}={value}\n")).collect();
                let java = properties();
                let server = ServerProcess::zookeeper_with(&jars, folder.path(), 0, &lines, &java);
                let server = server.map_err(Fault::new)?;
                let report = play("zookeeper", server.address(), args)?;
                faults.extend(unexpected(&report));
            }
        }
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Fault::new(faults.join("; "))),
    }
}

fn properties() -> Vec<OsString> {
    SETTINGS.iter().map(|(key, value)| format!("-D{key}={value}").into()).collect()
}

fn play(name: &str, address: &str, args: &Score) -> Fallible<Report> {
    eprintln!("the suite of the wire against {name}");
    let options = Options {
        superuser: Some("super:admin".into()),
        enforces_quotas: true,
        waits_for_collection: true,
    };
    let report = suite::run(address, &options, |check| check.is_meant(&args.item));
    let report = report.map_err(Fault::new)?;
    let (passed, failed, not_enabled) = report.counts();
    print!("{}", report.not_passed(std::io::stdout().is_terminal()));
    println!("suite of the wire, {name}: {passed} passed, {failed} failed");
    // Everything is enabled here, so that a check which says otherwise is not one.
    match not_enabled {
        0 => {}
        _ => return Err(Fault::new(format!("{name}: {not_enabled} checks were not enabled"))),
    }
    let differ = |title: &&str| DIFFERENCES.iter().any(|difference| difference.title == *title);
    let known = if name == "zookeeper" { report.failed().filter(differ).count() } else { 0 };
    step::count(passed + known, failed - known);
    Ok(report)
}

/// Where the oracle does not do what the list of differences says.
fn unexpected(report: &Report) -> Vec<String> {
    let failed: BTreeSet<&str> = report.failed().collect();
    let mut faults = Vec::new();
    for difference in DIFFERENCES {
        let played = report.lines.iter().any(|line| line.title == difference.title);
        match failed.contains(difference.title) {
            true => println!("  on purpose: {} ({})", difference.title, difference.reason),
            false if played => {
                faults.push(format!("zookeeper passes what it should not: {}", difference.title));
            }
            false => {}
        }
    }
    let listed = |title: &&&str| DIFFERENCES.iter().any(|known| known.title == **title);
    faults.extend(failed.iter().filter(|t| !listed(t)).map(|title| format!("zookeeper: {title}")));
    faults
}
