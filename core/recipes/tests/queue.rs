//! The task queue without a master, and submitting over broken connections.

mod fleet;

use std::collections::HashSet;

use bytes::Bytes;
use fleet::{CREATES, Fleet, MULTI, children, connect};
use pinfold_recipes::{MAX_PAYLOAD, QueueCounts, SubmitOptions, TaskQueue, submit};

#[tokio::test]
async fn workers_claim_by_themselves() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let payloads = ["one", "two", "three"].map(Bytes::from).to_vec();
    let tasks = queue.submit_many(payloads.clone()).await.expect("submitted");
    for (task, payload) in tasks.iter().zip(&payloads) {
        let claim = queue.claim("w1").await.expect("a claim");
        assert_eq!((&claim.task, &claim.payload, claim.attempt), (task, payload, 1));
        assert!(claim.is_held());
        claim.complete(payload.to_ascii_uppercase().into()).await.expect("committed");
        let again = claim.complete(Bytes::new()).await.expect_err("committed once");
        assert_eq!(again.name(), "CLAIM_LOST");
    }
    for (task, payload) in tasks.iter().zip(&payloads) {
        let result = queue.result(task).await.expect("a result");
        assert_eq!(result.result, Ok(payload.to_ascii_uppercase().into()));
        assert_eq!((result.worker.as_str(), result.attempt), ("w1", 1));
    }
    let expected = QueueCounts { done: 3, workers: 1, ..QueueCounts::default() };
    assert_eq!(queue.counts().await.expect("counts"), expected);
}

#[tokio::test]
async fn two_claimers_never_get_the_same_task() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let payloads: Vec<Bytes> = (0..60).map(|n| Bytes::from(format!("{n}"))).collect();
    let tasks = queue.submit_many(payloads).await.expect("submitted");
    let mut claimers = Vec::new();
    for id in ["a", "b", "c"] {
        let queue = TaskQueue::new(fleet.client().await, &root);
        claimers.push(tokio::spawn(async move {
            loop {
                let claim = queue.claim(id).await.expect("a claim");
                claim.complete(claim.payload.clone()).await.expect("committed");
            }
        }));
    }
    let bodies = fleet::all_results(&queue, &tasks).await;
    assert_eq!(bodies.len(), 60);
    claimers.iter().for_each(|claimer| claimer.abort());
}

#[tokio::test]
async fn a_claim_waits_and_a_result_is_waited_for() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let (user, doer) = (fleet.client().await, fleet.client().await);
    let queue = TaskQueue::new(doer, &root);
    let claiming = tokio::spawn(async move {
        let claim = queue.claim("w").await.expect("a claim");
        claim.complete(Bytes::from_static(b"done")).await
    });
    let task = submit(&user, &root, "payload").await.expect("submitted");
    let result = TaskQueue::new(user, &root).result(&task).await.expect("a result");
    assert_eq!(result.result, Ok(Bytes::from_static(b"done")));
    claiming.await.expect("joined").expect("committed");
}

#[tokio::test]
async fn failures_count_and_releases_do_not() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let options = SubmitOptions { max_attempts: Some(2), ..SubmitOptions::default() };
    let task = queue.submit(Bytes::from_static(b"p"), options).await.expect("submitted");
    let claim = queue.claim("w").await.expect("a claim");
    claim.release().await.expect("released");
    let claim = queue.claim("w").await.expect("a claim");
    assert_eq!(claim.attempt, 1);
    claim.fail("first").await.expect("failed");
    let claim = queue.claim("w").await.expect("a claim");
    assert_eq!(claim.attempt, 2);
    claim.fail("second").await.expect("failed for good");
    let result = queue.result(&task).await.expect("a dead letter");
    assert_eq!((result.result, result.attempt), (Err("second".to_owned()), 2));
    assert_eq!(queue.counts().await.expect("counts").dead, 1);
}

#[tokio::test]
async fn what_a_vanished_claimer_left_is_taken_back() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let proxy = fleet.proxy().await;
    let lost = TaskQueue::new(connect(&proxy.hosts).await, &root);
    let task = lost.submit(Bytes::from_static(b"p"), SubmitOptions::default()).await;
    let task = task.expect("submitted");
    let claim = lost.claim("a").await.expect("a claim");
    proxy.silence();
    let other = TaskQueue::new(fleet.client().await, &root);
    let again = other.claim("b").await.expect("taken back");
    assert!(!claim.is_held());
    assert_eq!((&again.task, again.attempt), (&task, 2));
    assert!(again.token() > claim.token());
    again.complete(Bytes::from_static(b"b")).await.expect("committed");
    proxy.open();
    claim.complete(Bytes::from_static(b"a")).await.expect_err("the session is over");
    let result = other.result(&task).await.expect("one result");
    assert_eq!((result.worker.as_str(), result.result), ("b", Ok(Bytes::from_static(b"b"))));
}

#[tokio::test]
async fn a_submit_with_a_lost_reply_is_made_once() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let direct = fleet.client().await;
    submit(&direct, &root, "first").await.expect("submitted");
    let proxy = fleet.proxy().await;
    let queue = TaskQueue::new(connect(&proxy.hosts).await, &root);
    let payloads: Vec<Bytes> = (0..200).map(|n| Bytes::from(format!("{n}"))).collect();
    proxy.cut_after(CREATES);
    let tasks = queue.submit_many(payloads.clone()).await.expect("submitted");
    assert!(proxy.was_cut());
    let unique: HashSet<_> = tasks.iter().collect();
    assert_eq!(unique.len(), 200);
    assert_eq!(children(&direct, &format!("{root}/tasks")).await.len(), 201);
    for (task, payload) in tasks.iter().zip(&payloads) {
        let data = direct.get(&format!("{root}/tasks/{task}")).await.expect("the task").0;
        assert!(data.ends_with(payload), "{task} has {payload:?}");
    }
}

#[tokio::test]
async fn a_commit_with_a_lost_reply_is_known_to_be_made() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let proxy = fleet.proxy().await;
    let queue = TaskQueue::new(connect(&proxy.hosts).await, &root);
    let options = SubmitOptions::default();
    let task = queue.submit(Bytes::from_static(b"p"), options).await.expect("submitted");
    let claim = queue.claim("w").await.expect("a claim");
    proxy.cut_after(MULTI);
    claim.complete(Bytes::from_static(b"r")).await.expect("committed");
    assert!(proxy.was_cut());
    assert_eq!(queue.result(&task).await.expect("a result").result, Ok(Bytes::from_static(b"r")));
}

#[tokio::test]
async fn bad_arguments_are_told_with_size_and_limit() {
    let fleet = Fleet::start();
    let queue = TaskQueue::new(fleet.client().await, &fleet.root("queue"));
    let large = Bytes::from(vec![0; MAX_PAYLOAD + 1]);
    let error = queue.submit(large, SubmitOptions::default()).await.expect_err("too large");
    assert_eq!(error.name(), "INVALID_ARGUMENT");
    assert!(error.message().contains("1000001") && error.message().contains("1000000"));
    let largest = Bytes::from(vec![7; MAX_PAYLOAD]);
    let task = queue.submit(largest.clone(), SubmitOptions::default()).await.expect("it fits");
    let claim = queue.claim("w").await.expect("the multi fits too");
    assert_eq!(claim.payload.len(), MAX_PAYLOAD);
    claim.complete(largest).await.expect("the result too");
    assert!(queue.result(&task).await.expect("a result").result.is_ok());
    for id in ["", "a/b", ".."] {
        let error = queue.claim(id).await.expect_err("no znode's name");
        assert_eq!(error.name(), "INVALID_ARGUMENT", "{id}");
    }
}
