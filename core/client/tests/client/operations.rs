//! The operations that came to ZooKeeper with 3.5 and later.

use bytes::Bytes;
use pinfold_client::{
    Acl, AddWatchMode, Client, ClientInfo, CreateMode, ErrorCode, EventKind, MultiOp, MultiResult,
    ReadOp, ReadResult, WatcherType,
};
use pinfold_server::config::Config;
use pinfold_server::embedded::Server;

use crate::proxy::{Mode, Proxy};
use crate::{client, options, server};

#[tokio::test]
async fn containers_and_times_to_live() {
    let config = Config { extended_types: true, ..Config::default() };
    let server =
        Server::builder().config(config).listen("127.0.0.1:0").temporary_data_dir().start();
    let server = server.unwrap();
    let client = client(&server).await;
    let open = Acl::open_unsafe();
    let made = client.create("/c", "", CreateMode::Container, &open).await.unwrap();
    assert_eq!((&made.path[..], made.stat.ephemeral_owner), ("/c", 0));
    let ttl = CreateMode::PersistentTtl;
    let made = client.create_ttl("/t", "1", ttl, &open, 3_600_000).await.unwrap();
    assert_eq!((&made.path[..], made.stat.ephemeral_owner), ("/t", 0));
    let sequential = CreateMode::PersistentSequentialTtl;
    let made = client.create_ttl("/s-", "1", sequential, &open, (1 << 40) - 1).await.unwrap();
    assert_eq!(made.path, "/s-0000000002");

    let create = |path: &str, mode, ttl_ms| MultiOp::Create {
        path: path.to_owned(),
        data: None,
        mode,
        acl: Acl::open_unsafe(),
        ttl_ms,
    };
    let ops = vec![create("/c/c", CreateMode::Container, 0), create("/c/t-", sequential, 1_000)];
    let results = client.multi(ops).await.unwrap();
    let paths = results.iter().map(|result| match result {
        MultiResult::Created { path, stat } if stat.czxid == stat.mzxid => &path[..],
        other => panic!("{other:?}"),
    });
    assert_eq!(paths.collect::<Vec<_>>(), ["/c/c", "/c/t-0000000001"]);
}

/// A time to live that the mode has not, or none that it needs, is refused before it is sent.
#[tokio::test]
async fn times_to_live_have_a_range() {
    let server = server();
    let client = client(&server).await;
    let open = Acl::open_unsafe();
    let ttl = CreateMode::PersistentTtl;
    for (mode, ttl_ms) in [(ttl, 0), (ttl, -1), (ttl, 1 << 40), (CreateMode::Persistent, 1)] {
        let error = client.create_ttl("/t", "", mode, &open, ttl_ms).await.unwrap_err();
        assert!(error.is(ErrorCode::BadArguments), "{error}");
        assert_eq!(error.path(), Some("/t"));
        assert!(error.message().contains(&ttl_ms.to_string()), "{error}");
    }
    let error = client.create("/t", "", ttl, &open).await.unwrap_err();
    assert!(error.is(ErrorCode::BadArguments), "{error}");
    // As of a ZooKeeper without extended types.
    let error = client.create_ttl("/t", "", ttl, &open, 1).await.unwrap_err();
    assert!(error.is(ErrorCode::Unimplemented), "{error}");
}

#[tokio::test]
async fn many_reads_in_one() {
    let server = server();
    let client = client(&server).await;
    let open = Acl::open_unsafe();
    client.create("/a", "1", CreateMode::Persistent, &open).await.unwrap();
    client.create("/a/b", "2", CreateMode::Persistent, &open).await.unwrap();
    let data = |path: &str| ReadOp::GetData { path: path.to_owned() };
    let children = |path: &str| ReadOp::GetChildren { path: path.to_owned() };
    let ops = vec![data("/none"), children("/a"), data("/a/b"), children("/nobody")];
    let results = client.multi_read(ops).await.unwrap();
    let [none, names, read, nobody] = &results[..] else { panic!("{results:?}") };
    for (failed, path) in [(none, "/none"), (nobody, "/nobody")] {
        let error = failed.as_ref().unwrap_err();
        assert!(error.is(ErrorCode::NoNode), "{error}");
        assert_eq!(error.path(), Some(path));
    }
    assert_eq!(names, &Ok(ReadResult::Children { names: vec!["b".to_owned()] }));
    let stat = client.exists("/a/b").await.unwrap().unwrap();
    assert_eq!(read, &Ok(ReadResult::Data { data: Some(Bytes::from("2")), stat }));
    assert_eq!(client.multi_read(vec![]).await.unwrap(), []);
    let error = client.multi_read(vec![data("/a"), data("a")]).await.unwrap_err();
    assert!(error.is(ErrorCode::BadArguments), "{error}");
    assert_eq!((error.op_index(), error.path()), (Some(1), Some("a")));
}

#[tokio::test]
async fn ephemerals_descendants_and_identities() {
    let server = server();
    let client = client(&server).await;
    let open = Acl::open_unsafe();
    client.create("/d", "", CreateMode::Persistent, &open).await.unwrap();
    for path in ["/d/b", "/d/a", "/da"] {
        client.create(path, "", CreateMode::Ephemeral, &open).await.unwrap();
    }
    assert_eq!(client.get_ephemerals("/").await.unwrap(), ["/d/a", "/d/b", "/da"]);
    assert_eq!(client.get_ephemerals("/d/").await.unwrap(), ["/d/a", "/d/b"]);
    assert_eq!(client.get_ephemerals("/da").await.unwrap(), ["/da"]);
    assert_eq!(client.get_ephemerals("/x").await.unwrap(), [""; 0]);
    let error = client.get_ephemerals("d").await.unwrap_err();
    assert!(error.is(ErrorCode::BadArguments), "{error}");
    assert_eq!(client.get_all_children_number("/d").await.unwrap(), 2);
    let error = client.get_all_children_number("/x").await.unwrap_err();
    assert_eq!((error.name(), error.path()), ("NO_NODE", Some("/x")));
    client.add_auth("digest", "ann:secret").await.unwrap();
    let identity =
        |scheme: &str, user: &str| ClientInfo { scheme: scheme.into(), user: user.into() };
    let who = client.who_am_i().await.unwrap();
    assert!(who.contains(&identity("ip", "127.0.0.1")), "{who:?}");
    assert!(who.contains(&identity("digest", "ann")), "{who:?}");
}

/// What is removed by path and type tells its holders, and leaves the other types alone.
#[tokio::test]
async fn removal_by_type() {
    let server = server();
    let client = client(&server).await;
    let open = Acl::open_unsafe();
    client.create("/w", "", CreateMode::Persistent, &open).await.unwrap();
    let none = client.check_watches("/w", WatcherType::Any).await.unwrap_err();
    assert!(none.is(ErrorCode::NoWatcher), "{none}");
    assert_eq!(none.path(), Some("/w"));
    let (_, _, mut data) = client.get_watch("/w").await.unwrap();
    let (_, _, mut child) = client.get_children_watch("/w").await.unwrap();
    let mut lasting = client.add_watch("/w", AddWatchMode::Persistent).await.unwrap();
    let mut recursive = client.add_watch("/w", AddWatchMode::PersistentRecursive).await.unwrap();
    let types = [
        WatcherType::Children,
        WatcherType::Data,
        WatcherType::Any,
        WatcherType::Persistent,
        WatcherType::PersistentRecursive,
    ];
    for kind in types {
        client.check_watches("/w", kind).await.unwrap();
    }
    client.remove_all_watches("/w", WatcherType::Children).await.unwrap();
    let last = child.next().await.unwrap();
    assert_eq!((last.kind, &last.path[..]), (EventKind::ChildWatchRemoved, "/w"));
    assert_eq!(child.next().await, None);
    let gone = client.remove_all_watches("/w", WatcherType::Children).await.unwrap_err();
    assert!(gone.is(ErrorCode::NoWatcher), "{gone}");
    client.create("/w/x", "", CreateMode::Persistent, &open).await.unwrap();
    assert_eq!(lasting.next().await.map(|event| event.kind), Some(EventKind::ChildrenChanged));
    assert_eq!(recursive.next().await.map(|event| event.path), Some("/w/x".to_owned()));
    client.remove_all_watches("/w", WatcherType::Any).await.unwrap();
    assert_eq!(data.next().await.map(|event| event.kind), Some(EventKind::DataWatchRemoved));
    for watch in [&mut lasting, &mut recursive] {
        let last = watch.next().await.map(|event| event.kind);
        assert_eq!(last, Some(EventKind::PersistentWatchRemoved));
        assert_eq!(watch.next().await, None);
    }
    client.set("/w", "", -1).await.unwrap();
    assert!(client.check_watches("/w", WatcherType::Any).await.is_err());
}

/// Under a chroot paths in and out are the caller's, also where ZooKeeper's clients mix them up.
#[tokio::test]
async fn chroot_corners() {
    let server = server();
    let outside = client(&server).await;
    let open = Acl::open_unsafe();
    for path in ["/zoo", "/zoology"] {
        outside.create(path, "", CreateMode::Persistent, &open).await.unwrap();
    }
    let inside = Client::connect(options(server.address() + "/zoo")).await.unwrap();
    let neighbour = Client::connect(options(server.address() + "/zoology")).await.unwrap();
    // ZOOKEEPER-4565 and 4601: the configuration is where it is, and its events are too.
    let config = inside.get("/zookeeper/config").await.unwrap();
    assert_eq!(outside.get("/zookeeper/config").await.unwrap(), config);
    let error = inside.get("/zookeeper").await.unwrap_err();
    assert!(error.is(ErrorCode::NoNode), "{error}");

    let mut root = inside.add_watch("/", AddWatchMode::PersistentRecursive).await.unwrap();
    inside.create("/e", "", CreateMode::Ephemeral, &open).await.unwrap();
    assert_eq!(root.next().await.unwrap().path, "/e");
    inside.set("/", "x", -1).await.unwrap();
    assert_eq!(root.next().await.unwrap().path, "/");
    neighbour.create("/e", "", CreateMode::Ephemeral, &open).await.unwrap();
    assert_eq!(inside.get_ephemerals("/").await.unwrap(), ["/e"]);
    assert_eq!(neighbour.get_ephemerals("/e").await.unwrap(), ["/e"]);
    assert_eq!(inside.get_all_children_number("/").await.unwrap(), 1);
    let ops = vec![
        ReadOp::GetChildren { path: "/".to_owned() },
        ReadOp::GetData { path: "/zoo".to_owned() },
    ];
    let results = inside.multi_read(ops).await.unwrap();
    assert_eq!(results[0], Ok(ReadResult::Children { names: vec!["e".to_owned()] }));
    assert_eq!(results[1].as_ref().unwrap_err().path(), Some("/zoo"));
    inside.check_watches("/", WatcherType::PersistentRecursive).await.unwrap();
    inside.remove_all_watches("/", WatcherType::Any).await.unwrap();
    let last = root.next().await.unwrap();
    assert_eq!((last.kind, &last.path[..]), (EventKind::PersistentWatchRemoved, "/"));
}

/// More paths than one request may carry are armed again by several, and each watch works.
#[tokio::test]
async fn many_watches_are_armed_again() {
    let server = server();
    let other = client(&server).await;
    let proxy = Proxy::to(server.address()).await;
    let client = Client::connect(options(proxy.address.clone())).await.unwrap();
    let open = Acl::open_unsafe();
    // Three batches of 128 KiB.
    let path = |n: usize| format!("/{n}-{}", "x".repeat(990));
    let mut arming = Vec::new();
    for n in 0..390 {
        arming.push(client.exists_watch(&path(n)));
    }
    let mut watches = Vec::new();
    for armed in arming {
        watches.push(armed.await.unwrap().1);
    }
    let mut lasting = client.add_watch("/lasting", AddWatchMode::Persistent).await.unwrap();
    proxy.set(Mode::Refuse);
    proxy.cut();
    other.create(&path(0), "", CreateMode::Persistent, &open).await.unwrap();
    proxy.set(Mode::Forward);
    client.sync("/").await.unwrap();
    assert_eq!(watches[0].next().await.map(|event| event.kind), Some(EventKind::Created));
    other.create("/lasting", "", CreateMode::Persistent, &open).await.unwrap();
    for n in 1..watches.len() {
        drop(other.create(&path(n), "", CreateMode::Persistent, &open));
    }
    for (n, watch) in watches.iter_mut().enumerate().skip(1) {
        assert_eq!(watch.next().await.map(|event| event.path), Some(path(n)));
    }
    assert_eq!(lasting.next().await.map(|event| event.kind), Some(EventKind::Created));
}

/// A removal by type whose connection breaks is done: what is not armed again is removed.
#[tokio::test]
async fn removal_by_type_while_the_connection_breaks() {
    let server = server();
    let proxy = Proxy::to(server.address()).await;
    let client = Client::connect(options(proxy.address.clone())).await.unwrap();
    let mut lasting = client.add_watch("/", AddWatchMode::Persistent).await.unwrap();
    proxy.set(Mode::Hold);
    let removal = client.remove_all_watches("/", WatcherType::Any);
    let again = client.remove_all_watches("/", WatcherType::Any);
    proxy.swallowed(1).await;
    proxy.set(Mode::Forward);
    proxy.cut();
    removal.await.unwrap();
    assert!(again.await.unwrap_err().is(ErrorCode::NoWatcher));
    assert!(lasting.next().await.is_some_and(|event| event.kind.is_removal()));
    let checked = client.check_watches("/", WatcherType::Any).await.unwrap_err();
    assert!(checked.is(ErrorCode::NoWatcher), "{checked}");
}
