//! Everything that runs, and the turn of the wheel that keeps the picture of it up to date.

use super::corpus::Corpus;
use super::gauge::{self, Reading};
use super::programs::Programs;
use super::progress::Progress;
use super::submitter::{self, Submitter};
use crate::crew::{Crew, Sighting};
use crate::fault::Doing;
use crate::{Fallible, Fault};
use pinfold_client::{Client, Options};
use pinfold_conformance::process::ServerProcess;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

/// How often the picture is renewed.
const TURN: Duration = Duration::from_millis(100);

/// How long a session lives without its process, in milliseconds: the time after which a killed
/// master is replaced. The server is told by its tick.
const TICK_MS: u32 = 200;

pub(super) struct Stage {
    pub(super) crew: Crew,
    pub(super) client: Client,
    pub(super) progress: Progress,
    /// The name of the leading master, empty before there is one.
    pub(super) master: String,
    /// When it said so.
    pub(super) elected: Instant,
    /// The last reading that could be had.
    pub(super) reading: Reading,
    sightings: UnboundedReceiver<Sighting>,
    submitter: Submitter,
    server: Option<ServerProcess>,
    server_binary: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Stage {
    /// Starts the server, the crew and the submitter, all in `folder`.
    pub(super) async fn set(
        programs: &Programs,
        corpus: &Corpus,
        folder: &Path,
    ) -> Fallible<Stage> {
        let server = start_server(&programs.server, folder, 0)?;
        let address = server.address().to_owned();
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0);
        let client = Client::connect(Options::new(&address)).await.doing("connecting")?;
        let progress = Progress::new(corpus.files.len());
        progress.tell(format!("server on {address}, everything in {}", folder.display()));
        let (mut crew, sightings) = Crew::new(&address, submitter::ROOT, folder);
        for (program, role) in programs.crew() {
            crew.start(program, role, &format!("{role}-{}", program.language))?;
        }
        let submitter = Submitter::new(client.clone(), corpus);
        Ok(Stage {
            crew,
            client,
            progress,
            master: String::new(),
            elected: Instant::now(),
            reading: Reading::default(),
            sightings,
            submitter,
            server: Some(server),
            server_binary: programs.server.clone(),
            folder: folder.to_path_buf(),
            port,
        })
    }

    /// One turn: what the processes said, what the tree says, and one look at the display.
    pub(super) async fn turn(&mut self) -> Fallible {
        tokio::time::sleep(TURN).await;
        while let Ok(sighting) = self.sightings.try_recv() {
            self.note(&sighting);
        }
        self.crew.check()?;
        self.submitter.check().await?;
        let read = tokio::time::timeout(TURN * 20, gauge::read(&self.client, submitter::ROOT));
        let reading = read.await.ok().and_then(Result::ok);
        self.progress.show(&self.master, reading.as_ref());
        if let Some(reading) = reading {
            self.reading = reading;
        }
        Ok(())
    }

    fn note(&mut self, sighting: &Sighting) {
        let mut words = sighting.line.split(' ');
        let elected = words.next() == Some("master") && words.nth(1) == Some("elected");
        if elected {
            self.master.clone_from(&sighting.member);
            self.elected = sighting.at;
            self.progress.tell(format!("{} is the master", sighting.member));
        }
    }

    /// Submits this part of all tasks, in percent, or what is left of them, in the background.
    pub(super) fn submit(&mut self, percent: usize) {
        self.submitter.submit(percent);
    }

    /// Turns until everything that was handed to `submit` is in the queue.
    pub(super) async fn submitted(&mut self) -> Fallible {
        while !self.submitter.is_idle() {
            self.turn().await?;
        }
        Ok(())
    }

    /// Whether everything that was submitted so far is done.
    pub(super) fn is_idle(&self) -> bool {
        let Reading { done, dead, .. } = self.reading;
        self.submitter.is_idle() && done + dead >= self.submitter.submitted()
    }

    /// Turns until at least this many tasks are done, or there is nothing left to do.
    pub(super) async fn work_until(&mut self, done: usize) -> Fallible {
        while self.reading.done < done && !self.is_idle() {
            self.turn().await?;
        }
        Ok(())
    }

    pub(super) fn kill_server(&mut self) -> Fallible {
        let server = self.server.as_mut().ok_or_else(|| Fault::new("there is no server"))?;
        server.kill();
        Ok(())
    }

    pub(super) fn restart_server(&mut self) -> Fallible {
        self.server = Some(start_server(&self.server_binary, &self.folder, self.port)?);
        Ok(())
    }

    /// The tasks that were submitted, in the order of the corpus.
    pub(super) fn tasks(&self) -> &[pinfold_recipes::TaskId] {
        self.submitter.tasks()
    }
}

fn start_server(binary: &Path, folder: &Path, port: u16) -> Fallible<ServerProcess> {
    let config = folder.join("zoo.cfg");
    std::fs::write(&config, format!("tickTime={TICK_MS}\n")).doing(config.display())?;
    let arguments = ["--config".into(), config.into_os_string()];
    let data = folder.join("data");
    let log = folder.join("server.log");
    let log = File::options().create(true).append(true).open(&log).doing(log.display())?;
    let started = ServerProcess::pinfold_with(binary, &data, port, &arguments, log.into());
    started.map_err(Fault::new)
}
