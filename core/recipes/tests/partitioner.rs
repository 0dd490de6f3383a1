//! Items spread over members on a real server.

mod fleet;

use std::collections::BTreeSet;

use fleet::{Fleet, children, connect, expired};
use pinfold_client::{Client, MultiOp};
use pinfold_recipes::{PartitionEvent, Partitioner};

const ITEMS: usize = 24;

fn items() -> impl Iterator<Item = String> {
    (0..ITEMS).map(|i| format!("item-{i:02}"))
}

async fn join(client: &Client, path: &str, id: &str, capacity: u32) -> Partitioner {
    Partitioner::start(client, path, id, items(), capacity).await.unwrap()
}

/// Takes what it is given and gives back what it is asked for, until `done` or the end.
async fn settle(mine: &Partitioner, done: impl Fn(usize) -> bool) -> BTreeSet<String> {
    let mut held: BTreeSet<String> = mine.held().into_iter().map(|(item, _)| item).collect();
    while !done(held.len()) {
        match mine.next().await.expect("an event before the end") {
            PartitionEvent::Gained { item, .. } => {
                held.insert(item);
            }
            PartitionEvent::Revoked { item } => {
                assert!(held.remove(&item), "{item}");
                mine.release(&item).await.unwrap();
            }
            PartitionEvent::Lost { item, .. } => {
                held.remove(&item);
            }
        }
    }
    held
}

#[tokio::test]
async fn items_move_to_who_comes_and_from_who_goes() {
    let fleet = Fleet::start();
    let path = fleet.root("partition");
    let (a, b) = (fleet.client().await, fleet.client().await);
    let first = join(&a, &path, "a", 1).await;
    assert_eq!(settle(&first, |count| count == ITEMS).await.len(), ITEMS);
    let second = join(&b, &path, "b", 1).await;
    // Whatever the hash gives, both come to all of them, and each item is in one hand.
    let idle = fleet.client().await;
    let third = join(&idle, &path, "idle", 0).await;
    let claims = format!("{path}/claims");
    let names = |member: &Partitioner| -> BTreeSet<String> {
        member.held().into_iter().map(|(item, _)| item).collect()
    };
    tokio::select! {
        _ = settle(&first, |_| false) => {}
        _ = settle(&second, |_| false) => {}
        () = async {
            loop {
                let (mine, theirs) = (names(&first), names(&second));
                assert!(mine.is_disjoint(&theirs));
                if !theirs.is_empty() && mine.len() + theirs.len() == ITEMS {
                    break;
                }
                tokio::task::yield_now().await;
            }
        } => {}
    }
    assert!(third.held().is_empty());
    // The second goes: the first has them all again, and the writes of the second are refused.
    let kept: Vec<_> = second.held();
    second.close().await.unwrap();
    settle(&first, |count| count == ITEMS).await;
    let tokens: std::collections::BTreeMap<_, _> = first.held().into_iter().collect();
    assert!(kept.iter().all(|(item, token)| tokens[item] > *token));
    let set = |path: &str| MultiOp::SetData { path: path.to_owned(), data: None, version: -1 };
    first.write("item-01", vec![set(&path)]).await.unwrap();
    let refused = first.write("other", vec![set(&path)]).await.unwrap_err();
    assert_eq!(refused.name(), "CLAIM_LOST");
    first.close().await.unwrap();
    assert!(children(&b, &claims).await.is_empty());
    assert!(Partitioner::start(&a, &path, "a", ["a/b".to_owned()], 1).await.is_err());
}

#[tokio::test]
async fn an_item_is_nobody_elses_before_it_is_released() {
    let fleet = Fleet::start();
    let path = fleet.root("partition");
    let first = join(&fleet.client().await, &path, "a", 1).await;
    settle(&first, |count| count == ITEMS).await;
    let second = join(&fleet.client().await, &path, "b", 1_000).await;
    let mut asked = BTreeSet::new();
    while asked.len() < ITEMS / 2 {
        match first.next().await.unwrap() {
            PartitionEvent::Revoked { item } => asked.insert(item),
            event => panic!("{event:?}"),
        };
    }
    assert!(second.held().is_empty());
    assert_eq!(first.held().len(), ITEMS);
    let item = asked.pop_first().unwrap();
    first.release(&item).await.unwrap();
    let gained = second.next().await.unwrap();
    assert!(matches!(&gained, PartitionEvent::Gained { item: other, .. } if *other == item));
}

#[tokio::test]
async fn a_member_that_is_cut_off_loses_its_items_before_another_has_them() {
    let fleet = Fleet::start();
    let path = fleet.root("partition");
    let (direct, proxy) = (fleet.client().await, fleet.proxy().await);
    let theirs = connect(&proxy.hosts).await;
    let cut_off = join(&theirs, &path, "a", 1).await;
    settle(&cut_off, |count| count == ITEMS).await;
    proxy.silence();
    let next = join(&direct, &path, "b", 1).await;
    let mut lost = 0;
    // The first event of the other may come only when nothing is held here.
    let gained = next.next();
    tokio::pin!(gained);
    while lost < ITEMS {
        tokio::select! {
            biased;
            event = cut_off.next() => match event.unwrap() {
                PartitionEvent::Lost { .. } => lost += 1,
                event => panic!("{event:?}"),
            },
            event = &mut gained => panic!("{event:?} with {:?}", cut_off.held()),
        }
    }
    assert!(cut_off.held().is_empty());
    let event = gained.await.unwrap();
    assert!(matches!(event, PartitionEvent::Gained { .. }));
    settle(&next, |count| count == ITEMS).await;
    proxy.open();
    expired(&theirs).await;
    assert_eq!(cut_off.next().await, None);
    assert_eq!(cut_off.close().await.unwrap_err().name(), "CLAIM_LOST");
}
