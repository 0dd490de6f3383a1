//! Plays one case through one driver.

use crate::case::{BurstLine, BurstOp, Case, Step};
use crate::driver::Driver;
use crate::pattern::{Bindings, fill, fill_text, matches};
use crate::relay::Relay;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Plays a case.
///
/// `root` is a path of its own for this run; it is made first and is the clients' chroot.
///
/// # Errors
/// The step (from 1) that failed, and what was wanted and seen.
pub fn play(driver: &mut Driver, hosts: &str, root: &str, case: &Case) -> Result<(), String> {
    let mut play = Play::new(driver, hosts, root, case.chroot);
    play.prepare().map_err(|error| format!("preparing: {error}"))?;
    for (index, step) in case.steps.iter().enumerate() {
        play.step(step).map_err(|error| format!("step {}: {error}", index + 1))?;
    }
    play.close_all()
}

struct Play<'a> {
    driver: &'a mut Driver,
    server: String,
    /// Empty, or the root.
    chroot: String,
    /// Made when it is first asked for.
    relay: Option<Relay>,
    root: String,
    /// Clients of the case by name, with the name the driver knows, unique in its whole life.
    clients: HashMap<String, String>,
    labels: HashMap<String, u64>,
    bound: Bindings,
    next_id: u64,
}

impl<'a> Play<'a> {
    fn new(driver: &'a mut Driver, hosts: &str, root: &str, chroot: bool) -> Play<'a> {
        let chroot = if chroot { root.to_owned() } else { String::new() };
        let mut bound = Bindings::new();
        bound.insert("root".into(), root.into());
        Play {
            driver,
            server: hosts.to_owned(),
            chroot,
            relay: None,
            root: root.to_owned(),
            clients: HashMap::new(),
            labels: HashMap::new(),
            bound,
            next_id: 1,
        }
    }

    fn prepare(&mut self) -> Result<(), String> {
        self.open("first", &self.server.clone(), 10_000, &[])?;
        let id = self.submit("first", "create", &json!({"path": self.root.clone()}))?;
        self.reply("first", id, Some(&json!({})), None)?;
        self.close("first")
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Open { client, session_timeout_ms, auth, relayed } => {
                let server = match relayed {
                    true => self.relay()?.address().to_owned(),
                    false => self.server.clone(),
                };
                let hosts = server + &self.chroot;
                self.open(client, &hosts, *session_timeout_ms, auth)
            }
            Step::Hold {} => self.relay().map(|relay| relay.hold()),
            Step::Release {} => self.relay().map(|relay| relay.release()),
            Step::State { client, state } => self.expect(client, &json!({"state": state})),
            Step::Call { client, op, args, label, ok, error } => {
                let id = self.submit(client, op, args)?;
                if let Some(label) = label {
                    self.labels.insert(label.clone(), id);
                }
                self.reply(client, id, ok.as_ref(), error.as_ref())
                    .map_err(|error| format!("{op} {args}: {error}"))
            }
            Step::Send { client, op, args, label } => {
                let id = self.submit(client, op, args)?;
                self.labels.insert(label.clone(), id);
                Ok(())
            }
            Step::Reply { client, label, ok, error } => {
                let id = self.label(label)?;
                self.reply(client, id, ok.as_ref(), error.as_ref())
            }
            Step::Event { client, label, kind, path } => {
                let id = self.label(label)?;
                let path = fill_text(path, &self.bound);
                self.expect(client, &event_line(id, kind, &path))
            }
            Step::Burst { client, count, ops, lines } => self.burst(client, *count, ops, lines),
            Step::Close { client } => self.close(client),
        }
    }

    fn relay(&mut self) -> Result<&Relay, String> {
        let relay = match self.relay.take() {
            Some(relay) => relay,
            None => Relay::to(&self.server)?,
        };
        Ok(self.relay.insert(relay))
    }

    fn open(
        &mut self,
        client: &str,
        hosts: &str,
        timeout: u32,
        auth: &[(String, String)],
    ) -> Result<(), String> {
        let name = format!("{}:{client}", self.root);
        self.clients.insert(client.to_owned(), name.clone());
        self.driver.send(&json!({
            "do": "open", "client": name, "hosts": hosts,
            "session_timeout_ms": timeout, "auth": auth,
        }))?;
        self.expect(client, &json!({"state": "connected"}))
    }

    fn submit(&mut self, client: &str, op: &str, args: &Value) -> Result<u64, String> {
        let id = self.next_id;
        self.next_id += 1;
        let mut args = fill(args, &self.bound);
        if args.is_null() {
            args = json!({});
        }
        // A watch is named by the label of the call that armed it.
        let label = args.get("watch").and_then(Value::as_str).map(str::to_owned);
        if let Some(label) = label {
            args["watch"] = self.label(&label)?.into();
        }
        let client = self.client(client)?;
        let line = json!({"do": "call", "client": client, "id": id, "op": op, "args": args});
        self.driver.send(&line)?;
        Ok(id)
    }

    fn reply(
        &mut self,
        client: &str,
        id: u64,
        ok: Option<&Value>,
        error: Option<&Value>,
    ) -> Result<(), String> {
        let wanted = match (ok, error) {
            (_, Some(error)) => json!({"id": id, "error": error}),
            (Some(ok), None) => json!({"id": id, "ok": ok}),
            (None, None) => json!({"id": id, "ok": {}}),
        };
        self.expect(client, &wanted)
    }

    fn burst(
        &mut self,
        client: &str,
        count: usize,
        ops: &[BurstOp],
        lines: &[BurstLine],
    ) -> Result<(), String> {
        let from = self.next_id;
        self.next_id += count as u64;
        let name = self.client(client)?;
        self.driver.send(&json!({
            "do": "burst", "client": name, "from_id": from, "count": count, "ops": ops,
        }))?;
        for turn in 0..(count / ops.len().max(1)) {
            let first = from + (turn * ops.len()) as u64;
            for line in lines {
                let wanted = match line {
                    BurstLine::Reply { op, ok } => {
                        json!({"id": first + *op as u64, "ok": turned(ok, turn)})
                    }
                    BurstLine::Event { op, kind, path } => {
                        event_line(first + *op as u64, kind, path)
                    }
                };
                self.expect(client, &wanted).map_err(|error| format!("turn {turn}: {error}"))?;
            }
        }
        Ok(())
    }

    fn close(&mut self, client: &str) -> Result<(), String> {
        let name = self.client(client)?;
        self.driver.send(&json!({"do": "close", "client": name}))?;
        self.expect(client, &json!({"closed": true}))?;
        self.clients.remove(client);
        match self.driver.rest(&name).as_slice() {
            [] => Ok(()),
            rest => Err(format!("{client}: after its last line came {rest:?}")),
        }
    }

    fn close_all(&mut self) -> Result<(), String> {
        let mut open: Vec<String> = self.clients.keys().cloned().collect();
        open.sort();
        for client in open {
            self.close(&client).map_err(|error| format!("closing {client}: {error}"))?;
        }
        Ok(())
    }

    fn expect(&mut self, client: &str, wanted: &Value) -> Result<(), String> {
        let name = self.client(client)?;
        let line = self.driver.next(&name)?;
        matches(wanted, &line, &mut self.bound)
            .map_err(|error| format!("{client} saw {line}, wanted {wanted}: {error}"))
    }

    fn client(&self, client: &str) -> Result<String, String> {
        self.clients.get(client).cloned().ok_or_else(|| format!("{client} is not open"))
    }

    fn label(&self, label: &str) -> Result<u64, String> {
        self.labels.get(label).copied().ok_or_else(|| format!("no call is called {label}"))
    }
}

fn event_line(id: u64, kind: &str, path: &str) -> Value {
    json!({"watch": id, "event": {"kind": kind, "path": path}})
}

/// Puts the number of the turn into the strings of a pattern.
fn turned(pattern: &Value, turn: usize) -> Value {
    match pattern {
        Value::String(text) => Value::String(
            text.replace("{turn:010}", &format!("{turn:010}")).replace("{turn}", &turn.to_string()),
        ),
        Value::Number(_) | Value::Bool(_) | Value::Null => pattern.clone(),
        Value::Array(items) => items.iter().map(|item| turned(item, turn)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(k, v)| (k.clone(), turned(v, turn))).collect())
        }
    }
}
