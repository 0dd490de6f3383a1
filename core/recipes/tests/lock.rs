//! Locks and semaphores on a real server, also over broken connections.

mod fleet;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use fleet::{CREATES, Fleet, MULTI, children, connect, expired};
use futures_util::FutureExt;
use pinfold_client::{Acl, Client, CreateMode, MultiOp};
use pinfold_recipes::{Hold, Lock, LockLayout, Participant, ReadWriteLock, Semaphore};

fn data(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn set(path: &str, text: &'static str) -> MultiOp {
    MultiOp::SetData { path: path.to_owned(), data: Some(data(text)), version: -1 }
}

/// Who is in a line, and with `*` who has what it is for.
fn shown(participants: &[Participant]) -> Vec<String> {
    let show = |one: &Participant| {
        format!("{}{}", String::from_utf8_lossy(&one.data), if one.holds { "*" } else { "" })
    };
    participants.iter().map(show).collect()
}

/// Resolves once this many stand in the line.
async fn joined(client: &Client, path: &str, count: usize) {
    while children(client, path).await.len() < count {}
}

#[tokio::test]
async fn a_release_that_nobody_waits_for_is_one() {
    let fleet = Fleet::start();
    let path = fleet.root("lock");
    let lock = Lock::new(fleet.client().await, &path);
    let first = lock.acquire(data("a")).await.unwrap();
    // Begun, and dropped before it is at its end.
    assert!(first.release().now_or_never().is_none());
    lock.acquire(data("b")).await.unwrap();
}

#[tokio::test]
async fn a_lock_goes_from_one_to_the_next_in_their_order() {
    let fleet = Fleet::start();
    let path = fleet.root("lock");
    let (a, b) = (fleet.client().await, fleet.client().await);
    let lock = Lock::new(a.clone(), &path);
    let first = lock.acquire(data("a")).await.unwrap();
    let mut waiting = Vec::new();
    for (at, name) in ["b", "c", "d"].into_iter().enumerate() {
        let lock = Lock::new(b.clone(), &path);
        waiting.push(tokio::spawn(async move { lock.acquire(data(name)).await.unwrap() }));
        joined(&a, &path, at + 2).await;
    }
    assert_eq!(shown(&lock.participants().await.unwrap()), ["a*", "b", "c", "d"]);
    assert!(lock.try_acquire(data("e")).await.unwrap().is_none());
    assert_eq!(children(&a, &path).await.len(), 4);
    // One that gives up in the middle leaves the line as it was.
    let given_up = waiting.remove(1);
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    let mut token = first.token();
    first.release().await.unwrap();
    for one in waiting {
        let hold = one.await.unwrap();
        assert!(hold.token() > token && hold.is_held());
        token = hold.token();
        hold.release().await.unwrap();
    }
    assert!(lock.try_acquire(data("e")).await.unwrap().is_some());
}

#[tokio::test]
async fn writes_of_one_who_has_the_lock_no_longer_are_refused() {
    let fleet = Fleet::start();
    let path = fleet.root("lock");
    let guarded = format!("{path}-data");
    let (a, b) = (fleet.client().await, fleet.client().await);
    let acl = Acl::open_unsafe();
    a.create(&guarded, "", CreateMode::Persistent, &acl).await.unwrap();
    let hold = Lock::new(a.clone(), &path).acquire(Bytes::new()).await.unwrap();
    assert_eq!(hold.write(vec![set(&guarded, "1")]).await.unwrap().len(), 1);
    // An error tells which of one's own operations it is about.
    let missing = format!("{path}-missing");
    let error = hold.write(vec![set(&guarded, "2"), set(&missing, "2")]).await.unwrap_err();
    assert_eq!((error.name(), error.op_index()), ("NO_NODE", Some(1)));
    // The check itself is what refuses, before this process knows.
    let check = hold.check();
    b.delete(hold.path(), -1).await.unwrap();
    let refused = a.multi(vec![check, set(&guarded, "3")]).await.unwrap_err();
    assert_eq!(refused.op_index(), Some(0));
    assert_eq!(hold.lost().await, format!("{} was removed", hold.path()));
    assert_eq!(hold.write(vec![set(&guarded, "4")]).await.unwrap_err().name(), "CLAIM_LOST");
    assert_eq!(b.get(&guarded).await.unwrap().0, "1");
}

#[tokio::test]
async fn readers_are_together_and_writers_alone() {
    let fleet = Fleet::start();
    let path = fleet.root("lock");
    let client = fleet.client().await;
    let lock = ReadWriteLock::new(client.clone(), &path);
    let (one, two) = tokio::join!(lock.read(data("r")), lock.read(data("r")));
    let (one, two) = (one.unwrap(), two.unwrap());
    let (writing, reading) = (lock.clone(), lock.clone());
    let writer = tokio::spawn(async move { writing.write(data("w")).await.unwrap() });
    joined(&client, &path, 3).await;
    // Whoever comes after a writer waits for it, so that it is served at all.
    let reader = tokio::spawn(async move { reading.read(data("r")).await.unwrap() });
    joined(&client, &path, 4).await;
    assert_eq!(shown(&lock.participants().await.unwrap()), ["r*", "r*", "w", "r"]);
    assert!(lock.try_read(data("x")).await.unwrap().is_none());
    assert!(lock.try_write(data("x")).await.unwrap().is_none());
    one.release().await.unwrap();
    assert!(!writer.is_finished());
    two.release().await.unwrap();
    let writer = writer.await.unwrap();
    assert!(!reader.is_finished());
    writer.release().await.unwrap();
    let reader = reader.await.unwrap();
    assert!(lock.try_read(data("x")).await.unwrap().is_some());
    reader.release().await.unwrap();
}

#[tokio::test]
async fn no_more_leases_than_there_are() {
    let fleet = Fleet::start();
    let path = fleet.root("semaphore");
    let held = Arc::new(AtomicU32::new(0));
    let mut tasks = Vec::new();
    for _ in 0..6 {
        let semaphore = Semaphore::new(fleet.client().await, &path, 2);
        let held = Arc::clone(&held);
        tasks.push(tokio::spawn(async move {
            for _ in 0..10 {
                let lease = semaphore.acquire(Bytes::new()).await.unwrap();
                assert!(held.fetch_add(1, Ordering::SeqCst) < 2);
                tokio::task::yield_now().await;
                held.fetch_sub(1, Ordering::SeqCst);
                lease.release().await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let client = fleet.client().await;
    assert!(children(&client, &path).await.is_empty());
    let other = Semaphore::new(client.clone(), &path, 3).acquire(Bytes::new()).await.unwrap_err();
    assert!(other.message().contains("3 leases are asked for, and \"2\""), "{other}");
    let none = Semaphore::new(client, &path, 0).try_acquire(Bytes::new()).await.unwrap_err();
    assert_eq!(none.name(), "INVALID_ARGUMENT");
}

#[tokio::test]
async fn each_lease_that_comes_free_goes_to_the_next() {
    let fleet = Fleet::start();
    let path = fleet.root("semaphore");
    let client = fleet.client().await;
    let semaphore = Semaphore::new(client.clone(), &path, 2);
    let one = semaphore.acquire(data("a")).await.unwrap();
    let two = semaphore.try_acquire(data("b")).await.unwrap().unwrap();
    assert!(semaphore.try_acquire(data("x")).await.unwrap().is_none());
    let mut waiting = Vec::new();
    for (at, name) in ["c", "d", "e"].into_iter().enumerate() {
        let semaphore = semaphore.clone();
        waiting.push(tokio::spawn(async move { semaphore.acquire(data(name)).await.unwrap() }));
        joined(&client, &path, at + 3).await;
    }
    assert_eq!(shown(&semaphore.participants().await.unwrap()), ["a*", "b*", "c", "d", "e"]);
    // Both at once: the one that waits at the folder, and the one that waits for it.
    tokio::try_join!(two.release(), one.release()).unwrap();
    let mut held = Vec::new();
    for one in waiting.drain(..2) {
        held.push(one.await.unwrap());
    }
    held.pop().unwrap().release().await.unwrap();
    waiting.pop().unwrap().await.unwrap().release().await.unwrap();
    assert!(held.iter().all(|lease| lease.is_held()));
}

#[tokio::test]
async fn a_lock_is_acquired_once_whatever_reply_is_lost() {
    let fleet = Fleet::start();
    let path = fleet.root("lock");
    let direct = fleet.client().await;
    Lock::new(direct.clone(), &path).acquire(Bytes::new()).await.unwrap().release().await.unwrap();
    let proxy = fleet.proxy().await;
    let client = connect(&proxy.hosts).await;
    proxy.cut_after(CREATES);
    let hold = Lock::new(client, &path).acquire(Bytes::new()).await.unwrap();
    assert!(proxy.was_cut());
    assert_eq!(children(&direct, &path).await.len(), 1);
    // A guarded write with a lost reply says that it may have been made.
    proxy.cut_after(MULTI);
    let guarded = format!("{path}-data");
    let acl = Acl::open_unsafe();
    direct.create(&guarded, "", CreateMode::Persistent, &acl).await.unwrap();
    let error = hold.write(vec![set(&guarded, "1")]).await.unwrap_err();
    assert_eq!(error.outcome(), pinfold_client::Outcome::MaybeApplied);
    assert_eq!(direct.get(&guarded).await.unwrap().0, "1");
    hold.release().await.unwrap();
    assert!(children(&direct, &path).await.is_empty());
}

#[tokio::test]
async fn a_holder_that_is_cut_off_stops_before_the_next_begins() {
    let fleet = Fleet::start();
    let path = fleet.root("lock");
    let proxy = fleet.proxy().await;
    let (a, b) = (connect(&proxy.hosts).await, fleet.client().await);
    let hold = Lock::new(a.clone(), &path).acquire(Bytes::new()).await.unwrap();
    proxy.silence();
    let next = Lock::new(b, &path);
    let (next, reason) = tokio::join!(next.acquire(Bytes::new()), hold.lost());
    assert!(!hold.is_held(), "{reason}");
    let next = next.unwrap();
    assert!(next.token() > hold.token());
    let error = hold.write(Vec::new()).await.unwrap_err();
    assert_eq!(error.name(), "CLAIM_LOST");
    proxy.open();
    expired(&a).await;
}

#[tokio::test]
async fn programs_of_other_libraries_wait_in_the_same_line() {
    let fleet = Fleet::start();
    let client = fleet.client().await;
    // As Curator's InterProcessMutex and kazoo's Lock name theirs.
    let foreign = [
        (LockLayout::Curator, "_c_4cd1fabc-ad80-444d-a9f0-1d4a7a5b2b5c-lock-"),
        (LockLayout::Kazoo, "0123456789abcdef0123456789abcdef__lock__"),
    ];
    for (layout, name) in foreign {
        let path = fleet.root("lock");
        let lock = Lock::new(client.clone(), &path).with_layout(layout);
        let acl = Acl::open_unsafe();
        client.create(&path, "", CreateMode::Persistent, &acl).await.unwrap();
        let template = format!("{path}/{name}");
        let mode = CreateMode::EphemeralSequential;
        let theirs = client.create(&template, "theirs", mode, &acl).await.unwrap();
        assert!(lock.try_acquire(Bytes::new()).await.unwrap().is_none());
        let waiting = lock.clone();
        let ours: tokio::task::JoinHandle<Hold> =
            tokio::spawn(async move { waiting.acquire(data("ours")).await.unwrap() });
        joined(&client, &path, 2).await;
        assert_eq!(shown(&lock.participants().await.unwrap()), ["theirs*", "ours"]);
        client.delete(&theirs.path, -1).await.unwrap();
        ours.await.unwrap().release().await.unwrap();
    }
}
