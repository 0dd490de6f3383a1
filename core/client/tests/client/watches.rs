//! Watches: who is told, and how they are removed.

use bytes::Bytes;
use pinfold_client::{
    Acl, AddWatchMode, CreateMode, ErrorCode, EventKind, Request, Response, WatcherType,
};

use crate::proxy::{Mode, Proxy};
use crate::recorder::{Seen, record, rest};
use crate::{client, options, server};

/// A failed get arms nothing, a failed exists does.
#[tokio::test]
async fn only_answers_arm() {
    let server = server();
    let client = client(&server).await;
    assert!(client.get_watch("/w").await.unwrap_err().is(ErrorCode::NoNode));
    let (stat, mut watch) = client.exists_watch("/w").await.unwrap();
    assert_eq!(stat, None);
    client.create("/w", "", CreateMode::Persistent, &Acl::open_unsafe()).await.unwrap();
    assert_eq!(watch.try_next().map(|event| event.kind), Some(EventKind::Created));
    assert_eq!(watch.next().await, None);
}

/// The watch that is dropped goes; another on the same path stays.
#[tokio::test]
async fn dropping_removes_one_watch() {
    let server = server();
    let client = client(&server).await;
    let open = Acl::open_unsafe();
    client.create("/w", "", CreateMode::Persistent, &open).await.unwrap();
    let first = client.add_watch("/w", AddWatchMode::Persistent).await.unwrap();
    let mut second = client.add_watch("/w", AddWatchMode::Persistent).await.unwrap();
    drop(first);
    client.set("/w", "1", -1).await.unwrap();
    assert_eq!(second.try_next().map(|event| event.kind), Some(EventKind::DataChanged));
    drop(second);
    // Dropped before it was armed: its removal is behind it, and the next starts afresh.
    drop(client.add_watch("/w", AddWatchMode::Persistent));
    let mut third = client.add_watch("/w", AddWatchMode::PersistentRecursive).await.unwrap();
    client.create("/w/x", "", CreateMode::Persistent, &open).await.unwrap();
    let event = third.try_next().unwrap();
    assert_eq!((event.kind, &event.path[..]), (EventKind::Created, "/w/x"));
    assert_eq!(third.try_next(), None);
}

/// A one-shot watch that is dropped unused is gone at the server, too, also when its answer was
/// never waited for; one that others share stays for them.
#[tokio::test]
async fn dropping_removes_a_one_shot_watch() {
    let server = server();
    let client = client(&server).await;
    let open = Acl::open_unsafe();
    client.create("/w", "", CreateMode::Persistent, &open).await.unwrap();
    let armed = async |path: &str, kind| match client.check_watches(path, kind).await {
        Ok(()) => true,
        Err(error) => !error.is(ErrorCode::NoWatcher),
    };
    let data = client.get_watch("/w").await.unwrap();
    let missing = client.exists_watch("/missing").await.unwrap();
    let children = client.get_children_watch("/w").await.unwrap();
    assert!(armed("/w", WatcherType::Data).await);
    drop((data, missing, children));
    drop(client.get_watch("/w"));
    assert!(!armed("/w", WatcherType::Data).await);
    assert!(!armed("/missing", WatcherType::Data).await);
    assert!(!armed("/w", WatcherType::Children).await);

    let (first, mut second) = tokio::join!(client.get_watch("/w"), client.exists_watch("/w"));
    drop(first);
    assert!(armed("/w", WatcherType::Data).await);
    client.set("/w", "1", -1).await.unwrap();
    let event = second.as_mut().unwrap().1.try_next();
    assert_eq!(event.map(|event| event.kind), Some(EventKind::DataChanged));
}

/// A removal may follow the arming without waiting for its answer, and takes effect in order.
#[tokio::test]
async fn removal_by_ticket() {
    let server = server();
    let (client, mut seen) = record(options(server.address()));
    client.connected().await.unwrap();
    let path = || "/".to_owned();
    let set = || Request::SetData { path: path(), data: Some(Bytes::new()), version: -1 };
    let add = || Request::AddWatch { path: path(), mode: AddWatchMode::Persistent };
    let requests = [
        add(),
        add(),
        set(),
        Request::RemoveWatches { ticket: 0 },
        set(),
        Request::RemoveWatches { ticket: 1 },
        set(),
        Request::RemoveWatches { ticket: 1 },
    ];
    for (ticket, request) in (0..).zip(requests) {
        client.submit(ticket, request).unwrap();
    }
    client.close().await.unwrap();
    let mut told = Vec::new();
    for one in rest(&mut seen).await {
        match one {
            Seen::Event(ticket, _) => told.push(format!("event {ticket}")),
            Seen::Reply(ticket, Ok(Response::Stat(_))) => told.push(format!("set {ticket}")),
            Seen::Reply(ticket, Ok(_)) => told.push(format!("done {ticket}")),
            Seen::Reply(ticket, Err(error)) => told.push(format!("{} {ticket}", error.name())),
            Seen::State(_) | Seen::Closed => {}
        }
    }
    let expected = [
        "done 0",
        "done 1",
        "event 0",
        "event 1",
        "set 2",
        "done 3",
        "event 1",
        "set 4",
        "done 5",
        "set 6",
        "NO_WATCHER 7",
    ];
    assert_eq!(told, expected);
}

/// A removal whose connection breaks is done: what is not armed again is removed.
#[tokio::test]
async fn removal_while_the_connection_breaks() {
    let server = server();
    let other = client(&server).await;
    let proxy = Proxy::to(server.address()).await;
    let (client, mut seen) = record(options(proxy.address.clone()));
    let mode = AddWatchMode::Persistent;
    client.submit(1, Request::AddWatch { path: "/".to_owned(), mode }).unwrap();
    while !matches!(seen.recv().await, Some(Seen::Reply(1, Ok(Response::Done)))) {}
    proxy.set(Mode::Hold);
    client.submit(2, Request::RemoveWatches { ticket: 1 }).unwrap();
    proxy.swallowed(1).await;
    proxy.set(Mode::Forward);
    proxy.cut();
    while !matches!(seen.recv().await, Some(Seen::Reply(2, Ok(Response::Done)))) {}
    client.sync("/").await.unwrap();
    other.set("/", "x", -1).await.unwrap();
    client.sync("/").await.unwrap();
    client.close().await.unwrap();
    for one in rest(&mut seen).await {
        assert!(!matches!(one, Seen::Event(..)), "{one:?}");
    }
}
