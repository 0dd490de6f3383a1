//! `cargo x oracle`: Apache ZooKeeper 3.9.5, to compare with.

use crate::cache;
use crate::fault::Doing;
use crate::{Fallible, Fault, step};
use pinfold_conformance::process::ServerProcess;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Run Apache ZooKeeper 3.9.5 on loopback in the foreground; its address is printed
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Data and log folder; a temporary one without it
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

/// What the server and its command line shell need to run, by Maven coordinates.
const JARS: &[(&str, &str, &str)] = &[
    ("org.apache.zookeeper", "zookeeper", "3.9.5"),
    ("io.dropwizard.metrics", "metrics-core", "4.1.12.1"),
    ("org.xerial.snappy", "snappy-java", "1.1.10.5"),
    ("commons-cli", "commons-cli", "1.5.0"),
    ("org.slf4j", "slf4j-nop", "2.0.13"),
];

pub(crate) fn run(args: Args) -> Fallible {
    let temporary = tempfile::tempdir().doing("making a temporary folder")?;
    let folder = args.data_dir.unwrap_or_else(|| temporary.path().to_path_buf());
    let folder = std::path::absolute(folder).doing("the data folder")?;
    let mut server = ServerProcess::zookeeper(&jars()?, &folder, args.port).map_err(Fault::new)?;
    println!("Apache ZooKeeper 3.9.5: serving on {}", server.address());
    server.wait().map_err(Fault::new)?;
    Ok(())
}

/// A running oracle in a folder of its own, gone with the value.
pub(crate) struct Oracle {
    pub(crate) server: ServerProcess,
    // After the server, so that it is dropped after it.
    _folder: tempfile::TempDir,
}

/// Starts the oracle on a free port.
pub(crate) fn start() -> Fallible<Oracle> {
    let folder = tempfile::tempdir().doing("making a temporary folder")?;
    let server = ServerProcess::zookeeper(&jars()?, folder.path(), 0).map_err(Fault::new)?;
    Ok(Oracle { server, _folder: folder })
}

/// Why the oracle cannot run on this machine, if it cannot.
pub(crate) fn missing() -> Option<String> {
    let missing: Vec<&str> =
        ["java", "mvn"].into_iter().filter(|program| !step::available(program)).collect();
    (!missing.is_empty()).then(|| format!("{} not on the PATH", missing.join(" and ")))
}

/// The folder with ZooKeeper's jars, fetched from Maven Central at the first use.
pub(crate) fn jars() -> Fallible<PathBuf> {
    if let Some(why) = missing() {
        return Err(Fault::new(why));
    }
    let folder = cache::filled("zookeeper-3.9.5", &pom(), |folder| {
        eprintln!("fetching Apache ZooKeeper 3.9.5 and what it needs");
        fetch(folder)
    })?;
    Ok(folder.join("lib"))
}

fn fetch(folder: &Path) -> Fallible {
    fs::write(folder.join("pom.xml"), pom()).doing("writing pom.xml")?;
    let mut maven = Command::new("mvn");
    maven.current_dir(folder).args(["-q", "-B", "dependency:copy-dependencies"]);
    maven.args(["-DoutputDirectory=lib", "-DincludeScope=runtime"]);
    step::output(&mut maven).map(drop)
}

fn pom() -> String {
    let mut dependencies = String::new();
    for (group, artifact, version) in JARS {
        // Its own logging back end would print into what is being compared; slf4j-nop is silent.
        let exclusion = if *artifact == "zookeeper" {
            "<exclusions><exclusion><groupId>ch.qos.logback</groupId><artifactId>*</artifactId>\
             </exclusion></exclusions>"
        } else {
            ""
        };
        dependencies.push_str(&format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version>{exclusion}</dependency>\n"
        ));
    }
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n\
         <modelVersion>4.0.0</modelVersion>\n\
         <groupId>pinfold</groupId><artifactId>oracle</artifactId><version>1</version>\n\
         <dependencies>\n{dependencies}</dependencies>\n</project>\n"
    )
}
