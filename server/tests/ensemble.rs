//! Three servers as one: whichever of them a client asks, and whichever of them goes down.

mod cluster;
mod wire;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use cluster::Ensemble;
use pinfold_proto::records::{ConnectRequest, SyncRequest};
use pinfold_proto::{ErrorCode, OpCode};
use pinfold_server::{Server, ServerError};
use pinfold_storage::{DataDir, OsFileSystem};
use wire::{Wire, handshake, set};

fn sync(wire: &mut Wire) {
    let path = "/".to_owned();
    assert_eq!(wire.call(OpCode::Sync, &SyncRequest { path }).0.err, 0);
}

#[test]
fn each_server_sees_what_any_of_them_wrote() {
    let ensemble = Ensemble::of(3);
    let mut wires: Vec<Wire> = (0..3).map(|index| ensemble.connect(index)).collect();
    for (index, wire) in wires.iter_mut().enumerate() {
        wire.create(&format!("/n{index}"), "of one");
        // Its own write is seen at once.
        wire.stat(&format!("/n{index}"));
    }
    for wire in &mut wires {
        sync(wire);
        for index in 0..3 {
            assert_eq!(wire.get(&format!("/n{index}"), true).0, Some(Bytes::from("of one")));
        }
    }
    // One change, heard of everywhere.
    wires[0].call(OpCode::SetData, &set("/n2", "new", -1));
    assert_eq!(wires[0].take_events(), [(3, "/n2".to_owned())]);
    for wire in &mut wires[1..] {
        assert_eq!(wire.event().path, "/n2");
    }
    // Sequence numbers come from one counter.
    let names: Vec<String> = (0..30).map(|turn| wires[turn % 3].create_mode("/s-", 2)).collect();
    assert!(names.is_sorted(), "{names:?}");
}

#[test]
fn a_session_outlives_its_server_and_the_leader() {
    let mut ensemble = Ensemble::of(3);
    let leader = ensemble.leader();
    let mut wire = ensemble.connect(leader);
    let ephemeral = wire.create_mode("/e", 1);
    ensemble.stop(leader);
    let next = (leader + 1) % 3;
    let request = ConnectRequest {
        session_id: wire.session.session_id,
        password: wire.session.password.clone(),
        ..handshake(10_000)
    };
    let mut again = ensemble.open(next, &request);
    assert_eq!(again.session.session_id, wire.session.session_id);
    assert_eq!(again.stat(&ephemeral).ephemeral_owner, wire.session.session_id);
    again.create("/later", "");
    // The server that was down catches up.
    ensemble.start(leader);
    let mut back = ensemble.connect(leader);
    sync(&mut back);
    back.stat("/later");
    assert_eq!(back.stat(&ephemeral).ephemeral_owner, wire.session.session_id);
}

#[test]
fn what_was_acknowledged_is_there_after_all_servers_were_down() {
    let mut ensemble = Ensemble::of(3);
    for index in 0..3 {
        ensemble.connect(index).create(&format!("/n{index}"), "");
    }
    (0..3).for_each(|index| ensemble.stop(index));
    let started: Vec<_> = (0..3)
        .map(|index| ensemble.config(index))
        .map(|config| std::thread::spawn(|| Server::builder().config(config).start().unwrap()))
        .collect();
    for (index, server) in started.into_iter().enumerate() {
        ensemble.servers[index] = Some(server.join().unwrap());
    }
    let mut wire = ensemble.connect(1);
    sync(&mut wire);
    for index in 0..3 {
        wire.stat(&format!("/n{index}"));
    }
}

#[test]
fn a_server_that_was_away_too_long_gets_a_snapshot() {
    let mut ensemble = Ensemble::with(3, "snapCount=50\n");
    let leader = ensemble.leader();
    let (away, other) = ((leader + 1) % 3, (leader + 2) % 3);
    ensemble.connect(away).create("/before", "");
    ensemble.stop(away);
    let mut wire = ensemble.connect(other);
    // Several snapshots later the log no longer reaches back to where it stopped.
    for turn in 0..1000 {
        wire.create(&format!("/n{turn}"), "1234567890");
    }
    ensemble.start(away);
    let mut back = ensemble.connect(away);
    sync(&mut back);
    back.stat("/before");
    back.stat("/n0");
    back.stat("/n999");
    back.create("/after", "");
    sync(&mut wire);
    wire.stat("/after");
    // It serves again, too, when all that its leader wrote is in a snapshot.
    ensemble.stop(away);
    ensemble.start(away);
    ensemble.connect(away).stat("/after");
}

/// Another digit in the data of one node of the newest snapshot, which stays whole in itself.
fn alter(directory: &Path) {
    let directory = DataDir::open(Arc::new(OsFileSystem), directory, 0).unwrap();
    let store = directory.snapshots().unwrap();
    let reader = store.latest_valid().unwrap().0.unwrap();
    let mut writer = store.create(reader.id(), reader.note()).unwrap();
    let mut altered = 0;
    for block in reader {
        let mut block = block.unwrap().to_vec();
        if let Some(at) = block.windows(6).position(|bytes| bytes == b"123456") {
            block[at] ^= 1;
            altered += 1;
        }
        writer.write_block(&block).unwrap();
    }
    writer.finish().unwrap();
    assert!(altered > 0);
}

#[test]
fn a_server_with_another_state_than_the_others_stops_and_they_go_on() {
    let mut ensemble = Ensemble::with(3, "snapCount=40\npinfold.digestEvery=10\n");
    let leader = ensemble.leader();
    let wrong = (leader + 1) % 3;
    let mut wire = ensemble.connect(leader);
    for turn in 0..60 {
        wire.create(&format!("/n{turn}"), "123456");
    }
    ensemble.stop(wrong);
    alter(ensemble.folders[wrong].path());
    ensemble.start(wrong);
    // No more than the others keep in their logs, or it would get a good snapshot from the leader.
    for turn in 60..80 {
        wire.create(&format!("/n{turn}"), "123456");
    }
    let server = ensemble.servers[wrong].take().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(server.failed());
    let error = server.stop().unwrap_err();
    assert!(matches!(&error, ServerError::Diverged { servers, .. } if servers.len() == 2));
    assert!(error.to_string().contains("pinfold snapshot diff --at"), "{error}");
    wire.create("/after", "");
    ensemble.connect((leader + 2) % 3).stat("/after");
}

#[test]
fn observers_serve_clients_and_have_no_vote() {
    let mut ensemble = Ensemble::mixed(2, 2, "4lw.commands.whitelist=*\n");
    let leader = ensemble.leader();
    assert!(leader < 2);
    let told = |ensemble: &Ensemble, index: usize, word: &[u8]| {
        let mut wire = Wire::raw(&ensemble.address(index));
        wire.send_bytes(word);
        wire.text()
    };
    let mut wires: Vec<Wire> = (0..4).map(|index| ensemble.connect(index)).collect();
    wires[3].create("/of-an-observer", "");
    for wire in &mut wires {
        sync(wire);
        wire.stat("/of-an-observer");
    }
    assert!(told(&ensemble, 3, b"srvr").contains("Mode: observer\n"));
    assert!(told(&ensemble, 1 - leader, b"srvr").contains("Mode: follower\n"));
    assert!(told(&ensemble, leader, b"srvr").contains("\nProposal sizes last/min/max: "));
    let conf = told(&ensemble, 2, b"conf");
    for line in ["\nserverId=3\n", "\npeerType=1\n", "\nmembership: \nserver.1=", ":observer;"] {
        assert!(conf.contains(line), "{line:?} in {conf}");
    }
    let expected = ["quorum_size\t2", "learners\t3", "synced_followers\t1", "synced_observers\t2"];
    loop {
        // The leader's links to the others may be younger than their votes.
        let mntr = told(&ensemble, leader, b"mntr");
        if expected.iter().all(|line| mntr.contains(&format!("\nzk_{line}\n"))) {
            break;
        }
        std::thread::yield_now();
    }
    // Three of four are there, and they are no majority of those that have a vote.
    ensemble.stop(1 - leader);
    while !told(&ensemble, 3, b"conf").contains("not currently serving") {
        std::thread::yield_now();
    }
    assert!(Wire::open(&ensemble.address(2), &handshake(10_000)).is_none());
    ensemble.start(1 - leader);
    ensemble.connect(3).create("/again", "");
}

#[test]
fn a_directory_of_another_ensemble_stays_out_and_a_number_twice_does_not_start() {
    let (mut ours, mut theirs) = (Ensemble::of(3), Ensemble::of(3));
    let out = (ours.leader() + 1) % 3;
    let mut foreign = theirs.connect(out);
    foreign.create("/theirs", "");
    ours.stop(out);
    (0..3).for_each(|index| theirs.stop(index));
    let text = ours.texts[out].clone();
    let folder = |ensemble: &Ensemble| ensemble.folders[out].path().display().to_string();
    ours.texts[out] = text.replace(&folder(&ours), &folder(&theirs));
    ours.start(out);
    let mut wire = ours.connect((out + 1) % 3);
    wire.create("/ours", "");
    assert_eq!(wire.exists("/theirs", false), ErrorCode::NoNode);
    let mut word = Wire::raw(&ours.address(out));
    word.send_bytes(b"srvr");
    assert!(word.text().contains("not currently serving"));
    ours.stop(out);
    // Two directories with the number of one server.
    std::fs::write(theirs.folders[out].path().join("myid"), format!("{}", (out + 1) % 3 + 1))
        .unwrap();
    let error = Server::builder().config(ours.config(out)).start().unwrap_err().to_string();
    assert!(error.contains("the port is in use by another process"), "{error}");
    ours.texts[out] = text;
    ours.start(out);
    ours.connect(out).stat("/ours");
}

#[test]
fn names_that_nobody_knows_stop_nothing() {
    // Nobody knows the third one's name; the others are a majority.
    let mut ensemble = Ensemble::of(2);
    ensemble.connect(0).create("/n", "");
    (0..2).for_each(|index| ensemble.stop(index));
    let port = cluster::free_port();
    for index in 0..2 {
        let line = format!("server.3=no-such-host.invalid:{port}:0;127.0.0.1:0\n");
        ensemble.texts[index].push_str(&line);
    }
    (0..2).for_each(|index| ensemble.start(index));
    ensemble.connect(1).stat("/n");
}

#[test]
fn without_a_majority_reads_are_served_to_those_who_allow_it() {
    let mut ensemble = Ensemble::with(3, "readonlymode.enabled=true\n");
    let mut wire = ensemble.connect(0);
    wire.create("/n", "v");
    let known = ConnectRequest {
        session_id: wire.session.session_id,
        password: wire.session.password.clone(),
        read_only: Some(true),
        ..handshake(10_000)
    };
    // While there is one, nobody is served less.
    let asking = ConnectRequest { read_only: Some(true), ..handshake(10_000) };
    assert_eq!(ensemble.open(0, &asking).session.read_only, Some(false));
    ensemble.stop(1);
    ensemble.stop(2);
    let told = |word: &[u8]| {
        let mut wire = Wire::raw(&ensemble.address(0));
        wire.send_bytes(word);
        wire.text()
    };
    while told(b"isro") != "ro" {
        std::thread::yield_now();
    }
    assert!(told(b"srvr").contains("Mode: read-only"));
    assert!(Wire::open(&ensemble.address(0), &handshake(10_000)).is_none());
    let mut reader = Wire::open(&ensemble.address(0), &asking).unwrap();
    assert_eq!(reader.session.read_only, Some(true));
    assert_ne!(reader.session.session_id, 0);
    assert_eq!(reader.get("/n", true).0, Some(Bytes::from("v")));
    let refused = ErrorCode::NotReadOnly.code();
    assert_eq!(reader.call(OpCode::SetData, &set("/n", "new", -1)).0.err, refused);
    let path = "/".to_owned();
    assert_eq!(reader.call(OpCode::Sync, &SyncRequest { path }).0.err, refused);
    assert_eq!(reader.get("/n", false).0, Some(Bytes::from("v")));
    // One that the ensemble knows goes on, with its own password only.
    let own = Wire::open(&ensemble.address(0), &known).unwrap();
    assert_eq!(own.session.session_id, known.session_id);
    let wrong = ConnectRequest { password: Some(vec![1; 16].into()), ..known.clone() };
    assert_eq!(Wire::open(&ensemble.address(0), &wrong).unwrap().session.session_id, 0);
    // With a majority they have to come again.
    ensemble.start(1);
    assert!(reader.frame().is_none());
    let mut back = ensemble.open(0, &known);
    assert_eq!(back.session.read_only, Some(false));
    assert_eq!(back.call(OpCode::SetData, &set("/n", "new", -1)).0.err, 0);
}

#[test]
fn a_server_whose_directory_was_emptied_gets_everything_again() {
    let mut ensemble = Ensemble::of(3);
    let leader = ensemble.leader();
    let emptied = (leader + 1) % 3;
    let mut wire = ensemble.connect(leader);
    for turn in 0..20 {
        wire.create(&format!("/n{turn}"), "v");
    }
    // Also what it has acknowledged itself.
    sync(&mut ensemble.connect(emptied));
    ensemble.stop(emptied);
    let folder = ensemble.folders[emptied].path().to_owned();
    for name in ["log", "snapshots"] {
        std::fs::remove_dir_all(folder.join(name)).unwrap();
    }
    for name in ["pinfold.id", "consensus"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    ensemble.start(emptied);
    // The same leader, who had counted on what was there.
    let mut back = ensemble.connect(emptied);
    sync(&mut back);
    back.stat("/n0");
    back.stat("/n19");
    back.create("/after", "");
    sync(&mut wire);
    wire.stat("/after");
    assert_eq!(ensemble.leader(), leader);
}
