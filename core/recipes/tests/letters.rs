//! Dead letters, replays, and what is forgotten.

mod fleet;

use std::time::Duration;

use bytes::Bytes;
use fleet::{Fleet, MULTI, children, connect, elected};
use pinfold_client::Client;
use pinfold_recipes::{Cause, Failure, Master, MasterOptions, SubmitOptions, TaskId, TaskQueue};

fn body(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn odd() -> SubmitOptions {
    SubmitOptions {
        max_attempts: Some(2),
        initial_backoff_ms: 10,
        priority: 3,
        key: Some("k".to_owned()),
        heartbeat_ms: 60_000,
        ..SubmitOptions::default()
    }
}

/// A task that its worker gave up for good.
async fn dead(queue: &TaskQueue, payload: &'static str, options: SubmitOptions) -> TaskId {
    let task = queue.submit(body(payload), options).await.expect("submitted");
    let claim = queue.claim("w").await.expect("a claim");
    assert_eq!(claim.task, task);
    claim.fail(Failure::fatal(format!("{payload} failed"))).await.expect("given up");
    task
}

async fn done(queue: &TaskQueue, options: SubmitOptions) -> TaskId {
    let task = queue.submit(body("p"), options).await.expect("submitted");
    let claim = queue.claim("w").await.expect("a claim");
    claim.complete(Bytes::new()).await.expect("committed");
    task
}

#[tokio::test]
async fn letters_tell_everything_and_come_in_parts() {
    let fleet = Fleet::start();
    let client = fleet.client().await;
    let root = fleet.root("queue");
    let queue = TaskQueue::new(client.clone(), &root);
    assert_eq!(queue.dead_letters(None, 10).await.expect("no root yet"), []);
    let first = dead(&queue, "one", odd()).await;
    let second = dead(&queue, "two", SubmitOptions::default()).await;
    let third = queue.submit(body("three"), SubmitOptions::default()).await.expect("submitted");
    queue.cancel(&third, "no more").await.expect("cancelled");
    let letters = queue.dead_letters(None, 10).await.expect("letters");
    let tasks: Vec<&TaskId> = letters.iter().map(|letter| &letter.task).collect();
    assert_eq!(tasks, [&first, &second, &third]);
    let letter = &letters[0];
    assert_eq!((letter.attempt, letter.worker.as_str()), (1, "w"));
    assert_eq!((letter.cause, letter.reason.as_str()), (Cause::Failed, "one failed"));
    assert_eq!((&letter.payload, &letter.options), (&body("one"), &odd()));
    assert!((client.wall_ms() - letter.ended_ms).abs() < 60_000, "{}", letter.ended_ms);
    assert_eq!((letters[2].cause, letters[2].worker.as_str()), (Cause::Cancelled, ""));
    let part = queue.dead_letters(Some(&first), 1).await.expect("letters");
    assert_eq!(part, letters[1..2]);
    assert_eq!(queue.dead_letter(&third).await.expect("a letter").as_ref(), Some(&letters[2]));
    // Somebody else's znode in the folder.
    client.set(&format!("{root}/dead/{first}"), "what", -1).await.expect("set by hand");
    let letter = queue.dead_letter(&first).await.expect("a letter").expect("still there");
    assert_eq!((letter.cause, &letter.payload), (Cause::Unreadable, &body("what")));
}

#[tokio::test]
async fn a_replay_is_a_new_task_with_the_same_options_and_key() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let task = dead(&queue, "one", odd()).await;
    let again = queue.replay(&task).await.expect("replayed");
    assert!(again > task);
    assert_eq!(queue.dead_letter(&task).await.expect("asked"), None);
    let same = queue.submit(Bytes::new(), odd()).await.expect("the key stands for it");
    assert_eq!(same, again);
    let claim = queue.claim("w").await.expect("a claim");
    assert_eq!((&claim.task, claim.attempt, &claim.payload), (&again, 1, &body("one")));
    claim.fail(Failure::fatal("once more")).await.expect("given up");
    let letter = queue.dead_letter(&again).await.expect("asked").expect("a letter");
    assert_eq!(letter.options, odd());
    let error = queue.replay(&task).await.expect_err("no letter");
    assert_eq!(error.name(), "NO_NODE");
    assert!(error.message().contains(task.as_str()), "{error}");
    assert_eq!(error.path(), Some(format!("{root}/dead/{task}").as_str()));
}

#[tokio::test]
async fn a_replay_is_made_once_though_replies_are_lost_and_two_ask() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let direct = TaskQueue::new(fleet.client().await, &root);
    let proxy = fleet.proxy().await;
    let queue = TaskQueue::new(connect(&proxy.hosts).await, &root);
    for options in [odd(), SubmitOptions::default()] {
        let task = dead(&direct, "p", options).await;
        proxy.cut_after(MULTI);
        let again = queue.replay(&task).await.expect("replayed");
        assert!(proxy.was_cut());
        assert_eq!(direct.counts().await.expect("counts").waiting, 1);
        assert!(direct.cancel(&again, "gone").await.expect("cancelled"));
        // Both may have read the letter before it went.
        let (one, two) = tokio::join!(direct.replay(&again), queue.replay(&again));
        let made: Vec<TaskId> = [one, two].into_iter().flatten().collect();
        assert!(!made.is_empty() && made.iter().all(|task| *task == made[0]), "{made:?}");
        assert_eq!(direct.counts().await.expect("counts").waiting, 1);
        assert!(direct.cancel(&made[0], "gone").await.expect("cancelled"));
        assert!(direct.forget(&made[0]).await.expect("forgotten"));
    }
}

#[tokio::test]
async fn what_is_forgotten_frees_its_key() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let client = fleet.client().await;
    let queue = TaskQueue::new(client.clone(), &root);
    let first = done(&queue, odd()).await;
    assert!(queue.forget(&first).await.expect("forgotten"));
    assert!(!queue.forget(&first).await.expect("not there"));
    let second = dead(&queue, "two", odd()).await;
    assert_ne!(second, first);
    assert!(queue.forget(&second).await.expect("forgotten"));
    assert!(children(&client, &format!("{root}/keys")).await.is_empty());
    let third = queue.submit(body("three"), odd()).await.expect("submitted");
    assert!(!queue.forget(&third).await.expect("it waits"));
    assert_eq!(queue.counts().await.expect("counts").waiting, 1);
    // A lost reply is a success.
    let claim = queue.claim("w").await.expect("a claim");
    claim.complete(Bytes::new()).await.expect("committed");
    let proxy = fleet.proxy().await;
    let unlucky = TaskQueue::new(connect(&proxy.hosts).await, &root);
    proxy.cut_after(MULTI);
    assert!(unlucky.forget(&third).await.expect("forgotten"));
    assert!(proxy.was_cut());
}

#[tokio::test]
async fn the_old_ones_are_forgotten_by_kind() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    for _ in 0..3 {
        done(&queue, SubmitOptions::default()).await;
    }
    dead(&queue, "p", odd()).await;
    assert_eq!(queue.forget_results(Duration::from_secs(3_600)).await.expect("none so old"), 0);
    assert_eq!(queue.forget_results(Duration::ZERO).await.expect("forgotten"), 3);
    let counts = queue.counts().await.expect("counts");
    assert_eq!((counts.done, counts.dead), (0, 1));
    assert_eq!(queue.forget_dead(Duration::ZERO).await.expect("forgotten"), 1);
}

/// Resolves when the folder is empty.
async fn emptied(client: &Client, folder: &str) {
    loop {
        let (left, _, mut watch) = client.get_children_watch(folder).await.expect("the children");
        if left.is_empty() {
            return;
        }
        watch.next().await.expect("an event");
    }
}

#[tokio::test]
async fn a_leading_master_forgets_what_is_old() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let queue = TaskQueue::new(client.clone(), &root);
    done(&queue, SubmitOptions { key: Some("done".to_owned()), ..odd() }).await;
    let letter = dead(&queue, "p", odd()).await;
    let retention = Some(Duration::from_millis(100));
    let options = MasterOptions { retention, ..MasterOptions::new("m") };
    let boss = Master::start(&client, &root, options).await.expect("a master");
    elected(&boss).await;
    emptied(&client, &format!("{root}/results")).await;
    done(&queue, SubmitOptions::default()).await;
    emptied(&client, &format!("{root}/results")).await;
    assert_eq!(children(&client, &format!("{root}/keys")).await, ["k"]);
    assert!(queue.dead_letter(&letter).await.expect("asked").is_some(), "kept: nothing was said");
    boss.stop().await.expect("stopped");
    let options = MasterOptions { dead_retention: retention, ..MasterOptions::new("m") };
    let _boss = Master::start(&client, &root, options).await.expect("a master");
    emptied(&client, &format!("{root}/dead")).await;
    assert!(children(&client, &format!("{root}/keys")).await.is_empty());
}
