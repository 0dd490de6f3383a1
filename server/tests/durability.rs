//! The `pinfold` program: what it says, what it refuses, and what it keeps when it is killed.

mod wire;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use pinfold_proto::OpCode;
use pinfold_server::Server;
use wire::{Wire, create, set};

/// A running program, killed when it is dropped.
struct Program {
    child: Child,
    address: String,
}

fn serve(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinfold"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory);
    command.env("PINFOLD_LOG", "warn");
    command
}

impl Program {
    fn start(mut command: Command) -> Program {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("pinfold: serving on ").expect(&line).to_owned();
        Program { child, address }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refusal(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(stdout.is_empty());
    String::from_utf8(stderr).unwrap()
}

#[test]
fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    let mut ephemerals = None;
    for round in 0..6 {
        let mut command = serve(directory.path());
        command.arg("-Dzookeeper.snapCount=300");
        let mut program = Program::start(command);
        let mut wire = Wire::connect(&program.address);
        if round == 0 {
            wire.create("/n", "");
            wire.create_mode("/alive", 1);
        } else {
            let found = wire.stat("/n").num_children;
            assert!(found >= acknowledged, "round {round}: {found} of {acknowledged}");
            for number in 0..acknowledged {
                assert_eq!(wire.get(&format!("/n/{number}"), false).0.unwrap(), "v");
            }
            acknowledged = found;
        }
        let owner: Wire = match &ephemerals {
            None => wire.attach(&program.address).unwrap(),
            Some(owner) => Wire::attach(owner, &program.address).unwrap(),
        };
        assert_ne!(owner.session.session_id, 0, "round {round}");
        let mut wire = Wire::connect(&program.address);
        assert_eq!(wire.stat("/alive").ephemeral_owner, owner.session.session_id);
        ephemerals = Some(owner);
        let target = acknowledged + 150 + 37 * round;
        for number in acknowledged..target + 64 {
            wire.send(OpCode::Create, &create(&format!("/n/{number}"), "v", 0));
        }
        while acknowledged < target {
            assert_eq!(wire.reply().unwrap().0.err, 0);
            acknowledged += 1;
        }
        program.child.kill().unwrap();
        program.child.wait().unwrap();
    }
}

#[test]
fn it_stops_cleanly_when_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    for signal in ["-TERM", "-INT"] {
        let mut program = Program::start(serve(directory.path()));
        let mut wire = Wire::connect(&program.address);
        wire.create(&format!("/{signal}"), "");
        program.signal(signal);
        assert!(program.child.wait().unwrap().success());
        assert!(wire.frame().is_none());
    }
    let program = Program::start(serve(directory.path()));
    assert_eq!(Wire::connect(&program.address).stat("/").num_children, 3);
}

#[test]
fn a_configuration_may_lie_beside_the_data() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["zoo.cfg", "zoo.cfg.dynamic.100000000", "myid", "zookeeper_server.pid"] {
        std::fs::write(directory.path().join(name), "1").unwrap();
    }
    let program = Program::start(serve(directory.path()));
    assert_eq!(Wire::connect(&program.address).stat("/").num_children, 1);
}

#[test]
fn it_says_why_it_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(serve(&directory.path().join("mine")));
    let mut taken_port = Command::new(env!("CARGO_BIN_EXE_pinfold"));
    taken_port.args(["serve", "--listen", &program.address, "--data-dir"]);
    taken_port.arg(directory.path().join("other"));
    let text = refusal(taken_port);
    assert!(text.contains(&program.address) && text.contains("in use"), "{text}");
    let text = refusal(serve(&directory.path().join("mine")));
    assert!(text.contains("mine") && text.contains("in use by another process"), "{text}");
    let foreign = directory.path().join("foreign");
    std::fs::create_dir_all(foreign.join("version-2")).unwrap();
    let text = refusal(serve(&foreign));
    assert!(text.contains("foreign") && text.contains("not a Pinfold"), "{text}");
    let file = directory.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(refusal(serve(&file)).contains("file"));
    let config = directory.path().join("zoo.cfg");
    std::fs::write(&config, "tickTime=soon\n").unwrap();
    let mut command = serve(&directory.path().join("other"));
    command.arg("--config").arg(&config);
    let text = refusal(command);
    assert!(text.contains("zoo.cfg, line 1") && text.contains("tickTime"), "{text}");
}

#[test]
fn damage_in_the_log_is_named_and_nothing_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::builder().data_dir(directory.path().join("d")).start().unwrap();
    let mut wire = Wire::connect(&server.address());
    wire.create("/a", &"v".repeat(1000));
    for round in 0..20 {
        wire.call(OpCode::SetData, &set("/a", &"w".repeat(1000), round));
    }
    server.stop().unwrap();
    let log = std::fs::read_dir(directory.path().join("d/log")).unwrap().next().unwrap().unwrap();
    let mut bytes = std::fs::read(log.path()).unwrap();
    bytes[5000] ^= 0x40;
    std::fs::write(log.path(), &bytes).unwrap();
    let text = refusal(serve(&directory.path().join("d")));
    let name = log.file_name().into_string().unwrap();
    assert!(text.contains(&name) && text.contains("offset"), "{text}");
}

#[test]
fn snapshots_take_the_place_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = pinfold_server::Config {
        listen: "127.0.0.1:0".into(),
        data_dir: directory.path().join("d"),
        snapshot_every: 100,
        ..pinfold_server::Config::default()
    };
    for round in 0..3 {
        let server = Server::builder().config(config.clone()).start().unwrap();
        let mut wire = Wire::connect(&server.address());
        if round == 0 {
            wire.create("/s", "");
        }
        assert_eq!(wire.stat("/s").version, 500 * round);
        for number in 0..500 {
            wire.set("/s", &number.to_string());
        }
        let kept = wire.stat("/s");
        wire.create_mode("/s/e-", 3);
        server.stop().unwrap();
        let snapshots = std::fs::read_dir(directory.path().join("d/snapshots")).unwrap().count();
        assert!((1..=4).contains(&snapshots), "{snapshots}");
        config.snapshot_every = 50;
        assert_eq!(kept.version, 500 * (round + 1));
    }
}

#[test]
fn whoever_cannot_hand_over_says_why() {
    let hand_over = |address: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pinfold"));
        command.args(["hand-over", address]);
        refusal(command)
    };
    let directory = tempfile::tempdir().unwrap();
    let mut command = serve(directory.path());
    command.arg("-D4lw.commands.whitelist=hand");
    let alone = Program::start(command);
    assert!(hand_over(&alone.address).contains("no other server could take over"));
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(serve(directory.path()));
    assert!(hand_over(&program.address).contains("not in the whitelist"));
    drop(program);
    assert!(hand_over("127.0.0.1:1").contains("127.0.0.1:1"));
}

#[test]
fn help_helps() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinfold"));
    let output = command.args(["serve", "--help"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for word in ["--listen", "--data-dir", "--config", "-D", "127.0.0.1:2181", "zoo.cfg"] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
}
