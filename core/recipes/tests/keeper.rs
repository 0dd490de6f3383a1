//! Znodes that are kept in being, on a real server.

mod fleet;

use bytes::Bytes;
use fleet::{CREATES, Fleet, children, connect, expired};
use pinfold_client::{Acl, CreateMode};
use pinfold_recipes::{NodeEvent, NodeMode, PersistentNode};

/// The next that is kept: its path and token.
async fn kept(node: &PersistentNode) -> (String, i64) {
    loop {
        match node.next().await.expect("an event before the end") {
            NodeEvent::Kept { path, token } => return (path, token),
            _ => continue,
        }
    }
}

#[tokio::test]
async fn whoever_removes_it_it_is_made_again() {
    let fleet = Fleet::start();
    let client = fleet.client().await;
    let other = fleet.client().await;
    for mode in [NodeMode::Persistent, NodeMode::Ephemeral, NodeMode::EphemeralSequential] {
        let path = format!("{}/deep/kept", fleet.root("keeper"));
        let node = PersistentNode::start(&client, &path, "one", mode).unwrap();
        let (at, token) = kept(&node).await;
        assert_eq!(node.kept().await.unwrap(), at);
        other.delete(&at, -1).await.unwrap();
        let (again, next) = kept(&node).await;
        assert!(next > token, "{mode:?}");
        assert_eq!(other.get(&again).await.unwrap().0, "one");
        node.set("two").await.unwrap();
        assert_eq!(other.get(&again).await.unwrap().0, "two");
        other.delete(&again, -1).await.unwrap();
        let (again, _) = kept(&node).await;
        assert_eq!(other.get(&again).await.unwrap().0, "two");
        node.close().await.unwrap();
        let stays = other.exists(&again).await.unwrap().is_some();
        assert_eq!(stays, mode == NodeMode::Persistent);
    }
    assert!(PersistentNode::start(&client, "no/path", "", NodeMode::Ephemeral).is_err());
}

#[tokio::test]
async fn a_new_session_makes_it_again() {
    let fleet = Fleet::start();
    let path = fleet.root("keeper");
    let (direct, proxy) = (fleet.client().await, fleet.proxy().await);
    let client = connect(&proxy.hosts).await;
    let node = PersistentNode::start(&client, &path, "one", NodeMode::Ephemeral).unwrap();
    let (_, token) = kept(&node).await;
    proxy.silence();
    let gone = node.next().await.unwrap();
    assert!(matches!(gone, NodeEvent::Gone { .. }), "{gone:?}");
    assert_eq!(node.now(), None);
    // The server takes it away, then the process hears of it.
    while direct.exists(&path).await.unwrap().is_some() {}
    proxy.open();
    expired(&client).await;
    let (_, next) = kept(&node).await;
    assert!(next > token);
    node.set("two").await.unwrap();
    assert_eq!(direct.get(&path).await.unwrap().0, "two");
    node.close().await.unwrap();
    assert!(direct.exists(&path).await.unwrap().is_none());
}

#[tokio::test]
async fn anothers_znode_is_waited_for() {
    let fleet = Fleet::start();
    let path = fleet.root("keeper");
    let (client, other) = (fleet.client().await, fleet.client().await);
    let ephemeral = CreateMode::Ephemeral;
    other.create(&path, "theirs", ephemeral, &Acl::open_unsafe()).await.unwrap();
    let node = PersistentNode::start(&client, &path, "ours", NodeMode::Ephemeral).unwrap();
    let owner = other.session().unwrap().id;
    assert_eq!(node.next().await, Some(NodeEvent::Waiting { owner }));
    assert_eq!(client.get(&path).await.unwrap().0, "theirs");
    // One of its own session that it did not ask for is another's as well.
    client.delete(&path, -1).await.unwrap();
    kept(&node).await;
    let second = PersistentNode::start(&client, &path, "second", NodeMode::Ephemeral).unwrap();
    assert!(matches!(second.next().await, Some(NodeEvent::Waiting { .. })));
    second.close().await.unwrap();
    assert_eq!(client.get(&path).await.unwrap().0, "ours");
    // Dropped, it leaves nothing behind.
    drop(node);
    while other.exists(&path).await.unwrap().is_some() {}
}

#[tokio::test]
async fn a_create_with_a_lost_reply_is_found_again() {
    let fleet = Fleet::start();
    let root = fleet.root("keeper");
    let direct = fleet.client().await;
    direct.create(&root, Bytes::new(), CreateMode::Persistent, &Acl::open_unsafe()).await.unwrap();
    for mode in [NodeMode::Ephemeral, NodeMode::EphemeralSequential] {
        let proxy = fleet.proxy().await;
        let client = connect(&proxy.hosts).await;
        proxy.cut_after(CREATES);
        let path = format!("{root}/kept");
        let node = PersistentNode::start(&client, &path, "one", mode).unwrap();
        let (at, _) = kept(&node).await;
        assert!(proxy.was_cut());
        let names = children(&direct, &root).await;
        assert_eq!(names.len(), 1, "{names:?}");
        assert!(at.ends_with(&names[0]));
        node.close().await.unwrap();
        assert!(children(&direct, &root).await.is_empty());
    }
}
