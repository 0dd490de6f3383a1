//! The order in which a session tells what happened, against a real server.

mod recorder;

use std::time::Duration;

use bytes::Bytes;
use pinfold_client::{
    Acl, AddWatchMode, Client, CreateMode, ErrorCode, Options, Request, Response, SessionState,
};
use pinfold_server::embedded::Server;
use recorder::{Recorder, Seen};
use tokio::sync::mpsc::UnboundedReceiver;

async fn start(server: &Server) -> (Client, UnboundedReceiver<Seen>) {
    let (recorder, mut seen) = Recorder::new();
    let options =
        Options { session_timeout: Duration::from_secs(40), ..Options::new(server.address()) };
    let client = Client::start(options, Some(recorder)).unwrap();
    assert_eq!(seen.recv().await, Some(Seen::State(SessionState::Connected)));
    let request = Request::Create {
        path: "/a".to_owned(),
        data: None,
        mode: CreateMode::Persistent,
        acl: Acl::open_unsafe(),
    };
    client.submit(0, request).unwrap();
    assert!(matches!(seen.recv().await, Some(Seen::Reply(0, Ok(_)))));
    (client, seen)
}

fn get(watch: bool) -> Request {
    Request::GetData { path: "/a".to_owned(), watch }
}

fn set(data: String) -> Request {
    Request::SetData { path: "/a".to_owned(), data: Some(Bytes::from(data)), version: -1 }
}

#[tokio::test]
async fn ten_thousand_requests_are_answered_in_call_order_with_events_before_replies() {
    const PAIRS: u64 = 5_000;
    let server = Server::start().unwrap();
    let (client, mut seen) = start(&server).await;
    for pair in 0..PAIRS {
        client.submit(2 * pair + 1, get(true)).unwrap();
        client.submit(2 * pair + 2, set(pair.to_string())).unwrap();
    }
    for pair in 0..PAIRS {
        let (armed, changed) = (2 * pair + 1, 2 * pair + 2);
        match seen.recv().await {
            Some(Seen::Reply(ticket, Ok(Response::Data { data, .. }))) => {
                assert_eq!(ticket, armed);
                let before = pair.checked_sub(1).map(|before| Bytes::from(before.to_string()));
                assert_eq!(data, before);
            }
            other => panic!("{other:?} where the reply to {armed} belongs"),
        }
        let event = seen.recv().await;
        assert!(matches!(event, Some(Seen::Event(ticket, _)) if ticket == armed), "{event:?}");
        let reply = seen.recv().await;
        assert!(
            matches!(reply, Some(Seen::Reply(ticket, Ok(Response::Stat(_)))) if ticket == changed),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn close_completes_every_ticket_and_is_last() {
    let server = Server::start().unwrap();
    let (client, mut seen) = start(&server).await;
    for ticket in 1..=100 {
        client.submit(ticket, set(ticket.to_string())).unwrap();
    }
    client.submit(101, Request::Close).unwrap();
    assert_eq!(client.submit(102, get(false)).unwrap_err().name(), "CLOSED");
    for ticket in 1..=100 {
        assert!(matches!(seen.recv().await, Some(Seen::Reply(at, Ok(_))) if at == ticket));
    }
    assert_eq!(seen.recv().await, Some(Seen::State(SessionState::Closed)));
    assert_eq!(seen.recv().await, Some(Seen::Reply(101, Ok(Response::Done))));
    assert_eq!(seen.recv().await, Some(Seen::Closed));
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_removed_watch_delivers_nothing_and_a_shared_one_stays_for_the_others() {
    let server = Server::start().unwrap();
    let (client, mut seen) = start(&server).await;
    let watch = || Request::AddWatch { path: "/a".to_owned(), mode: AddWatchMode::Persistent };
    client.submit(1, watch()).unwrap();
    client.submit(2, watch()).unwrap();
    for ticket in 1..=2 {
        assert_eq!(seen.recv().await, Some(Seen::Reply(ticket, Ok(Response::Done))));
    }
    client.submit(3, Request::RemoveWatches { ticket: 1 }).unwrap();
    client.submit(4, set("x".to_owned())).unwrap();
    client.submit(5, Request::RemoveWatches { ticket: 2 }).unwrap();
    assert_eq!(seen.recv().await, Some(Seen::Reply(3, Ok(Response::Done))));
    assert!(matches!(seen.recv().await, Some(Seen::Event(2, _))));
    assert!(matches!(seen.recv().await, Some(Seen::Reply(4, Ok(_)))));
    assert_eq!(seen.recv().await, Some(Seen::Reply(5, Ok(Response::Done))));
    client.submit(6, set("y".to_owned())).unwrap();
    client.submit(7, Request::RemoveWatches { ticket: 2 }).unwrap();
    assert!(matches!(seen.recv().await, Some(Seen::Reply(6, Ok(_)))));
    match seen.recv().await {
        Some(Seen::Reply(7, Err(error))) => assert!(error.is(ErrorCode::NoWatcher)),
        other => panic!("{other:?}"),
    }
}
