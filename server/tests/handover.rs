//! A leader that leaves: another one leads before it is gone.

mod cluster;
mod wire;

use std::sync::Arc;

use cluster::Ensemble;
use pinfold_replication::{LogStore, Membership};
use pinfold_server::Server;
use pinfold_server::log_store::DiskLog;
use pinfold_storage::{DataDir, LogOptions, OsFileSystem};
use wire::Wire;

fn ask(address: &str, word: &str) -> String {
    let mut wire = Wire::raw(address);
    wire.send_bytes(word.as_bytes());
    wire.text()
}

#[test]
fn leadership_moves_on_command() {
    let ensemble = Ensemble::with(3, "4lw.commands.whitelist=hand\n");
    let leader = ensemble.leader();
    let mut wire = ensemble.connect(leader);
    let session = wire.session.session_id;
    wire.create_mode("/e", 1);
    let follower = (leader + 1) % 3;
    let answer = ask(&ensemble.address(follower), "hand");
    assert_eq!(answer, format!("not the leader: server {} leads\n", leader + 1));
    let answer = ask(&ensemble.address(leader), "hand");
    let next = answer.strip_prefix("handed over: server ");
    let next = next.and_then(|rest| rest.strip_suffix(" leads\n")).expect(&answer);
    let next: usize = next.parse().unwrap();
    assert_ne!(next, leader + 1);
    assert!(ask(&ensemble.address(leader), "srvr").contains("Mode: follower"));
    assert_eq!(ensemble.leader(), next - 1);
    // Whoever is connected does not even notice.
    wire.create("/after", "");
    assert_eq!(wire.stat("/e").ephemeral_owner, session);
}

#[test]
fn the_word_for_it_has_to_be_named_and_a_server_that_is_alone_keeps_it() {
    let words = |whitelist| {
        let builder = Server::builder().property("4lw.commands.whitelist", whitelist).unwrap();
        builder.start().unwrap()
    };
    let server = words("*");
    let refusal = "hand is not executed because it is not in the whitelist.\n";
    assert_eq!(ask(&server.address(), "hand"), refusal);
    assert_eq!(ask(&server.address(), "ruok"), "imok");
    let server = words("*,hand");
    assert_eq!(ask(&server.address(), "ruok"), "imok");
    let answer = ask(&server.address(), "hand");
    assert_eq!(answer, "not handed over: no other server could take over\n");
    Wire::connect(&server.address()).create("/after", "");
}

/// The terms of the entries that a server has in its log.
fn terms(ensemble: &Ensemble, index: usize) -> Vec<u64> {
    let folder = ensemble.folders[index].path();
    let directory = DataDir::open(Arc::new(OsFileSystem), folder, 0).unwrap();
    let founders = Membership { voters: vec![1, 2], ..Membership::default() };
    let log = DiskLog::open(&directory, &founders, LogOptions::default()).unwrap().log;
    (log.first_index()..=log.last_index()).map(|at| log.term(at).unwrap()).collect()
}

#[test]
fn a_leader_that_stops_waits_until_another_one_leads() {
    // Of two servers, one can begin to lead only while the other is there.
    let mut ensemble = Ensemble::of(2);
    let leader = ensemble.leader();
    let mut wire = ensemble.connect(leader);
    for turn in 0..100 {
        wire.create(&format!("/n{turn}"), "");
    }
    ensemble.stop(leader);
    let terms = terms(&ensemble, leader);
    let (last, led) = (terms[terms.len() - 1], terms[terms.len() - 50]);
    assert!(last > led, "nothing of another leader: {terms:?}");
    ensemble.start(leader);
    ensemble.connect(leader).stat("/n99");
}
