//! A run of a suite by pytest, and what it leaves behind.

use super::outcome::Outcomes;
use crate::fault::Doing;
use crate::{Fallible, Fault, cache, step, workspace};
use pinfold_conformance::process::ServerProcess;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Seconds that one test may take.
const TEST_SECONDS: &str = "180";

/// A run that has begun.
pub(crate) struct Run {
    child: Child,
    name: &'static str,
    // Before its folder, which the server writes into.
    _server: Option<ServerProcess>,
    folder: tempfile::TempDir,
}

impl Run {
    /// Begins the tests `selection` of the suite `name` in `folder`. `server` is what they talk
    /// to, if they do not start it themselves.
    pub(crate) fn start(
        name: &'static str,
        python: &Path,
        selection: &[OsString],
        folder: tempfile::TempDir,
        server: Option<ServerProcess>,
        adapt: impl FnOnce(&mut Command) -> Fallible,
    ) -> Fallible<Run> {
        let log = File::create(folder.path().join("log")).doing("making the log")?;
        let mut command = Command::new(python);
        command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "outcomes"]);
        command.arg(format!("--timeout={TEST_SECONDS}")).arg("--pyargs").args(selection);
        // Some tests leave files where they run.
        command.current_dir(folder.path());
        command.env("PYTHONPATH", self::folder()).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("OUTCOMES", folder.path().join("outcomes"));
        adapt(&mut command)?;
        let errors = log.try_clone().doing("the log")?;
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().doing("starting pytest")?;
        Ok(Run { child, name, _server: server, folder })
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Fallible<Outcomes> {
        let status = self.child.wait().doing("pytest")?;
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        // 1: some test failed, which is for the comparison to judge.
        if !matches!(status.code(), Some(0 | 1)) {
            return Err(Fault::new(format!("pytest: {status}\n{log}")));
        }
        let text = fs::read_to_string(self.folder.path().join("outcomes")).doing("outcomes")?;
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        let outcomes: Outcomes =
            lines.map(|(outcome, test)| (test.to_owned(), outcome.to_owned())).collect();
        if outcomes.values().any(|outcome| outcome == "failed") {
            let kept = cache::dir()?.join(format!("{}-suite.log", self.name));
            fs::write(&kept, log).doing(kept.display())?;
            eprintln!("what the failed tests said: {}", kept.display());
        }
        Ok(outcomes)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Only a run that was given up is still there; its servers end with the signal that
        // makes Python leave.
        if matches!(self.child.try_wait(), Ok(None)) {
            let id = self.child.id().to_string();
            let _ = step::output(Command::new("kill").args(["-INT", &id]));
            let _ = self.child.wait();
        }
    }
}

/// Where the committed list is of what passes of a suite on Apache ZooKeeper.
pub(crate) fn accepted(name: &str) -> PathBuf {
    folder().join(format!("{name}.passes"))
}

/// What is on the path of the tests: a plugin, and a program in Java's place.
pub(crate) fn folder() -> PathBuf {
    workspace::root().join("bindings/conformance/clients/suites")
}
