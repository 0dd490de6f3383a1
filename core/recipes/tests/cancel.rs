//! Cancelling tasks at every place where they can be.

mod fleet;

use bytes::Bytes;
use fleet::{Fleet, MULTI, assigned, connect, elected, master, worker};
use pinfold_recipes::{Cause, SubmitOptions, TaskId, TaskQueue, WorkerEvent};

async fn submitted(queue: &TaskQueue) -> TaskId {
    let options = SubmitOptions::default();
    queue.submit(Bytes::from_static(b"p"), options).await.expect("submitted")
}

#[tokio::test]
async fn a_waiting_task_is_given_to_nobody() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let (first, second) = (submitted(&queue).await, submitted(&queue).await);
    assert!(queue.cancel(&first, "not wanted").await.expect("cancelled"));
    let claim = queue.claim("w").await.expect("a claim");
    assert_eq!(claim.task, second);
    let dead = queue.result(&first).await.expect("a dead letter");
    assert_eq!((dead.result, dead.worker.as_str()), (Err("not wanted".to_owned()), ""));
    // Too late: dead, done, never there.
    assert!(!queue.cancel(&first, "again").await.expect("too late"));
    claim.complete(Bytes::new()).await.expect("committed");
    assert!(!queue.cancel(&second, "late").await.expect("too late"));
    let unknown = TaskId::parse("t-0000099999").expect("a name");
    assert!(!queue.cancel(&unknown, "nobody").await.expect("not there"));
    assert!(queue.result(&second).await.expect("a result").result.is_ok());
}

#[tokio::test]
async fn a_claimer_is_told_why() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let task = submitted(&queue).await;
    let claim = queue.claim("w").await.expect("a claim");
    claim.progress(b"half").await.expect("in hand");
    let other = TaskQueue::new(fleet.client().await, &root);
    assert!(other.cancel(&task, "stop it").await.expect("cancelled"));
    assert_eq!(claim.lost().await, (Cause::Cancelled, "stop it".to_owned()));
    let error = claim.complete(Bytes::new()).await.expect_err("cancelled before");
    assert_eq!(error.name(), "CLAIM_LOST");
    let dead = queue.result(&task).await.expect("a dead letter");
    assert_eq!((dead.worker.as_str(), dead.result), ("w", Err("stop it".to_owned())));
    let client = fleet.client().await;
    assert!(fleet::children(&client, &format!("{root}/progress")).await.is_empty());
}

#[tokio::test]
async fn a_worker_is_told_why_and_gets_the_next_task() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let boss = master(&client, &root, "m").await;
    elected(&boss).await;
    let w = worker(&fleet.client().await, &root, "w", 1).await;
    let queue = TaskQueue::new(client, &root);
    let (first, second) = (submitted(&queue).await, submitted(&queue).await);
    let held = assigned(&w).await;
    assert_eq!(held.task, first);
    assert!(queue.cancel(&first, "stop it").await.expect("cancelled"));
    match w.next().await.expect("an event") {
        WorkerEvent::Revoked { task, token, cause, reason } => {
            assert_eq!((task, token, cause), (first, held.token, Cause::Cancelled));
            assert_eq!(reason, "stop it");
        }
        other => panic!("{other:?}"),
    }
    let error = w.complete(&held, Bytes::new()).await.expect_err("not in hand");
    assert_eq!(error.name(), "CLAIM_LOST");
    assert_eq!(assigned(&w).await.task, second);
}

#[tokio::test]
async fn a_lost_reply_is_known_to_be_a_success() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let direct = TaskQueue::new(fleet.client().await, &root);
    let task = submitted(&direct).await;
    let proxy = fleet.proxy().await;
    let queue = TaskQueue::new(connect(&proxy.hosts).await, &root);
    proxy.cut_after(MULTI);
    assert!(queue.cancel(&task, "once").await.expect("cancelled"));
    assert!(proxy.was_cut());
    assert_eq!(direct.result(&task).await.expect("dead").result, Err("once".to_owned()));
}

#[tokio::test]
async fn either_the_result_or_the_cancellation_counts() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let user = TaskQueue::new(fleet.client().await, &root);
    for _ in 0..30 {
        let task = submitted(&user).await;
        let claim = queue.claim("w").await.expect("a claim");
        let (cancelled, completed) =
            tokio::join!(user.cancel(&task, "race"), claim.complete(Bytes::new()));
        let cancelled = cancelled.expect("answered");
        assert_eq!(cancelled, completed.is_err(), "{completed:?}");
        let result = user.result(&task).await.expect("one of both").result;
        assert_eq!(result.is_err(), cancelled);
    }
    let counts = user.counts().await.expect("counts");
    assert_eq!((counts.waiting, counts.assigned, counts.done + counts.dead), (0, 0, 30));
}
