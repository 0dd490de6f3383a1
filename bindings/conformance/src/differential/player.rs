//! Plays a program on one server and writes down what it says.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pinfold_proto::records::{
    AuthPacket, ConnectRequest, CreateRequest, DeleteRequest, ExistsRequest, GetChildrenRequest,
    GetChildrenResponse,
};
use pinfold_proto::{Acl, ErrorCode, OpCode, XID_AUTH, XID_PING, XID_SET_WATCHES};

use super::program::{Ground, Handshake, Program, Request, Step};
use super::words::Words;
use crate::wire::{self, Ended, Session, Socket, handshake};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The timeout of a session that is to expire, in milliseconds.
const SHORT_MS: i32 = 300;
/// That of all others; a program is over long before.
const LONG_MS: i32 = 600_000;
/// Bytes of the program's node's name behind its beginning.
const ROOT: &str = "/differential";

/// What a server said to each step, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// One line for each answer, event and end of a connection.
    pub steps: Vec<Vec<String>>,
}

/// Plays a program on the server at `host:port`, below a node of its own, which is removed
/// afterwards.
///
/// # Errors
/// The server cannot be reached, or does not let itself be prepared.
pub fn play(program: &Program, address: &str) -> Result<Played, String> {
    let mut player = Player::new(program, address)?;
    let mut played = Played::default();
    for step in &program.steps {
        let mut lines = player.step(step);
        player.settle(&mut lines);
        if step.ends_session() {
            sort_events(&mut lines);
        }
        played.steps.push(lines);
    }
    player.clean_up()?;
    Ok(played)
}

struct Player<'a> {
    address: &'a str,
    ground: Ground,
    clients: Vec<Client>,
    /// Names of sessions by id.
    names: HashMap<i64, String>,
    /// A session of its own, which is not part of the program.
    keeper: Session,
}

#[derive(Default)]
struct Client {
    session: Option<Session>,
    /// The connection is still there.
    is_connected: bool,
    /// How many sessions it has had.
    count: usize,
}

impl<'a> Player<'a> {
    fn new(program: &Program, address: &'a str) -> Result<Player<'a>, String> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let said = |error: Ended| format!("{address}: {error}");
        let mut keeper = Session::open(address, &handshake(LONG_MS), PATIENCE).map_err(said)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed) / 2;
        let root = format!("{ROOT}-{}-{number}", std::process::id());
        authenticate(&mut keeper).map_err(said)?;
        let reply = keeper.call(OpCode::Create, &node(&root)).map_err(said)?;
        let quota = format!("/zookeeper/quota{root}");
        keeper.call(OpCode::Create, &node(&quota)).map_err(said)?;
        if reply.err != 0 {
            return Err(format!("{address}: {root} cannot be created: error {}", reply.err));
        }
        let ground = Ground { root, zxid: reply.zxid };
        let clients = (0..program.clients).map(|_| Client::default()).collect();
        let mut player = Player { address, ground, clients, names: HashMap::new(), keeper };
        let handshake = Handshake { timeout_ms: LONG_MS, ..Handshake::default() };
        for client in 0..program.clients {
            player.open(client, &handshake);
        }
        Ok(player)
    }

    fn step(&mut self, step: &Step) -> Vec<String> {
        match step {
            Step::Open { client, handshake } => self.open(*client, handshake),
            Step::Attach { client, handshake } => self.attach(*client, handshake),
            Step::Burst { client, requests } => self.burst(*client, requests),
            Step::Drop { client } => {
                self.hang_up(*client);
                Vec::new()
            }
            Step::Expire { client } => self.expire(*client),
            Step::Word(word) => self.word(word),
        }
    }

    /// Whatever has happened so far has been told on every connection once this returns.
    fn settle(&mut self, lines: &mut Vec<String>) {
        for client in 0..self.clients.len() {
            if !self.clients[client].is_connected {
                continue;
            }
            let Some(session) = &mut self.clients[client].session else { continue };
            let ping = wire::encode(XID_PING, OpCode::Ping.code(), &[]);
            let answered = session.socket.send(&ping).and_then(|()| session.reply());
            self.take_events(client, lines);
            match answered {
                Ok(reply) if reply.xid == XID_PING => {}
                Ok(reply) => {
                    let words = self.words();
                    lines.push(format!("{client}: unasked: {}", words.reply(0, &reply)));
                }
                Err(ended) => self.end(client, &ended, lines),
            }
        }
    }

    fn words(&self) -> Words<'_> {
        Words { ground: &self.ground, sessions: &self.names }
    }

    fn open(&mut self, client: usize, said: &Handshake) -> Vec<String> {
        self.hang_up(client);
        self.close_abandoned(client);
        let session_id = 0;
        self.shake_hands(client, said, ConnectRequest { session_id, ..handshake(said.timeout_ms) })
    }

    fn attach(&mut self, client: usize, said: &Handshake) -> Vec<String> {
        if said.password.is_some() {
            // COMPAT: "a handshake with a wrong password". Both servers find it closed.
            self.hang_up(client);
        }
        let slot = &mut self.clients[client];
        let Some(session) = &slot.session else { return Vec::new() };
        let request = session.takeover();
        let earlier = if slot.is_connected { slot.session.take() } else { None };
        let mut lines = self.shake_hands(client, said, request);
        let slot = &mut self.clients[client];
        match earlier {
            // It was refused, and the client still has its connection.
            Some(earlier) if slot.session.is_none() => slot.session = Some(earlier),
            Some(mut earlier) => {
                if let Err(ended) = earlier.reply() {
                    lines.push(format!("{client}: earlier connection: {ended}"));
                }
            }
            None => {}
        }
        lines
    }

    fn shake_hands(
        &mut self,
        client: usize,
        said: &Handshake,
        request: ConnectRequest,
    ) -> Vec<String> {
        let request = ConnectRequest {
            timeout_ms: said.timeout_ms,
            read_only: said.read_only,
            last_zxid_seen: if said.is_ahead { i64::MAX } else { 0 },
            password: match &said.password {
                Some(bytes) => Some(bytes.clone().into()),
                None => request.password.clone(),
            },
            ..request
        };
        match Session::open(self.address, &request, PATIENCE) {
            Err(ended) => vec![format!("{client}: handshake: {ended}")],
            Ok(session) if !session.is_granted() => {
                let granted = &session.granted;
                vec![format!(
                    "{client}: refused: timeout {} password {:?} read only {:?}",
                    granted.timeout_ms, granted.password, granted.read_only
                )]
            }
            Ok(session) => {
                let slot = &mut self.clients[client];
                if request.session_id == 0 {
                    slot.count += 1;
                    let name = format!("session {client}.{}", slot.count);
                    self.names.insert(session.id(), name);
                }
                let name = self.names.get(&session.id()).cloned().unwrap_or_default();
                let (timeout, read_only) = (session.granted.timeout_ms, session.granted.read_only);
                slot.session = Some(session);
                slot.is_connected = true;
                vec![format!("{client}: {name} timeout {timeout} read only {read_only:?}")]
            }
        }
    }

    fn burst(&mut self, client: usize, requests: &[Request]) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.clients[client].is_connected {
            return lines;
        }
        let Some(session) = &mut self.clients[client].session else { return lines };
        let mut bytes = Vec::new();
        let mut xids = Vec::new();
        for request in requests {
            let body = request.body(&self.ground);
            let fixed = match OpCode::from_i32(request.op) {
                Some(OpCode::Auth) => Some(XID_AUTH),
                Some(OpCode::SetWatches | OpCode::SetWatches2) => Some(XID_SET_WATCHES),
                Some(OpCode::Ping) => Some(XID_PING),
                _ => None,
            };
            let (xid, frame) = match fixed {
                Some(xid) => (xid, wire::encode(xid, request.op, &body)),
                None => session.encode(request.op, &body),
            };
            xids.push(xid);
            bytes.extend_from_slice(&frame);
        }
        let mut result = session.socket.send(&bytes);
        for (index, (request, xid)) in requests.iter().zip(xids).enumerate() {
            let Some(session) = &mut self.clients[client].session else { break };
            let answered = match result {
                Ok(()) => session.reply(),
                Err(ended) => Err(ended),
            };
            self.take_events(client, &mut lines);
            match answered {
                Ok(reply) => {
                    let text = self.words().reply(request.op, &reply);
                    let odd = if reply.xid == xid { "" } else { " to another request" };
                    // By its place: a rule may have changed the operation.
                    lines.push(format!("{client}: answer {index}{odd}: {text}"));
                    if ends_connection(request.op, reply.err) {
                        self.wait_for_end(client, &mut lines);
                        break;
                    }
                    result = Ok(());
                }
                Err(ended) => {
                    self.end(client, &ended, &mut lines);
                    break;
                }
            }
        }
        lines
    }

    /// The server closes the connection behind its last answer, in its own time: ZooKeeper may
    /// still answer what comes before it does.
    fn wait_for_end(&mut self, client: usize, lines: &mut Vec<String>) {
        loop {
            let Some(session) = &mut self.clients[client].session else { return };
            let answered = session.reply();
            self.take_events(client, lines);
            match answered {
                Ok(reply) => {
                    let words = self.words().reply(0, &reply);
                    lines.push(format!("{client}: behind the last answer: {words}"));
                }
                Err(ended) => return self.end(client, &ended, lines),
            }
        }
    }

    fn take_events(&mut self, client: usize, lines: &mut Vec<String>) {
        let Some(session) = &mut self.clients[client].session else { return };
        let events: Vec<_> = session.events.drain(..).collect();
        let words = self.words();
        lines.extend(
            events.iter().map(|(zxid, event)| format!("{client}: {}", words.event(*zxid, event))),
        );
    }

    fn end(&mut self, client: usize, ended: &Ended, lines: &mut Vec<String>) {
        self.clients[client].is_connected = false;
        lines.push(format!("{client}: {ended}"));
    }

    fn hang_up(&mut self, client: usize) {
        let slot = &mut self.clients[client];
        slot.is_connected = false;
        if let Some(session) = &mut slot.session {
            session.socket.finish();
            // The server has let go of everything that the connection had once it closes it too.
            while session.reply().is_ok() {}
        }
    }

    /// A session that nobody comes back to would expire some time, in the middle of a program.
    fn close_abandoned(&mut self, client: usize) {
        let Some(session) = self.clients[client].session.take() else { return };
        if let Ok(mut again) = Session::open(self.address, &session.takeover(), PATIENCE)
            && again.is_granted()
        {
            let _ = again.call_raw(OpCode::CloseSession.code(), &[]);
        }
    }

    /// Waits for the end of a node that the session leaves behind.
    fn expire(&mut self, client: usize) -> Vec<String> {
        let said = Handshake { timeout_ms: SHORT_MS, ..Handshake::default() };
        let mut lines = self.attach(client, &said);
        if !self.clients[client].is_connected {
            return lines;
        }
        let path = format!("{}/expiring-{client}", self.ground.root);
        let mark = CreateRequest { flags: 1, acl: Acl::open_unsafe(), ..node(&path) };
        let exists = ExistsRequest { path, watch: true };
        let Some(session) = &mut self.clients[client].session else { return lines };
        let created = session.call(OpCode::Create, &mark);
        let watched = self.keeper.call(OpCode::Exists, &exists);
        self.take_events(client, &mut lines);
        self.hang_up(client);
        if let (Ok(created), Ok(watched)) = (created, watched)
            && created.err == 0
            && watched.err == 0
            && let Err(ended) = self.keeper.event()
        {
            lines.push(format!("{client}: no expiry: {ended}"));
        }
        self.clients[client].session = None;
        lines
    }

    fn word(&mut self, word: &str) -> Vec<String> {
        let answer = Socket::connect(self.address, PATIENCE)
            .map_err(|error| Ended::Broken(error.to_string()))
            .and_then(|mut socket| {
                socket.send(word.as_bytes())?;
                socket.rest()
            });
        let is_counted = word == "wchs";
        match answer {
            // COMPAT: "connections in `wchs`".
            Ok(text) if is_counted => {
                let text = String::from_utf8_lossy(&text);
                let watching = text.split_once(" watching").map_or("", |(_, rest)| rest);
                vec![format!("{word}: {watching}")]
            }
            Ok(text) => {
                vec![format!("{word}: {}", self.words().text(&String::from_utf8_lossy(&text)))]
            }
            Err(ended) => vec![format!("{word}: {ended}")],
        }
    }

    fn clean_up(&mut self) -> Result<(), String> {
        for client in 0..self.clients.len() {
            self.hang_up(client);
            self.close_abandoned(client);
        }
        let address = self.address;
        let said = |error: Ended| format!("{address}: {error}");
        for root in [format!("/zookeeper/quota{}", self.ground.root), self.ground.root.clone()] {
            remove(&mut self.keeper, &root).map_err(said)?;
        }
        self.keeper.call_raw(OpCode::CloseSession.code(), &[]).map_err(said)?;
        Ok(())
    }
}

/// Whether an answer is a connection's last.
fn ends_connection(op: i32, err: i32) -> bool {
    use OpCode::{Auth, Check, CloseSession, CreateSession, DeleteContainer};
    match OpCode::from_i32(op) {
        Some(CloseSession) => err == 0,
        Some(Auth) => err == ErrorCode::AuthFailed.code(),
        None | Some(Check | CreateSession | DeleteContainer) => {
            err == ErrorCode::Unimplemented.code()
        }
        Some(_) => false,
    }
}

/// A session's nodes go in no particular order (COMPAT: "order of a session's nodes"), so neither
/// are there the events of one transaction in one.
fn sort_events(lines: &mut [String]) {
    let place = |line: &str| {
        let (client, rest) = line.split_once(": event ")?;
        Some((client.to_owned(), rest.rsplit_once(" at ")?.1.to_owned()))
    };
    for run in lines.chunk_by_mut(|one, next| {
        let (one, next) = (place(one), place(next));
        one.is_some() && one == next
    }) {
        run.sort();
    }
}

fn node(path: &str) -> CreateRequest {
    let acl = Acl::open_unsafe();
    CreateRequest { path: path.to_owned(), data: Some(Default::default()), acl, flags: 0 }
}

/// Who cleans up may do everything.
fn authenticate(keeper: &mut Session) -> Result<(), Ended> {
    let auth = Some("super:admin".into());
    let packet = AuthPacket { kind: 0, scheme: "digest".to_owned(), auth };
    let bytes = pinfold_proto::jute::to_bytes(&packet);
    keeper.socket.send(&wire::encode(XID_AUTH, OpCode::Auth.code(), &bytes))?;
    keeper.reply().map(drop)
}

fn remove(keeper: &mut Session, path: &str) -> Result<(), Ended> {
    let listed = GetChildrenRequest { path: path.to_owned(), watch: false };
    let reply = keeper.call(OpCode::GetChildren, &listed)?;
    if let (Some(ErrorCode::Ok), Ok(children)) =
        (reply.code(), reply.record::<GetChildrenResponse>())
    {
        for child in children.children {
            remove(keeper, &format!("{path}/{child}"))?;
        }
    }
    let gone = DeleteRequest { path: path.to_owned(), version: -1 };
    keeper.call(OpCode::Delete, &gone).map(drop)
}
