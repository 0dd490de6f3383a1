//! How far the work is, as the submitter sees it.

mod fleet;

use bytes::Bytes;
use fleet::{Fleet, connect};
use pinfold_recipes::{Progress, SubmitOptions, TaskQueue};

async fn word(progress: &mut Progress) -> (u32, Bytes) {
    let item = progress.next().await.expect("a progress before the end").expect("no error");
    assert_eq!(item.worker, "w");
    assert!(item.at_ms > 0);
    (item.attempt, item.data)
}

#[tokio::test]
async fn every_word_comes_until_the_end() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let options = SubmitOptions { initial_backoff_ms: 0, ..SubmitOptions::default() };
    let task = queue.submit(Bytes::new(), options).await.expect("submitted");
    let user = TaskQueue::new(fleet.client().await, &root);
    let mut progress = user.progress(&task);
    let claim = queue.claim("w").await.expect("a claim");
    for text in ["one", "two", "three"] {
        claim.progress(text.as_bytes()).await.expect("in hand");
        assert_eq!(word(&mut progress).await, (1, Bytes::from(text)));
    }
    claim.fail("try again").await.expect("failed");
    let claim = queue.claim("w").await.expect("a claim");
    claim.progress(b"four").await.expect("in hand");
    assert_eq!(word(&mut progress).await, (2, Bytes::from_static(b"four")));
    // Who comes later is told what was said last.
    let mut late = user.progress(&task);
    assert_eq!(word(&mut late).await, (2, Bytes::from_static(b"four")));
    claim.complete(Bytes::new()).await.expect("committed");
    assert!(progress.next().await.is_none() && late.next().await.is_none());
    assert!(user.progress(&task).next().await.is_none());
}

#[tokio::test]
async fn the_latest_word_counts_also_over_a_broken_connection() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let queue = TaskQueue::new(fleet.client().await, &root);
    let task = queue.submit(Bytes::new(), SubmitOptions::default()).await.expect("submitted");
    let proxy = fleet.proxy().await;
    let mut progress = TaskQueue::new(connect(&proxy.hosts).await, &root).progress(&task);
    let claim = queue.claim("w").await.expect("a claim");
    claim.progress(b"0").await.expect("in hand");
    assert_eq!(word(&mut progress).await.1, Bytes::from_static(b"0"));
    proxy.close();
    for n in 1..=50 {
        claim.progress(n.to_string().as_bytes()).await.expect("in hand");
    }
    proxy.open();
    // One may have been read before the connection broke.
    while word(&mut progress).await.1 != "50" {}
    proxy.close();
    assert!(queue.cancel(&task, "enough").await.expect("cancelled"));
    proxy.open();
    assert!(progress.next().await.is_none());
}

#[tokio::test]
async fn the_sessions_end_is_the_last_item() {
    let fleet = Fleet::start();
    let root = fleet.root("queue");
    let client = fleet.client().await;
    let queue = TaskQueue::new(client.clone(), &root);
    let task = queue.submit(Bytes::new(), SubmitOptions::default()).await.expect("submitted");
    let mut progress = queue.progress(&task);
    client.close().await.expect("closed");
    let error = progress.next().await.expect("an item").expect_err("the end");
    assert_eq!(error.name(), "CLOSED");
    assert!(progress.next().await.is_none());
}
