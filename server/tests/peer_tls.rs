//! TLS between the servers of an ensemble.

mod certificates;
mod cluster;
mod wire;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use certificates::{Authority, write};
use cluster::Ensemble;
use pinfold_server::{Config, Server, ServerError};

/// Settings of servers that have certificates of this authority for 127.0.0.1.
fn settings(folder: &Path, authority: &Authority) -> String {
    let key = write(folder, "server.pem", &authority.issue_for("server", "127.0.0.1").pem());
    let trust = write(folder, "trust.pem", &authority.pem);
    format!(
        "sslQuorum=true\nssl.quorum.keyStore.location={}\nssl.quorum.trustStore.location={}\n\
         snapCount=20\n",
        key.display(),
        trust.display()
    )
}

fn peer_address(ensemble: &Ensemble, index: usize) -> String {
    let config = ensemble.config(index);
    config.ensemble.member(index as u64 + 1).unwrap().peer_address()
}

#[test]
fn servers_speak_tls_to_each_other_and_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), &Authority::new("ours"));
    let mut ensemble = Ensemble::with(3, &settings);
    let leader = ensemble.leader();
    let away = (leader + 1) % 3;
    ensemble.stop(away);
    let mut wire = ensemble.connect(leader);
    for turn in 0..200 {
        wire.create(&format!("/n{turn}"), "v");
    }
    // It gets a snapshot, which goes over a connection of its own.
    ensemble.start(away);
    ensemble.connect(away).stat("/n199");
    // The first words of a server in the open are no TLS.
    let mut open = TcpStream::connect(peer_address(&ensemble, leader)).unwrap();
    open.write_all(b"PINFPEER and what not, so long that it would be a whole hello").unwrap();
    let mut answer = Vec::new();
    let _ = open.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"PINFPEER"), "{answer:?}");
}

#[test]
fn a_server_with_a_certificate_that_is_not_its_own_stays_out() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Authority::new("ours");
    let good = settings(folder.path(), &authority);
    let mut ensemble = Ensemble::with(3, &good);
    let out = (ensemble.leader() + 1) % 3;
    ensemble.stop(out);
    let text = ensemble.texts[out].clone();
    let right = folder.path().join("server.pem").display().to_string();
    let wrong = [
        // It trusts the others, but they do not trust it.
        ("/foreign", Authority::new("theirs").issue_for("server", "127.0.0.1")),
        ("/name", authority.issue_for("server", "other.example")),
    ];
    for (node, certificate) in wrong {
        let key = write(other.path(), "server.pem", &certificate.pem());
        ensemble.texts[out] = text.replace(&right, &key.display().to_string());
        ensemble.start(out);
        ensemble.connect((out + 1) % 3).create(node, "");
        let mut word = wire::Wire::raw(&ensemble.address(out));
        word.send_bytes(b"srvr");
        assert!(word.text().contains("not currently serving"), "{node}");
        ensemble.stop(out);
    }
    // With the right one it is let in.
    ensemble.texts[out] = text;
    ensemble.start(out);
    ensemble.connect(out).stat("/name");
}

#[test]
fn a_name_that_is_not_the_hosts_is_taken_where_names_do_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours");
    let good = settings(folder.path(), &authority);
    let key = authority.issue_for("server", "other.example").pem();
    write(folder.path(), "server.pem", &key);
    let ensemble = Ensemble::with(2, &format!("{good}ssl.quorum.hostnameVerification=false\n"));
    ensemble.connect(0).create("/n", "");
}

#[test]
fn what_is_missing_is_named() {
    let start = |text: &str| -> ServerError {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("myid"), "1").unwrap();
        let servers = "server.1=127.0.0.1:1:1;127.0.0.1:0\nserver.2=127.0.0.1:2:2\n";
        let text = format!("dataDir={}\n{text}{servers}", folder.path().display());
        let config = Config::parse(&text, "zoo.cfg").unwrap();
        Server::builder().config(config).start().unwrap_err()
    };
    let error = start("sslQuorum=true\n").to_string();
    assert!(error.contains("ssl.quorum.keyStore.location"), "{error}");
    let error = Config::parse("ssl.quorum.nothing=1\n", "zoo.cfg").unwrap_err().to_string();
    assert!(error.contains("zoo.cfg, line 1") && error.contains("ssl.quorum.nothing"), "{error}");
}
