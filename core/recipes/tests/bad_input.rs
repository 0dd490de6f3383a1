//! What others put under a queue's root, and what a server does not let a program do.

mod fleet;

use bytes::Bytes;
use fleet::{Fleet, assigned, echo, elected, master, worker};
use pinfold_client::{Acl, Client, CreateMode};
use pinfold_recipes::{
    Cause, MAX_PAYLOAD, MasterEvent, SubmitOptions, TaskId, TaskQueue, Worker, WorkerOptions,
};

const READ: i32 = 1;
const ADMIN: i32 = 16;
const ALL: i32 = 31;

fn body(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn soon(max_attempts: u32) -> SubmitOptions {
    SubmitOptions {
        initial_backoff_ms: 0,
        max_attempts: Some(max_attempts),
        ..SubmitOptions::default()
    }
}

async fn put(client: &Client, path: &str, data: &'static str) {
    let made = client.create(path, data, CreateMode::Persistent, &Acl::open_unsafe()).await;
    made.expect("created by hand");
}

/// Everybody may do this with the znode.
async fn allow(client: &Client, path: &str, perms: i32) {
    let acl = [Acl::new(perms, "world", "anyone")];
    client.set_acl(path, &acl, -1).await.expect("set by hand");
}

/// A root with a queue in it, and things that do not belong there.
async fn littered(client: &Client, root: &str) -> TaskQueue {
    let queue = TaskQueue::new(client.clone(), root);
    let task = queue.submit(body("p"), soon(1)).await.expect("submitted");
    assert!(queue.cancel(&task, "not needed").await.expect("cancelled"));
    let litter = [
        ("notes", "hello"),
        ("tasks/readme", "hello"),
        ("tasks/t-x", "hello"),
        ("workers/odd", "no record"),
        ("assign/odd", ""),
        ("assign/odd/readme", "hello"),
        ("assign/gone", ""),
        ("assign/gone/t-0000000007", "no record"),
        ("results/readme", "hello"),
        ("dead/readme", "hello"),
        ("master/readme", "hello"),
        ("progress/t-0000000001", "no record"),
    ];
    for (name, data) in litter {
        put(client, &format!("{root}/{name}"), data).await;
    }
    queue
}

#[tokio::test]
async fn foreign_znodes_are_left_alone_by_masters_and_workers() {
    let fleet = Fleet::start();
    let (root, client) = (fleet.root("app"), fleet.client().await);
    let queue = littered(&client, &root).await;
    let boss = master(&client, &root, "m").await;
    elected(&boss).await;
    let w = echo(worker(&fleet.client().await, &root, "w", 4).await);
    for text in ["one", "two", "three"] {
        let task = queue.submit(body(text), soon(1)).await.expect("submitted");
        assert_eq!(queue.result(&task).await.expect("a result").result, Ok(body(text)));
    }
    // What looked like an assignment of a worker that is gone is a dead letter.
    let odd = TaskId::parse("t-0000000007").expect("a name");
    queue.result(&odd).await.expect("a dead letter");
    let letter = queue.dead_letter(&odd).await.expect("asked").expect("a letter");
    assert_eq!((letter.cause, &letter.payload), (Cause::Unreadable, &body("no record")));
    let names = fleet::children(&client, &format!("{root}/tasks")).await;
    assert_eq!(names, ["readme", "t-x"]);
    queue.drain().await.expect("nothing of ours is left");
    queue.metrics().await.expect("metrics");
    assert_eq!(queue.dead_letters(None, 9).await.expect("letters").len(), 2);
    w.abort();
}

#[tokio::test]
async fn foreign_znodes_are_left_alone_by_claimers() {
    let fleet = Fleet::start();
    let (root, client) = (fleet.root("queue"), fleet.client().await);
    let queue = littered(&client, &root).await;
    // No task record, and one that cannot be deleted.
    put(&client, &format!("{root}/tasks/t-0000000003"), "what").await;
    put(&client, &format!("{root}/tasks/t-0000000004"), "{\"attempt\":1}\n").await;
    put(&client, &format!("{root}/tasks/t-0000000004/child"), "").await;
    let task = queue.submit(body("p"), soon(1)).await.expect("submitted");
    let claim = queue.claim("w").await.expect("a claim");
    assert_eq!(claim.task, task);
    claim.complete(Bytes::new()).await.expect("committed");
    let odd = TaskId::parse("t-0000000003").expect("a name");
    let letter = queue.dead_letter(&odd).await.expect("asked").expect("a letter");
    assert_eq!(letter.cause, Cause::Unreadable);
    assert!(letter.reason.starts_with("not a record"), "{}", letter.reason);
    // What somebody wrote by hand can be replayed as a plain task.
    let again = queue.replay(&odd).await.expect("replayed");
    let claim = queue.claim("w").await.expect("a claim");
    assert_eq!((&claim.task, &claim.payload), (&again, &body("what")));
}

#[tokio::test]
async fn an_assignment_that_is_no_record_is_a_dead_letter_and_the_worker_lives() {
    let fleet = Fleet::start();
    let (root, client) = (fleet.root("app"), fleet.client().await);
    let w = worker(&client, &root, "w", 4).await;
    put(&client, &format!("{root}/assign/w/t-0000000009"), "no record").await;
    let queue = TaskQueue::new(client.clone(), &root);
    let odd = TaskId::parse("t-0000000009").expect("a name");
    let result = queue.result(&odd).await.expect("a dead letter");
    assert!(result.result.expect_err("dead").starts_with("not a record"));
    let _boss = master(&client, &root, "m").await;
    let task = queue.submit(body("p"), soon(1)).await.expect("submitted");
    assert_eq!(assigned(&w).await.task, task);
}

#[tokio::test]
async fn a_root_that_is_forbidden_is_told_with_its_path() {
    let fleet = Fleet::start();
    let (root, owner) = (fleet.root("closed"), fleet.client().await);
    owner.add_auth("digest", "owner:secret").await.expect("added");
    let made = owner.create(&root, "", CreateMode::Persistent, &Acl::creator_all()).await;
    made.expect("created");
    let stranger = fleet.client().await;
    let queue = TaskQueue::new(stranger.clone(), &root);
    let refused = [
        queue.submit(body("p"), soon(1)).await.expect_err("forbidden"),
        queue.claim("w").await.expect_err("forbidden"),
        Worker::start(&stranger, &root, WorkerOptions::new("w", 1)).await.expect_err("forbidden"),
    ];
    for error in refused {
        assert_eq!(error.name(), "NO_AUTH");
        assert!(error.path().is_some_and(|path| path.starts_with(&root)), "{error:?}");
        assert!(error.to_string().contains(&root), "{error}");
    }
    // With the folders there, and open, they can be used by who may make none.
    TaskQueue::new(owner.clone(), &root).submit(body("p"), soon(1)).await.expect("submitted");
    allow(&owner, &root, READ).await;
    assert_eq!(queue.claim("w").await.expect("a claim").payload, "p");
}

#[tokio::test]
async fn a_result_that_the_server_refuses_can_be_given_up_with_the_reason() {
    let fleet = Fleet::start();
    let (root, client) = (fleet.root("app"), fleet.client().await);
    let boss = master(&client, &root, "m").await;
    elected(&boss).await;
    let w = worker(&fleet.client().await, &root, "w", 1).await;
    let queue = TaskQueue::new(client.clone(), &root);
    allow(&client, &format!("{root}/results"), READ + ADMIN).await;
    let task = queue.submit(body("p"), soon(1)).await.expect("submitted");
    let held = assigned(&w).await;
    let error = w.complete(&held, body("r")).await.expect_err("forbidden");
    assert_eq!((error.name(), error.path()), ("NO_AUTH", Some(&*format!("{root}/results/{task}"))));
    let large = w.complete(&held, vec![0; MAX_PAYLOAD + 1].into()).await.expect_err("too large");
    assert_eq!(large.name(), "INVALID_ARGUMENT");
    assert!(large.message().contains(task.as_str()), "{large}");
    // Still in hand.
    w.fail(&held, error.to_string()).await.expect("given up");
    let reason = queue.result(&task).await.expect("a dead letter").result.expect_err("dead");
    assert!(reason.contains(&format!("{root}/results/{task}")), "{reason}");
    // The claim of one who drops it says the same.
    let claimer = TaskQueue::new(fleet.client().await, &root);
    w.stop().await.expect("stopped");
    let task = queue.submit(body("p"), soon(1)).await.expect("submitted");
    let claim = claimer.claim("c").await.expect("a claim");
    claim.complete(body("r")).await.expect_err("forbidden");
    drop(claim);
    let reason = queue.result(&task).await.expect("a dead letter").result.expect_err("dead");
    assert!(reason.contains(&format!("{root}/results/{task}")), "{reason}");
    allow(&client, &format!("{root}/results"), ALL).await;
    let task = queue.submit(body("p"), soon(1)).await.expect("submitted");
    let claim = claimer.claim("c").await.expect("alive");
    claim.complete(body("r")).await.expect("committed");
    assert!(queue.result(&task).await.expect("a result").result.is_ok());
}

#[tokio::test]
async fn a_task_that_may_not_be_read_keeps_no_other_waiting() {
    let fleet = Fleet::start();
    let (root, client) = (fleet.root("app"), fleet.client().await);
    let queue = TaskQueue::new(client.clone(), &root);
    let first = queue.submit(body("secret"), soon(1)).await.expect("submitted");
    allow(&client, &format!("{root}/tasks/{first}"), ALL - READ).await;
    let second = queue.submit(body("p"), soon(1)).await.expect("submitted");
    let boss = master(&client, &root, "m").await;
    let w = worker(&fleet.client().await, &root, "w", 4).await;
    let held = assigned(&w).await;
    assert_eq!(held.task, second);
    w.complete(&held, Bytes::new()).await.expect("committed");
    loop {
        match boss.next().await.expect("it leads on") {
            MasterEvent::Completed { task, .. } => break assert_eq!(task, second),
            MasterEvent::Deposed { reason } => panic!("{reason}"),
            _ => {}
        }
    }
    w.stop().await.expect("stopped");
    boss.stop().await.expect("stopped");
    let third = queue.submit(body("p"), soon(1)).await.expect("submitted");
    assert_eq!(queue.claim("c").await.expect("a claim").task, third);
}

#[tokio::test]
async fn the_payload_that_is_too_large_is_told() {
    let fleet = Fleet::start();
    let queue = TaskQueue::new(fleet.client().await, &fleet.root("queue"));
    let payloads = vec![body("small"), vec![0; MAX_PAYLOAD + 1].into()];
    let error = queue.submit_many(payloads).await.expect_err("too large");
    let expected = "payload 2 of 2 has 1000001 bytes, the limit is 1000000";
    assert_eq!((error.name(), error.message()), ("INVALID_ARGUMENT", expected));
    // Nothing of it was submitted.
    assert_eq!(queue.counts().await.expect("counts").waiting, 0);
}
