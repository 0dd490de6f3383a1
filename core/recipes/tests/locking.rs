//! Queues whose items stay until they are done, on a real server.

mod fleet;

use bytes::Bytes;
use fleet::{Fleet, MULTI, children, connect, expired};
use pinfold_client::{Acl, Client, CreateMode, MultiOp};
use pinfold_recipes::LockingQueue;

/// Waits until so many stand in the line for an item.
async fn waiting(client: &Client, path: &str, count: usize) {
    let line = format!("{path}/handles/line");
    while client.get_children(&line).await.map_or(0, |(names, _)| names.len()) != count {}
}

#[tokio::test]
async fn an_item_stays_until_it_is_done() {
    let fleet = Fleet::start();
    let path = fleet.root("locking");
    let client = fleet.client().await;
    let queue = LockingQueue::new(client.clone(), &path);
    assert!(queue.try_consume().await.unwrap().is_none());
    queue.put("b").await.unwrap();
    queue.put_at("a", 5).await.unwrap();
    let other = LockingQueue::new(fleet.client().await, &path);
    let a = queue.consume().await.unwrap();
    assert_eq!((&a.item().data[..], a.item().priority), (&b"a"[..], 5));
    assert_eq!(other.peek().await.unwrap().unwrap().data, "b");
    let b = other.consume().await.unwrap();
    assert_eq!(b.item().data, "b");
    assert!(b.token() > a.token() && a.is_held());
    assert!(queue.try_consume().await.unwrap().is_none());
    assert_eq!(queue.len().await.unwrap(), 2);
    // Given back, it is the other's; done, it is gone.
    let waits = tokio::spawn(async move { (other.consume().await, other) });
    waiting(&client, &path, 1).await;
    a.release().await.unwrap();
    let (a, other) = waits.await.unwrap();
    let a = a.unwrap();
    assert_eq!(a.item().data, "a");
    a.write(vec![MultiOp::SetData { path: path.clone(), data: None, version: -1 }]).await.unwrap();
    a.complete().await.unwrap();
    drop(b);
    let b = other.consume().await.unwrap();
    let (done, acl) = (format!("{path}/done"), Acl::open_unsafe());
    let mode = CreateMode::Persistent;
    let create = MultiOp::Create { path: done, data: None, mode, acl, ttl_ms: 0 };
    b.complete_with(vec![create.clone()]).await.unwrap();
    // What is refused of the changes leaves the item.
    other.put("c").await.unwrap();
    let refused = other.consume().await.unwrap().complete_with(vec![create]).await.unwrap_err();
    assert_eq!((refused.code(), refused.op_index()), (-110, Some(0)));
    assert_eq!(other.consume().await.unwrap().item().data, "c");
}

#[tokio::test]
async fn a_consumer_that_dies_leaves_the_item_to_the_next() {
    let fleet = Fleet::start();
    let path = fleet.root("locking");
    let (direct, proxy) = (fleet.client().await, fleet.proxy().await);
    let theirs = connect(&proxy.hosts).await;
    let queue = LockingQueue::new(direct.clone(), &path);
    queue.put("a").await.unwrap();
    let lost = LockingQueue::new(theirs.clone(), &path).consume().await.unwrap();
    proxy.silence();
    let (next, reason) = tokio::join!(queue.consume(), lost.lost());
    let next = next.unwrap();
    assert!(!lost.is_held(), "{reason}");
    assert!(next.token() > lost.token());
    proxy.open();
    expired(&theirs).await;
    assert_eq!(lost.complete().await.unwrap_err().name(), "CLAIM_LOST");
    next.complete().await.unwrap();
    assert!(children(&direct, &format!("{path}/entries")).await.is_empty());
    assert!(children(&direct, &format!("{path}/taken")).await.is_empty());
}

#[tokio::test]
async fn lost_replies_leave_no_claim_and_no_item() {
    let fleet = Fleet::start();
    let path = fleet.root("locking");
    let (direct, proxy) = (fleet.client().await, fleet.proxy().await);
    let queue = LockingQueue::new(connect(&proxy.hosts).await, &path);
    queue.put_many(vec![Bytes::from("a"), Bytes::from("b")], 100).await.unwrap();
    proxy.cut_after(MULTI);
    let a = queue.consume().await.unwrap();
    assert!(proxy.was_cut());
    assert_eq!(a.item().data, "a");
    proxy.cut_after(MULTI);
    a.complete().await.unwrap();
    assert!(proxy.was_cut());
    // A claim whose reply was lost, of a future that was dropped meanwhile.
    proxy.cut_after(MULTI);
    let consuming = tokio::spawn(async move { queue.consume().await.map(|one| one.token()) });
    while !proxy.was_cut() {
        tokio::task::yield_now().await;
    }
    consuming.abort();
    let other = LockingQueue::new(direct.clone(), &path);
    other.consume().await.unwrap().complete().await.unwrap();
    assert_eq!(other.len().await.unwrap(), 0);
    assert!(children(&direct, &format!("{path}/taken")).await.is_empty());
}
