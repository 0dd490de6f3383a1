//! The members of an ensemble: what clients see of them, and how they change.

mod cluster;
mod wire;

use std::thread;

use cluster::{Ensemble, free_port};
use pinfold_proto::records::{GetDataResponse, ReconfigRequest, SyncRequest};
use pinfold_proto::{ErrorCode, OpCode};
use pinfold_server::{Config, Server};
use tempfile::TempDir;
use wire::Wire;

const CONFIG: &str = "/zookeeper/config";
/// super:test
const SUPER: &str = "reconfigEnabled=true\n\
                     DigestAuthenticationProvider.superDigest=super:D/InIHSb7yEEbrWz8b9l71RjZJU=\n";

/// One server, running or not yet.
struct Site {
    text: String,
    line: String,
    folder: TempDir,
    server: Option<Server>,
}

impl Site {
    /// A server of this number, whose configuration names `others` and itself.
    fn new(id: usize, others: &[&Site]) -> Site {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("myid"), id.to_string()).unwrap();
        let (peer, election, client) = (free_port(), free_port(), free_port());
        let line = format!("server.{id}=127.0.0.1:{peer}:{election};127.0.0.1:{client}");
        let mut text =
            format!("dataDir={}\ntickTime=500\nstandaloneEnabled=false\n", folder.path().display());
        text.push_str(SUPER);
        for line in others.iter().map(|site| &site.line).chain([&line]) {
            text.push_str(&format!("{line}\n"));
        }
        Site { text, line, folder, server: None }
    }

    fn start(&mut self) {
        let config = Config::parse(&self.text, "test").unwrap();
        self.server = Some(Server::builder().config(config).start().unwrap());
    }

    fn address(&self) -> String {
        self.server.as_ref().unwrap().address()
    }

    fn connect(&self) -> Wire {
        loop {
            if let Some(wire) = Wire::open(&self.address(), &wire::handshake(10_000)) {
                return wire;
            }
            thread::yield_now();
        }
    }
}

fn change(joining: &str, leaving: &str, config_version: i64) -> ReconfigRequest {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ReconfigRequest {
        joining: text(joining),
        leaving: text(leaving),
        members: None,
        config_version,
    }
}

fn configuration(wire: &mut Wire) -> String {
    let path = "/".to_owned();
    assert_eq!(wire.call(OpCode::Sync, &SyncRequest { path }).0.err, 0);
    let (data, _) = wire.get(CONFIG, false);
    String::from_utf8(data.unwrap_or_default().to_vec()).unwrap()
}

/// Waits until the configuration is there, which the leader writes first of all.
fn founded(wire: &mut Wire) -> String {
    loop {
        let text = configuration(wire);
        if !text.is_empty() {
            return text;
        }
    }
}

#[test]
fn an_ensemble_says_who_it_is() {
    let ensemble = Ensemble::of(3);
    let mut texts: Vec<String> =
        (0..3).map(|index| founded(&mut ensemble.connect(index))).collect();
    let text = texts.pop().unwrap();
    assert_eq!(texts, [text.as_str(), text.as_str()]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with("server.1=127.0.0.1:") && lines[0].contains(":participant;"));
    assert_eq!(lines[3], "version=0");
}

#[test]
fn who_may_not_change_the_members_is_told_so() {
    let mut alone = Site::new(1, &[]);
    alone.start();
    let mut wire = alone.connect();
    founded(&mut wire);
    let joining = "server.2=127.0.0.1:1:2;3";
    for (request, error) in [
        (change(joining, "", 99), ErrorCode::BadVersion),
        (change("server.2=nonsense", "", -1), ErrorCode::BadArguments),
        (change("", "1", -1), ErrorCode::BadArguments),
        (change(joining, "", -1), ErrorCode::NoAuth),
    ] {
        assert_eq!(wire.code(OpCode::Reconfig, &request), error);
    }
    // Without the setting nobody may, whatever is asked.
    let plain = wire::Target::new();
    let mut wire = plain.connect();
    let disabled = wire.code(OpCode::Reconfig, &change(joining, "", -1));
    assert_eq!(disabled, ErrorCode::ReconfigDisabled);
}

#[test]
fn one_server_grows_to_three_and_loses_one() {
    let mut first = Site::new(1, &[]);
    first.start();
    let mut wire = first.connect();
    founded(&mut wire);
    wire.create("/kept", "from the beginning");
    assert_eq!(wire.auth("digest", "super:test"), Some(ErrorCode::Ok));
    wire.get(CONFIG, true);

    let mut second = Site::new(2, &[&first]);
    let mut third = Site::new(3, &[&first, &second]);
    second.start();
    third.start();
    let joining = format!("{},{}", second.line, third.line);
    // What is sent behind the change waits for it.
    let xid = wire.send(OpCode::Reconfig, &change(&joining, "", -1));
    let behind = wire.send(OpCode::Sync, &SyncRequest { path: "/kept".into() });
    let (header, body) = wire.reply().unwrap();
    assert_eq!((header.xid, header.err), (xid, 0));
    assert_eq!(wire.reply().unwrap().0.xid, behind);
    let answer: GetDataResponse = pinfold_proto::jute::from_bytes(&body).unwrap();
    let text = String::from_utf8(answer.data.unwrap().to_vec()).unwrap();
    assert!(text.contains("server.3=") && text.ends_with(&format!("version={:x}", header.zxid)));
    assert_eq!(answer.stat.version, -1);
    assert_eq!(wire.take_events(), [(3, CONFIG.to_owned())]);

    for site in [&second, &third] {
        let mut other = site.connect();
        assert_eq!(configuration(&mut other), text);
        assert_eq!(other.get("/kept", false).0.unwrap(), "from the beginning");
        other.create(&format!("/by{}", site.line.len()), "");
        other.delete(&format!("/by{}", site.line.len()));
    }
    // Two of three are enough, also without the one that was first.
    drop(wire);
    first.server.take().unwrap().stop().unwrap();
    let mut wire = second.connect();
    wire.create("/without", "the first");
    first.start();
    let mut wire = first.connect();
    configuration(&mut wire);
    assert_eq!(wire.get("/without", false).0.unwrap(), "the first");

    assert_eq!(wire.auth("digest", "super:test"), Some(ErrorCode::Ok));
    let answer: GetDataResponse = wire.ask(OpCode::Reconfig, &change("", "3", -1));
    let text = String::from_utf8(answer.data.unwrap().to_vec()).unwrap();
    assert!(!text.contains("server.3="), "{text}");
    third.server.take().unwrap().stop().unwrap();
    wire.create("/two", "are left");
    assert_eq!(configuration(&mut second.connect()), text);
}

#[test]
fn servers_that_do_not_come_are_given_up() {
    let mut alone = Site::new(1, &[]);
    alone.text.push_str("initLimit=1\n");
    alone.start();
    let mut wire = alone.connect();
    let before = founded(&mut wire);
    assert_eq!(wire.auth("digest", "super:test"), Some(ErrorCode::Ok));
    let (absent, another) = (Site::new(2, &[]), Site::new(3, &[]));
    let joining = format!("{},{}", absent.line, another.line);
    let refused = wire.code(OpCode::Reconfig, &change(&joining, "", -1));
    assert_eq!(refused, ErrorCode::NewConfigNoQuorum);
    assert_eq!(configuration(&mut wire), before);
    // Nothing is left of it: the server is enough by itself, and takes the next change.
    wire.create("/alone", "");
    let again = wire.code(OpCode::Reconfig, &change(&joining, "", -1));
    assert_eq!(again, ErrorCode::NewConfigNoQuorum);
}

/// Writes until the log does not go back to its beginning any more.
fn shorten(wire: &mut Wire, folder: &std::path::Path) {
    let snapshots = || {
        let entries = std::fs::read_dir(folder.join("snapshots")).into_iter().flatten();
        let names = entries.flatten().map(|entry| entry.file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".snapshot")).count()
    };
    wire.create("/filled", "");
    while snapshots() < 3 {
        wire.set("/filled", "again");
    }
    // The last of them is reported to the log by now, or with this.
    for _ in 0..3 {
        wire.set("/filled", "at last");
    }
}

#[test]
fn a_new_server_needs_no_write_to_get_a_snapshot_that_knows_it() {
    let mut first = Site::new(1, &[]);
    first.text.push_str("snapCount=20\n");
    first.start();
    let mut wire = first.connect();
    founded(&mut wire);
    shorten(&mut wire, first.folder.path());
    assert_eq!(wire.auth("digest", "super:test"), Some(ErrorCode::Ok));
    let mut second = Site::new(2, &[&first]);
    second.start();
    let _: GetDataResponse = wire.ask(OpCode::Reconfig, &change(&second.line, "", -1));
    let mut other = second.connect();
    assert_eq!(other.get("/filled", false).0.unwrap(), "at last");
}

#[test]
fn a_new_server_answers_a_leader_that_its_file_does_not_name() {
    let ensemble = Ensemble::with(3, SUPER);
    let leader = ensemble.leader();
    let mut wire = ensemble.connect(leader);
    founded(&mut wire);
    assert_eq!(wire.auth("digest", "super:test"), Some(ErrorCode::Ok));
    wire.create("/there", "already");
    let mut fourth = Site::new(4, &[]);
    let known = format!("server.{}=", (leader + 1) % 3 + 1);
    let line = ensemble.texts[0].lines().find(|line| line.starts_with(&known)).unwrap();
    fourth.text.push_str(&format!("{line}\n"));
    fourth.start();
    let _: GetDataResponse = wire.ask(OpCode::Reconfig, &change(&fourth.line, "", -1));
    let mut other = fourth.connect();
    assert_eq!(configuration(&mut other), configuration(&mut wire));
    assert_eq!(other.get("/there", false).0.unwrap(), "already");
}

#[test]
fn a_leader_can_leave() {
    let ensemble = Ensemble::with(3, SUPER);
    let leader = ensemble.leader();
    let mut wire = ensemble.connect((leader + 1) % 3);
    founded(&mut wire);
    assert_eq!(wire.auth("digest", "super:test"), Some(ErrorCode::Ok));
    let leaving = (leader + 1).to_string();
    let answer: GetDataResponse = wire.ask(OpCode::Reconfig, &change("", &leaving, -1));
    let text = String::from_utf8(answer.data.unwrap().to_vec()).unwrap();
    assert!(!text.contains(&format!("server.{leaving}=")), "{text}");
    wire.create("/after", "it has gone");
    let mut other = ensemble.connect((leader + 2) % 3);
    assert_eq!(configuration(&mut other), text);
    assert_eq!(other.get("/after", false).0.unwrap(), "it has gone");
}
