//! Double execution, the fault that a task queue exists to prevent: a worker stands still with a
//! task in its hands, is taken for gone, another one does the task, and then the first goes on and
//! finishes it, too. There must be exactly one result, and the late worker must be told that it
//! lost the task, and be there for the next one.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pinfold_client::{Client, Options};
use pinfold_conformance::process::ServerProcess;
use pinfold_recipes::{TaskId, TaskQueue, TaskResult, submit};
use rustix::fs::{FileType, Mode, OFlags};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::crew::{Crew, Sighting};
use crate::fault::Doing;
use crate::languages::{self, Program};
use crate::{Fallible, Fault, oracle, step, workspace};

const STORY: &str = "05-master-worker";

/// Sessions live for at most twenty times this, so that nobody waits long for one to end.
const SETTINGS: &str = "tickTime=200\n";

/// How long the whole of it may take in one language.
const MOST: Duration = Duration::from_secs(90);

/// Between two looks at what no event tells of.
const LOOK: Duration = Duration::from_millis(10);

/// The case in each of these languages, against our server and the oracle.
pub(super) fn play(languages: &[&str], only: Option<&str>) -> Fallible {
    let mut programs = Vec::new();
    for language in languages {
        programs.push(languages::example(language, STORY)?);
    }
    let mut faults = Vec::new();
    if only != Some("oracle") {
        let folder = tempfile::tempdir().doing("making a temporary folder")?;
        let config = folder.path().join("zoo.cfg");
        std::fs::write(&config, SETTINGS).doing(config.display())?;
        let arguments = ["--config".into(), config.into_os_string()];
        let log = File::create(folder.path().join("server.log")).doing("making a log file")?;
        let (binary, data) = (workspace::server_binary()?, folder.path().join("data"));
        let server = ServerProcess::pinfold_with(&binary, &data, 0, &arguments, log.into());
        faults.extend(column("pinfold", &server.map_err(Fault::new)?, &programs)?);
    }
    if only != Some("pinfold") {
        match oracle::missing() {
            Some(why) => step::left_out("double execution on Apache ZooKeeper", why),
            None => {
                let folder = tempfile::tempdir().doing("making a temporary folder")?;
                let jars = oracle::jars()?;
                let server = ServerProcess::zookeeper_with(&jars, folder.path(), 0, SETTINGS, &[]);
                faults.extend(column("zookeeper", &server.map_err(Fault::new)?, &programs)?);
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Fault::new(faults.join("; "))) }
}

/// Every language on one server; what went wrong.
fn column(name: &str, server: &ServerProcess, programs: &[Program]) -> Fallible<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .doing("starting the runtime")?;
    let mut faults = Vec::new();
    for program in programs {
        eprintln!("double execution: {}/{name}", program.language);
        let case = async {
            tokio::time::timeout(MOST, Case::play(server.address(), program))
                .await
                .unwrap_or_else(|_| Err(Fault::new(format!("not over after {MOST:?}"))))
        };
        let outcome = runtime.block_on(case);
        step::count(usize::from(outcome.is_ok()), usize::from(outcome.is_err()));
        if let Err(fault) = outcome {
            faults.push(format!("double execution, {}/{name}: {fault}", program.language));
        }
    }
    let passed = programs.len() - faults.len();
    println!("double execution, {name}: {passed} languages passed, {} failed", faults.len());
    Ok(faults)
}

/// Both workers and their master, in one language.
struct Case {
    client: Client,
    queue: TaskQueue,
    root: String,
    crew: Crew,
    sightings: UnboundedReceiver<Sighting>,
    folder: tempfile::TempDir,
}

impl Case {
    async fn play(address: &str, program: &Program) -> Fallible {
        let root = format!("/late-{}", program.language);
        let folder = tempfile::tempdir().doing("making a temporary folder")?;
        let client = Client::connect(Options::new(address)).await.doing("connecting")?;
        let queue = TaskQueue::new(client.clone(), &root);
        let (crew, sightings) = Crew::new(address, &root, folder.path());
        let mut case = Case { client, queue, root, crew, sightings, folder };
        case.crew.start(program, "master", "m1")?;
        case.double_execution(program).await?;
        case.crew.check()?;
        case.crew.stop()?;
        case.client.close().await.doing("closing")
    }

    async fn double_execution(&mut self, program: &Program) -> Fallible {
        let path = self.path("contents");
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RWXU, 0)
            .doing("making a pipe")?;
        self.crew.start(program, "worker", "w1")?;
        let task = self.submit(&path).await?;
        self.said("w1", &format!("worker w1 task {task}")).await?;
        // It reads the pipe now, and whoever comes later reads a file of one word.
        let mut pipe = writer(&path).await?;
        self.put("contents", "once\n")?;
        self.crew.start(program, "worker", "w2")?;
        self.said("w2", "worker w2 ready").await?;

        self.crew.freeze("w1")?;
        let result = self.queue.result(&task).await.doing("the result")?;
        expect(&result, "w2", "once\n")?;
        self.crew.thaw("w1")?;
        self.registered("w1").await?;
        pipe.write_all(b"this comes too late\n").doing("writing into the pipe")?;
        drop(pipe);
        self.said("w1", &format!("worker w1 lost {task}")).await?;

        // Whatever it tried to commit has been answered before it takes the next task.
        self.crew.end("w2")?;
        let next = self.put("next", "two words\n")?;
        let next = self.submit(&next).await?;
        let last = self.queue.result(&next).await.doing("the next result")?;
        expect(&last, "w1", "two words\n")?;
        let again = self.queue.result(&task).await.doing("the result, again")?;
        if again != result {
            return Err(Fault::new(format!("{task} had {result:?} and now has {again:?}")));
        }
        let counts = self.queue.counts().await.doing("counting")?;
        if (counts.waiting, counts.assigned, counts.done, counts.dead) != (0, 0, 2, 0) {
            return Err(Fault::new(format!("two tasks, two results, and yet {counts:?}")));
        }
        Ok(())
    }

    async fn submit(&self, path: &Path) -> Fallible<TaskId> {
        let payload = path.to_string_lossy().into_owned();
        submit(&self.client, &self.root, payload).await.doing("submitting")
    }

    /// Waits until this process prints this line.
    async fn said(&mut self, member: &str, line: &str) -> Fallible {
        loop {
            let heard = tokio::time::timeout(Duration::from_secs(1), self.sightings.recv()).await;
            match heard {
                Ok(Some(heard)) if heard.member == member && heard.line == line => return Ok(()),
                Ok(_) => {}
                // Silence: perhaps because nobody is there any more.
                Err(_) => self.crew.check()?,
            }
        }
    }

    /// Waits until this worker has a session, which is a new one when its last one ended.
    async fn registered(&self, worker: &str) -> Fallible {
        let path = format!("{}/workers/{worker}", self.root);
        while self.client.exists(&path).await.doing(&path)?.is_none() {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file there in one step, in place of whatever was there.
    fn put(&self, name: &str, text: &str) -> Fallible<PathBuf> {
        let (new, path) = (self.path("new"), self.path(name));
        std::fs::write(&new, text).doing("writing a file")?;
        std::fs::rename(&new, &path).doing("putting a file in its place")?;
        Ok(path)
    }
}

/// The end of a pipe to write into, as soon as somebody has its other end.
async fn writer(path: &Path) -> Fallible<File> {
    let mut options = File::options();
    options.write(true).custom_flags(OFlags::NONBLOCK.bits() as i32);
    loop {
        match options.open(path) {
            Ok(file) => return Ok(file),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                tokio::time::sleep(LOOK).await;
            }
            Err(error) => return Err(error).doing("opening a pipe"),
        }
    }
}

fn expect(result: &TaskResult, worker: &str, text: &str) -> Fallible {
    let words = text.split_whitespace().count();
    let counts = format!("{{\"lines\":1,\"words\":{words},\"bytes\":{}}}", text.len());
    match &result.result {
        Ok(found) if result.worker == worker && *found == counts.as_bytes() => Ok(()),
        _ => Err(Fault::new(format!("wanted {counts} by {worker}, found {result:?}"))),
    }
}
