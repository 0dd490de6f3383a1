//! `cargo x oracle`: Apache ZooKeeper 3.9.5, to compare with.

use crate::fault::Doing;
use crate::maven::{self, Jar};
use crate::{Fallible, Fault};
use pinfold_conformance::process::ServerProcess;
use std::path::PathBuf;

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
pub(crate) const JARS: &[Jar] = &[
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
    maven::missing()
}

/// The folder with ZooKeeper's jars, fetched from Maven Central at the first use.
pub(crate) fn jars() -> Fallible<PathBuf> {
    maven::jars("zookeeper-3.9.5", JARS)
}
