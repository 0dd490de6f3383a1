//! What a session keeps when its connection breaks, and what its end looks like.

use std::time::Duration;

use pinfold_client::{
    Acl, AddWatchMode, Client, CreateMode, ErrorCode, EventKind, Options, Outcome, SessionState,
    SessionToken,
};

use pinfold_server::embedded::Server;

use crate::proxy::{Mode, Proxy};
use crate::{client, options, server};

async fn reaches(client: &Client, wanted: SessionState) {
    client.states().wait_for(|state| *state == wanted).await.unwrap();
}

/// The same session on a new connection: ephemerals stay, credentials and watches are there.
#[tokio::test]
async fn a_cut_connection_keeps_the_session() {
    let server = server();
    let other = client(&server).await;
    let proxy = Proxy::to(server.address()).await;
    let client = Client::connect(options(proxy.address.clone())).await.unwrap();
    let token = client.session();
    let acl = Acl::open_unsafe();
    client.add_auth("digest", "u:p").await.unwrap();
    client.create("/mine", "1", CreateMode::Persistent, &Acl::creator_all()).await.unwrap();
    client.create("/here", "1", CreateMode::Ephemeral, &acl).await.unwrap();
    client.create("/there", "1", CreateMode::Persistent, &acl).await.unwrap();
    let (_, _, mut data) = client.get_watch("/there").await.unwrap();
    let (_, mut exist) = client.exists_watch("/later").await.unwrap();
    let (_, _, mut child) = client.get_children_watch("/there").await.unwrap();
    let mut lasting = client.add_watch("/there", AddWatchMode::Persistent).await.unwrap();
    let mut recursive = client.add_watch("/", AddWatchMode::PersistentRecursive).await.unwrap();

    proxy.set(Mode::Refuse);
    proxy.cut();
    reaches(&client, SessionState::Suspended).await;
    let waiting = client.get("/mine");
    other.set("/there", "2", -1).await.unwrap();
    other.create("/there/child", "", CreateMode::Persistent, &acl).await.unwrap();
    other.create("/later", "", CreateMode::Persistent, &acl).await.unwrap();
    proxy.set(Mode::Forward);
    waiting.await.unwrap();

    assert_eq!(client.session(), token);
    let owner = other.exists("/here").await.unwrap().map(|stat| stat.ephemeral_owner);
    assert_eq!(owner, token.map(|token| token.id));
    assert!(other.get("/mine").await.unwrap_err().is(ErrorCode::NoAuth));
    assert_eq!(data.next().await.map(|event| event.kind), Some(EventKind::DataChanged));
    assert_eq!(exist.next().await.map(|event| event.kind), Some(EventKind::Created));
    assert_eq!(child.next().await.map(|event| event.kind), Some(EventKind::ChildrenChanged));

    other.set("/there", "3", -1).await.unwrap();
    for watch in [&mut lasting, &mut recursive] {
        let event = watch.next().await.unwrap();
        assert_eq!((event.kind, &event.path[..]), (EventKind::DataChanged, "/there"));
    }
}

/// What was written may have been applied; what was not, and a read, was not.
#[tokio::test]
async fn a_lost_answer_tells_its_outcome() {
    let server = server();
    let proxy = Proxy::to(server.address()).await;
    let client = Client::connect(options(proxy.address.clone())).await.unwrap();
    proxy.set(Mode::Hold);
    let read = client.get("/");
    let write = client.set("/", "x", -1);
    let multi = client.multi(vec![]);
    // A frame's length and header are 12 bytes: get adds a path and a bool, set a path, data and
    // a version, multi its end.
    proxy.swallowed((12 + 5 + 1) + (12 + 5 + 5 + 4) + (12 + 9)).await;
    proxy.set(Mode::Forward);
    proxy.cut();
    let read = read.await.unwrap_err();
    assert!(read.is(ErrorCode::ConnectionLoss), "{read}");
    assert_eq!((read.outcome(), read.path()), (Outcome::NotApplied, Some("/")));
    let write = write.await.unwrap_err();
    assert!(write.is(ErrorCode::ConnectionLoss), "{write}");
    assert_eq!((write.outcome(), write.path()), (Outcome::MaybeApplied, Some("/")));
    assert_eq!(multi.await.unwrap_err().outcome(), Outcome::MaybeApplied);
    client.set("/", "y", -1).await.unwrap();
}

/// A session whose server does not hear of it expires, by the server's clock or by its own; a
/// new one takes its place.
#[tokio::test]
async fn silence_expires_the_session() {
    let server = Server::builder().tick_time_ms(500).start().unwrap();
    let other = client(&server).await;
    let proxy = Proxy::to(server.address()).await;
    let short = Duration::from_secs(1);
    let asked = Options { session_timeout: short, ..options(proxy.address.clone()) };
    let client = Client::connect(asked).await.unwrap();
    assert_eq!(client.session_timeout(), short);
    let acl = Acl::open_unsafe();
    client.create("/gone", "", CreateMode::Ephemeral, &acl).await.unwrap();
    let (_, _, mut gone) = other.get_watch("/gone").await.unwrap();
    proxy.set(Mode::Refuse);
    proxy.cut();
    reaches(&client, SessionState::Suspended).await;
    let waiting = client.create("/never", "", CreateMode::Persistent, &acl);
    assert_eq!(gone.next().await.map(|event| event.kind), Some(EventKind::Deleted));
    reaches(&client, SessionState::Expired).await;
    let error = waiting.await.unwrap_err();
    assert!(error.is(ErrorCode::SessionExpired), "{error}");
    assert_eq!((error.outcome(), error.path()), (Outcome::SessionOver, Some("/never")));
    assert!(client.exists("/").await.unwrap_err().is(ErrorCode::SessionExpired));
    client.close().await.unwrap();

    proxy.set(Mode::Forward);
    let renewed = client.renew().await.unwrap();
    assert_ne!(renewed.session(), client.session());
    assert_eq!(renewed.exists("/never").await.unwrap(), None);
}

/// A session can be taken over with its password, and not without.
#[tokio::test]
async fn a_session_needs_its_password() {
    let server = server();
    let first = client(&server).await;
    let token = first.session().unwrap();
    let with = |token| Options { session: Some(token), ..options(server.address()) };
    let mut password = token.password;
    password[0] ^= 1;
    for wrong in [SessionToken { password, ..token }, SessionToken { id: token.id ^ 1, ..token }] {
        let error = Client::connect(with(wrong)).await.unwrap_err();
        assert!(error.is(ErrorCode::SessionExpired), "{error}");
        assert_eq!(error.outcome(), Outcome::SessionOver);
    }
    let acl = Acl::open_unsafe();
    first.create("/kept", "", CreateMode::Ephemeral, &acl).await.unwrap();
    let second = Client::connect(with(token)).await.unwrap();
    assert_eq!(second.session(), Some(token));
    let stat = second.exists("/kept").await.unwrap().unwrap();
    assert_eq!(stat.ephemeral_owner, token.id);
}

/// Servers that cannot be reached are passed over.
#[tokio::test]
async fn the_next_host_is_tried() {
    let server = server();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hosts = format!("{nobody},{}", server.address());
    for _ in 0..4 {
        let client = Client::connect(options(hosts.clone())).await.unwrap();
        client.exists("/").await.unwrap();
        client.close().await.unwrap();
    }
}

/// Nobody to connect to is an error that names whom it tried and why it failed.
#[tokio::test]
async fn nobody_to_connect_to() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let limit = Duration::from_millis(50);
    let asked = Options { connect_timeout: limit, ..Options::new(nobody.to_string()) };
    let error = Client::connect(asked).await.unwrap_err();
    assert_eq!((error.name(), error.outcome()), ("NOT_CONNECTED", Outcome::NotApplied));
    assert!(error.message().contains(&nobody.to_string()), "{error}");
}
