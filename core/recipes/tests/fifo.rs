//! Queues on a real server, also over broken connections.

mod fleet;

use bytes::Bytes;
use fleet::{Fleet, MULTI, children, connect, expired};
use pinfold_client::{Acl, Client, CreateMode};
use pinfold_recipes::{Counter, Lock, PriorityQueue, Queue};

fn text(data: &Bytes) -> String {
    String::from_utf8_lossy(data).into_owned()
}

/// Waits until so many stand in the line for an item.
async fn waiting(client: &Client, path: &str, count: usize) {
    let line = format!("{path}-handles/line");
    while client.get_children(&line).await.map_or(0, |(names, _)| names.len()) != count {}
}

#[tokio::test]
async fn items_come_in_their_order() {
    let fleet = Fleet::start();
    let path = fleet.root("queue");
    let client = fleet.client().await;
    let queue = Queue::new(client.clone(), &path);
    assert_eq!(queue.try_take().await.unwrap(), None);
    assert_eq!((queue.peek().await.unwrap(), queue.len().await.unwrap()), (None, 0));
    queue.put("first").await.unwrap();
    let many: Vec<Bytes> = (0..1_000).map(|i| Bytes::from(format!("{i}"))).collect();
    queue.put_many(many.clone()).await.unwrap();
    // What kazoo's Queue would make, and what it would not.
    let (sequential, acl) = (CreateMode::PersistentSequential, Acl::open_unsafe());
    client.create(&format!("{path}/entry-100-"), "last", sequential, &acl).await.unwrap();
    client.create(&format!("{path}/other"), "", CreateMode::Persistent, &acl).await.unwrap();
    assert_eq!(queue.len().await.unwrap(), 1_002);
    assert_eq!(text(&queue.peek().await.unwrap().unwrap().data), "first");
    // Two takers share them, each item comes to one.
    let other = Queue::new(fleet.client().await, &path);
    let mut taken = vec![text(&queue.take().await.unwrap().data)];
    assert_eq!(taken, ["first"]);
    let drain = async |queue: &Queue| {
        let mut got = Vec::new();
        while let Some(item) = queue.try_take().await.unwrap() {
            got.push(item);
        }
        got
    };
    let (mine, theirs) = tokio::join!(drain(&queue), drain(&other));
    for got in [&mine, &theirs] {
        assert!(got.is_sorted_by(|a, b| a.path < b.path));
    }
    taken.extend(mine.iter().chain(&theirs).map(|item| text(&item.data)));
    let mut expected: Vec<String> = many.iter().map(text).collect();
    expected.extend(["first".to_owned(), "last".to_owned()]);
    taken.sort();
    expected.sort();
    assert_eq!(taken, expected);
    assert!(queue.put(vec![0; 1_000_001]).await.is_err());
}

#[tokio::test]
async fn the_first_priority_comes_first() {
    let fleet = Fleet::start();
    let path = fleet.root("queue");
    let queue = PriorityQueue::new(fleet.client().await, &path);
    for (data, priority) in [("c", 100), ("e", 999), ("d", 100), ("a", 0), ("b", 7)] {
        queue.put(data, priority).await.unwrap();
    }
    assert!(queue.put("", 1_000).await.is_err());
    let taker = PriorityQueue::new(fleet.client().await, &path);
    let mut taken = Vec::new();
    while let Some(item) = taker.try_take().await.unwrap() {
        taken.push((text(&item.data), item.priority));
    }
    let expected = [("a", 0), ("b", 7), ("c", 100), ("d", 100), ("e", 999)];
    assert_eq!(taken, expected.map(|(data, priority)| (data.to_owned(), priority)));
}

#[tokio::test]
async fn one_item_wakes_one_of_those_that_wait() {
    let fleet = Fleet::start();
    let path = fleet.root("queue");
    let client = fleet.client().await;
    let mut takers = Vec::new();
    for count in 1..=4 {
        let queue = Queue::new(fleet.client().await, &path);
        takers.push(tokio::spawn(async move { queue.take().await.unwrap() }));
        waiting(&client, &path, count).await;
    }
    let queue = Queue::new(client.clone(), &path);
    queue.put("one").await.unwrap();
    assert_eq!(takers.remove(0).await.unwrap().data, "one");
    waiting(&client, &path, 3).await;
    queue.put_many(vec![Bytes::from("two"), Bytes::from("three")]).await.unwrap();
    assert_eq!(takers.remove(0).await.unwrap().data, "two");
    assert_eq!(takers.remove(0).await.unwrap().data, "three");
    // One that waits no longer leaves the line, and takes nothing with it.
    takers[0].abort();
    waiting(&client, &path, 0).await;
    queue.put("four").await.unwrap();
    assert_eq!(queue.take().await.unwrap().data, "four");
}

#[tokio::test]
async fn an_item_that_comes_for_a_dropped_future_goes_back_to_its_place() {
    let fleet = Fleet::start();
    let path = fleet.root("queue");
    let (direct, proxy) = (fleet.client().await, fleet.proxy().await);
    let client = connect(&proxy.hosts).await;
    let queue = Queue::new(client.clone(), &path);
    queue.put_many(vec![Bytes::from("a"), Bytes::from("b")]).await.unwrap();
    let names = children(&direct, &path).await;
    // The item is taken, and the reply lost; nobody waits for it any more.
    proxy.cut_after(MULTI);
    let taking = tokio::spawn(async move {
        let _ = queue.take().await;
    });
    while !proxy.was_cut() {
        tokio::task::yield_now().await;
    }
    taking.abort();
    while children(&direct, &path).await != names {}
    let next = Queue::new(direct, &path);
    assert_eq!(next.take().await.unwrap().data, "a");
    assert_eq!(next.take().await.unwrap().data, "b");
}

#[tokio::test]
async fn lost_replies_put_and_take_nothing_twice() {
    let fleet = Fleet::start();
    let path = fleet.root("queue");
    let (direct, proxy) = (fleet.client().await, fleet.proxy().await);
    let queue = Queue::new(connect(&proxy.hosts).await, &path);
    queue.put("a").await.unwrap();
    proxy.cut_after(MULTI);
    queue.put("b").await.unwrap();
    assert!(proxy.was_cut());
    proxy.cut_after(MULTI);
    let many: Vec<Bytes> = (0..5_000).map(|i| Bytes::from(format!("{i}"))).collect();
    queue.put_many(many.clone()).await.unwrap();
    assert!(proxy.was_cut());
    assert_eq!(children(&direct, &path).await.len(), 5_002);
    for expected in ["a", "b"] {
        proxy.cut_after(MULTI);
        assert_eq!(queue.take().await.unwrap().data, expected);
        assert!(proxy.was_cut());
    }
    assert_eq!(queue.take().await.unwrap().data, "0");
    assert_eq!(children(&direct, &path).await.len(), 4_999);
}

#[tokio::test]
async fn a_first_one_that_does_not_take_holds_up_nobody() {
    let fleet = Fleet::start();
    let path = fleet.root("queue");
    let client = fleet.client().await;
    // As one whose connection is broken, but for as long as it takes.
    let line = Lock::new(client.clone(), &format!("{path}-handles/line"));
    let first = line.acquire(Bytes::new()).await.unwrap();
    let queue = Queue::new(fleet.client().await, &path);
    let taker = queue.clone();
    let second = tokio::spawn(async move { taker.take().await });
    waiting(&client, &path, 2).await;
    queue.put("one").await.unwrap();
    assert_eq!(second.await.unwrap().unwrap().data, "one");
    assert!(first.is_held());
}

#[tokio::test]
async fn a_taker_whose_session_ends_waits_no_longer() {
    let fleet = Fleet::start();
    let path = fleet.root("queue");
    let (direct, proxy) = (fleet.client().await, fleet.proxy().await);
    let theirs = connect(&proxy.hosts).await;
    let queue = Queue::new(theirs.clone(), &path);
    let first = tokio::spawn(async move { queue.take().await });
    waiting(&direct, &path, 1).await;
    proxy.silence();
    waiting(&direct, &path, 0).await;
    proxy.open();
    expired(&theirs).await;
    assert_eq!(first.await.unwrap().unwrap_err().name(), "SESSION_EXPIRED");
}

#[tokio::test]
async fn a_change_that_nobody_waited_for_is_not_taken_for_the_next() {
    let fleet = Fleet::start();
    let path = fleet.root("counter");
    let client = fleet.client().await;
    let counter = Counter::new(client.clone(), &path);
    counter.add(1).await.unwrap();
    let mut sum = 1;
    for _ in 0..40 {
        // Given up at every stage of the way.
        let given_up = tokio::time::timeout(std::time::Duration::from_micros(400), counter.add(1));
        drop(given_up.await);
        let now = counter.add(1_000).await.unwrap();
        assert!(now == sum + 1_000 || now == sum + 1_001, "{now} after {sum}");
        assert_eq!(counter.get().await.unwrap(), now);
        sum = now;
    }
}
