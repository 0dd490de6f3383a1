//! One run: servers, clients, the network and what goes wrong, a step at a time.

use std::collections::BTreeMap;
use std::fmt;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::actor::{Actor, STEP_MS};
use crate::customer;
use crate::faults::{Fault, Partition, Scheduled, plan};
use crate::network::{Host, Network, Place, Weather};
use crate::operator::{self, Change};
use crate::recorder::Recorder;
use crate::server::Server;
use crate::{Bug, CrashKind, Random};

/// Clients of one run.
const CLIENTS: u64 = 4;
/// Servers that are not there at the beginning, and may join.
pub(crate) const SPARES: u64 = 2;
/// The machine of the operator.
const OPERATOR: Host = 99;
/// At the end everything is well for so long, and then everything must be.
const CALM_MS: u64 = 15_000;
/// How long a run takes at least.
const LEAST_MS: u64 = CALM_MS + 5000;

/// What to run.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Decides everything.
    pub seed: u64,
    /// 3 or 5.
    pub servers: u64,
    /// Virtual time that it takes.
    pub seconds: u64,
    /// A fault to plant.
    pub bug: Option<Bug>,
}

/// What happened in a run without a violation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Answers that clients got.
    pub answers: u64,
    /// Events that they got.
    pub events: u64,
    /// Entries that were decided.
    pub entries: u64,
    /// What went wrong, how often.
    pub faults: u64,
    /// How often a server went down.
    pub falls: u64,
    /// Of everything that happened: the same for the same seed.
    pub trace: u64,
}

impl Report {
    /// Counts another run in.
    pub(crate) fn add(&mut self, other: &Report) {
        self.answers += other.answers;
        self.events += other.events;
        self.entries += other.entries;
        self.faults += other.faults;
        self.falls += other.falls;
        self.trace = other.trace;
    }
}

/// What must not be, and was.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The seed that shows it again.
    pub seed: u64,
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// What.
    pub what: String,
    /// The trace up to there.
    pub trace: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, at {} ms: {}", self.seed, self.at_ms, self.what)
    }
}

/// What goes wrong in a run of this setting.
pub fn schedule(setting: &Setting) -> Vec<Scheduled> {
    let until_ms = (setting.seconds * 1000).max(LEAST_MS) - CALM_MS;
    plan(setting.seed, setting.servers, CLIENTS, until_ms, false)
}

/// Runs a setting.
///
/// # Errors
/// The first violation.
pub fn run(setting: &Setting) -> Result<Report, Violation> {
    run_with(setting, &schedule(setting))
}

/// Runs a setting with what is left of its schedule.
///
/// # Errors
/// The first violation.
pub fn run_with(setting: &Setting, schedule: &[Scheduled]) -> Result<Report, Violation> {
    let mut world = World::new(setting, schedule.to_vec());
    let ended = world.live();
    let (at_ms, trace) = (world.now_ms, world.recorder.book().trace);
    ended.map_err(|what| Violation { seed: setting.seed, at_ms, what, trace })?;
    let book = world.recorder.book();
    Ok(Report {
        answers: book.answers,
        events: book.events,
        entries: book.ledger.len() as u64,
        faults: schedule.len() as u64,
        falls: world.falls,
        trace: book.trace,
    })
}

/// What ends by itself.
enum Undo {
    Weather,
    Heal,
    Flap { cuts: Vec<(Host, Host)>, every_ms: u64, until_ms: u64, is_cut: bool },
    RoomAgain(u64),
    FastAgain(u64),
}

struct World {
    setting: Setting,
    schedule: Vec<Scheduled>,
    now_ms: u64,
    random: Random,
    network: Network,
    recorder: Recorder,
    servers: Vec<Server>,
    clients: Vec<(Actor, Host)>,
    operator: Option<(Actor, UnboundedSender<Change>)>,
    born: u64,
    undo: BTreeMap<(u64, u64), Undo>,
    undone: u64,
    /// Servers that are to come up again in a certain way once they have gone down.
    crashes: BTreeMap<u64, (u64, CrashKind)>,
    falls: u64,
    problem: Option<String>,
}

impl World {
    fn new(setting: &Setting, mut schedule: Vec<Scheduled>) -> World {
        let seed = setting.seed;
        let recorder = Recorder::new();
        schedule.reverse();
        let mut world = World {
            setting: setting.clone(),
            schedule,
            now_ms: 0,
            random: Random::new(seed ^ 0x0123_4567),
            network: Network::new(seed ^ 0x0e7, recorder.clone()),
            recorder,
            servers: Vec::new(),
            clients: Vec::new(),
            operator: None,
            born: 0,
            undo: BTreeMap::new(),
            undone: 0,
            crashes: BTreeMap::new(),
            falls: 0,
            problem: None,
        };
        for id in 1..=setting.servers + SPARES {
            let place = Place { network: world.network.clone(), host: id as Host };
            let recorder = world.recorder.clone();
            match Server::new(id, seed, setting.servers, place, recorder, setting.bug) {
                Ok(server) => world.servers.push(server),
                Err(error) => world.problem = Some(error.to_string()),
            }
        }
        for _ in 0..CLIENTS {
            let client = world.client();
            world.clients.extend(client);
        }
        world.operate();
        world
    }

    fn operate(&mut self) {
        let place = Place { network: self.network.clone(), host: OPERATOR };
        let (sender, changes) = unbounded_channel();
        match Actor::new(self.setting.seed ^ 0x0bee) {
            Ok(actor) => {
                actor.spawn(operator::work(place, self.setting.servers, changes));
                self.operator = Some((actor, sender));
            }
            Err(error) => self.problem = Some(error),
        }
    }

    fn change(&mut self, change: Change) {
        if let Some((_, changes)) = &self.operator {
            let _ = changes.send(change);
        }
    }

    fn client(&mut self) -> Option<(Actor, Host)> {
        self.born += 1;
        let host = 100 + self.born as Host;
        let place = Place { network: self.network.clone(), host };
        let hosts: Vec<String> = self.servers.iter().map(|s| format!("n{}:2181", s.id)).collect();
        let seed = self.setting.seed ^ (u64::from(host) << 20);
        match Actor::new(seed) {
            Ok(actor) => {
                actor.spawn(customer::work(hosts.join(","), place, seed));
                Some((actor, host))
            }
            Err(error) => {
                self.problem = Some(error);
                None
            }
        }
    }

    fn live(&mut self) -> Result<(), String> {
        let end_ms = (self.setting.seconds * 1000).max(LEAST_MS);
        let calm_ms = end_ms - CALM_MS;
        let mut late = (0, 0);
        while self.now_ms < end_ms {
            self.now_ms += STEP_MS;
            if self.now_ms == calm_ms {
                self.calm();
            }
            if self.now_ms == end_ms - 2000 {
                let book = self.recorder.book();
                late = (book.ledger.last(), book.answers);
            }
            self.go_wrong();
            self.network.step(self.now_ms);
            self.step_actors()?;
            if let Some(what) = self.recorder.book().violation.take() {
                return Err(what);
            }
        }
        self.check_end(late)
    }

    /// What must be when everything has been well for a while; `late` is how far the log and the
    /// clients had come shortly before.
    fn check_end(&self, (last, answers): (u64, u64)) -> Result<(), String> {
        let book = self.recorder.book();
        if book.ledger.last() <= last || book.answers <= answers {
            return Err("nothing is done although nothing is wrong any more".to_owned());
        }
        for server in &self.servers {
            let (id, reached) = (server.id, book.ledger.reached(server.id));
            let is_member = book.ledger.is_member(id).unwrap_or(id <= self.setting.servers);
            if is_member && reached < last {
                let state = if server.is_up() { "up" } else { "down" };
                return Err(format!("server {id} is {state}, and at entry {reached} of {last}"));
            }
        }
        match book.ledger.forgotten(self.now_ms) {
            Some(id) => Err(format!("session {id:#x} is open, but nobody hears of it any more")),
            None => Ok(()),
        }
    }

    fn step_actors(&mut self) -> Result<(), String> {
        if let Some(problem) = self.problem.take() {
            return Err(problem);
        }
        for at in 0..self.servers.len() {
            let server = &mut self.servers[at];
            if let Some((starts_ms, kind)) = server.starts_ms
                && starts_ms <= self.now_ms
                && !server.is_up()
            {
                server.starts_ms = None;
                server.start(kind)?;
            }
            let was_up = server.is_up();
            server.step(self.now_ms)?;
            if was_up && !server.is_up() {
                self.fell(at);
            }
        }
        let operator = self.operator.iter_mut().map(|(actor, _)| actor);
        for actor in self.clients.iter_mut().map(|(actor, _)| actor).chain(operator) {
            actor.step(self.now_ms)?;
        }
        Ok(())
    }

    /// A server has gone down by itself: it comes up again some time.
    fn fell(&mut self, at: usize) {
        self.falls += 1;
        let id = self.servers[at].id;
        let (down_ms, kind) = match self.crashes.remove(&id) {
            Some(crash) => crash,
            None => (500 + self.random.below(2000), CrashKind::Process),
        };
        self.servers[at].starts_ms = Some((self.now_ms + down_ms, kind));
    }

    fn bring_down(&mut self, id: u64, kind: CrashKind, down_ms: u64) {
        let now_ms = self.now_ms;
        let Some(server) = self.servers.get_mut(id as usize - 1) else { return };
        if !server.is_known() {
            return;
        }
        if server.is_up() {
            server.down(kind);
            self.falls += 1;
        }
        server.starts_ms = Some((now_ms + down_ms, kind));
    }

    fn go_wrong(&mut self) {
        while self.schedule.last().is_some_and(|next| next.at_ms <= self.now_ms) {
            let Some(next) = self.schedule.pop() else { return };
            self.inflict(next.fault);
        }
        while self.undo.first_key_value().is_some_and(|((at_ms, _), _)| *at_ms <= self.now_ms) {
            let Some((_, undo)) = self.undo.pop_first() else { return };
            self.make_up(undo);
        }
    }

    fn later(&mut self, after_ms: u64, undo: Undo) {
        self.undone += 1;
        self.undo.insert((self.now_ms + after_ms, self.undone), undo);
    }

    fn inflict(&mut self, fault: Fault) {
        match fault {
            Fault::Weather { delay, per_mille, for_ms } => {
                self.network.set_weather(Fault::weather(delay, per_mille));
                self.later(for_ms, Undo::Weather);
            }
            Fault::Partition { servers, kind, with_clients, for_ms } => {
                self.partition(&servers, kind, with_clients, for_ms);
            }
            Fault::Join { server, is_observer } => {
                let new = &mut self.servers[server as usize - 1];
                if !new.is_known() {
                    new.starts_ms = Some((self.now_ms, CrashKind::Process));
                }
                self.change(Change::Join { server, is_observer });
            }
            Fault::Leave { server } => self.change(Change::Leave { server }),
            Fault::PowerCut { kind, down_ms } => {
                for id in 1..=self.setting.servers + SPARES {
                    let down_ms = down_ms + self.random.below(300);
                    self.bring_down(id, kind, down_ms);
                }
            }
            Fault::KillLeaderAndOne { kind, down_ms } => {
                let leader = self.recorder.book().ledger.leader().max(1);
                let other = 1 + leader % self.setting.servers;
                self.bring_down(other, kind, down_ms / 8);
                self.bring_down(leader, kind, down_ms);
            }
            Fault::KillClient { client, with_power } => {
                let Some(new) = self.client() else { return };
                let (actor, host) = std::mem::replace(&mut self.clients[client], new);
                match with_power {
                    true => {
                        drop(actor);
                        self.network.host_is_down(host);
                    }
                    false => {
                        self.network.host_is_dark(host);
                        drop(actor);
                    }
                }
            }
            Fault::PauseClient { client, for_ms } => {
                self.clients[client].0.pause(self.now_ms + for_ms);
            }
            Fault::ResetClient { client } => self.network.reset(self.clients[client].1),
            other => self.inflict_server(other),
        }
    }

    /// What befalls one server.
    fn inflict_server(&mut self, fault: Fault) {
        match fault {
            Fault::Kill { server, kind, down_ms } => self.bring_down(server, kind, down_ms),
            Fault::KillAtWrite { server, operations, kind, down_ms } => {
                self.crashes.insert(server, (down_ms, kind));
                let server = &mut self.servers[server as usize - 1];
                server.planned = Some(kind);
                server.disk.crash_after(operations);
            }
            Fault::FailSync { server, syncs } => {
                self.servers[server as usize - 1].disk.fail_sync_after(syncs);
            }
            Fault::FullDisk { server, for_ms } => {
                self.servers[server as usize - 1].disk.set_full(true);
                self.later(for_ms, Undo::RoomAgain(server));
            }
            Fault::SlowDisk { server, sync_ms, for_ms } => {
                self.servers[server as usize - 1].disk.set_sync_ms(sync_ms);
                self.later(for_ms, Undo::FastAgain(server));
            }
            Fault::Pause { server, for_ms } => {
                let until_ms = self.now_ms + for_ms;
                if let Some(actor) = &mut self.servers[server as usize - 1].actor {
                    actor.pause(until_ms);
                }
            }
            Fault::ClockJump { server, by_ms } => {
                self.recorder.book().ledger.clocks_jumped = true;
                self.servers[server as usize - 1].jumped_ms += by_ms;
            }
            Fault::Restart { server, down_ms } => {
                self.crashes.insert(server, (down_ms, CrashKind::Process));
                self.servers[server as usize - 1].stop();
            }
            _ => {}
        }
    }

    fn partition(&mut self, servers: &[u64], kind: Partition, with_clients: bool, for_ms: u64) {
        let all = self.servers.iter().map(|server| server.id as Host);
        let mut others: Vec<Host> = all.filter(|id| !servers.contains(&u64::from(*id))).collect();
        if with_clients {
            others.extend(self.clients.iter().map(|(_, host)| *host));
        }
        let mut cuts = Vec::new();
        for server in servers.iter().map(|id| *id as Host) {
            for other in &others {
                if kind != (Partition::OneWay { inwards: true }) {
                    cuts.push((server, *other));
                }
                if kind != (Partition::OneWay { inwards: false }) {
                    cuts.push((*other, server));
                }
            }
        }
        cuts.iter().for_each(|(from, to)| self.network.cut(*from, *to));
        match kind {
            Partition::Flapping { every_ms } => {
                let until_ms = self.now_ms + for_ms;
                self.later(every_ms, Undo::Flap { cuts, every_ms, until_ms, is_cut: true });
            }
            _ => self.later(for_ms, Undo::Heal),
        }
    }

    fn make_up(&mut self, undo: Undo) {
        match undo {
            Undo::Weather => self.network.set_weather(Weather::FINE),
            Undo::Heal => self.network.heal(),
            Undo::Flap { every_ms, until_ms, is_cut, cuts } => {
                if is_cut {
                    self.network.heal();
                } else {
                    cuts.iter().for_each(|(from, to)| self.network.cut(*from, *to));
                }
                if self.now_ms < until_ms || !is_cut {
                    let is_cut = !is_cut;
                    self.later(every_ms, Undo::Flap { cuts, every_ms, until_ms, is_cut });
                }
            }
            Undo::RoomAgain(id) => self.servers[id as usize - 1].disk.set_full(false),
            Undo::FastAgain(id) => self.servers[id as usize - 1].disk.set_sync_ms(0),
        }
    }

    /// Nothing goes wrong any more, and what is down comes up.
    fn calm(&mut self) {
        self.network.set_weather(Weather::FINE);
        self.network.heal();
        self.undo.clear();
        for server in &mut self.servers {
            server.disk.set_full(false);
            server.disk.set_sync_ms(0);
            server.disk.calm();
        }
    }
}
