//! One simulated server: its disk, its lives, and what it sees of the world.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pinfold_server::environment::{self, Environment, Outgoing, Stream};
use pinfold_server::{Config, ServerError};
use pinfold_storage::{FileSystem, LogOptions};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::actor::Actor;
use crate::ledger::EPOCH_MS;
use crate::network::Place;
use crate::operator::SUPER;
use crate::recorder::Recorder;
use crate::{Bug, CrashKind, Random, SimDisk};

/// Segments of a few records, so that runs cross many borders.
const LOG: LogOptions = LogOptions { segment_bytes: 64 << 10, room_bytes: 8 << 10, must_reach: 0 };

/// What a server sees of the world.
struct Outside {
    place: Place,
    recorder: Recorder,
    random: Mutex<Random>,
    wall_ms: Arc<AtomicI64>,
    bug: Option<Bug>,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}

impl Outside {
    fn judge(&self, numbers: &[u64], judged: Result<(), String>) {
        let mut book = self.recorder.book();
        book.mark(numbers, &[]);
        if let Err(what) = judged {
            book.blame(what);
        }
    }

    fn below(&self, end: u64) -> u64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).below(end)
    }
}

impl environment::World for Outside {
    fn connect<'a>(&'a self, address: &'a str) -> Outgoing<'a> {
        Box::pin(async move {
            let end = self.place.connect(address).await?;
            Ok(Box::new(end) as Box<dyn Stream>)
        })
    }

    fn bind(&self, address: &str) -> io::Result<Box<dyn environment::Doorway>> {
        Ok(Box::new(self.place.bind(address)?))
    }

    fn wall_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::Relaxed)
    }

    fn fill(&self, buffer: &mut [u8]) {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.fill_with(|| random.number() as u8);
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        let pause = Duration::from_millis(self.below(400));
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            work();
        });
    }

    fn leads(&self, id: u64, term: u64) {
        let judged = self.recorder.book().ledger.leads(id, term);
        self.judge(&[3, id, term], judged);
    }

    fn applied(&self, id: u64, place: (u64, u64), entry: &[u8], zxid: i64) {
        let judged = self.recorder.book().ledger.applied(id, place, entry, zxid);
        self.judge(&[4, id, place.0, place.1, zxid as u64], judged);
    }

    fn state(&self, id: u64, index: u64, digest: u64) {
        let judged = self.recorder.book().ledger.digest(id, index, digest);
        self.judge(&[5, id, index, digest], judged);
    }

    fn is_planted(&self, fault: environment::Fault) -> bool {
        match self.bug.map(Bug::fault) {
            Some(environment::Fault::AckBeforePersist) => {
                fault == environment::Fault::AckBeforePersist
                    && self.recorder.book().ledger.leader() != u64::from(self.place.host)
            }
            planted => planted == Some(fault),
        }
    }
}

/// A server, running or not.
pub(crate) struct Server {
    pub(crate) id: u64,
    pub(crate) disk: SimDisk,
    pub(crate) actor: Option<Actor>,
    task: Option<JoinHandle<Result<(), ServerError>>>,
    stop: Option<oneshot::Sender<()>>,
    /// When it is started next, and how it went down.
    pub(crate) starts_ms: Option<(u64, CrashKind)>,
    /// How it is to go down at some write.
    pub(crate) planned: Option<CrashKind>,
    wall_ms: Arc<AtomicI64>,
    pub(crate) jumped_ms: i64,
    lives: u64,
    seed: u64,
    config: String,
    place: Place,
    recorder: Recorder,
    bug: Option<Bug>,
}

impl Server {
    pub(crate) fn new(
        id: u64,
        seed: u64,
        founders: u64,
        place: Place,
        recorder: Recorder,
        bug: Option<Bug>,
    ) -> io::Result<Server> {
        let disk = SimDisk::new(seed ^ (id << 32) ^ 0xd15c);
        let dir = Path::new("/data");
        disk.create_dir_all(dir)?;
        let myid = disk.create(&dir.join("myid"))?;
        myid.write_at(format!("{id}\n").as_bytes(), 0)?;
        myid.sync()?;
        disk.sync_dir(dir)?;
        let mut config = "tickTime=500\ndataDir=/data\nsnapCount=150\n".to_owned();
        config += &format!("clientPortAddress=n{id}\nclientPort=2181\nstandaloneEnabled=false\n");
        config += &format!("pinfold.digestEvery=100\nreconfigEnabled=true\n{SUPER}\n");
        for other in (1..=founders).chain((id > founders).then_some(id)) {
            config += &format!("server.{other}=n{other}:2888:3888;n{other}:2181\n");
        }
        Ok(Server {
            id,
            disk,
            actor: None,
            task: None,
            stop: None,
            starts_ms: (id <= founders).then_some((0, CrashKind::Process)),
            planned: None,
            wall_ms: Arc::new(AtomicI64::new(EPOCH_MS)),
            jumped_ms: 0,
            lives: 0,
            seed,
            config,
            place,
            recorder,
            bug,
        })
    }

    /// Begins a life.
    pub(crate) fn start(&mut self, kind: CrashKind) -> Result<(), String> {
        self.disk.restart(kind);
        self.place.network.host_is_up(self.place.host);
        self.planned = None;
        self.lives += 1;
        let random = Random::new(self.seed ^ (self.id << 40) ^ (self.lives << 8));
        let outside = Outside {
            place: self.place.clone(),
            recorder: self.recorder.clone(),
            random: Mutex::new(random),
            wall_ms: self.wall_ms.clone(),
            bug: self.bug,
        };
        let config = Config::parse_on(&self.disk, &self.config, "zoo.cfg");
        let config = config.map_err(|error| error.to_string())?;
        let disk = Arc::new(self.disk.clone());
        let environment = Environment::of(Arc::new(outside), disk, LOG);
        let actor = Actor::new(self.seed ^ (self.id << 48) ^ self.lives)?;
        let (stop, stopped) = oneshot::channel();
        let stopped = async move {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let serve = pinfold_server::simulation::serve(config, environment, stopped);
        self.task = Some(actor.spawn(serve));
        (self.actor, self.stop) = (Some(actor), Some(stop));
        Ok(())
    }

    /// Lets it run for a step. `Err` when it ended in a way that it must not.
    pub(crate) fn step(&mut self, now_ms: u64) -> Result<(), String> {
        self.wall_ms.store(EPOCH_MS + now_ms as i64 + self.jumped_ms, Ordering::Relaxed);
        let Some(actor) = &mut self.actor else { return Ok(()) };
        let said = tracing::error_span!("server", id = self.id, now_ms);
        said.in_scope(|| actor.step(now_ms))?;
        let owed_ms = self.disk.take_owed_ms();
        if owed_ms > 0 {
            actor.pause(now_ms + owed_ms);
        }
        if !self.task.as_ref().is_some_and(JoinHandle::is_finished) {
            return Ok(());
        }
        let Some(task) = self.task.take() else { return Ok(()) };
        let ended = actor.finish(task);
        let (has_failed, is_down) = (self.disk.has_failed(), self.disk.is_down());
        let kind = self.planned.filter(|_| is_down).unwrap_or(CrashKind::Process);
        self.down(kind);
        match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) if has_failed => Ok(()),
            Ok(Err(error)) => Err(format!("server {} stopped: {error}", self.id)),
            Err(panic) => Err(format!("server {} panicked: {panic}", self.id)),
        }
    }

    /// Whether it has ever been there.
    pub(crate) fn is_known(&self) -> bool {
        self.lives > 0
    }

    /// Whether a life goes on.
    pub(crate) fn is_up(&self) -> bool {
        self.actor.is_some()
    }

    /// Asks it to stop.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Ends its life at once. The operating system closes the connections of a process; nobody
    /// closes those of a machine without power.
    pub(crate) fn down(&mut self, kind: CrashKind) {
        (self.task, self.stop) = (None, None);
        let Some(actor) = self.actor.take() else { return };
        let (network, host) = (self.place.network.clone(), self.place.host);
        match kind {
            CrashKind::Process => {
                drop(actor);
                network.host_is_down(host);
            }
            CrashKind::PowerLossAll | CrashKind::PowerLossSome => {
                network.host_is_dark(host);
                drop(actor);
            }
        }
    }
}
