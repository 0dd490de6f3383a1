//! One client: writes, reads, syncs, watches, an ephemeral node, and now and then a new session.

use super::history::{History, Seen, Value};
use crate::random::Random;
use crate::{Fallible, Fault};
use pinfold_client::{Acl, Client, CreateMode, Error, EventKind, Options, SessionState, Watch};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(crate) const ROOT: &str = "/chaos";
pub(crate) const QUEUE: &str = "/chaos/queue";
const ALIVE: &str = "/chaos/alive";
/// Nodes that everybody writes.
pub(crate) const REGISTERS: usize = 40;
/// Writes that go out together.
const BATCH: usize = 3;
/// An event that is on its way for longer than this is missed.
const EVENT_WITHIN: Duration = Duration::from_secs(30);
/// The ephemerals of a session that is over are gone after this.
const GONE_WITHIN: Duration = Duration::from_secs(90);
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_WITHIN: Duration = Duration::from_secs(90);

pub(crate) fn register(key: usize) -> String {
    format!("{ROOT}/r{key}")
}

/// A watch that has not fired: on which register, and what was there when it was armed.
struct Armed {
    key: usize,
    zxid: i64,
    watch: Watch,
}

pub(crate) struct Load {
    number: u32,
    hosts: String,
    history: Arc<History>,
    random: Random,
    client: Client,
    /// The node that lives as long as the session does.
    ephemeral: Option<String>,
    seen: Seen,
    armed: Vec<Armed>,
    written: u32,
}

/// The nodes that are always there.
pub(crate) async fn prepare(hosts: &str) -> Fallible<Client> {
    let client = connect(hosts).await?;
    let acl = Acl::open_unsafe();
    let registers = (0..REGISTERS).map(register);
    let all = [ROOT, QUEUE, ALIVE].into_iter().map(str::to_owned).chain(registers);
    for path in all {
        client.create(&path, "", CreateMode::Persistent, &acl).await?;
    }
    Ok(client)
}

pub(crate) async fn connect(hosts: &str) -> Fallible<Client> {
    let mut options = Options::new(hosts);
    options.session_timeout = SESSION_TIMEOUT;
    options.connect_timeout = CONNECT_WITHIN;
    Client::connect(options).await.map_err(Fault::from)
}

impl Load {
    pub(crate) async fn new(
        number: u32,
        hosts: String,
        history: Arc<History>,
        random: Random,
    ) -> Fallible<Load> {
        let client = connect(&hosts).await?;
        let (ephemeral, seen, armed, written) = (None, Seen::default(), Vec::new(), 0);
        Ok(Load { number, hosts, history, random, client, ephemeral, seen, armed, written })
    }

    /// Works until it is told to stop.
    pub(crate) async fn run(&mut self, stop: &AtomicBool) -> Fallible {
        while !stop.load(Ordering::Relaxed) {
            if self.client.state().is_final() {
                self.history.count(|counts| counts.sessions_expired += 1);
                self.begin_again().await?;
            }
            if self.ephemeral.is_none() {
                self.live().await;
            }
            let done = match self.random.below(100) {
                0..40 => self.write().await,
                40..65 => self.read(false).await,
                65..80 => self.read(true).await,
                80..88 => self.watch().await,
                88..93 => self.enqueue().await,
                93..99 => self.look_alive().await,
                _ => self.leave().await?,
            };
            if done.is_err() {
                self.history.count(|counts| counts.connection_errors += 1);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let pause = self.random.between(0, 20);
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    fn key(&mut self) -> usize {
        self.random.below(REGISTERS as u64) as usize
    }

    /// Several writes at once, which have to be ordered as they were asked for.
    async fn write(&mut self) -> Result<(), Error> {
        let mut waiting = Vec::new();
        for _ in 0..BATCH {
            let key = self.key();
            self.written += 1;
            let value = Value { client: self.number, number: self.written };
            let floor = self.history.asked(key, value);
            let answer = self.client.set(&register(key), value.text(), -1);
            waiting.push((key, value, floor, answer));
        }
        let (mut last, mut failure) = (0, None);
        for (key, value, floor, answer) in waiting {
            match answer.await {
                Ok(stat) => {
                    self.history.wrote(key, value, floor, &stat);
                    if stat.mzxid <= last {
                        self.history.violation(format!(
                            "client {}: zxid {:#x} of a later write is not after {last:#x}",
                            self.number, stat.mzxid
                        ));
                    }
                    last = stat.mzxid;
                    self.history.passed(&mut self.seen, last);
                }
                Err(error) => {
                    self.history.count(|counts| counts.unanswered_writes += 1);
                    failure = Some(error);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn read(&mut self, synced: bool) -> Result<(), Error> {
        let key = self.key();
        let path = register(key);
        let floor = synced.then(|| self.history.floor(key));
        // Pipelined, as an application would.
        let sync = synced.then(|| self.client.sync(&path));
        let read = self.client.get(&path);
        if let Some(sync) = sync {
            sync.await?;
        }
        let (data, stat) = read.await?;
        self.history.read(key, floor, &mut self.seen, (&data, &stat));
        self.expect_events(key, stat.mzxid).await;
        Ok(())
    }

    async fn watch(&mut self) -> Result<(), Error> {
        let key = self.key();
        let (data, stat, watch) = self.client.get_watch(&register(key)).await?;
        self.history.read(key, None, &mut self.seen, (&data, &stat));
        self.expect_events(key, stat.mzxid).await;
        self.history.count(|counts| counts.watches += 1);
        self.armed.push(Armed { key, zxid: stat.mzxid, watch });
        Ok(())
    }

    /// The register was seen at this zxid: every watch that was armed before that has to fire.
    async fn expect_events(&mut self, key: usize, zxid: i64) {
        let is_due = |armed: &Armed| armed.key == key && armed.zxid < zxid;
        let (due, rest) = std::mem::take(&mut self.armed).into_iter().partition(is_due);
        self.armed = rest;
        let due: Vec<Armed> = due;
        for mut armed in due {
            match tokio::time::timeout(EVENT_WITHIN, armed.watch.next()).await {
                Ok(Some(event)) if event.kind == EventKind::DataChanged => {
                    let early = event.zxid != -1 && event.zxid <= armed.zxid;
                    if early || armed.watch.try_next().is_some() {
                        self.history.violation(format!(
                            "client {}: the watch on register {key} armed at zxid {:#x} told of \
                             {:#x}, or twice",
                            self.number, armed.zxid, event.zxid
                        ));
                    }
                    self.history.count(|counts| counts.watches_fired += 1);
                }
                // With the session its watches end.
                Ok(_) if self.client.state().is_final() => return,
                Err(_) if self.client.state() != SessionState::Connected => {
                    self.armed.push(armed);
                }
                missed => self.history.violation(format!(
                    "client {}: the watch on register {key} armed at zxid {:#x} missed {zxid:#x}: \
                     {missed:?}",
                    self.number, armed.zxid
                )),
            }
        }
    }

    async fn enqueue(&mut self) -> Result<(), Error> {
        let (path, acl) = (format!("{QUEUE}/n-"), Acl::open_unsafe());
        let mode = CreateMode::PersistentSequential;
        let created = self.client.create(&path, "", mode, &acl).await?;
        self.history.created(&created.path);
        self.history.passed(&mut self.seen, created.stat.czxid);
        Ok(())
    }

    /// Creates the node of this session. What comes of it when no answer comes is found out later.
    async fn live(&mut self) {
        let Some(session) = self.client.session() else { return };
        let path = format!("{ALIVE}/{:x}", session.id);
        let mode = CreateMode::Ephemeral;
        match self.client.create(&path, "", mode, &Acl::open_unsafe()).await {
            Ok(_) => self.ephemeral = Some(path),
            Err(error) if error.name() == "NODE_EXISTS" => self.ephemeral = Some(path),
            Err(_) => {}
        }
    }

    /// The session lives, so its node does.
    async fn look_alive(&mut self) -> Result<(), Error> {
        let Some(path) = &self.ephemeral else { return Ok(()) };
        let session = self.client.session().map_or(0, |session| session.id);
        let found = self.client.exists(path).await?;
        self.history.count(|counts| counts.ephemeral_checks += 1);
        let owner = found.map(|stat| stat.ephemeral_owner);
        if owner != Some(session) {
            self.history.violation(format!(
                "client {}: its session {session:#x} is alive, but {path} has owner {owner:?}",
                self.number
            ));
        }
        Ok(())
    }

    /// Closes the session, which takes its node with it; at the latest when it would have expired,
    /// because a close does not tell whether a server heard it.
    async fn leave(&mut self) -> Fallible<Result<(), Error>> {
        let closed = self.client.close().await;
        self.history.count(|counts| counts.sessions_closed += 1);
        self.begin_again().await?;
        Ok(closed)
    }

    /// A new session, which finds that the node of the old one is gone, or soon will be.
    async fn begin_again(&mut self) -> Fallible {
        self.armed.clear();
        self.seen = Seen::default();
        self.client = connect(&self.hosts).await?;
        let Some(path) = self.ephemeral.take() else { return Ok(()) };
        let started = Instant::now();
        loop {
            let sync = self.client.sync(&path);
            let found = self.client.exists(&path);
            match (sync.await, found.await) {
                (Ok(()), Ok(None)) => return Ok(()),
                (Ok(()), Ok(Some(_))) if started.elapsed() >= GONE_WITHIN => {
                    let text = format!("client {}: {path} has outlived its session", self.number);
                    self.history.violation(text);
                    return Ok(());
                }
                _ if self.client.state().is_final() => return Ok(()),
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}
