//! Barriers and counters on a real server, also over broken connections.

mod fleet;

use fleet::{CREATES, Fleet, MULTI, children, connect, expired};
use pinfold_recipes::{Barrier, Counter, DoubleBarrier};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_barrier_holds_back_until_it_is_removed() {
    let fleet = Fleet::start();
    let path = format!("{}/deep/barrier", fleet.root("barrier"));
    let (a, b) = (fleet.client().await, fleet.client().await);
    let (ours, theirs) = (Barrier::new(a, &path), Barrier::new(b.clone(), &path));
    theirs.wait().await.unwrap();
    ours.set().await.unwrap();
    ours.set().await.unwrap();
    assert!(theirs.is_set().await.unwrap());
    let waiting = tokio::spawn(async move { theirs.wait().await.unwrap() });
    // A watch is armed by the waiting one's read; what comes after it in its session comes later.
    b.sync(&path).await.unwrap();
    assert!(!waiting.is_finished());
    ours.remove().await.unwrap();
    ours.remove().await.unwrap();
    waiting.await.unwrap();
    assert!(!ours.is_set().await.unwrap());
}

#[tokio::test]
async fn nobody_is_in_before_all_have_come_nor_out_before_all_have_left() {
    let fleet = Fleet::start();
    let path = fleet.root("double");
    let client = fleet.client().await;
    for _ in 0..3 {
        let barrier = DoubleBarrier::new(client.clone(), &path, 3);
        let mut entering = JoinSet::new();
        for _ in 0..2 {
            let barrier = barrier.clone();
            entering.spawn(async move { barrier.enter().await.unwrap() });
        }
        while fleet.members(&client, &path).await < 2 {}
        assert!(entering.try_join_next().is_none());
        let last = barrier.enter().await.unwrap();
        let mut inside = entering.join_all().await;
        inside.push(last);
        assert!(inside.iter().all(pinfold_recipes::Round::is_in));
        let last = inside.remove(0);
        let mut leaving = JoinSet::new();
        for round in inside {
            leaving.spawn(async move { round.leave().await.unwrap() });
        }
        // The one that stays is the only reason why nobody is out.
        tokio::task::yield_now().await;
        assert!(leaving.try_join_next().is_none());
        last.leave().await.unwrap();
        leaving.join_all().await;
        assert_eq!(children(&client, &path).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn one_whose_session_ends_has_left() {
    let fleet = Fleet::start();
    let path = fleet.root("double");
    let (a, proxy) = (fleet.client().await, fleet.proxy().await);
    let b = connect(&proxy.hosts).await;
    let barrier = DoubleBarrier::new(a.clone(), &path, 2);
    let theirs = DoubleBarrier::new(b.clone(), &path, 2);
    let (ours, theirs) = tokio::join!(barrier.enter(), theirs.enter());
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    proxy.silence();
    ours.leave().await.unwrap();
    assert!(!theirs.is_in());
    proxy.open();
    expired(&b).await;
    // What the broken round left behind opens nothing.
    let next = barrier.clone();
    let waiting = tokio::spawn(async move { next.enter().await.unwrap() });
    while fleet.members(&a, &path).await < 1 {}
    assert!(!waiting.is_finished());
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    while fleet.members(&a, &path).await > 0 {}
}

#[tokio::test]
async fn a_counter_counts_each_change_once() {
    let fleet = Fleet::start();
    let path = fleet.root("counter");
    let client = fleet.client().await;
    let mut adding = JoinSet::new();
    for _ in 0..4 {
        let counter = Counter::new(fleet.client().await, &path);
        adding.spawn(async move {
            for _ in 0..25 {
                counter.add(1).await.unwrap();
            }
        });
    }
    adding.join_all().await;
    let counter = Counter::new(client.clone(), &path);
    assert_eq!(counter.get().await.unwrap(), 100);
    counter.set(7).await.unwrap();
    assert!(!counter.compare_and_set(6, 1).await.unwrap());
    assert!(counter.compare_and_set(7, i64::MAX).await.unwrap());
    let error = counter.add(1).await.unwrap_err();
    assert_eq!(error.name(), "INVALID_ARGUMENT");
    assert_eq!(counter.add(-1).await.unwrap(), i64::MAX - 1);
    drop(counter);
    while children(&client, &path).await.iter().any(|name| name.starts_with("m-")) {}
    client.set(&path, "many", -1).await.unwrap();
    let error = Counter::new(client, &path).add(1).await.unwrap_err();
    assert!(error.to_string().contains("many"), "{error}");
}

#[tokio::test]
async fn a_change_is_made_once_whatever_reply_is_lost() {
    let fleet = Fleet::start();
    let path = fleet.root("counter");
    let direct = fleet.client().await;
    let proxy = fleet.proxy().await;
    let counter = Counter::new(connect(&proxy.hosts).await, &path);
    proxy.cut_after(CREATES);
    assert_eq!(counter.add(1).await.unwrap(), 1);
    assert!(proxy.was_cut());
    for number in 2..5 {
        proxy.cut_after(MULTI);
        assert_eq!(counter.add(1).await.unwrap(), number);
        assert!(proxy.was_cut());
    }
    // Another's change right behind the lost reply hides nothing.
    let theirs = Counter::new(direct.clone(), &path);
    proxy.cut_after(MULTI);
    let (ours, others) = tokio::join!(counter.add(1), theirs.add(10));
    let mut numbers = [ours.unwrap(), others.unwrap()];
    numbers.sort_unstable();
    assert!([[5, 15], [14, 15]].contains(&numbers), "{numbers:?}");
    assert_eq!(theirs.get().await.unwrap(), 15);
}

#[tokio::test]
async fn those_that_meet_too_often_take_turns() {
    let fleet = Fleet::start();
    let path = fleet.root("counter");
    let client = fleet.client().await;
    let counter = Counter::new(client.clone(), &path);
    assert_eq!(counter.add(1).await.unwrap(), 1);
    // Whoever holds the line keeps those waiting that have met others three times.
    let line = format!("{path}/line");
    let turn = pinfold_recipes::Lock::new(client.clone(), &line);
    let turn = turn.acquire(bytes::Bytes::new()).await.unwrap();
    let theirs = Counter::new(fleet.client().await, &path);
    let adding = tokio::spawn(async move { theirs.add(1).await.unwrap() });
    // It meets this as long as it does not stand in the line.
    while children(&client, &line).await.len() < 2 && !adding.is_finished() {
        client.set(&path, "1", -1).await.unwrap();
    }
    if !adding.is_finished() {
        turn.release().await.unwrap();
    }
    assert_eq!(adding.await.unwrap(), 2);
}
