//! The network: connections in memory, with delays, cuts and frames that get lost.
//!
//! What is written takes its time, which never lets it overtake what was written before on the
//! same connection. Where a direction is cut, bytes wait until it is not, as they do when TCP
//! sends them again. Between servers, frames of consensus may get lost, come twice or change
//! places; everything else keeps its order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use bytes::BytesMut;
use pinfold_server::simulation::HELLO_BYTES;

mod socket;

use crate::Random;
use crate::recorder::Recorder;
pub(crate) use socket::{Doorway, End, Place};

/// Most bytes on their way in one direction of a connection; who wants to write more waits.
const WINDOW: usize = 256 << 10;
/// Of frames between servers: length, checksum; then comes the kind.
const FRAME_HEAD: usize = 8;
const FRAME_OF_CONSENSUS: u8 = 1;
/// The port of servers for each other.
pub(crate) const PEER_PORT: u16 = 2888;

/// A machine: servers have the numbers from 1 on, clients those from 100 on.
pub(crate) type Host = u16;

/// The network's weather, by which every write takes its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Milliseconds that a write is on its way.
    pub(crate) delay: (u64, u64),
    /// Of a thousand frames of consensus.
    pub(crate) lost: u64,
    /// Likewise.
    pub(crate) twice: u64,
    /// Likewise.
    pub(crate) swapped: u64,
}

impl Weather {
    pub(crate) const FINE: Weather = Weather { delay: (2, 4), lost: 0, twice: 0, swapped: 0 };
}

/// The network. Clones are the same.
#[derive(Clone)]
pub(crate) struct Network(Arc<Mutex<Inner>>);

struct Inner {
    now_ms: u64,
    random: Random,
    weather: Weather,
    /// Directions in which nothing comes through.
    cuts: BTreeSet<(Host, Host)>,
    /// Hosts without power: nobody is told so.
    dark: BTreeSet<Host>,
    doors: BTreeMap<(Host, u16), Door>,
    calls: VecDeque<Call>,
    connections: BTreeMap<u64, Connection>,
    last: u64,
    recorder: Recorder,
}

#[derive(Default)]
struct Door {
    queue: VecDeque<(u64, Host)>,
    waker: Option<Waker>,
}

/// Somebody who wants to connect.
struct Call {
    due_ms: u64,
    from: Host,
    to: (Host, u16),
    answer: Arc<Mutex<Answer>>,
}

#[derive(Default)]
struct Answer {
    result: Option<io::Result<u64>>,
    waker: Option<Waker>,
}

struct Connection {
    /// Who called, and who was called.
    hosts: [Host; 2],
    port: u16,
    /// What the one and the other has written.
    lanes: [Lane; 2],
    is_broken: bool,
    /// One of the hosts has lost its power, and with it what it knew of the connection; 0 or 1.
    orphaned: Option<usize>,
    /// Ends that are still held.
    held: u8,
}

#[derive(Default)]
struct Lane {
    flight: VecDeque<(u64, Vec<u8>)>,
    on_the_way: usize,
    arrived: BytesMut,
    ends: bool,
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    last_due_ms: u64,
    /// Between servers: what is not a whole frame yet, behind the first words.
    partial: BytesMut,
    greeted: usize,
    swapped: Option<Vec<u8>>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

impl Network {
    pub(crate) fn new(seed: u64, recorder: Recorder) -> Network {
        Network(Arc::new(Mutex::new(Inner {
            now_ms: 0,
            random: Random::new(seed),
            weather: Weather::FINE,
            cuts: BTreeSet::new(),
            dark: BTreeSet::new(),
            doors: BTreeMap::new(),
            calls: VecDeque::new(),
            connections: BTreeMap::new(),
            last: 0,
            recorder,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Virtual milliseconds since the beginning.
    pub(crate) fn now_ms(&self) -> u64 {
        self.inner().now_ms
    }

    /// Breaks every connection of a host, whose process lives on: answers on their way are lost.
    pub(crate) fn reset(&self, host: Host) {
        let mut inner = self.inner();
        for connection in inner.connections.values_mut() {
            if connection.hosts.contains(&host) {
                connection.break_off();
            }
        }
    }

    /// Where everything is written down.
    pub(crate) fn recorder(&self) -> Recorder {
        self.inner().recorder.clone()
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        self.inner().weather = weather;
    }

    /// Nothing comes through from the one to the other any more.
    pub(crate) fn cut(&self, from: Host, to: Host) {
        self.inner().cuts.insert((from, to));
    }

    /// Everything comes through again; some connections did not survive it.
    pub(crate) fn heal(&self) {
        let mut inner = self.inner();
        let cuts = std::mem::take(&mut inner.cuts);
        let Inner { connections, random, .. } = &mut *inner;
        for connection in connections.values_mut() {
            let [a, b] = connection.hosts;
            if (cuts.contains(&(a, b)) || cuts.contains(&(b, a))) && random.one_in(2) {
                connection.break_off();
            }
        }
    }

    /// A host has lost its power. Whoever talks to it hears nothing until it is there again, and
    /// then only on asking: it knows of no connection.
    pub(crate) fn host_is_dark(&self, host: Host) {
        let mut inner = self.inner();
        inner.doors.retain(|(at, _), _| *at != host);
        inner.dark.insert(host);
        for connection in inner.connections.values_mut() {
            if let Some(side) = connection.hosts.iter().position(|at| *at == host) {
                connection.orphaned = Some(side);
            }
        }
    }

    /// The host has its power again.
    pub(crate) fn host_is_up(&self, host: Host) {
        self.inner().dark.remove(&host);
    }

    /// Breaks the connections of a host; its doors are gone.
    pub(crate) fn host_is_down(&self, host: Host) {
        let mut inner = self.inner();
        inner.doors.retain(|(at, _), _| *at != host);
        for connection in inner.connections.values_mut() {
            if connection.hosts.contains(&host) {
                connection.break_off();
            }
        }
    }

    /// Time has come to this millisecond: delivers what is due.
    pub(crate) fn step(&self, now_ms: u64) {
        let mut inner = self.inner();
        let Inner { connections, cuts, dark, .. } = &mut *inner;
        for connection in connections.values_mut() {
            let [a, b] = connection.hosts;
            if let Some(side) = connection.orphaned {
                let is_cut = cuts.contains(&(a, b)) || cuts.contains(&(b, a));
                let is_asked = !connection.lanes[1 - side].flight.is_empty();
                if is_asked && !is_cut && !dark.contains(&connection.hosts[side]) {
                    connection.break_off();
                }
                continue;
            }
            for (lane, way) in connection.lanes.iter_mut().zip([(a, b), (b, a)]) {
                if !cuts.contains(&way) {
                    lane.deliver(now_ms);
                }
            }
        }
        inner.connections.retain(|_, connection| connection.held > 0);
        inner.now_ms = now_ms;
        inner.answer_calls();
    }

    async fn call(&self, from: Host, address: &str) -> io::Result<End> {
        let to = parse(address)?;
        let answer = Arc::new(Mutex::new(Answer::default()));
        {
            let mut inner = self.inner();
            let due_ms = inner.now_ms + inner.delay() * 2;
            inner.calls.push_back(Call { due_ms, from, to, answer: answer.clone() });
        }
        let number = poll_fn(|context| {
            let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
            match answer.result.take() {
                Some(result) => Poll::Ready(result),
                None => {
                    answer.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        });
        Ok(End { network: self.clone(), number: number.await?, side: 0 })
    }

    fn open(&self, host: Host, address: &str) -> io::Result<Doorway> {
        let at = parse(address)?;
        let mut inner = self.inner();
        if at.0 != host || inner.doors.contains_key(&at) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        inner.doors.insert(at, Door::default());
        Ok(Doorway { network: self.clone(), at })
    }
}

/// `n3:2181` is a door of host 3.
fn parse(address: &str) -> io::Result<(Host, u16)> {
    let parsed = address.strip_prefix('n').and_then(|rest| rest.split_once(':'));
    let parsed = parsed.and_then(|(host, port)| Some((host.parse().ok()?, port.parse().ok()?)));
    parsed.ok_or_else(|| io::Error::other(format!("{address} is no address here")))
}

impl Inner {
    fn delay(&mut self) -> u64 {
        let (least, most) = self.weather.delay;
        least + self.random.below(most - least + 1)
    }

    fn answer_calls(&mut self) {
        for _ in 0..self.calls.len() {
            let Some(call) = self.calls.pop_front() else { return };
            let (from, (host, port)) = (call.from, call.to);
            let is_cut = self.cuts.contains(&(from, host)) || self.cuts.contains(&(host, from));
            if Arc::strong_count(&call.answer) == 1 {
                continue;
            }
            if call.due_ms > self.now_ms || is_cut || self.dark.contains(&host) {
                self.calls.push_back(call);
                continue;
            }
            let result = match self.doors.get_mut(&call.to) {
                None => Err(io::ErrorKind::ConnectionRefused.into()),
                Some(door) => {
                    self.last += 1;
                    door.queue.push_back((self.last, from));
                    door.waker.take().into_iter().for_each(Waker::wake);
                    let connection = Connection {
                        hosts: [from, host],
                        port,
                        lanes: Default::default(),
                        is_broken: false,
                        orphaned: None,
                        held: 2,
                    };
                    self.connections.insert(self.last, connection);
                    Ok(self.last)
                }
            };
            let mut answer = call.answer.lock().unwrap_or_else(PoisonError::into_inner);
            answer.result = Some(result);
            answer.waker.take().into_iter().for_each(Waker::wake);
        }
    }

    fn write(&mut self, number: u64, side: usize, bytes: &[u8]) -> io::Result<usize> {
        let now_ms = self.now_ms;
        let delay = self.delay();
        let Some(connection) = self.connections.get_mut(&number) else { return Err(broken()) };
        if connection.is_broken {
            return Err(broken());
        }
        let lane = &mut connection.lanes[side];
        let room = WINDOW.saturating_sub(lane.on_the_way);
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = bytes.len().min(room);
        let bytes = &bytes[..taken];
        lane.on_the_way += taken;
        lane.last_due_ms = lane.last_due_ms.max(now_ms + delay);
        if connection.port != PEER_PORT || side == 1 {
            lane.flight.push_back((lane.last_due_ms, bytes.to_vec()));
            if side == 0 {
                self.recorder.said(number, now_ms, bytes);
            }
            return Ok(taken);
        }
        lane.relay(bytes, self.weather, &mut self.random);
        Ok(taken)
    }

    fn read(&mut self, number: u64, side: usize, room: usize) -> io::Result<Vec<u8>> {
        let Some(connection) = self.connections.get_mut(&number) else { return Err(broken()) };
        let lane = &mut connection.lanes[1 - side];
        if !lane.arrived.is_empty() {
            let piece = lane.arrived.split_to(lane.arrived.len().min(room)).to_vec();
            lane.on_the_way = lane.on_the_way.saturating_sub(piece.len());
            lane.writer.take().into_iter().for_each(Waker::wake);
            if side == 0 && connection.port != PEER_PORT {
                self.recorder.heard(number, self.now_ms, &piece);
            }
            return Ok(piece);
        }
        if connection.is_broken {
            return Err(broken());
        }
        if lane.ended { Ok(Vec::new()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }
}

fn broken() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl Connection {
    fn break_off(&mut self) {
        self.is_broken = true;
        for lane in &mut self.lanes {
            lane.flight.clear();
            lane.arrived.clear();
            lane.wake();
        }
    }
}

impl Lane {
    fn wake(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
        self.writer.take().into_iter().for_each(Waker::wake);
    }

    fn deliver(&mut self, now_ms: u64) {
        let mut is_news = false;
        while self.flight.front().is_some_and(|(due_ms, _)| *due_ms <= now_ms) {
            let (_, bytes) = self.flight.pop_front().unwrap_or_default();
            self.arrived.extend_from_slice(&bytes);
            is_news = true;
        }
        if self.ends && self.flight.is_empty() && !self.ended && self.last_due_ms <= now_ms {
            self.ended = true;
            is_news = true;
        }
        if is_news {
            self.reader.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Passes on what a server says to another, frame by frame.
    fn relay(&mut self, bytes: &[u8], weather: Weather, random: &mut Random) {
        let due_ms = self.last_due_ms;
        let first = bytes.len().min(HELLO_BYTES - self.greeted);
        self.greeted += first;
        if first > 0 {
            self.flight.push_back((due_ms, bytes[..first].to_vec()));
        }
        self.partial.extend_from_slice(&bytes[first..]);
        while let Some(head) = self.partial.first_chunk::<4>() {
            let length = FRAME_HEAD + u32::from_le_bytes(*head) as usize;
            if self.partial.len() < length {
                return;
            }
            let frame = self.partial.split_to(length).to_vec();
            let mut fate = random.below(1000);
            if frame.get(FRAME_HEAD) != Some(&FRAME_OF_CONSENSUS) {
                fate = 1000;
            }
            let Weather { lost, twice, swapped, .. } = weather;
            if fate < lost {
                self.on_the_way = self.on_the_way.saturating_sub(length);
                continue;
            }
            if fate < lost + twice {
                self.on_the_way += length;
                self.flight.push_back((due_ms, frame.clone()));
            } else if fate < lost + twice + swapped && self.swapped.is_none() {
                self.swapped = Some(frame);
                continue;
            }
            self.flight.push_back((due_ms, frame));
            if let Some(late) = self.swapped.take() {
                self.flight.push_back((due_ms, late));
            }
        }
    }
}
