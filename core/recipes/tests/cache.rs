//! Copies of the tree and groups on a real server, also over broken connections.

mod fleet;

use bytes::Bytes;
use fleet::{Fleet, children, connect, expired};
use pinfold_client::{Acl, Client, CreateMode};
use pinfold_recipes::{CacheEvent, Group, GroupEvent, NodeCache, TreeCache};

async fn create(client: &Client, path: &str, data: &str) {
    let data = data.to_owned();
    client.create(path, data, CreateMode::Persistent, &Acl::open_unsafe()).await.unwrap();
}

/// The next event, as a word; paths without what they begin with.
async fn told(cache: &TreeCache, root: &str) -> String {
    let short = |path: String| path.strip_prefix(root).unwrap_or(&path).to_owned();
    match cache.next().await.unwrap() {
        CacheEvent::Added { path, node } => {
            format!("+{}={}", short(path), String::from_utf8_lossy(&node.data))
        }
        CacheEvent::Changed { path, node } => {
            format!("~{}={}", short(path), String::from_utf8_lossy(&node.data))
        }
        CacheEvent::Removed { path } => format!("-{}", short(path)),
        CacheEvent::Initialized => "!".to_owned(),
    }
}

#[tokio::test]
async fn a_tree_is_followed() {
    let fleet = Fleet::start();
    let root = fleet.root("cache");
    let client = fleet.client().await;
    let cache = TreeCache::start(fleet.client().await, &root, None);
    assert_eq!(told(&cache, &root).await, "!");
    create(&client, &root, "r").await;
    assert_eq!(told(&cache, &root).await, "+=r");
    create(&client, &format!("{root}/a"), "1").await;
    assert_eq!(told(&cache, &root).await, "+/a=1");
    create(&client, &format!("{root}/a/b"), "2").await;
    assert_eq!(told(&cache, &root).await, "+/a/b=2");
    client.set(&format!("{root}/a"), "3", -1).await.unwrap();
    assert_eq!(told(&cache, &root).await, "~/a=3");
    assert_eq!(cache.children(&root), ["a"]);
    assert_eq!(cache.get(&format!("{root}/a/b")).unwrap().data, "2");
    client.delete(&format!("{root}/a/b"), -1).await.unwrap();
    assert_eq!(told(&cache, &root).await, "-/a/b");
    assert!(cache.children(&format!("{root}/a")).is_empty());
    // One that comes later is told everything, then that this is all.
    let later = TreeCache::start(client.clone(), &root, Some(1));
    assert_eq!(told(&later, &root).await, "+=r");
    assert_eq!(told(&later, &root).await, "+/a=3");
    assert_eq!(told(&later, &root).await, "!");
    // Deeper than it looks.
    create(&client, &format!("{root}/a/deep"), "x").await;
    create(&client, &format!("{root}/z"), "y").await;
    assert_eq!(told(&later, &root).await, "+/z=y");
    client.close().await.unwrap();
    while later.next().await.is_some() {}
}

#[tokio::test]
async fn what_happens_without_a_connection_is_told_after_it() {
    let fleet = Fleet::start();
    let root = fleet.root("cache");
    let (direct, proxy) = (fleet.client().await, fleet.proxy().await);
    create(&direct, &root, "").await;
    for name in ["stays", "changes", "goes", "again"] {
        create(&direct, &format!("{root}/{name}"), "old").await;
    }
    let client = connect(&proxy.hosts).await;
    let cache = TreeCache::start(client.clone(), &root, None);
    while told(&cache, &root).await != "!" {}
    proxy.close();
    let mut states = client.states();
    states.wait_for(|state| *state != pinfold_client::SessionState::Connected).await.unwrap();
    direct.set(&format!("{root}/changes"), "new", -1).await.unwrap();
    for name in ["goes", "again"] {
        direct.delete(&format!("{root}/{name}"), -1).await.unwrap();
    }
    create(&direct, &format!("{root}/again"), "new").await;
    create(&direct, &format!("{root}/comes"), "new").await;
    create(&direct, &format!("{root}/comes/deep"), "new").await;
    proxy.open();
    let mut events = Vec::new();
    while events.len() < 5 {
        events.push(told(&cache, &root).await);
    }
    events.sort();
    assert_eq!(
        events,
        ["+/comes/deep=new", "+/comes=new", "-/goes", "~/again=new", "~/changes=new"]
    );
    // And the watch is armed again.
    direct.set(&format!("{root}/stays"), "new", -1).await.unwrap();
    assert_eq!(told(&cache, &root).await, "~/stays=new");
}

#[tokio::test]
async fn a_cache_that_is_dropped_leaves_no_watch() {
    let fleet = Fleet::start();
    let root = fleet.root("cache");
    let client = fleet.client().await;
    create(&client, &root, "").await;
    let cache = TreeCache::start(client.clone(), &root, None);
    while told(&cache, &root).await != "!" {}
    let any = pinfold_client::WatcherType::Any;
    client.check_watches(&root, any).await.unwrap();
    drop(cache);
    while client.check_watches(&root, any).await.is_ok() {}
}

#[tokio::test]
async fn one_znode_is_followed() {
    let fleet = Fleet::start();
    let path = fleet.root("node");
    let client = fleet.client().await;
    let cache = NodeCache::start(fleet.client().await, &path);
    assert_eq!(cache.next().await, Some(None));
    create(&client, &path, "1").await;
    assert_eq!(cache.next().await.unwrap().unwrap().data, "1");
    create(&client, &format!("{path}/below"), "").await;
    client.set(&path, "2", -1).await.unwrap();
    assert_eq!(cache.next().await.unwrap().unwrap().data, "2");
    client.delete(&format!("{path}/below"), -1).await.unwrap();
    client.delete(&path, -1).await.unwrap();
    assert_eq!(cache.next().await, Some(None));
    assert_eq!(cache.get(), None);
}

#[tokio::test]
async fn members_come_change_and_go() {
    let fleet = Fleet::start();
    let path = format!("{}/deep", fleet.root("group"));
    let (client, proxy) = (fleet.client().await, fleet.proxy().await);
    let group = Group::new(client.clone(), &path);
    assert!(group.members().await.unwrap().is_empty());
    let a = group.join("a", Bytes::from("one"), 2).await.unwrap();
    assert!(group.join("a", Bytes::new(), 1).await.is_err());
    assert!(group.join("a/b", Bytes::new(), 1).await.is_err());
    let members = group.watch();
    let joined = members.next().await.unwrap();
    let GroupEvent::Joined(member) = &joined else { panic!("{joined:?}") };
    assert_eq!((member.id.as_str(), member.capacity, member.token), ("a", 2, a.token()));
    assert_eq!(members.next().await, Some(GroupEvent::Initialized));

    let theirs = connect(&proxy.hosts).await;
    let b = Group::new(theirs.clone(), &path).join("b", Bytes::new(), 1).await.unwrap();
    assert!(b.token() > a.token() && b.is_member());
    assert!(matches!(members.next().await, Some(GroupEvent::Joined(member)) if member.id == "b"));
    a.update(Bytes::from("two")).await.unwrap();
    let updated = members.next().await.unwrap();
    assert!(matches!(&updated, GroupEvent::Updated(member) if member.data == "two"), "{updated:?}");
    assert_eq!(members.now(), group.members().await.unwrap());

    // Cut off, it knows before the others can see it gone.
    proxy.silence();
    let (reason, left) = tokio::join!(b.lost(), members.next());
    assert!(!b.is_member(), "{reason}");
    assert_eq!(left, Some(GroupEvent::Left { id: "b".to_owned() }));
    assert_eq!(b.update(Bytes::new()).await.unwrap_err().name(), "CLAIM_LOST");
    proxy.open();
    expired(&theirs).await;
    a.leave().await.unwrap();
    assert_eq!(members.next().await, Some(GroupEvent::Left { id: "a".to_owned() }));

    // Dropped, it leaves by itself.
    drop(group.join("c", Bytes::new(), 1).await.unwrap());
    while !children(&client, &path).await.is_empty() {}
}
