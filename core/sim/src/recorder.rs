//! What happened, written down where it can be seen by nobody's good will: on the wires of the
//! clients and in the logs of the servers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use pinfold_proto::records::{
    ConnectRequest, ConnectResponse, ExistsRequest, GetChildrenRequest, GetDataRequest,
    RemoveWatchesRequest, ReplyHeader, RequestHeader, SetWatches,
};
use pinfold_proto::{ErrorCode, EventType, FrameDecoder, OpCode, WatcherEvent, WatcherType, jute};

use crate::ledger::Ledger;

const FRAMES: FrameDecoder = FrameDecoder { max: 64 << 20 };

/// Writes down and judges. Clones write into the same book.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Mutex<Book>>);

/// What is known of one run.
pub(crate) struct Book {
    pub(crate) ledger: Ledger,
    pub(crate) violation: Option<String>,
    /// Of everything that happened, in order: the same for the same seed.
    pub(crate) trace: u64,
    /// Requests that were answered.
    pub(crate) answers: u64,
    /// Events that were delivered.
    pub(crate) events: u64,
    talks: BTreeMap<u64, Talk>,
    /// Of each session the zxid of its last answer.
    seen: BTreeMap<i64, i64>,
    /// The highest zxid of a write that anybody knows to be done.
    acknowledged: i64,
}

/// One connection of a client.
#[derive(Default)]
struct Talk {
    said: BytesMut,
    heard: BytesMut,
    session: Option<i64>,
    asked: bool,
    is_served: bool,
    waiting: VecDeque<Asked>,
    armed: Vec<Armed>,
    /// Events without a zxid: of what happened while the client was away.
    missed: Vec<(String, EventType)>,
    last_event: i64,
}

/// A request on its way.
struct Asked {
    xid: i32,
    op: Option<OpCode>,
    body: Bytes,
    sent_ms: u64,
    /// The highest zxid that had been acknowledged to anybody when it was sent.
    floor: i64,
}

/// A one-shot watch.
#[derive(Clone, Debug)]
struct Armed {
    path: String,
    is_child: bool,
    since: i64,
}

impl Armed {
    fn hears(&self, path: &str, kind: EventType) -> bool {
        self.path == path
            && match kind {
                EventType::NodeChildrenChanged => self.is_child,
                EventType::NodeDeleted => true,
                _ => !self.is_child,
            }
    }
}

impl Recorder {
    pub(crate) fn new() -> Recorder {
        Recorder(Arc::new(Mutex::new(Book {
            ledger: Ledger::new(),
            violation: None,
            trace: 0xcbf2_9ce4_8422_2325,
            answers: 0,
            events: 0,
            talks: BTreeMap::new(),
            seen: BTreeMap::new(),
            acknowledged: 0,
        })))
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client has said this.
    pub(crate) fn said(&self, connection: u64, now_ms: u64, bytes: &[u8]) {
        let mut book = self.book();
        book.mark(&[1, connection, now_ms], bytes);
        let floor = book.acknowledged;
        let talk = book.talks.entry(connection).or_default();
        talk.said.extend_from_slice(bytes);
        while let Ok(Some(frame)) = FRAMES.decode(&mut talk.said) {
            if !talk.asked {
                talk.asked = true;
                if let Ok(ConnectRequest { session_id, .. }) = ConnectRequest::decode(&frame) {
                    talk.session = (session_id != 0).then_some(session_id);
                }
                continue;
            }
            let Ok((RequestHeader { xid, op }, _)) =
                jute::from_bytes_prefix::<RequestHeader>(&frame)
            else {
                continue;
            };
            let (op, body) = (OpCode::from_i32(op), frame.slice(8..));
            if op == Some(OpCode::CloseSession)
                && let Some(session) = talk.session
            {
                book.ledger.close_was_asked(session);
                let Some(talk) = book.talks.get_mut(&connection) else { return };
                talk.waiting.push_back(Asked { xid, op, body, sent_ms: now_ms, floor });
                return;
            }
            talk.waiting.push_back(Asked { xid, op, body, sent_ms: now_ms, floor });
        }
    }

    /// A client has heard this.
    pub(crate) fn heard(&self, connection: u64, now_ms: u64, bytes: &[u8]) {
        let mut book = self.book();
        book.mark(&[2, connection, now_ms], bytes);
        let Some(mut talk) = book.talks.remove(&connection) else { return };
        talk.heard.extend_from_slice(bytes);
        while let Ok(Some(frame)) = FRAMES.decode(&mut talk.heard) {
            if let Err(what) = book.take(&mut talk, now_ms, &frame) {
                let session = talk.session.unwrap_or_default();
                book.blame(format!("{what} (session {session:#x}, at {now_ms} ms)"));
            }
        }
        book.talks.insert(connection, talk);
    }

    /// A client's connection is no more.
    pub(crate) fn ended(&self, connection: u64) {
        self.book().talks.remove(&connection);
    }
}

impl Book {
    /// Remembers the first thing that must not be.
    pub(crate) fn blame(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    /// Takes something into the trace.
    pub(crate) fn mark(&mut self, numbers: &[u64], bytes: &[u8]) {
        let mut add = |byte: u8| {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        };
        numbers.iter().flat_map(|number| number.to_le_bytes()).for_each(&mut add);
        bytes.iter().copied().for_each(add);
    }

    fn take(&mut self, talk: &mut Talk, now_ms: u64, frame: &Bytes) -> Result<(), String> {
        let Some(session) = talk.session.filter(|_| talk.is_served) else {
            return self.shake_hands(talk, now_ms, frame);
        };
        let unreadable = |_| "an answer cannot be decoded".to_owned();
        let (header, body) = jute::from_bytes_prefix::<ReplyHeader>(frame).map_err(unreadable)?;
        if header.xid == -1 {
            self.events += 1;
            return self.event(talk, header.zxid, body);
        }
        let Some(asked) = talk.waiting.pop_front() else {
            return Err(format!("an answer to {}, which nobody asked", header.xid));
        };
        if asked.xid != header.xid {
            return Err(format!("an answer to {} came before that to {}", header.xid, asked.xid));
        }
        self.answers += 1;
        self.ledger.contact(session, asked.sent_ms, now_ms);
        if header.zxid <= 0 {
            return Ok(());
        }
        let last = self.seen.entry(session).or_insert(0);
        if header.zxid < *last {
            return Err(format!(
                "an answer as of zxid {:#x} came after one as of {last:#x}",
                header.zxid
            ));
        }
        *last = header.zxid;
        for armed in &talk.armed {
            if let Some(zxid) = self.ledger.trigger(&armed.path, armed.is_child, armed.since)
                && zxid <= header.zxid
            {
                return Err(format!(
                    "an answer as of zxid {:#x} came, but no event of {zxid:#x} at {}",
                    header.zxid, armed.path
                ));
            }
        }
        self.judge(talk, session, &asked, header, body)
    }

    fn shake_hands(&mut self, talk: &mut Talk, now_ms: u64, frame: &[u8]) -> Result<(), String> {
        let response = ConnectResponse::decode(frame)
            .map_err(|_| "the answer to a handshake cannot be decoded".to_owned())?;
        if response.timeout_ms <= 0 {
            // Refused: then the session must be over, which the log knows.
            return match talk.session {
                Some(session) => self.ledger.check_is_over(session),
                None => Ok(()),
            };
        }
        talk.session = Some(response.session_id);
        talk.is_served = true;
        self.seen.entry(response.session_id).or_insert(0);
        self.ledger.contact(response.session_id, now_ms, now_ms);
        Ok(())
    }

    fn event(&mut self, talk: &mut Talk, zxid: i64, body: &[u8]) -> Result<(), String> {
        let event = jute::from_bytes::<WatcherEvent>(body);
        let event = event.map_err(|_| "an event cannot be decoded".to_owned())?;
        let kind = EventType::from_i32(event.kind).unwrap_or(EventType::None);
        let path = event.path;
        if zxid <= 0 {
            talk.missed.push((path, kind));
            return Ok(());
        }
        if zxid < talk.last_event {
            let last = talk.last_event;
            return Err(format!("the event of {zxid:#x} came after that of {last:#x}"));
        }
        talk.last_event = zxid;
        let mut heard = Vec::new();
        talk.armed.retain(|armed| {
            let hears = armed.hears(&path, kind) && armed.since < zxid;
            if hears {
                heard.push(armed.clone());
            }
            !hears
        });
        if heard.is_empty() {
            return Err(format!("an event {kind:?} of {zxid:#x} at {path}, which nobody watches"));
        }
        for armed in heard {
            let first = self.ledger.trigger(&path, armed.is_child, armed.since);
            if first != Some(zxid) {
                return Err(format!(
                    "the watch on {path} of {:#x} fired at {zxid:#x}, expected {first:x?}",
                    armed.since
                ));
            }
        }
        Ok(())
    }

    fn judge(
        &mut self,
        talk: &mut Talk,
        session: i64,
        asked: &Asked,
        header: ReplyHeader,
        body: &[u8],
    ) -> Result<(), String> {
        let ReplyHeader { zxid, err, .. } = header;
        let mut arm = |path: String, is_child| {
            talk.armed.push(Armed { path, is_child, since: zxid });
        };
        match asked.op {
            Some(
                OpCode::Create | OpCode::Create2 | OpCode::Delete | OpCode::SetData | OpCode::Multi,
            ) => {
                let is_multi = asked.op == Some(OpCode::Multi);
                self.ledger.check_write(zxid, session, asked.xid, err, is_multi)?;
                if zxid <= asked.floor {
                    return Err(format!(
                        "write {zxid:#x} was asked for after {:#x} had been acknowledged",
                        asked.floor
                    ));
                }
                self.acknowledged = self.acknowledged.max(zxid);
            }
            Some(OpCode::Sync) if err == 0 && zxid < asked.floor => {
                return Err(format!(
                    "a sync was answered as of {zxid:#x}, {:#x} was acknowledged before",
                    asked.floor
                ));
            }
            Some(OpCode::GetData) => {
                let request = decode::<GetDataRequest>(&asked.body)?;
                self.ledger.check_data(zxid, &request.path, err, body)?;
                if request.watch && err == 0 {
                    arm(request.path, false);
                }
            }
            Some(OpCode::Exists) => {
                let request = decode::<ExistsRequest>(&asked.body)?;
                self.ledger.check_exists(zxid, &request.path, err, body)?;
                if request.watch && (err == 0 || err == ErrorCode::NoNode.code()) {
                    arm(request.path, false);
                }
            }
            Some(OpCode::GetChildren2) => {
                let request = decode::<GetChildrenRequest>(&asked.body)?;
                self.ledger.check_children(zxid, &request.path, err, body)?;
                if request.watch && err == 0 {
                    arm(request.path, true);
                }
            }
            Some(OpCode::SetWatches) => {
                let request = decode::<SetWatches>(&asked.body)?;
                self.rearmed(talk, zxid, request)?;
            }
            // What a client's caller has dropped.
            Some(OpCode::RemoveWatches) if err == 0 => {
                let RemoveWatchesRequest { path, kind } = decode(&asked.body)?;
                let is_child = kind == WatcherType::Children as i32;
                talk.armed.retain(|armed| armed.path != path || armed.is_child != is_child);
            }
            _ => {}
        }
        Ok(())
    }

    /// Every watch is armed again, or its client was told what it missed.
    fn rearmed(&self, talk: &mut Talk, zxid: i64, request: SetWatches) -> Result<(), String> {
        let SetWatches { relative_zxid, data, exist, child } = request;
        let lists = [(data, false, true), (exist, false, false), (child, true, true)];
        for (paths, is_child, was_there) in lists {
            for path in paths {
                let since = was_there.then_some(relative_zxid);
                if !self.ledger.has_changed(&path, is_child, since, zxid) {
                    talk.armed.push(Armed { path, is_child, since: zxid });
                    continue;
                }
                let armed = Armed { path, is_child, since: 0 };
                if !talk.missed.iter().any(|(path, kind)| armed.hears(path, *kind)) {
                    let path = armed.path;
                    return Err(format!("nobody told what happened at {path} meanwhile"));
                }
            }
        }
        Ok(())
    }
}

fn decode<T: serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, String> {
    jute::from_bytes::<T>(body).map_err(|_| "a request cannot be decoded".to_owned())
}
