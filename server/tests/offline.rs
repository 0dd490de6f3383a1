//! `pinfold log` and `pinfold snapshot`: what they show of a directory, whole, damaged or in use.

mod wire;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pinfold_server::Server;
use serde_json::Value;
use tempfile::TempDir;
use wire::Wire;

const DATA: &str = "0123456789";

fn start(directory: &Path) -> Server {
    let builder = Server::builder().data_dir(directory).property("snapCount", "40").unwrap();
    builder.start().unwrap()
}

/// A directory in which a server created `/n0` to `/n99`, with snapshots.
fn written() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path());
    let mut wire = Wire::connect(&server.address());
    for turn in 0..100 {
        wire.create(&format!("/n{turn}"), &DATA.repeat(100));
        // The next one is begun when this one is written.
        while turn == 50 && finished_snapshots(directory.path()) == 0 {
            std::thread::yield_now();
        }
    }
    drop(wire);
    server.stop().unwrap();
    directory
}

fn finished_snapshots(directory: &Path) -> usize {
    let is_finished = |path: &&PathBuf| path.extension().is_none_or(|end| end != "tmp");
    files(directory, "snapshots").iter().filter(is_finished).count()
}

/// What a command printed, what it complained about, and how it ended.
#[derive(Debug)]
struct Ran {
    out: String,
    err: String,
    status: Option<i32>,
}

impl Ran {
    fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

fn pinfold(words: &[&str], sources: &[&Path]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinfold"));
    let output = command.args(words).args(sources).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { out: text(output.stdout), err: text(output.stderr), status: output.status.code() }
}

fn files(directory: &Path, part: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.join(part)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn flip(file: &Path, offset: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[offset] ^= 1;
    fs::write(file, bytes).unwrap();
}

fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let parts = ["log", "snapshots", ""].iter().flat_map(|part| files(directory, part));
    parts
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn every_record_and_every_znode_is_shown_and_nothing_is_touched() {
    let directory = written();
    let before = contents(directory.path());
    let log = pinfold(&["log", "dump", "--json"], &[directory.path()]);
    assert_eq!(log.status, Some(0), "{log:?}");
    let created: Vec<Value> =
        log.lines().into_iter().filter(|line| line["ops"][0]["op"] == "create").collect();
    assert_eq!(created.len(), 100);
    assert_eq!(created[7]["ops"][0]["path"], "/n7");
    assert_eq!(created[7]["ops"][0]["data"], DATA.repeat(100));
    let index = created[7]["index"].as_u64().unwrap().to_string();
    let one = pinfold(&["log", "dump", "--from", &index, "--to", &index], &[directory.path()]);
    assert_eq!(one.out.lines().count(), 1);
    assert!(one.out.contains("create /n7 1000 bytes \"0123"), "{one:?}");

    let all = pinfold(&["snapshot", "verify", "--json"], &[directory.path()]);
    assert_eq!(all.status, Some(0), "{all:?}");
    assert!(all.lines().len() >= 2);
    let dump = pinfold(&["snapshot", "dump"], &[directory.path()]);
    assert!(dump.out.contains("\n/n0 1000 bytes"), "{dump:?}");
    let last = log.lines().last().unwrap()["index"].as_u64().unwrap().to_string();
    let dump = pinfold(&["snapshot", "dump", "--json", "--at", &last], &[directory.path()]);
    let paths: Vec<Value> = dump.lines().iter().map(|line| line["path"].clone()).collect();
    assert!(paths.contains(&Value::from("/n99")));
    assert_eq!(contents(directory.path()), before);
}

#[test]
fn a_running_server_is_read_beside() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path());
    let mut wire = Wire::connect(&server.address());
    for turn in 0..100 {
        wire.create(&format!("/n{turn}"), DATA);
        if turn % 10 == 0 {
            let log = pinfold(&["log", "verify"], &[directory.path()]);
            assert_eq!(log.status, Some(0), "{log:?}");
            let snapshots = pinfold(&["snapshot", "verify"], &[directory.path()]);
            assert_eq!(snapshots.status, Some(0), "{snapshots:?}");
        }
    }
    let log = pinfold(&["log", "dump"], &[directory.path()]);
    assert!(log.out.contains("create /n99 "), "{log:?}");
    server.stop().unwrap();
}

#[test]
fn an_unfinished_write_is_told_and_damage_is_damage() {
    let directory = written();
    let file = files(directory.path(), "log").pop().unwrap();
    let whole = fs::read(&file).unwrap();
    let verified = pinfold(&["log", "verify", "--json"], &[directory.path()]);
    let end = verified.lines().last().unwrap()["bytes"].as_u64().unwrap() as usize;

    let mut torn = whole.clone();
    torn[end..end + 40].fill(0x5a);
    fs::write(&file, torn).unwrap();
    let verified = pinfold(&["log", "verify", "--json"], &[directory.path()]);
    assert_eq!(verified.status, Some(0), "{verified:?}");
    assert_eq!(verified.lines().last().unwrap()["torn_at"], end);
    let dump = pinfold(&["log", "dump"], &[directory.path()]);
    assert_eq!(dump.status, Some(0));
    assert!(dump.err.contains(&format!("offset {end}")), "{}", dump.err);

    fs::write(&file, &whole).unwrap();
    let dump = pinfold(&["log", "dump", "--json"], &[directory.path()]);
    let fifty = &dump.lines()[50];
    let offset = fifty["offset"].as_u64().unwrap() as usize;
    flip(&file, offset + 60);
    for words in [["log", "verify"], ["log", "dump"]] {
        let ran = pinfold(&words, &[directory.path()]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.err.contains(&format!("{} is damaged at offset {offset}", file.display())));
    }
    // What comes before it can still be seen.
    let before = pinfold(&["log", "dump", "--json"], &[directory.path()]);
    assert_eq!(before.lines().len(), 50);
}

#[test]
fn a_bad_block_is_found_and_the_other_snapshots_are_read() {
    let directory = written();
    let snapshots = files(directory.path(), "snapshots");
    let size = fs::metadata(&snapshots[0]).unwrap().len() as usize;
    flip(&snapshots[0], size / 2);
    let ran = pinfold(&["snapshot", "verify"], &[directory.path()]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(ran.out.lines().count(), snapshots.len());
    let first = ran.out.lines().next().unwrap();
    let (name, _) = (snapshots[0].display().to_string(), size);
    assert!(first.contains(&name) && first.contains("is damaged at offset"), "{first}");
    assert!(first.contains("checksum of block"), "{first}");
    let ran = pinfold(&["snapshot", "verify"], &[&snapshots[0]]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let ran = pinfold(&["snapshot", "verify"], &[&snapshots[1]]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
}

#[test]
fn two_states_are_compared_after_the_same_record() {
    let left = written();
    let right = tempfile::tempdir().unwrap();
    for (path, bytes) in contents(left.path()) {
        let copy = right.path().join(path.strip_prefix(left.path()).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::write(copy, bytes).unwrap();
    }
    let both = [left.path(), right.path()];
    let same = pinfold(&["snapshot", "diff"], &both);
    assert_eq!((same.status, same.out.as_str()), (Some(0), ""), "{same:?}");
    for (directory, name, data) in [(&left, "/left", "one"), (&right, "/right", "two")] {
        let server = start(directory.path());
        let mut wire = Wire::connect(&server.address());
        wire.create(name, "");
        wire.create("/differs", data);
        server.stop().unwrap();
    }
    let log = pinfold(&["log", "dump", "--json"], &[left.path()]);
    let last =
        log.lines().iter().rfind(|line| line["ops"][0]["path"] == "/differs").unwrap()["index"]
            .to_string();
    let ran = pinfold(&["snapshot", "diff", "--at", &last], &both);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.out.contains("znode /left: on the left only\n"), "{ran:?}");
    assert!(ran.out.contains("znode /right: on the right only\n"), "{ran:?}");
    assert!(ran.out.contains("znode /differs: data 3 bytes \"one\" / 3 bytes \"two\""), "{ran:?}");
    assert!(ran.out.contains("session 0x"), "{ran:?}");
    assert!(!ran.out.contains("/n1"), "{ran:?}");
}

#[test]
fn whoever_has_seen_enough_may_go() {
    let directory = written();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinfold"));
    command.args(["log", "dump", "--json"]).arg(directory.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(256, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!((child.wait().unwrap().code(), complaint.as_str()), (Some(0), ""));
}

#[test]
fn what_cannot_be_read_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    for words in [["log", "dump"], ["log", "verify"], ["snapshot", "dump"], ["snapshot", "verify"]]
    {
        let ran = pinfold(&words, &[empty.path()]);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.err.contains("is not a Pinfold data directory"), "{ran:?}");
    }
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "nothing was made");
    let ran = pinfold(&["log", "verify", "--help"], &[]);
    assert!(ran.out.contains("Exit status:"), "{ran:?}");
}
