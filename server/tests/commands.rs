//! `pinfold lock`, `pinfold elect` and `pinfold queue`: programs that run while something is held.

mod wire;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use pinfold_server::Server;
use serde_json::Value;
use wire::Wire;

fn server() -> Server {
    Server::builder().start().unwrap()
}

fn pinfold(server: &Server, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinfold"));
    command.args(words).env("PINFOLD_HOSTS", server.address()).env("PINFOLD_LOG", "off");
    command.stdin(Stdio::null());
    command
}

fn ran(server: &Server, words: &[&str]) -> Output {
    pinfold(server, words).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A running command, and what its program says line by line. Killed when it is dropped.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Running { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// What its program says until it and everything it started has ended.
    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        rest
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    fn status(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const TELL: &str = "echo $PINFOLD_TOKEN $PINFOLD_ZNODE";

#[test]
fn a_program_runs_while_it_has_the_lock() {
    let server = server();
    let lock = ["lock", "/lock", "--", "sh", "-c"];
    let ended = ran(&server, &[&lock[..], &[TELL]].concat());
    let told: Vec<&str> = text(&ended.stdout).split_whitespace().collect();
    assert!(told[0].parse::<i64>().unwrap() > 0 && told[1].starts_with("/lock/"), "{told:?}");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(ran(&server, &[&lock[..], &["exit 7"]].concat()).status.code(), Some(7));
    assert_eq!(ran(&server, &[&lock[..], &["kill -9 $$"]].concat()).status.code(), Some(137));
    assert_eq!(ran(&server, &["lock", "/lock", "--", "/no/program"]).status.code(), Some(127));

    // It waits for the end of its input.
    let mut command = pinfold(&server, &[&lock[..], &["echo in; cat; echo out"]].concat());
    let mut holder = Running::start({
        command.stdin(Stdio::piped());
        command
    });
    assert_eq!(holder.line(), "in");
    for words in [
        &["lock", "/lock", "--no-wait", "--", "true"][..],
        &["lock", "/lock", "--wait-ms", "1", "--", "true"],
        &["lock", "/lock", "--read", "--no-wait", "--", "true"],
    ] {
        let late = ran(&server, words);
        assert_eq!(late.status.code(), Some(124), "{words:?}: {late:?}");
        assert!(text(&late.stderr).contains("/lock"), "{late:?}");
    }
    drop(holder.child.stdin.take());
    assert_eq!(holder.line(), "out");
    assert_eq!(holder.status(), Some(0));
    assert_eq!(ran(&server, &["lock", "/lock", "--no-wait", "--", "true"]).status.code(), Some(0));
}

#[test]
fn a_program_is_stopped_when_its_lock_is_lost() {
    let server = server();
    let stubborn = "trap '' TERM; echo $PINFOLD_ZNODE; sleep 1000 & wait; wait";
    let mut holder =
        Running::start(pinfold(&server, &["lock", "/lock", "--", "sh", "-c", stubborn]));
    let znode = holder.line();
    Wire::connect(&server.address()).delete(&znode);
    // Also the sleep, which would keep the output open.
    assert_eq!(holder.rest(), "");
    assert_eq!(holder.status(), Some(75));
}

#[test]
fn a_signal_reaches_the_program() {
    let server = server();
    let script = "trap 'echo stopped; exit 3' TERM; echo on; while :; do sleep 0.01; done";
    let mut holder = Running::start(pinfold(&server, &["lock", "/lock", "--", "sh", "-c", script]));
    assert_eq!(holder.line(), "on");
    holder.signal("-TERM");
    assert_eq!(holder.line(), "stopped");
    assert_eq!(holder.status(), Some(3));
}

#[test]
fn the_next_leads_when_a_leader_is_killed_and_its_program_with_it() {
    let server = server();
    let elect = |name: &str| {
        let script = format!("echo {name} $PINFOLD_TOKEN; exec sleep 1000");
        let words =
            ["elect", "/election", "--session-timeout-ms", "4000", "--", "sh", "-c", &script];
        Running::start(pinfold(&server, &words))
    };
    let mut first = elect("first");
    let told = first.line();
    let token = |line: &str| line.split(' ').nth(1).unwrap().parse::<i64>().unwrap();
    assert!(told.starts_with("first "), "{told}");
    let mut second = elect("second");
    first.signal("-KILL");
    assert_eq!(first.rest(), "", "its program is killed with it");
    let next = second.line();
    assert!(next.starts_with("second ") && token(&next) > token(&told), "{next}");
}

#[test]
fn tasks_are_submitted_done_and_shown() {
    let server = server();
    let queue = |words: &[&str]| ran(&server, &[&["queue"], words].concat());
    let task = text(&queue(&["submit", "/q", "hello"]).stdout).trim().to_owned();
    assert!(task.starts_with("t-"), "{task}");
    let counts: Value = serde_json::from_slice(&queue(&["ls", "/q", "--json"]).stdout).unwrap();
    assert_eq!((counts["waiting"].as_u64(), counts["master"].is_null()), (Some(1), true));

    let worker = ["queue", "work", "/q", "--id", "w", "--", "sh", "-c"];
    let script =
        "read line; case $line in bad) echo no >&2; exit 2;; esac; echo $line | tr a-z A-Z";
    let mut worker = Running::start(pinfold(&server, &[&worker[..], &[script]].concat()));
    let shown = queue(&["show", "/q", &task, "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((shown["result"].as_str(), shown["worker"].as_str()), (Some("HELLO\n"), Some("w")));

    let mut submit = pinfold(&server, &["queue", "submit", "/q", "--wait"]);
    let mut submit = submit.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    submit.stdin.take().unwrap().write_all(b"from stdin").unwrap();
    let done = submit.wait_with_output().unwrap();
    assert_eq!((text(&done.stdout), done.status.code()), ("FROM STDIN\n", Some(0)));

    let dead = queue(&["submit", "/q", "bad", "--max-attempts", "2", "--wait"]);
    assert_eq!(dead.status.code(), Some(1));
    assert!(text(&dead.stderr).contains("exit status 2: no"), "{dead:?}");
    worker.signal("-TERM");
    assert_eq!(worker.status(), Some(0));
    let counts = queue(&["ls", "/q"]);
    assert!(text(&counts.stdout).contains("dead      1"), "{counts:?}");
    assert_eq!(queue(&["show", "/q", "seven"]).status.code(), Some(125));
}

#[test]
fn an_operator_holds_cancels_replays_and_drains() {
    let server = server();
    let queue = |words: &[&str]| ran(&server, &[&["queue"], words].concat());
    let json = |words: &[&str]| -> Value { serde_json::from_slice(&queue(words).stdout).unwrap() };
    let submit = |words: &[&str]| {
        let submitted = queue(&[&["submit", "/q"], words].concat());
        text(&submitted.stdout).trim().to_owned()
    };
    assert_eq!(queue(&["pause", "/q"]).status.code(), Some(0));
    let sleeper = submit(&["sleep 1000", "--priority", "1", "--key", "k"]);
    assert_eq!(submit(&["sleep 1000", "--key", "k"]), sleeper);
    let quick = submit(&["echo done"]);
    let told = json(&["metrics", "/q", "--json"]);
    assert_eq!((told["waiting"].as_u64(), told["paused"].as_bool()), (Some(2), Some(true)));
    assert!(told["oldest_waiting_ms"].is_u64(), "{told}");

    let work = ["queue", "work", "/q", "--id", "w", "--", "sh"];
    let mut worker = Running::start(pinfold(&server, &work));
    assert_eq!(queue(&["drain", "/q", "--wait-ms", "100"]).status.code(), Some(124));
    assert_eq!(queue(&["resume", "/q"]).status.code(), Some(0));
    while json(&["ls", "/q", "--json"])["assigned"] != 1 {}
    // The program is stopped, and the worker goes on with the next.
    assert_eq!(queue(&["cancel", "/q", &sleeper, "--reason", "too long"]).status.code(), Some(0));
    assert_eq!(text(&queue(&["show", "/q", &quick]).stdout), "done\n");
    assert_eq!(queue(&["cancel", "/q", &quick]).status.code(), Some(1), "too late");

    let dead = queue(&["dead", "/q"]);
    assert_eq!(text(&dead.stdout), format!("{sleeper}  cancelled   attempt 1  w  too long\n"));
    let letter = json(&["dead", "/q", "--json"]);
    assert_eq!(
        (letter["cause"].as_str(), &letter["payload"]),
        (Some("cancelled"), &"sleep 1000".into())
    );
    assert_eq!(queue(&["replay", "/q", &quick]).status.code(), Some(125), "it is not dead");
    let again = queue(&["replay", "/q", "--all-dead"]);
    let again = text(&again.stdout).trim();
    assert!(again > sleeper.as_str(), "{again}");
    assert_eq!(queue(&["cancel", "/q", again]).status.code(), Some(0));
    let drained = queue(&["drain", "/q"]);
    assert!(text(&drained.stdout).contains("waiting   0\nassigned  0\ndone      1\ndead      1"));
    assert_eq!(queue(&["forget", "/q", again, &quick]).status.code(), Some(0));
    assert_eq!(queue(&["forget", "/q", again]).status.code(), Some(1), "not there");
    let table = queue(&["metrics", "/q"]);
    assert!(
        text(&table.stdout).contains("dead      0")
            && text(&table.stdout).contains("oldest    none")
    );
    worker.signal("-TERM");
    assert_eq!(worker.status(), Some(0));
}

#[test]
fn servers_that_are_not_there_are_told() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinfold"));
    command.args(["lock", "no path", "--", "true"]).env("PINFOLD_HOSTS", "");
    let refused = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(refused.status.code(), Some(125));
    assert!(text(&refused.stderr).starts_with("pinfold: "), "{refused:?}");
}
