//! The Rust driver: see `DRIVERS.md`.

mod arguments;
mod report;

use pinfold_client::{Client, Error, Options, Request, Response, SessionState, Sink, WatchEvent};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Command {
    Open {
        client: String,
        hosts: String,
        #[serde(default = "default_timeout")]
        session_timeout_ms: u64,
        #[serde(default)]
        auth: Vec<(String, String)>,
    },
    Call {
        client: String,
        id: u64,
        op: String,
        #[serde(default)]
        args: Value,
    },
    Burst {
        client: String,
        from_id: u64,
        count: u64,
        ops: Vec<Op>,
    },
    Close {
        client: String,
    },
    Exit,
}

#[derive(Deserialize)]
struct Op {
    op: String,
    args: Value,
}

fn default_timeout() -> u64 {
    10_000
}

/// Prints what one client sees, as it sees it: the ticket of a request is the id of its call.
struct Printer {
    client: String,
    end: Mutex<End>,
    changed: Condvar,
}

/// A session may end before its client is closed; the last line comes after both.
#[derive(Default)]
struct End {
    ended: bool,
    closed: bool,
}

impl Printer {
    fn print(&self, mut line: Value) {
        line["client"] = self.client.clone().into();
        // Without a reader there is nothing left to drive for.
        let _ = writeln!(std::io::stdout(), "{line}");
    }

    fn refuse(&self, id: u64, error: &Error) {
        self.print(json!({"id": id, "error": report::error(error)}));
    }

    /// The session has ended, or the client was closed.
    fn note(&self, note: impl FnOnce(&mut End)) {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut end);
        if end.ended && end.closed {
            self.print(json!({"closed": true}));
            self.changed.notify_all();
        }
    }

    fn wait_closed(&self) {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        while !end.ended {
            end = self.changed.wait(end).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Sink for Printer {
    fn reply(&self, ticket: u64, result: Result<Response, Error>) {
        match result {
            Ok(response) => self.print(json!({"id": ticket, "ok": report::response(&response)})),
            Err(error) => self.refuse(ticket, &error),
        }
    }

    fn event(&self, ticket: u64, event: WatchEvent) {
        self.print(json!({"watch": ticket, "event": report::event(&event)}));
    }

    fn state(&self, state: SessionState) {
        self.print(json!({"state": report::state(state)}));
    }

    fn closed(&self) {
        self.note(|end| end.ended = true);
    }
}

struct Session {
    client: Client,
    printer: Arc<Printer>,
}

impl Session {
    fn submit(&self, id: u64, op: &str, args: &Value) {
        match arguments::request(op, args) {
            Ok(request) => self.send(id, request),
            Err(text) => self.printer.print(json!({"id": id, "garbage": text})),
        }
    }

    fn close(&self) {
        drop(self.client.close());
        self.printer.note(|end| end.closed = true);
    }

    fn send(&self, id: u64, request: Request) {
        if let Err(error) = self.client.submit(id, request) {
            self.printer.refuse(id, &error);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build()?;
    let _inside = runtime.enter();
    let mut sessions = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let command = serde_json::from_str(&line?)?;
        if matches!(command, Command::Exit) {
            break;
        }
        obey(command, &mut sessions)?;
    }
    for session in sessions.values() {
        session.close();
    }
    for session in sessions.values() {
        session.printer.wait_closed();
    }
    Ok(())
}

fn obey(command: Command, sessions: &mut HashMap<String, Session>) -> Result<(), Error> {
    match command {
        Command::Open { client, hosts, session_timeout_ms, auth } => {
            let mut options = Options::new(hosts);
            options.session_timeout = Duration::from_millis(session_timeout_ms);
            options.auth = auth.into_iter().map(|(scheme, auth)| (scheme, auth.into())).collect();
            let (end, changed) = (Mutex::default(), Condvar::new());
            let printer = Arc::new(Printer { client: client.clone(), end, changed });
            let sink: Arc<dyn Sink> = printer.clone();
            let session = Session { client: Client::start(options, Some(sink))?, printer };
            sessions.insert(client, session);
        }
        Command::Call { client, id, op, args } => {
            if let Some(session) = sessions.get(&client) {
                session.submit(id, &op, &args);
            }
        }
        Command::Burst { client, from_id, count, ops } => {
            let Some(session) = sessions.get(&client) else { return Ok(()) };
            for (offset, op) in (0..count).zip(ops.iter().cycle()) {
                let id = from_id + offset;
                session.submit(id, &op.op, &arguments::numbered(&op.args, id));
            }
        }
        Command::Close { client } => {
            if let Some(session) = sessions.remove(&client) {
                session.close();
            }
        }
        Command::Exit => {}
    }
    Ok(())
}
