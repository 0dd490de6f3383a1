//! Sessions across lost connections, lost answers and their end, against a real server.

mod relay;

use std::time::Duration;

use pinfold_client::{
    Acl, Client, CreateMode, ErrorCode, ErrorKind, EventKind, Options, Outcome, SessionState,
    SessionToken,
};
use pinfold_server::embedded::Server;
use relay::Relay;

/// Far longer than any test takes, so that no session expires by accident on a slow machine.
const LONG: Duration = Duration::from_secs(40);

fn options(hosts: impl Into<String>) -> Options {
    Options { session_timeout: LONG, connect_timeout: LONG, ..Options::new(hosts) }
}

async fn create(client: &Client, path: &str, mode: CreateMode) -> String {
    client.create(path, "", mode, &Acl::open_unsafe()).await.unwrap().path
}

async fn until(client: &Client, wanted: SessionState) {
    client.states().wait_for(|state| *state == wanted).await.unwrap();
}

#[tokio::test]
async fn a_session_survives_its_connection() {
    let server = Server::start().unwrap();
    let relay = Relay::to(&server.address()).await;
    let client = Client::connect(options(relay.address())).await.unwrap();
    let other = Client::connect(options(server.address())).await.unwrap();
    let token = client.session();
    create(&client, "/mine", CreateMode::Ephemeral).await;
    create(&other, "/watched", CreateMode::Persistent).await;
    let (_, _, mut data) = client.get_watch("/watched").await.unwrap();
    let (missing, mut exist) = client.exists_watch("/later").await.unwrap();
    assert_eq!(missing, None);
    let (_, _, mut children) = client.get_children_watch("/").await.unwrap();
    let (_, _, mut untouched) = client.get_watch("/mine").await.unwrap();

    relay.set_down(true);
    relay.cut();
    until(&client, SessionState::Suspended).await;
    other.set("/watched", "new", -1).await.unwrap();
    create(&other, "/later", CreateMode::Persistent).await;
    let waits = client.get("/watched");
    relay.set_down(false);

    assert_eq!(waits.await.unwrap().0, "new");
    assert_eq!(client.session(), token);
    assert!(other.exists("/mine").await.unwrap().is_some());
    assert_eq!(data.next().await.unwrap().kind, EventKind::DataChanged);
    assert_eq!(exist.next().await.unwrap().kind, EventKind::Created);
    assert_eq!(children.next().await.unwrap().kind, EventKind::ChildrenChanged);
    other.set("/mine", "x", -1).await.unwrap();
    assert_eq!(untouched.next().await.unwrap().kind, EventKind::DataChanged);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_outcome_of_a_write_open() {
    let server = Server::start().unwrap();
    let relay = Relay::to(&server.address()).await;
    let client = Client::connect(options(relay.address())).await.unwrap();
    create(&client, "/a", CreateMode::Persistent).await;

    relay.set_deaf(true);
    let write = client.set("/a", "new", 0);
    let read = client.get("/a");
    relay.swallowed().await;
    relay.cut();
    relay.set_deaf(false);

    let error = write.await.unwrap_err();
    assert!(error.is(ErrorCode::ConnectionLoss));
    assert_eq!((error.outcome(), error.path()), (Outcome::MaybeApplied, Some("/a")));
    let error = read.await.unwrap_err();
    assert!(error.is(ErrorCode::ConnectionLoss));
    assert_eq!(error.outcome(), Outcome::NotApplied);
    let (data, stat) = client.get("/a").await.unwrap();
    assert_eq!((&data[..], stat.version), (&b"new"[..], 1));
}

#[tokio::test]
async fn a_wrong_password_is_an_expired_session_and_renew_makes_a_new_one() {
    let server = Server::start().unwrap();
    let client = Client::connect(options(server.address())).await.unwrap();
    let id = client.session().unwrap().id;
    let stolen = SessionToken { id, password: [7; 16] };
    let thief = Options { session: Some(stolen), ..options(server.address()) };
    let error = Client::connect(thief.clone()).await.unwrap_err();
    assert!(error.is(ErrorCode::SessionExpired));
    assert_eq!(error.outcome(), Outcome::SessionOver);

    let thief = Client::start(thief, None).unwrap();
    until(&thief, SessionState::Expired).await;
    let error = thief.get("/").await.unwrap_err();
    assert!(error.is(ErrorCode::SessionExpired));
    let renewed = thief.renew().await.unwrap();
    assert_ne!(renewed.session().unwrap().id, id);
    renewed.get("/").await.unwrap();
    client.get("/").await.unwrap();
}

#[tokio::test]
async fn a_session_goes_on_in_another_client_by_its_token() {
    let server = Server::start().unwrap();
    let relay = Relay::to(&server.address()).await;
    let client = Client::connect(options(relay.address())).await.unwrap();
    create(&client, "/mine", CreateMode::Ephemeral).await;
    let token = client.session();
    relay.set_down(true);
    relay.cut();
    until(&client, SessionState::Suspended).await;
    drop(client);
    let heir = Options { session: token, ..options(server.address()) };
    let heir = Client::connect(heir).await.unwrap();
    assert_eq!(heir.session(), token);
    let stat = heir.exists("/mine").await.unwrap().unwrap();
    assert_eq!(stat.ephemeral_owner, token.unwrap().id);
}

#[tokio::test]
async fn without_a_server_the_session_expires_by_its_own_clock() {
    let server = Server::builder().tick_time_ms(50).start().unwrap();
    let relay = Relay::to(&server.address()).await;
    let short = Duration::from_millis(200);
    let options = Options { session_timeout: short, ..options(relay.address()) };
    let client = Client::connect(options).await.unwrap();
    relay.set_down(true);
    relay.cut();
    let waits = client.get("/");
    assert!(waits.await.is_err());
    until(&client, SessionState::Expired).await;
    assert!(client.get("/").await.unwrap_err().is(ErrorCode::SessionExpired));
}

#[tokio::test]
async fn nobody_there_is_told_with_the_reason() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    drop(taken);
    let limit = Duration::from_millis(100);
    let options = Options { connect_timeout: limit, ..options(address.clone()) };
    let error = Client::connect(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn a_chroot_goes_before_every_path() {
    let server = Server::start().unwrap();
    let plain = Client::connect(options(server.address())).await.unwrap();
    create(&plain, "/app", CreateMode::Persistent).await;
    let client = Client::connect(options(format!("{}/app", server.address()))).await.unwrap();
    let mut watch =
        client.add_watch("/", pinfold_client::AddWatchMode::PersistentRecursive).await.unwrap();
    assert_eq!(create(&client, "/x", CreateMode::Persistent).await, "/x");
    assert!(plain.exists("/app/x").await.unwrap().is_some());
    assert_eq!(watch.next().await.unwrap().path, "/x");
    assert_eq!(client.get_children("/").await.unwrap().0, ["x"]);
}

#[tokio::test]
async fn a_full_window_refuses_and_changes_nothing() {
    let server = Server::start().unwrap();
    let relay = Relay::to(&server.address()).await;
    let limited = Options { in_flight_limit: 3, ..options(relay.address()) };
    let client = Client::connect(limited).await.unwrap();
    relay.set_deaf(true);
    let waiting: Vec<_> = (0..3).map(|_| client.get("/")).collect();
    let error = client.get("/").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InFlightFull);
    relay.cut();
    relay.set_deaf(false);
    for pending in waiting {
        assert!(pending.await.unwrap_err().is(ErrorCode::ConnectionLoss));
    }
    client.get("/").await.unwrap();
}

#[tokio::test]
async fn what_no_server_takes_is_refused_with_the_path_and_the_limit() {
    let server = Server::start().unwrap();
    let client = Client::connect(options(server.address())).await.unwrap();
    for path in ["", "a", "/a/", "/a//b", "/a\0b"] {
        let error = client.get(path).await.unwrap_err();
        assert!(error.is(ErrorCode::BadArguments), "{path:?}");
        assert_eq!(error.path(), Some(path));
    }
    create(&client, "/a", CreateMode::Persistent).await;
    let error = client.set("/a", vec![0; 1 << 20], -1).await.unwrap_err();
    assert!(error.is(ErrorCode::BadArguments) && error.to_string().contains("1048575"), "{error}");
    client.set("/a", vec![0; (1 << 20) - 1024], -1).await.unwrap();
}
