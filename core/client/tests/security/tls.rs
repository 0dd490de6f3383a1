//! TLS: whom the client trusts, and who it is to the server.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use pinfold_client::{Acl, Client, CreateMode, Error, ErrorKind, Options, Tls, Verify};
use pinfold_server::embedded::Server;
use tempfile::TempDir;

use crate::certificates::{Authority, self_signed, store, write};
use crate::{impatient, options};

/// A server whose certificate is this, and which wants the clients' to be from `trusted`.
fn serve(folder: &Path, own: &str, trusted: &str, client_auth: &str) -> Server {
    let own = write(folder, "server.pem", own);
    let trusted = write(folder, "trust.pem", trusted);
    Server::builder()
        .listen_secure("127.0.0.1:0")
        .property("ssl.keyStore.location", own.to_str().unwrap())
        .and_then(|builder| builder.property("ssl.trustStore.location", trusted.to_str().unwrap()))
        .and_then(|builder| builder.property("ssl.clientAuth", client_auth))
        .and_then(pinfold_server::Builder::start)
        .unwrap()
}

/// `localhost` with the server's port.
fn localhost(server: &Server) -> String {
    server.secure_address().unwrap().replace("127.0.0.1", "localhost")
}

async fn fails(options: Options) -> Error {
    let error = Client::connect(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected, "{error}");
    error
}

fn setup() -> (TempDir, Authority, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("CA");
    let ca_file = write(folder.path(), "ca.pem", &authority.pem);
    (folder, authority, ca_file)
}

#[tokio::test]
async fn large_data_goes_both_ways_in_order() {
    let (folder, authority, ca_file) = setup();
    let own = authority.issue("server").pem();
    let server = serve(folder.path(), &own, &authority.pem, "none");
    let tls = Tls { ca_file: Some(ca_file), ..Tls::default() };
    let client =
        Client::connect(Options { tls: Some(tls), ..options(localhost(&server)) }).await.unwrap();
    let acl = Acl::open_unsafe();
    let data: Vec<u8> = (0..900_000_u32).map(|n| (n % 251) as u8).collect();
    let pending: Vec<_> = (0..20)
        .map(|number| {
            client.create(&format!("/n{number}"), data.clone(), CreateMode::Persistent, &acl)
        })
        .collect();
    for created in pending {
        created.await.unwrap();
    }
    let pending: Vec<_> = (0..20).map(|number| client.get(&format!("/n{number}"))).collect();
    for read in pending {
        assert_eq!(read.await.unwrap().0, data);
    }
    client.close().await.unwrap();
}

#[tokio::test]
async fn only_trusted_servers_are_talked_to() {
    let (folder, authority, ca_file) = setup();
    let tls = |verify| Tls { ca_file: Some(ca_file.clone()), verify, ..Tls::default() };
    let good = authority.issue("server").pem();
    let elsewhere = authority.issue_for("server", "zoo.example").pem();
    let expired = authority.issue_expired("server").pem();
    let stranger = Authority::new("another CA").issue("server").pem();
    // Full, authority alone, nothing.
    let cases = [
        (good, [true, true, true], ""),
        (elsewhere, [false, true, true], "name"),
        (expired, [false, false, true], "expired"),
        (stranger, [false, false, true], "UnknownIssuer"),
    ];
    for (own, expected, reason) in cases {
        let server = serve(folder.path(), &own, &authority.pem, "none");
        let verifies = [Verify::Full, Verify::Ca, Verify::None];
        for (verify, expected) in verifies.into_iter().zip(expected) {
            let hosts = localhost(&server);
            let tls = Some(tls(verify));
            if expected {
                Client::connect(Options { tls, ..options(hosts) }).await.unwrap();
            } else {
                let error = fails(Options { tls, ..impatient(hosts) }).await;
                assert!(error.message().contains(reason), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn the_name_may_be_given() {
    let (folder, authority, ca_file) = setup();
    let own = authority.issue_for("server", "zoo.example").pem();
    let server = serve(folder.path(), &own, &authority.pem, "none");
    let server_name = Some("zoo.example".to_owned());
    let tls = Tls { ca_file: Some(ca_file), server_name, ..Tls::default() };
    Client::connect(Options { tls: Some(tls), ..options(localhost(&server)) }).await.unwrap();
}

#[tokio::test]
async fn self_signed_servers_are_trusted_by_being_in_the_store() {
    let (folder, ..) = setup();
    for is_authority in [false, true] {
        let own = self_signed("server", is_authority);
        let ca_file = write(folder.path(), "ca.pem", &own.certificate);
        let server = serve(folder.path(), &own.pem(), &own.certificate, "none");
        let tls = Tls { ca_file: Some(ca_file), ..Tls::default() };
        let hosts = server.secure_address().unwrap().to_owned();
        Client::connect(Options { tls: Some(tls.clone()), ..options(hosts) }).await.unwrap();
        let another = self_signed("server", is_authority);
        let server = serve(folder.path(), &another.pem(), &own.certificate, "none");
        fails(Options { tls: Some(tls), ..impatient(localhost(&server)) }).await;
    }
}

#[tokio::test]
async fn whose_certificate_is_trusted_can_make_none_for_others() {
    let (folder, ..) = setup();
    let other = Authority::without_rights("another server");
    let ca_file = write(folder.path(), "ca.pem", &other.pem);
    let server = serve(folder.path(), &other.issue("server").pem(), &other.pem, "none");
    for verify in [Verify::Full, Verify::Ca] {
        let tls = Some(Tls { ca_file: Some(ca_file.clone()), verify, ..Tls::default() });
        let error = fails(Options { tls, ..impatient(localhost(&server)) }).await;
        assert!(error.message().contains("UnknownIssuer"), "{error}");
    }
}

#[tokio::test]
async fn every_kind_of_store_says_who_the_client_is() {
    let folder = tempfile::tempdir().unwrap();
    let authority = std::fs::read_to_string(store("ca.pem")).unwrap();
    let own = Authority::new("CA").issue("server").pem();
    let server = serve(folder.path(), &own, &authority, "need");
    let hosts = localhost(&server);
    let tls = |cert_file: Option<&str>, key_file: Option<&str>| Tls {
        cert_file: cert_file.map(store),
        key_file: key_file.map(store),
        store_password: Some("pinfold".to_owned()),
        verify: Verify::None,
        ..Tls::default()
    };
    for (cert, key) in [
        ("client.pem", None),
        ("client.p12", None),
        ("client.jks", None),
        ("openssl.p12", None),
        ("client.pem", Some("client.pem")),
    ] {
        let options = Options { tls: Some(tls(Some(cert), key)), ..options(&hosts) };
        let client = Client::connect(options).await.unwrap();
        let identities = client.who_am_i().await.unwrap();
        let name = r"CN=client,OU=Tests,O=Pinfold\, Limited,C=XX";
        assert!(identities.iter().any(|who| who.user == name), "{identities:?}");
    }
    fails(Options { tls: Some(tls(None, None)), ..impatient(&hosts) }).await;
}

#[tokio::test]
async fn stores_of_java_are_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::builder()
        .property("client.portUnification", "true")
        .and_then(|b| b.property("ssl.keyStore.location", store("server.jks").to_str().unwrap()))
        .and_then(|builder| builder.property("ssl.keyStore.password", "pinfold"))
        .and_then(|builder| builder.property("ssl.clientAuth", "none"))
        .and_then(pinfold_server::Builder::start)
        .unwrap();
    for name in ["trust.p12", "trust.jks", "ca.pem"] {
        let store_password = Some("pinfold".to_owned());
        let tls = Tls { ca_file: Some(store(name)), store_password, ..Tls::default() };
        let hosts = server.address();
        Client::connect(Options { tls: Some(tls), ..options(hosts) }).await.unwrap();
    }
    drop(folder);
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_at_once() {
    let whole = |tls| Options { tls: Some(tls), ..options("127.0.0.1:1") };
    let missing = Some(PathBuf::from("/nowhere/ca.pem"));
    let password = Some("wrong".to_owned());
    let cases = [
        (Tls { ca_file: missing.clone(), ..Tls::default() }, "tls_ca_file /nowhere/ca.pem"),
        (Tls { key_file: missing.clone(), ..Tls::default() }, "tls_key_file"),
        (Tls { cert_file: missing, verify: Verify::None, ..Tls::default() }, "tls_cert_file"),
        (
            Tls {
                cert_file: Some(store("client.p12")),
                store_password: password,
                verify: Verify::None,
                ..Tls::default()
            },
            "password",
        ),
        (
            Tls {
                server_name: Some("not a name".to_owned()),
                verify: Verify::None,
                ..Tls::default()
            },
            "tls_server_name",
        ),
    ];
    for (tls, expected) in cases {
        let error = Client::connect(whole(tls)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn servers_that_speak_no_tls_are_told_from_those_that_do() {
    let (_folder, _, ca_file) = setup();
    let tls = Some(Tls { ca_file: Some(ca_file), ..Tls::default() });
    let plain = Server::start().unwrap();
    fails(Options { tls: tls.clone(), ..impatient(plain.address()) }).await;
    // Something else entirely.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hosts = listener.local_addr().unwrap().to_string();
    let talker = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let error = fails(Options { tls, ..impatient(hosts) }).await;
    assert!(!error.message().is_empty());
    talker.join().unwrap();
}
