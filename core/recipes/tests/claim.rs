//! What becomes of a task when its claim is dropped, before it was seen and after.

mod fleet;

use bytes::Bytes;
use fleet::{Fleet, MULTI, connect};
use futures_util::FutureExt;
use pinfold_client::WatcherType;
use pinfold_recipes::{Cause, MAX_PAYLOAD, SubmitOptions, TaskId, TaskQueue};

async fn submitted(queue: &TaskQueue, options: SubmitOptions) -> TaskId {
    queue.submit(Bytes::from_static(b"p"), options).await.expect("submitted")
}

fn soon() -> SubmitOptions {
    SubmitOptions { initial_backoff_ms: 0, ..SubmitOptions::default() }
}

#[tokio::test]
async fn a_task_that_was_taken_for_nobody_goes_back() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let direct = TaskQueue::new(fleet.client().await, &root);
    let first = submitted(&direct, soon()).await;
    let proxy = fleet.proxy().await;
    let queue = TaskQueue::new(connect(&proxy.hosts).await, &root);
    proxy.cut_after(MULTI);
    tokio::select! {
        biased;
        () = async { while !proxy.was_cut() { tokio::task::yield_now().await } } => {}
        claim = queue.claim("w") => panic!("{claim:?}"),
    }
    // The task was taken, and the one who waited for it is gone.
    let claim = direct.claim("other").await.expect("a claim");
    assert_eq!((&claim.task, claim.attempt), (&first, 1));
    // The one that was dropped takes the next as if nothing had happened.
    let second = submitted(&direct, soon()).await;
    let claim = queue.claim("w").await.expect("a claim");
    assert_eq!((&claim.task, claim.attempt), (&second, 1));
}

#[tokio::test]
async fn a_claim_can_be_dropped_at_any_time() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let task = submitted(&queue, soon()).await;
    let (mut dropped, mut taken) = (0, 0);
    while taken < 5 {
        let patience = dropped;
        tokio::select! {
            claim = queue.claim("w") => {
                let claim = claim.expect("a claim");
                assert_eq!((&claim.task, claim.attempt), (&task, 1));
                claim.release().await.expect("given back");
                taken += 1;
            }
            () = async { for _ in 0..patience { tokio::task::yield_now().await } } => dropped += 1,
        }
    }
    assert!(dropped > 20, "{dropped}");
    queue.claim("w").await.expect("a claim").complete(Bytes::new()).await.expect("committed");
    assert_eq!(queue.drain().await.expect("drained").done, 1);
}

#[tokio::test]
async fn a_claim_that_was_dropped_while_registering_is_no_obstacle() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let task = submitted(&queue, soon()).await;
    let (other, path) = (fleet.client().await, format!("{root}/workers/w"));
    let mut claiming = Box::pin(queue.claim("w"));
    // The server has answered before the claim is polled again.
    let mut looks = 0;
    while other.exists(&path).await.expect("asked").is_none() {
        if looks % 5 == 0 {
            assert!(claiming.as_mut().now_or_never().is_none());
        }
        looks += 1;
    }
    drop(claiming);
    assert_eq!(queue.claim("w").await.expect("a claim").task, task);
}

/// A claimer that comes again, by the same name, finds its tasks of before back in the queue: when
/// its old session is over already, and when it has to wait for that session's end.
#[tokio::test]
async fn what_an_earlier_life_of_the_claimer_has_left_goes_back() {
    let fleet = Fleet::start();
    for is_over in [true, false] {
        let root = fleet.root("queue");
        let before = fleet.client().await;
        let queue = TaskQueue::new(before.clone(), &root);
        let task = submitted(&queue, soon()).await;
        // As if its process had been killed.
        std::mem::forget(queue.claim("w").await.expect("a claim"));
        if is_over {
            before.close().await.expect("closed");
        }
        let client = fleet.client().await;
        let queue = TaskQueue::new(client.clone(), &root);
        let claiming = tokio::spawn(async move { queue.claim("w").await });
        if !is_over {
            let path = format!("{root}/workers/w");
            while client.check_watches(&path, WatcherType::Data).await.is_err() {
                tokio::task::yield_now().await;
            }
            before.close().await.expect("closed");
        }
        let claim = claiming.await.expect("no panic").expect("a claim");
        assert_eq!((&claim.task, claim.attempt), (&task, 2));
        claim.complete(Bytes::from_static(b"r")).await.expect("committed");
    }
}

#[tokio::test]
async fn a_dropped_claim_is_a_failed_attempt() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let options = SubmitOptions { max_attempts: Some(2), ..soon() };
    let task = submitted(&queue, options).await;
    for attempt in 1..=2 {
        let claim = queue.claim("w").await.expect("a claim");
        assert_eq!((&claim.task, claim.attempt), (&task, attempt));
    }
    let reason = "its worker dropped it unfinished".to_owned();
    assert_eq!(queue.result(&task).await.expect("a dead letter").result, Err(reason));
    // What was brought to its end is not touched again.
    let task = submitted(&queue, soon()).await;
    let claim = queue.claim("w").await.expect("a claim");
    claim.complete(Bytes::new()).await.expect("committed");
    drop(claim);
    assert!(queue.result(&task).await.expect("a result").result.is_ok());
    assert_eq!(queue.drain().await.expect("drained").dead, 1);
}

#[tokio::test]
async fn a_result_that_does_not_fit_is_the_reason_of_the_dead_letter() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let task = submitted(&queue, SubmitOptions { max_attempts: Some(1), ..soon() }).await;
    let claim = queue.claim("w").await.expect("a claim");
    let large = Bytes::from(vec![0; MAX_PAYLOAD + 1]);
    let error = claim.complete(large).await.expect_err("too large");
    assert_eq!(error.name(), "INVALID_ARGUMENT");
    assert!(error.message().contains(task.as_str()), "{error}");
    assert!(claim.is_held(), "still in hand");
    drop(claim);
    queue.result(&task).await.expect("a dead letter");
    let letter = queue.dead_letter(&task).await.expect("asked").expect("a letter");
    assert_eq!((letter.cause, letter.worker.as_str()), (Cause::Failed, "w"));
    assert!(letter.reason.contains("has 1000001 bytes"), "{}", letter.reason);
    let next = submitted(&queue, soon()).await;
    assert_eq!(queue.claim("w").await.expect("alive").task, next);
}

#[tokio::test]
async fn who_leaves_gives_back_what_has_no_end() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let task = submitted(&queue, SubmitOptions { max_attempts: Some(1), ..soon() }).await;
    let claim = queue.claim("w").await.expect("a claim");
    claim.leave().await.expect("given back");
    let claim = queue.claim("w").await.expect("a claim");
    assert_eq!((&claim.task, claim.attempt), (&task, 1));
    let large = Bytes::from(vec![0; MAX_PAYLOAD + 1]);
    claim.complete(large).await.expect_err("too large");
    claim.leave().await.expect("given up");
    let reason = queue.result(&task).await.expect("a dead letter").result.expect_err("dead");
    assert!(reason.contains("has 1000001 bytes"), "{reason}");
    let task = submitted(&queue, soon()).await;
    let claim = queue.claim("w").await.expect("a claim");
    claim.complete(Bytes::new()).await.expect("committed");
    claim.leave().await.expect("nothing to do");
    assert!(queue.result(&task).await.expect("a result").result.is_ok());
}
