//! Holding a queue, waiting until it is empty, and looking at how it stands.

mod fleet;

use bytes::Bytes;
use fleet::{Fleet, assigned, elected, master, worker};
use futures_util::FutureExt;
use pinfold_recipes::{Latency, QueueCounts, SubmitOptions, TaskId, TaskQueue};

async fn submitted(queue: &TaskQueue) -> TaskId {
    let options = SubmitOptions::default();
    queue.submit(Bytes::from_static(b"p"), options).await.expect("submitted")
}

#[tokio::test]
async fn a_paused_queue_gives_nothing_to_claimers() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    assert!(!queue.is_paused().await.expect("asked"));
    queue.resume().await.expect("nothing to resume");
    queue.pause().await.expect("paused");
    queue.pause().await.expect("paused already");
    assert!(queue.is_paused().await.expect("asked"));
    let task = submitted(&queue).await;
    let claimer = TaskQueue::new(fleet.client().await, &root);
    let mut claiming = Box::pin(claimer.claim("w"));
    // It has looked at the queue once it is registered.
    while queue.counts().await.expect("counts").workers == 0 {
        assert!(claiming.as_mut().now_or_never().is_none());
    }
    tokio::select! {
        claim = &mut claiming => panic!("{claim:?}"),
        () = tokio::time::sleep(std::time::Duration::from_millis(200)) => {}
    }
    assert_eq!(queue.counts().await.expect("counts").waiting, 1);
    queue.resume().await.expect("resumed");
    assert_eq!(claiming.await.expect("a claim").task, task);
}

#[tokio::test]
async fn a_paused_queue_gives_nothing_to_workers() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let queue = TaskQueue::new(client.clone(), &root);
    queue.pause().await.expect("paused");
    let boss = master(&client, &root, "m").await;
    elected(&boss).await;
    let w = worker(&fleet.client().await, &root, "w", 1).await;
    let first = submitted(&queue).await;
    let second = submitted(&queue).await;
    tokio::select! {
        given = assigned(&w) => panic!("{given:?}"),
        () = tokio::time::sleep(std::time::Duration::from_millis(200)) => {}
    }
    queue.resume().await.expect("resumed");
    let held = assigned(&w).await;
    assert_eq!(held.task, first);
    // What is in hand goes on.
    queue.pause().await.expect("paused");
    w.complete(&held, Bytes::new()).await.expect("committed");
    assert!(queue.result(&first).await.expect("a result").result.is_ok());
    tokio::select! {
        given = assigned(&w) => panic!("{given:?}"),
        () = tokio::time::sleep(std::time::Duration::from_millis(200)) => {}
    }
    queue.resume().await.expect("resumed");
    assert_eq!(assigned(&w).await.task, second);
}

#[tokio::test]
async fn a_drain_waits_for_all_that_waits_and_all_in_hand() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let empty = queue.drain().await.expect("there is not even a root");
    assert_eq!(empty, QueueCounts::default());
    for _ in 0..20 {
        submitted(&queue).await;
    }
    let claimer = TaskQueue::new(fleet.client().await, &root);
    let draining = {
        let queue = queue.clone();
        tokio::spawn(async move { queue.drain().await })
    };
    for n in 0..20 {
        let claim = claimer.claim("w").await.expect("a claim");
        assert!(!draining.is_finished(), "{n} are done");
        if n == 10 {
            claim.release().await.expect("given back");
            claimer.claim("w").await.expect("again").complete(Bytes::new()).await.expect("done");
        } else {
            claim.complete(Bytes::new()).await.expect("committed");
        }
    }
    let counts = draining.await.expect("joined").expect("drained");
    assert_eq!((counts.waiting, counts.assigned, counts.done), (0, 0, 20));
}

#[tokio::test]
async fn metrics_tell_depth_age_and_latency() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let client = fleet.client().await;
    let queue = TaskQueue::new(client.clone(), &root);
    let none = queue.metrics().await.expect("there is not even a root");
    assert_eq!((none.oldest_waiting_ms, none.waited), (None, Latency::default()));
    let begun = tokio::time::Instant::now();
    for _ in 0..4 {
        submitted(&queue).await;
    }
    for n in 0..2 {
        let claim = queue.claim("w").await.expect("a claim");
        // As a result of an earlier version, without times.
        let plain = format!("{{\"attempt\":1,\"worker\":\"w\"}}\n{n}");
        claim.complete(Bytes::from_static(b"r")).await.expect("committed");
        if n == 1 {
            let path = format!("{root}/results/{}", claim.task);
            client.set(&path, plain, -1).await.expect("set by hand");
        }
    }
    let _held = queue.claim("w").await.expect("a claim");
    queue.pause().await.expect("paused");
    let metrics = queue.metrics().await.expect("metrics");
    let passed = u64::try_from(begun.elapsed().as_millis()).expect("a short time") + 1;
    let counts = &metrics.counts;
    assert_eq!((counts.waiting, counts.assigned, counts.done, counts.workers), (1, 1, 2, 1));
    assert!(metrics.is_paused);
    assert!(metrics.oldest_waiting_ms.is_some_and(|age| age <= passed), "{metrics:?}");
    assert_eq!((metrics.waited.count, metrics.worked.count), (1, 1));
    assert!(metrics.waited.max_ms <= passed && metrics.worked.max_ms <= passed, "{metrics:?}");
}
