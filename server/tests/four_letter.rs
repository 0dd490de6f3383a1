//! Four-letter words, as monitors read them.

mod wire;

use std::collections::BTreeSet;

use pinfold_server::config::Words;
use pinfold_server::{Config, Server};
use wire::{Target, Wire};

fn ask(address: &str, word: &str) -> String {
    let mut wire = Wire::raw(address);
    wire.send_bytes(word.as_bytes());
    wire.text()
}

#[test]
fn the_texts_that_monitors_parse() {
    let target = Target::new();
    let mut wire = target.connect();
    wire.get(&target.root, true);
    assert_eq!(ask(&target.address, "ruok"), "imok");
    assert_eq!(ask(&target.address, "isro"), "rw");
    let text = ask(&target.address, "srvr");
    let lines: Vec<&str> = text.lines().collect();
    let starts = [
        "Zookeeper version: 3.9.5-",
        "Latency min/avg/max: ",
        "Received: ",
        "Sent: ",
        "Connections: ",
        "Outstanding: 0",
        "Zxid: 0x",
        "Mode: standalone",
        "Node count: ",
    ];
    assert_eq!(lines.len(), starts.len(), "{text}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    let text = ask(&target.address, "stat");
    assert!(text.contains("Clients:\n /127.0.0.1:") && text.contains("[1](queued=0,recved="));
    assert!(ask(&target.address, "mntr").contains("zk_server_state\tstandalone\n"));
    assert!(ask(&target.address, "conf").contains("tickTime=2000\n"));
    assert!(ask(&target.address, "wchs").contains(" paths\nTotal watches:"));
    assert!(ask(&target.address, "wchc").contains(&format!("\t{}\n", target.root)));
    assert!(ask(&target.address, "wchp").contains(&format!("{}\n\t0x", target.root)));
    let session = format!("{:#x}", wire.session.session_id);
    assert!(ask(&target.address, "cons").contains(&session));
    wire.create_mode(&target.path("/e"), 1);
    assert!(ask(&target.address, "dump").contains(&format!("{session}:\n\t{}/e\n", target.root)));
    assert!(ask(&target.address, "envi").starts_with("Environment:\nzookeeper.version="));
    assert_eq!(ask(&target.address, "srst"), "Server stats reset.\n");
    assert_eq!(ask(&target.address, "crst"), "Connection stats reset.\n");
}

#[test]
fn words_that_are_not_listed_are_refused() {
    let words = BTreeSet::from(["srvr".to_owned()]);
    let config = Config {
        listen: "127.0.0.1:0".into(),
        four_letter_words: Words::Some(words),
        ..Config::default()
    };
    let server = Server::builder().config(config).temporary_data_dir().start().unwrap();
    let refused = "ruok is not executed because it is not in the whitelist.\n";
    assert_eq!(ask(&server.address(), "ruok"), refused);
    assert!(ask(&server.address(), "srvr").contains("Mode: standalone"));
}
