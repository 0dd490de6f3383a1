//! The tests of aiozk, a client for Python's asyncio; they come with the package, and want a server
//! that runs.

use super::pytest::Run;
use crate::fault::Doing;
use crate::{Fallible, Fault, cache, oracle, workspace};
use pinfold_conformance::process::ServerProcess;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// aiozk, and what its tests need.
const REQUIREMENTS: &[&str] = &[
    "aiozk==0.32.0",
    "pytest==8.4.2",
    "pytest-asyncio==0.26.0",
    "pytest-mock==3.15.1",
    "pytest-timeout==2.4.0",
];

/// aiozk's tests, ready to run.
pub(crate) struct Suite {
    python: PathBuf,
    jars: Option<PathBuf>,
    server: PathBuf,
    selection: Vec<OsString>,
}

impl Suite {
    pub(crate) fn prepare(select: Option<String>) -> Fallible<Suite> {
        let python = cache::venv("aiozk-suite", REQUIREMENTS)?;
        let jars = if oracle::missing().is_none() { Some(oracle::jars()?) } else { None };
        let mut selection: Vec<OsString> = vec!["-o".into(), "asyncio_mode=auto".into()];
        if let Some(expression) = select {
            selection.extend(["-k".into(), expression.into()]);
        }
        selection.push("aiozk.test".into());
        Ok(Suite { python, jars, server: workspace::server_binary()?, selection })
    }

    fn start(&self, server: impl FnOnce(&Path) -> Result<ServerProcess, String>) -> Fallible<Run> {
        let folder = tempfile::tempdir().doing("making a temporary folder")?;
        let server = server(folder.path()).map_err(Fault::new)?;
        let (host, port) = server.address().rsplit_once(':').unwrap_or_default();
        let (host, port) = (host.to_owned(), port.to_owned());
        let selection = &self.selection;
        Run::start("aiozk", &self.python, selection, folder, Some(server), |command| {
            command.env("ZK_HOST", host).env("ZK_PORT", port);
            Ok(())
        })
    }
}

impl super::Suite for Suite {
    fn start_on_zookeeper(&self) -> Fallible<Run> {
        let jars = self.jars.clone().unwrap_or_default();
        self.start(|folder| ServerProcess::zookeeper(&jars, &folder.join("zookeeper"), 0))
    }

    fn start_on_pinfold(&self) -> Fallible<Run> {
        let start = |folder: &Path| {
            ServerProcess::pinfold_with(&self.server, &folder.join("data"), 0, &[], Stdio::null())
        };
        self.start(start)
    }
}
