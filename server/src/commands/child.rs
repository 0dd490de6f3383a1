//! The program that a command runs, and its end.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use super::Failure;

/// A program that ends with us: the kernel kills it when this process is gone, however that went.
#[derive(Debug, Args)]
pub(crate) struct Guarded {
    /// Our process.
    parent: u32,
    /// The program and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    program: Vec<OsString>,
}

/// Becomes the program, once the kernel knows whose end is its end.
pub(crate) fn guarded(arguments: &Guarded) -> ExitCode {
    #[cfg(target_os = "linux")]
    {
        let told = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
        let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
        if told.is_err() || parent.and_then(|pid| u32::try_from(pid).ok()) != Some(arguments.parent)
        {
            return ExitCode::from(125);
        }
    }
    let Some((program, rest)) = arguments.program.split_first() else {
        return ExitCode::from(125);
    };
    // Comes back only when it failed.
    let error = std::process::Command::new(program).args(rest).exec();
    eprintln!("pinfold: {}: {error}", program.display());
    ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
}

/// A running program.
pub(crate) struct Program {
    child: Child,
    /// It leads a process group of its own, so that what it starts is stopped with it. With a
    /// terminal as its input it stays in ours, or it could not read from it.
    is_leader: bool,
}

impl Program {
    /// Starts it, with more variables in its environment.
    pub(crate) fn start(
        words: &[OsString],
        variables: &[(&str, String)],
        piped: bool,
    ) -> Result<Program, Failure> {
        let own = std::env::current_exe()
            .map_err(|error| Failure::System(format!("our own program: {error}")))?;
        let mut command = Command::new(own);
        command.arg("guarded").arg(std::process::id().to_string()).arg("--").args(words);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let is_leader = piped || !io::stdin().is_terminal();
        if is_leader {
            command.process_group(0);
        }
        if piped {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let child = command.kill_on_drop(true).spawn();
        let child = child.map_err(|error| Failure::System(format!("cannot start: {error}")))?;
        Ok(Program { child, is_leader })
    }

    /// Its input and outputs, where they are ours.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> Result<u8, Failure> {
        let status = self.child.wait().await;
        status.map(of_status).map_err(|error| Failure::System(format!("waiting: {error}")))
    }

    /// Asks it to stop, and stops it after this long. Nothing of it is left when this returns.
    pub(crate) async fn stop(&mut self, patience: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
        }
        // What it started may outlive it.
        self.signal(Signal::KILL);
        // Killed, it ends; that it cannot be waited for twice is no matter.
        let _ = self.child.wait().await;
    }

    /// Passes a signal on.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let Some(pid) = id.and_then(Pid::from_raw) else { return };
        // One that has ended meanwhile cannot be signalled, and need not.
        let _ = match self.is_leader {
            true => rustix::process::kill_process_group(pid, signal),
            false => rustix::process::kill_process(pid, signal),
        };
    }
}

/// A shell's way to tell how a program ended.
pub(crate) fn of_status(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
