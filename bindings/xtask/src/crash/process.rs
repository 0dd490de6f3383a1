//! The server process, killed and started again on the same data and the same port.

use crate::fault::Doing;
use crate::{Fallible, Fault};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const READY: &str = "pinfold: serving on ";
const READY_WITHIN: Duration = Duration::from_secs(60);

pub(super) struct Process {
    binary: PathBuf,
    folder: PathBuf,
    address: String,
    child: Child,
}

impl Process {
    /// Starts a server on a port of the system's choice; its data are below `folder`.
    pub(super) async fn start(binary: &Path, folder: &Path) -> Fallible<Process> {
        let mut child = launch(binary, folder, "127.0.0.1:0")?;
        let address = ready(&mut child, folder).await?;
        Ok(Process { binary: binary.to_owned(), folder: folder.to_owned(), address, child })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// SIGKILL, and gone when this returns.
    pub(super) async fn kill(&mut self) -> Fallible {
        // Died by itself: that is a finding.
        if let Some(status) = self.child.try_wait()? {
            return Err(Fault::new(format!("the server ended by itself: {status}")));
        }
        self.child.kill().await.doing("killing the server")
    }

    /// Starts it again where it was.
    pub(super) async fn restart(&mut self) -> Fallible {
        self.child = launch(&self.binary, &self.folder, &self.address)?;
        let address = ready(&mut self.child, &self.folder).await?;
        if address == self.address {
            return Ok(());
        }
        Err(Fault::new(format!("the server came back on {address} instead of {}", self.address)))
    }

    /// Gone when this returns, in whatever state it was.
    pub(super) async fn end(mut self) {
        // It fails when the server has ended already.
        let _ = self.child.kill().await;
    }
}

fn launch(binary: &Path, folder: &Path, address: &str) -> Fallible<Child> {
    let said = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("said"));
    let mut command = Command::new(binary);
    command.args(["serve", "--listen", address, "--data-dir"]).arg(folder.join("data"));
    // Snapshots often enough that kills fall into them.
    command.arg("-Dzookeeper.snapCount=2000");
    command.stdout(Stdio::piped()).stderr(said.doing("opening the server's log")?);
    // Ctrl-C in a terminal is for us alone: the server would end by itself, which is a finding.
    command.process_group(0);
    command.kill_on_drop(true).spawn().doing("starting the server")
}

/// Waits until it serves; answers its address.
async fn ready(child: &mut Child, folder: &Path) -> Fallible<String> {
    let stdout = child.stdout.take().ok_or_else(|| Fault::new("the server has no output"))?;
    let mut lines = BufReader::new(stdout).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix(READY) {
                return Ok(address.trim().to_owned());
            }
        }
        let said = std::fs::read_to_string(folder.join("said")).unwrap_or_default();
        Err(Fault::new(format!("the server did not start: {}", said.trim_end())))
    };
    let address = tokio::time::timeout(READY_WITHIN, ready).await;
    address.map_err(|_| Fault::new("the server did not start in time"))?
}
