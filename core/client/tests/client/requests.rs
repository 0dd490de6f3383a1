//! Every request, also under a chroot.

use bytes::Bytes;
use pinfold_client::{
    Acl, Client, CreateMode, ErrorCode, EventKind, MultiOp, MultiResult, Outcome, Perms,
};

use crate::{client, options, server};

#[tokio::test]
async fn every_request() {
    let server = server();
    let client = client(&server).await;
    let open = Acl::open_unsafe();
    let created = client.create("/a", "1", CreateMode::Persistent, &open).await.unwrap();
    assert_eq!((&created.path[..], created.stat.data_length), ("/a", 1));
    assert_eq!(client.exists("/a").await.unwrap(), Some(created.stat));
    assert_eq!(client.exists("/b").await.unwrap(), None);
    assert_eq!(client.get("/a").await.unwrap(), (Bytes::from("1"), created.stat));
    let set = client.set("/a", "22", 0).await.unwrap();
    assert_eq!((set.version, set.data_length), (1, 2));
    let error = client.set("/a", "3", 0).await.unwrap_err();
    assert_eq!((error.code(), error.name(), error.path()), (-103, "BAD_VERSION", Some("/a")));
    assert_eq!(error.outcome(), Outcome::NotApplied);
    let first = client.create("/a/n-", "", CreateMode::EphemeralSequential, &open).await.unwrap();
    assert_eq!(first.path, "/a/n-0000000000");
    assert_eq!(Some(first.stat.ephemeral_owner), client.session().map(|session| session.id));
    let (names, stat) = client.get_children("/a").await.unwrap();
    assert_eq!((names, stat.num_children), (vec!["n-0000000000".to_owned()], 1));
    let read = [Acl::new(Perms::ALL, "world", "anyone")];
    assert_eq!(client.set_acl("/a", &read, 0).await.unwrap().aversion, 1);
    let (acl, stat) = client.get_acl("/a").await.unwrap();
    assert_eq!((&acl[..], stat.aversion), (&read[..], 1));
    client.sync("/").await.unwrap();
    assert!(client.delete("/a", -1).await.unwrap_err().is(ErrorCode::NotEmpty));
    client.delete(&first.path, 0).await.unwrap();
    client.delete("/a", 1).await.unwrap();
    assert!(client.get("/a").await.unwrap_err().is(ErrorCode::NoNode));
}

#[tokio::test]
async fn multi_is_all_or_nothing() {
    let server = server();
    let client = client(&server).await;
    let create = |path: &str| MultiOp::Create {
        path: path.to_owned(),
        data: None,
        mode: CreateMode::Persistent,
        acl: Acl::open_unsafe(),
        ttl_ms: 0,
    };
    let check = MultiOp::Check { path: "/m".to_owned(), version: 0 };
    let set = MultiOp::SetData { path: "/m".to_owned(), data: None, version: 0 };
    let delete = MultiOp::Delete { path: "/m/x".to_owned(), version: -1 };
    let ops = vec![create("/m"), create("/m/x"), check, set, delete];
    let results = client.multi(ops).await.unwrap();
    assert!(matches!(&results[0], MultiResult::Created { path, .. } if path == "/m"));
    assert_eq!((&results[2], &results[4]), (&MultiResult::Checked, &MultiResult::Deleted));
    assert!(matches!(&results[3], MultiResult::Stat(stat) if stat.version == 1));
    let error = client.multi(vec![create("/n"), create("/m")]).await.unwrap_err();
    assert!(error.is(ErrorCode::NodeExists), "{error}");
    assert_eq!((error.op_index(), error.path()), (Some(1), Some("/m")));
    assert_eq!(client.exists("/n").await.unwrap(), None);
}

/// Under a chroot every path in and out is the caller's, and nothing outside can be reached.
#[tokio::test]
async fn chroot() {
    let server = server();
    let outside = client(&server).await;
    let inside = Client::connect(options(server.address() + "/app")).await.unwrap();
    let open = Acl::open_unsafe();
    assert!(inside.get("/").await.unwrap_err().is(ErrorCode::NoNode));
    inside.create("/", "", CreateMode::Persistent, &open).await.unwrap();
    assert!(outside.exists("/app").await.unwrap().is_some());

    let (_, mut watch) = inside.exists_watch("/x").await.unwrap();
    let created = inside.create("/x", "", CreateMode::Persistent, &open).await.unwrap();
    assert_eq!(created.path, "/x");
    assert!(outside.exists("/app/x").await.unwrap().is_some());
    let event = watch.next().await.unwrap();
    assert_eq!((event.kind, &event.path[..]), (EventKind::Created, "/x"));
    let (_, _, mut root) = inside.get_children_watch("/").await.unwrap();
    let sequential = inside.create("/", "", CreateMode::PersistentSequential, &open).await.unwrap();
    assert_eq!(sequential.path, "/0000000001");
    assert_eq!(root.next().await.unwrap().path, "/");
    let op = MultiOp::Create {
        path: "/y".to_owned(),
        data: None,
        mode: CreateMode::Persistent,
        acl: open,
        ttl_ms: 0,
    };
    let results = inside.multi(vec![op]).await.unwrap();
    assert!(matches!(&results[0], MultiResult::Created { path, .. } if path == "/y"));
    let error = inside.delete("/none", -1).await.unwrap_err();
    assert_eq!(error.path(), Some("/none"));
    let (mut names, _) = outside.get_children("/app").await.unwrap();
    names.sort();
    assert_eq!(names, ["0000000001", "x", "y"]);
}
