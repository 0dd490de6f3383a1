//! When a task is given to whom: priority, delay, abilities, backoff and deadlines on a real
//! server.

mod fleet;

use bytes::Bytes;
use fleet::{Fleet, assigned, elected, master, worker};
use pinfold_client::Client;
use pinfold_recipes::{
    Cause, Failure, SubmitOptions, TaskQueue, Worker, WorkerEvent, WorkerOptions,
};

fn body(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn plain() -> SubmitOptions {
    SubmitOptions::default()
}

async fn able(client: &Client, root: &str, id: &str, abilities: &[&str]) -> Worker {
    let abilities = abilities.iter().map(|ability| (*ability).to_owned()).collect();
    let options = WorkerOptions { abilities, ..WorkerOptions::new(id, 16) };
    Worker::start(client, root, options).await.expect("a worker")
}

async fn revoked(worker: &Worker) -> (i64, Cause, String) {
    loop {
        match worker.next().await.expect("an event before the end") {
            WorkerEvent::Revoked { token, cause, reason, .. } => return (token, cause, reason),
            _ => continue,
        }
    }
}

fn batch() -> Vec<(Bytes, SubmitOptions)> {
    vec![
        (body("late"), SubmitOptions { delay_ms: 700, priority: 9, ..plain() }),
        (body("low"), SubmitOptions { priority: -1, ..plain() }),
        (body("first"), plain()),
        (body("second"), plain()),
        (body("high"), SubmitOptions { priority: 5, ..plain() }),
        (body("gpu"), SubmitOptions { needs: vec!["gpu".into()], priority: 9, ..plain() }),
    ]
}

#[tokio::test]
async fn a_master_gives_by_priority_delay_and_ability() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let boss = master(&client, &root, "m").await;
    elected(&boss).await;
    let queue = TaskQueue::new(client.clone(), &root);
    queue.submit_batch(batch()).await.expect("submitted");
    let w = able(&client, &root, "w", &[]).await;
    let mut order = Vec::new();
    for _ in 0..5 {
        let assignment = assigned(&w).await;
        order.push(assignment.payload.clone());
        w.complete(&assignment, assignment.payload.clone()).await.expect("committed");
    }
    assert_eq!(order, ["high", "first", "second", "low", "late"]);
    let g = able(&client, &root, "g", &["cpu", "gpu"]).await;
    assert_eq!(assigned(&g).await.payload, "gpu");
}

#[tokio::test]
async fn claims_go_by_priority_delay_and_ability() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    queue.submit_batch(batch()).await.expect("submitted");
    for expected in ["high", "first", "second", "low", "late"] {
        let claim = queue.claim("w").await.expect("a claim");
        assert_eq!(claim.payload, expected);
        claim.complete(Bytes::new()).await.expect("committed");
    }
    let claim = queue.claim_able("g", &["gpu".to_owned()]).await.expect("a claim");
    assert_eq!(claim.payload, "gpu");
    claim.release().await.expect("given back");
}

#[tokio::test]
async fn a_failed_attempt_waits_and_a_fatal_failure_is_the_last() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let _boss = master(&client, &root, "m").await;
    let w = worker(&client, &root, "w", 4).await;
    let queue = TaskQueue::new(client.clone(), &root);
    let options = SubmitOptions { initial_backoff_ms: 300, ..plain() };
    let task = queue.submit(body("p"), options).await.expect("submitted");
    let first = assigned(&w).await;
    let failed = tokio::time::Instant::now();
    w.fail(&first, "not yet").await.expect("failed");
    let second = assigned(&w).await;
    assert_eq!((second.attempt, &second.task), (2, &task));
    assert!(failed.elapsed().as_millis() >= 290, "it came back after {:?}", failed.elapsed());
    // The first attempt's handler is too late, though the same worker has the task.
    let error = w.complete(&first, Bytes::new()).await.expect_err("of an earlier attempt");
    assert_eq!(error.name(), "CLAIM_LOST");
    w.fail(&second, Failure::fatal("never")).await.expect("failed for good");
    let result = queue.result(&task).await.expect("a dead letter");
    assert_eq!((result.attempt, result.result), (2, Err("never".to_owned())));
}

#[tokio::test]
async fn a_late_worker_is_told_and_another_attempt_made() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let _boss = master(&client, &root, "m").await;
    let w = worker(&client, &root, "w", 1).await;
    let queue = TaskQueue::new(client.clone(), &root);
    let options = SubmitOptions {
        start_to_close_ms: 400,
        initial_backoff_ms: 0,
        max_attempts: Some(2),
        ..plain()
    };
    let task = queue.submit(body("p"), options).await.expect("submitted");
    let first = assigned(&w).await;
    let (token, cause, reason) = revoked(&w).await;
    assert_eq!((token, cause), (first.token, Cause::Deadline));
    assert_eq!(reason, "not done within 400 ms during attempt 1");
    let second = assigned(&w).await;
    assert!(second.token > first.token);
    let error = w.complete(&first, body("late")).await.expect_err("too late");
    assert_eq!(error.name(), "CLAIM_LOST");
    let (_, cause, reason) = revoked(&w).await;
    assert_eq!(
        (cause, reason.as_str()),
        (Cause::Deadline, "not done within 400 ms during attempt 2")
    );
    let result = queue.result(&task).await.expect("a dead letter");
    assert_eq!((result.attempt, result.worker.as_str()), (2, "w"));
    assert_eq!(result.result, Err("not done within 400 ms during attempt 2".to_owned()));
}

#[tokio::test]
async fn a_sign_of_progress_keeps_a_task() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let _boss = master(&client, &root, "m").await;
    let w = worker(&client, &root, "w", 1).await;
    let queue = TaskQueue::new(client.clone(), &root);
    let options = SubmitOptions { heartbeat_ms: 1_500, max_attempts: Some(1), ..plain() };
    let task = queue.submit(body("p"), options).await.expect("submitted");
    let only = assigned(&w).await;
    let begun = tokio::time::Instant::now();
    // Work that takes longer than a heartbeat may.
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(200));
    while begun.elapsed().as_millis() < 2_000 {
        ticks.tick().await;
        w.progress(&only, b"going on").await.expect("still in hand");
    }
    let (_, cause, reason) = revoked(&w).await;
    assert_eq!(cause, Cause::Deadline);
    assert_eq!(reason, "no sign of progress for 1500 ms during attempt 1");
    assert_eq!(w.progress(&only, b"").await.expect_err("too late").name(), "CLAIM_LOST");
    assert!(queue.result(&task).await.expect("a dead letter").result.is_err());
    let folder = format!("{root}/progress");
    assert!(fleet::children(&client, &folder).await.is_empty(), "it went with the task");
}

#[tokio::test]
async fn what_nobody_takes_in_time_is_given_up() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let queue = TaskQueue::new(client.clone(), &root);
    let options = SubmitOptions { schedule_to_start_ms: 200, ..plain() };
    let before = queue.submit(body("p"), options.clone()).await.expect("submitted");
    let _boss = master(&client, &root, "m").await;
    let after = queue.submit(body("p"), options).await.expect("submitted");
    for task in [before, after] {
        let result = queue.result(&task).await.expect("a dead letter");
        assert_eq!(result.result, Err("no worker took it within 200 ms".to_owned()));
        assert_eq!((result.attempt, result.worker.as_str()), (1, ""));
    }
}

#[tokio::test]
async fn options_that_cannot_be_are_told() {
    let fleet = Fleet::start();
    let queue = TaskQueue::new(fleet.client().await, &fleet.root("queue"));
    let wrong = [
        SubmitOptions { max_attempts: Some(0), ..plain() },
        SubmitOptions { backoff_factor: 0.5, ..plain() },
        SubmitOptions { backoff_factor: f64::NAN, ..plain() },
        SubmitOptions { not_before_ms: Some(-1), ..plain() },
        SubmitOptions { needs: vec![String::new()], ..plain() },
        SubmitOptions { needs: vec!["x".repeat(4_000)], ..plain() },
        SubmitOptions { key: Some(String::new()), ..plain() },
        SubmitOptions { key: Some("k".repeat(256)), ..plain() },
    ];
    for options in wrong {
        let error = queue.submit(Bytes::new(), options.clone()).await.expect_err("cannot be");
        assert_eq!(error.name(), "INVALID_ARGUMENT", "{options:?}");
    }
}
