//! Idempotence keys: one key, one task, whatever happens to the replies.

mod fleet;

use bytes::Bytes;
use fleet::{Fleet, MULTI, children, connect};
use pinfold_recipes::{SubmitOptions, TaskQueue};

fn keyed(key: &str) -> SubmitOptions {
    SubmitOptions { key: Some(key.to_owned()), ..SubmitOptions::default() }
}

#[tokio::test]
async fn the_same_key_gives_the_same_task_also_when_it_is_done() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let odd = "a/b c%é..";
    let task = queue.submit(Bytes::from_static(b"1"), keyed(odd)).await.expect("submitted");
    let again = queue.submit(Bytes::from_static(b"2"), keyed(odd)).await.expect("the same");
    assert_eq!(again, task);
    let other = queue.submit(Bytes::from_static(b"3"), keyed("a")).await.expect("another");
    assert_ne!(other, task);
    let claim = queue.claim("w").await.expect("a claim");
    assert_eq!((&claim.task, &claim.payload[..]), (&task, &b"1"[..]));
    claim.complete(Bytes::new()).await.expect("committed");
    let again = queue.submit(Bytes::from_static(b"4"), keyed(odd)).await.expect("the same");
    assert_eq!(again, task);
    assert_eq!(queue.counts().await.expect("counts").waiting, 1);
}

#[tokio::test]
async fn two_at_the_same_time_get_one_task() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let mut submitting = Vec::new();
    for _ in 0..4 {
        let queue = TaskQueue::new(fleet.client().await, &root);
        let batch = (0..25).map(|n| (Bytes::new(), keyed(&format!("key {n}")))).collect();
        submitting.push(tokio::spawn(async move { queue.submit_batch(batch).await }));
    }
    let mut all = Vec::new();
    for one in submitting {
        all.push(one.await.expect("joined").expect("submitted"));
    }
    assert!(all.iter().all(|tasks| *tasks == all[0]), "{all:?}");
    let client = fleet.client().await;
    assert_eq!(children(&client, &format!("{root}/tasks")).await.len(), 25);
}

#[tokio::test]
async fn a_lost_reply_makes_no_second_task() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let direct = fleet.client().await;
    pinfold_recipes::submit(&direct, &root, "first").await.expect("submitted");
    let proxy = fleet.proxy().await;
    let queue = TaskQueue::new(connect(&proxy.hosts).await, &root);
    proxy.cut_after(MULTI);
    let task = queue.submit(Bytes::new(), keyed("k")).await.expect("submitted");
    assert!(proxy.was_cut());
    let other = TaskQueue::new(direct.clone(), &root);
    assert_eq!(other.submit(Bytes::new(), keyed("k")).await.expect("the same"), task);
    assert_eq!(children(&direct, &format!("{root}/tasks")).await.len(), 2);
}

#[tokio::test]
async fn a_key_whose_submitter_died_is_put_right() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let client = fleet.client().await;
    let queue = TaskQueue::new(client.clone(), &root);
    let task = queue.submit(Bytes::new(), keyed("k")).await.expect("submitted");
    // As it is between the multi and the second write.
    let key = format!("{root}/keys/k");
    let whole = client.get(&key).await.expect("the key").0;
    let text = String::from_utf8(whole.to_vec()).expect("text");
    assert!(text.contains(task.as_str()));
    let half = text.replace(&format!(",\"task\":\"{task}\""), "");
    assert_ne!(half, text);
    client.set(&key, half, -1).await.expect("set by hand");
    assert_eq!(queue.submit(Bytes::new(), keyed("k")).await.expect("the same"), task);
    assert_eq!(client.get(&key).await.expect("the key").0, whole, "put right");
    // Its task is nowhere: the key is free.
    client.set(&key, "{\"id\":\"nobody\"}\n", -1).await.expect("set by hand");
    let next = queue.submit(Bytes::new(), keyed("k")).await.expect("submitted");
    assert!(next > task);
}
