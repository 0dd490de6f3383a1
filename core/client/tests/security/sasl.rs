//! SASL: proved at every connection, before anything else is said.

use std::io::{Read, Write};
use std::net::TcpListener;

use bytes::{Bytes, BytesMut};
use pinfold_client::{Acl, Client, CreateMode, ErrorCode, Id, Options, Perms, Sasl, SessionState};
use pinfold_proto::records::{ConnectResponse, ReplyHeader, RequestHeader, SetSaslResponse};
use pinfold_proto::{frame, jute};
use pinfold_server::embedded::Server;
use tempfile::TempDir;

use crate::options;

const JAAS: &str = r#"Server {
    org.apache.zookeeper.server.auth.DigestLoginModule required user_bob="secret";
};"#;

/// A server with a user, in a folder of its own, to be started again there.
fn serve(folder: &TempDir, address: &str, properties: &[(&str, &str)]) -> Server {
    let jaas = folder.path().join("jaas.conf");
    std::fs::write(&jaas, JAAS).unwrap();
    let mut builder = Server::builder()
        .listen(address)
        .data_dir(folder.path().join("data"))
        .property("java.security.auth.login.config", jaas.to_str().unwrap())
        .unwrap();
    let provider = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider";
    for (name, value) in [("authProvider.sasl", provider)].iter().chain(properties) {
        builder = builder.property(name, value).unwrap();
    }
    builder.start().unwrap()
}

fn with_sasl(hosts: String, user: &str, password: &str) -> Options {
    Options { sasl: Some(Sasl::digest_md5(user, password)), ..options(hosts) }
}

#[tokio::test]
async fn the_client_is_who_it_proves_to_be_again_after_every_reconnection() {
    let folder = tempfile::tempdir().unwrap();
    let required = [("sessionRequireClientSASLAuth", "true")];
    let server = serve(&folder, "127.0.0.1:0", &required);
    let address = server.address();
    let client = Client::connect(with_sasl(address.clone(), "bob", "secret")).await.unwrap();
    let mine = [Acl { perms: Perms::ALL, id: Id::new("auth", "") }];
    client.create("/mine", "1", CreateMode::Persistent, &mine).await.unwrap();
    let (acl, _) = client.get_acl("/mine").await.unwrap();
    assert_eq!(acl[0].id, Id::new("sasl", "bob"));
    let (_, _, mut watch) = client.get_watch("/mine").await.unwrap();
    let mut states = client.states();
    drop(server);
    states.wait_for(|state| *state == SessionState::Suspended).await.unwrap();
    let server = serve(&folder, &address, &required);
    let settled = states.wait_for(|state| state.is_connected() || state.is_final()).await.unwrap();
    assert!(settled.is_connected(), "{settled:?}");
    drop(settled);
    // The watch could only be armed again by somebody who had been let in.
    client.set("/mine", "2", -1).await.unwrap();
    assert!(watch.next().await.is_some());
    drop(server);
}

#[tokio::test]
async fn a_password_that_is_wrong_is_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder, "127.0.0.1:0", &[]);
    for (user, password) in [("bob", "wrong"), ("eve", "secret")] {
        let client = Client::start(with_sasl(server.address(), user, password), None).unwrap();
        let error = client.connected().await.unwrap_err();
        assert!(error.is(ErrorCode::AuthFailed), "{error}");
        assert!(error.message().contains("SASL failed"), "{error}");
        assert_eq!(client.state(), SessionState::AuthFailed);
        let error = client.get("/").await.unwrap_err();
        assert!(error.message().contains("SASL failed"), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_sasl_is_no_reason_to_go_on_as_nobody() {
    let server = Server::start().unwrap();
    let error = Client::connect(with_sasl(server.address(), "bob", "secret")).await.unwrap_err();
    assert!(error.is(ErrorCode::AuthFailed), "{error}");
    assert!(error.message().contains("no users for SASL"), "{error}");
}

#[tokio::test]
async fn where_sasl_is_required_a_client_without_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder, "127.0.0.1:0", &[("sessionRequireClientSASLAuth", "true")]);
    let client = Client::connect(options(server.address())).await.unwrap();
    let error = client.get("/").await.unwrap_err();
    assert!(error.is(ErrorCode::AuthFailed), "{error}");
    assert!(error.message().contains("proved who it is"), "{error}");
    assert_eq!(client.state(), SessionState::AuthFailed);
}

#[test]
fn passwords_stay_out_of_logs() {
    let options = with_sasl(String::new(), "bob", "secret");
    assert!(!format!("{options:?}").contains("secret"));
}

/// Accepts one connection, gives it a session, and answers each SASL step with what is said here,
/// whatever it was.
fn impostor(steps: Vec<(i32, Option<&'static str>)>) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut frame = || {
            let mut length = [0; 4];
            socket.read_exact(&mut length).unwrap();
            let mut body = vec![0; u32::from_be_bytes(length) as usize];
            socket.read_exact(&mut body).unwrap();
            (socket.try_clone().unwrap(), body)
        };
        let (mut out, _) = frame();
        let session = ConnectResponse {
            protocol_version: 0,
            timeout_ms: 10_000,
            session_id: 1,
            password: Some(Bytes::from_static(&[1; 16])),
            read_only: Some(false),
        };
        let mut body = BytesMut::new();
        session.encode(&mut body);
        out.write_all(&frame::frame(&body)).unwrap();
        for (err, token) in steps {
            let (mut out, body) = frame();
            let (header, _) = jute::from_bytes_prefix::<RequestHeader>(&body).unwrap();
            let token = token.map(|text| Bytes::from_static(text.as_bytes()));
            let mut answer = BytesMut::new();
            jute::write(&mut answer, &ReplyHeader { xid: header.xid, zxid: 0, err });
            jute::write(&mut answer, &SetSaslResponse { token });
            out.write_all(&frame::frame(&answer)).unwrap();
        }
    });
    (address, thread)
}

#[tokio::test]
async fn a_server_has_to_know_the_password_too() {
    const CHALLENGE: &str = "realm=\"zk-sasl-md5\",nonce=\"n\",charset=utf-8,algorithm=md5-sess";
    let cases = [
        (vec![(0, Some(CHALLENGE)), (0, Some("rspauth=00000000000000000000000000000000"))], "know"),
        (vec![(0, Some(CHALLENGE)), (0, None)], "no proof"),
        (vec![(0, Some(CHALLENGE)), (-115, None)], "AUTH_FAILED"),
        (vec![(0, Some("nonsense"))], "without a value"),
        (vec![(0, Some("nonce=\"n\",algorithm=md5-sess,qop=\"auth-conf\""))], "auth-conf"),
        (vec![(0, None)], "no users"),
        (vec![(-6, None)], "no SASL"),
    ];
    for (steps, reason) in cases {
        let (address, thread) = impostor(steps);
        let error = Client::connect(with_sasl(address, "bob", "secret")).await.unwrap_err();
        assert!(error.is(ErrorCode::AuthFailed), "{error}");
        assert!(error.message().contains(reason), "{reason}: {error}");
        thread.join().unwrap();
    }
}
