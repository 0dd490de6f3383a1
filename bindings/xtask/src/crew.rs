//! Processes of the example 05-master-worker, each in a role: masters and workers, in any language.

use crate::fault::Doing;
use crate::languages::Program;
use crate::{Fallible, Fault};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long a process may take to end in order.
const PATIENCE: Duration = Duration::from_secs(20);

/// A line that a process printed.
pub(crate) struct Sighting {
    pub(crate) member: String,
    pub(crate) line: String,
    pub(crate) at: Instant,
}

/// One process.
struct Member {
    name: String,
    child: Child,
    alive: bool,
}

impl Member {
    fn ask(&self) -> Fallible {
        signal(&self.child, Signal::TERM).doing(format!("ending {}", self.name))
    }

    fn ended(&mut self, deadline: Instant) -> Fallible {
        while self.child.try_wait().doing(&self.name)?.is_none() {
            if Instant::now() > deadline {
                let name = &self.name;
                return Err(Fault::new(format!(
                    "{name} did not end within {PATIENCE:?} of SIGTERM"
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.alive = false;
        Ok(())
    }
}

/// All of them. Dropping it kills those that are left, and no others.
pub(crate) struct Crew {
    members: Vec<Member>,
    hosts: String,
    root: String,
    logs: PathBuf,
    sender: UnboundedSender<Sighting>,
}

impl Crew {
    /// A crew that will use this server and this root; its members' output is kept in `logs`.
    pub(crate) fn new(hosts: &str, root: &str, logs: &Path) -> (Crew, UnboundedReceiver<Sighting>) {
        let (sender, sightings) = unbounded_channel();
        let crew = Crew {
            members: Vec::new(),
            hosts: hosts.to_owned(),
            root: root.to_owned(),
            logs: logs.to_path_buf(),
            sender,
        };
        (crew, sightings)
    }

    /// Starts a program in a role (`master` or `worker`).
    pub(crate) fn start(&mut self, program: &Program, role: &str, name: &str) -> Fallible {
        let log = |end: &str| {
            let path = self.logs.join(format!("{name}.{end}"));
            File::create(&path).doing(path.display())
        };
        let mut command = Command::new(&program.command[0]);
        command.args(&program.command[1..]).args([role, &self.hosts, &self.root, name]);
        // A group of its own: Ctrl-C at the terminal reaches this program alone, which then ends
        // its children in order.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log("err")?);
        let mut child = command.spawn().doing(format!("starting {name}"))?;
        let stdout = child.stdout.take().ok_or_else(|| Fault::new("no standard output"))?;
        let (sender, member, mut copy) = (self.sender.clone(), name.to_owned(), log("out")?);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // The copy is for people; a full disk must not stop us.
                let _ = writeln!(copy, "{line}");
                let sighting = Sighting { member: member.clone(), line, at: Instant::now() };
                if sender.send(sighting).is_err() {
                    break;
                }
            }
        });
        self.members.push(Member { name: name.to_owned(), child, alive: true });
        Ok(())
    }

    /// Stops a process where it is (SIGSTOP), so that it cannot finish what it has.
    pub(crate) fn freeze(&self, name: &str) -> Fallible {
        let member = self.member(name)?;
        signal(&member.child, Signal::STOP).doing(format!("stopping {name}"))
    }

    /// Lets it go on (SIGCONT).
    pub(crate) fn thaw(&self, name: &str) -> Fallible {
        let member = self.member(name)?;
        signal(&member.child, Signal::CONT).doing(format!("waking {name}"))
    }

    /// kill -9.
    pub(crate) fn kill(&mut self, name: &str) -> Fallible {
        let found = self.members.iter_mut().find(|member| member.name == name && member.alive);
        let member = found.ok_or_else(|| Fault::new(format!("{name} is not running")))?;
        signal(&member.child, Signal::KILL).doing(format!("killing {name}"))?;
        member.child.wait().doing(format!("waiting for {name}"))?;
        member.alive = false;
        Ok(())
    }

    /// Fails if a process ended that nobody killed.
    pub(crate) fn check(&mut self) -> Fallible {
        for member in self.members.iter_mut().filter(|member| member.alive) {
            if let Some(status) = member.child.try_wait().doing(&member.name)? {
                member.alive = false;
                let log = self.logs.join(format!("{}.err", member.name));
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                let name = &member.name;
                return Err(Fault::new(format!("{name} ended by itself ({status})\n{text}")));
            }
        }
        Ok(())
    }

    /// Asks one of them to end (SIGTERM), and waits for it.
    pub(crate) fn end(&mut self, name: &str) -> Fallible {
        let member = self.members.iter_mut().find(|member| member.name == name && member.alive);
        let member = member.ok_or_else(|| Fault::new(format!("{name} is not running")))?;
        member.ask()?;
        member.ended(Instant::now() + PATIENCE)
    }

    /// Asks those that are left to end (SIGTERM), and waits for them.
    pub(crate) fn stop(&mut self) -> Fallible {
        let deadline = Instant::now() + PATIENCE;
        self.members.iter().filter(|member| member.alive).try_for_each(Member::ask)?;
        let mut left = self.members.iter_mut().filter(|member| member.alive);
        left.try_for_each(|member| member.ended(deadline))
    }

    fn member(&self, name: &str) -> Fallible<&Member> {
        let found = self.members.iter().find(|member| member.name == name && member.alive);
        found.ok_or_else(|| Fault::new(format!("{name} is not running")))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for member in self.members.iter_mut().filter(|member| member.alive) {
            // It may have ended in the meantime; then both calls fail without harm.
            let _ = member.child.kill();
            let _ = member.child.wait();
        }
    }
}

fn signal(child: &Child, signal: Signal) -> rustix::io::Result<()> {
    kill_process(Pid::from_child(child), signal)
}
