//! What a host is told, and in which order, against a real server.

use std::time::Duration;

use bytes::Bytes;
use pinfold_glue::{Client, Item, Op, Options, Server, ServerOptions, SessionState, Value};

const LONG: Option<Duration> = Some(Duration::from_secs(60));

fn open(server: &Server) -> Client {
    let mut options = Options::new(server.address());
    options.session_timeout_ms = 40_000;
    let client = Client::open(options).unwrap();
    client.wait_connected().unwrap();
    client
}

/// Takes items until the client is closed.
fn drain_to_the_end(client: &Client) -> Vec<Item> {
    let mut items = Vec::new();
    while client.wait(LONG) {
        items.extend(client.drain(usize::MAX));
    }
    items
}

fn submit_task(payload: String) -> Op {
    Op::recipe("queue_submit", vec!["/queue".into(), Bytes::from(payload).into()]).unwrap()
}

#[test]
fn pipelined_tasks_are_numbered_in_call_order() {
    let server = Server::start(ServerOptions::default()).unwrap();
    let client = open(&server);
    client.call(submit_task("first".to_owned()), LONG).unwrap();
    let tickets: Vec<u64> =
        (0..200).map(|i| client.submit(submit_task(i.to_string())).unwrap()).collect();
    let mut tasks = Vec::new();
    while tasks.len() < tickets.len() {
        assert!(client.wait(LONG));
        for item in client.drain(usize::MAX) {
            if let Item::Reply { ticket, result } = item {
                match result.unwrap() {
                    Value::Task(task) => tasks.push((ticket, task)),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    tasks.sort_unstable();
    assert!(tasks.windows(2).all(|pair| pair[0].1 < pair[1].1), "{tasks:?}");
}

#[test]
fn close_completes_every_ticket_and_closed_is_last() {
    let server = Server::start(ServerOptions::default()).unwrap();
    let client = open(&server);
    let campaign = Op::recipe("election_campaign", vec!["/election".into()]).unwrap();
    let won = client.call(campaign.clone(), LONG).unwrap();
    assert!(won.handle().is_some(), "{won:?}");
    let waits = client.submit(campaign).unwrap();
    let syncs: Vec<u64> =
        (0..50).map(|_| client.submit(Op::Sync { path: "/".to_owned() }).unwrap()).collect();
    client.close();
    client.close();
    let refused = client.submit(Op::Sync { path: "/".to_owned() }).unwrap_err();
    assert_eq!(refused.name, "CLOSED");
    let items = drain_to_the_end(&client);
    assert_eq!(items.last(), Some(&Item::Closed));
    let closed = items.iter().filter(|item| matches!(item, Item::Closed)).count();
    assert_eq!(closed, 1);
    assert!(items.contains(&Item::State(SessionState::Closed)));
    for wanted in syncs.into_iter().chain([waits]) {
        let replies = items
            .iter()
            .filter(|item| matches!(item, Item::Reply { ticket, .. } if *ticket == wanted));
        assert_eq!(replies.count(), 1, "ticket {wanted}");
    }
}

#[test]
fn a_call_past_its_time_limit_leaves_the_outcome_open() {
    let server = Server::start(ServerOptions::default()).unwrap();
    let client = open(&server);
    let wait = Op::recipe("queue_claim", vec!["/empty".into(), "w".into()]).unwrap();
    let error = client.call(wait, Some(Duration::ZERO)).unwrap_err();
    assert_eq!(error.name, "TIMEOUT");
    client.call(Op::Sync { path: "/".to_owned() }, LONG).unwrap();
}
