//! A client that allows a read-only server: reads go on without a majority, and writes come back
//! when there is one again.

use pinfold_client::{Acl, Client, CreateMode, ErrorCode, Options, SessionState};

use crate::ensemble::{configurations, start, stop};
use crate::options;

async fn reaches(client: &Client, wanted: SessionState) {
    client.states().wait_for(|state| *state == wanted).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_on_without_a_majority_and_writes_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let configs = configurations(&folder, 2, "readonlymode.enabled=true\n");
    let (first, second) = tokio::join!(start(&configs[0]), start(&configs[1]));
    let hosts = format!("{},{}", first.address(), second.address());
    let allowing = || Options { read_only: true, ..options(hosts.clone()) };
    let client = Client::connect(allowing()).await.unwrap();
    reaches(&client, SessionState::Connected).await;
    let session = client.session();
    let acl = Acl::open_unsafe();
    client.create("/n", "v", CreateMode::Persistent, &acl).await.unwrap();
    client.create("/e", "", CreateMode::Ephemeral, &acl).await.unwrap();
    client.sync("/").await.unwrap();

    stop(second).await;
    reaches(&client, SessionState::ReadOnly).await;
    assert_eq!(&client.get("/n").await.unwrap().0[..], b"v");
    assert!(client.set("/n", "w", -1).await.unwrap_err().is(ErrorCode::NotReadOnly));
    assert_eq!(client.session(), session);
    // A session that begins now is of this server alone.
    let other = Client::connect(allowing()).await.unwrap();
    assert_eq!(other.state(), SessionState::ReadOnly);
    let passing = other.session();
    assert_eq!(&other.get("/n").await.unwrap().0[..], b"v");
    let strict = Options {
        read_only: false,
        connect_timeout: std::time::Duration::from_millis(300),
        ..allowing()
    };
    assert!(Client::connect(strict).await.is_err());

    let second = start(&configs[1]).await;
    reaches(&client, SessionState::Connected).await;
    reaches(&other, SessionState::Connected).await;
    assert_eq!(client.session(), session);
    let owner = other.exists("/e").await.unwrap().map(|stat| stat.ephemeral_owner);
    assert_eq!(owner, session.map(|session| session.id));
    assert_ne!(other.session(), passing);
    other.set("/n", "w", -1).await.unwrap();
    drop((client, other));
    stop(first).await;
    stop(second).await;
}
