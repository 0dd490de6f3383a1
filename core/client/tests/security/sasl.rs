//! SASL: proved at every connection, before anything else is said.

use pinfold_client::{Acl, Client, CreateMode, ErrorCode, Id, Options, Perms, Sasl, SessionState};
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
    states.wait_for(|state| state.is_connected()).await.unwrap();
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
