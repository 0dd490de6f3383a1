//! Each server of an ensemble is stopped and started again, one after the other, while a client
//! writes: it is suspended now and then, and nothing else.

use pinfold_client::{Acl, Client, CreateMode, ErrorCode, SessionState};
use pinfold_server::embedded::Server;
use tokio::sync::watch;

use crate::ensemble::{configurations, start, stop};
use crate::options;

/// Writes numbers until told to stop; gives back how many were acknowledged, and the last.
async fn write(client: Client, mut done: watch::Receiver<bool>) -> (u32, u32) {
    let (mut acknowledged, mut number) = (0, 0);
    while !*done.borrow_and_update() {
        number += 1;
        match client.set("/n", number.to_string(), -1).await {
            Ok(_) => acknowledged += 1,
            // Its own reconnection, after which it goes on.
            Err(error) => assert!(error.is(ErrorCode::ConnectionLoss), "{error}"),
        }
    }
    loop {
        match client.set("/n", number.to_string(), -1).await {
            Ok(_) => return (acknowledged, number),
            Err(error) => assert!(error.is(ErrorCode::ConnectionLoss), "{error}"),
        }
    }
}

/// A session that this server alone serves sees what was written before.
async fn has_caught_up(server: &Server) {
    let client = Client::connect(options(server.address())).await.unwrap();
    client.sync("/").await.unwrap();
    client.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_suspends_a_client_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let configs = configurations(&folder, 3, "");
    let (a, b, c) = tokio::join!(start(&configs[0]), start(&configs[1]), start(&configs[2]));
    let mut servers = vec![a, b, c];
    let hosts: Vec<String> = servers.iter().map(Server::address).collect();
    let client = Client::connect(options(hosts.join(","))).await.unwrap();
    let acl = Acl::open_unsafe();
    client.create("/n", "0", CreateMode::Persistent, &acl).await.unwrap();
    client.create("/e", "", CreateMode::Ephemeral, &acl).await.unwrap();
    let session = client.session();
    let (stopping, done) = watch::channel(false);
    let writer = tokio::spawn(write(client.clone(), done));
    for config in &configs {
        let server = servers.remove(0);
        stop(server).await;
        let server = start(config).await;
        has_caught_up(&server).await;
        servers.push(server);
    }
    stopping.send_replace(true);
    let (acknowledged, last) = writer.await.unwrap();
    assert!(acknowledged > 0);
    client.sync("/").await.unwrap();
    assert_eq!(client.get("/n").await.unwrap().0, last.to_string());
    assert_eq!(client.state(), SessionState::Connected);
    assert_eq!(client.session(), session);
    let owner = client.exists("/e").await.unwrap().map(|stat| stat.ephemeral_owner);
    assert_eq!(owner, session.map(|session| session.id));
    drop(client);
    for server in servers {
        stop(server).await;
    }
}
