//! Order of completions, events and states at the sink.

use bytes::Bytes;
use pinfold_client::{
    Acl, CreateMode, ErrorCode, EventKind, Outcome, Request, Response, SessionState,
};

use crate::recorder::{Seen, record, rest};
use crate::{client, options, server};

fn create(path: &str) -> Request {
    Request::Create {
        path: path.to_owned(),
        data: Some(Bytes::from_static(b"x")),
        mode: CreateMode::Persistent,
        acl: Acl::open_unsafe(),
        ttl_ms: 0,
    }
}

/// Ten thousand requests in one go: the answers come in call order, each version once, and the
/// event of each change comes before the answer that reflects it.
#[tokio::test]
async fn ten_thousand_pipelined() {
    const PAIRS: u64 = 5000;
    let server = server();
    let (client, mut seen) = record(options(server.address()));
    client.connected().await.unwrap();
    client.submit(1, create("/x")).unwrap();
    for pair in 0..PAIRS {
        let path = "/x".to_owned();
        client.submit(2 + 2 * pair, Request::GetData { path, watch: true }).unwrap();
        let (path, data) = ("/x".to_owned(), Some(Bytes::from(pair.to_string())));
        client.submit(3 + 2 * pair, Request::SetData { path, data, version: -1 }).unwrap();
    }
    let closed = client.close();
    let all = rest(&mut seen).await;
    closed.await.unwrap();
    assert_eq!(all[0], Seen::State(SessionState::Connected));
    let mut all = all.into_iter().skip(1);
    assert!(matches!(all.next(), Some(Seen::Reply(1, Ok(Response::Created { .. })))));
    for pair in 0..PAIRS {
        let Some(Seen::Reply(ticket, Ok(Response::Data { stat, .. }))) = all.next() else {
            panic!("the answer to get {pair}");
        };
        assert_eq!((ticket, u64::try_from(stat.version)), (2 + 2 * pair, Ok(pair)));
        let Some(Seen::Event(watch, event)) = all.next() else { panic!("the event of {pair}") };
        assert_eq!((watch, event.kind), (ticket, EventKind::DataChanged));
        let Some(Seen::Reply(ticket, Ok(Response::Stat(stat)))) = all.next() else {
            panic!("the answer to set {pair}");
        };
        assert_eq!((ticket, u64::try_from(stat.version)), (3 + 2 * pair, Ok(pair + 1)));
        assert_eq!(event.zxid, stat.mzxid);
    }
    assert_eq!(all.next(), Some(Seen::State(SessionState::Closed)));
    assert_eq!(all.next(), Some(Seen::Closed));
}

/// Whatever was submitted before the close is answered before the close; nothing is taken after.
#[tokio::test]
async fn close_completes_every_ticket() {
    let server = server();
    let (client, mut seen) = record(options(server.address()));
    client.connected().await.unwrap();
    for ticket in 0..1000 {
        client.submit(ticket, create(&format!("/{ticket}"))).unwrap();
    }
    let (first, second) = (client.close(), client.close());
    let refused = client.submit(1000, create("/late")).unwrap_err();
    assert_eq!((refused.name(), refused.outcome()), ("CLOSED", Outcome::NotApplied));
    first.await.unwrap();
    second.await.unwrap();
    client.close().await.unwrap();
    let answered = rest(&mut seen).await;
    let replies = answered.iter().filter(|seen| matches!(seen, Seen::Reply(_, Ok(_))));
    assert_eq!(replies.count(), 1000);
    let late = client.exists("/late").await.unwrap_err();
    assert_eq!((late.name(), late.path()), ("CLOSED", Some("/late")));
}

/// A session that never reaches a server closes all the same, and completes what was submitted.
#[tokio::test]
async fn close_without_a_server() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (client, mut seen) = record(options(nobody.local_addr().unwrap().to_string()));
    client.submit(1, create("/x")).unwrap();
    client.close().await.unwrap();
    let all = rest(&mut seen).await;
    let Some(Seen::Reply(1, Err(error))) = all.first() else { panic!("{all:?}") };
    assert_eq!((error.name(), error.outcome()), ("CLOSED", Outcome::NotApplied));
}

/// A future takes its place when it is made, and keeps it when it is dropped.
#[tokio::test]
async fn futures_keep_call_order() {
    let server = server();
    let client = client(&server).await;
    let acl = Acl::open_unsafe();
    let created = client.create("/f", "0", CreateMode::Persistent, &acl);
    let watched = client.get_watch("/f");
    drop(client.set("/f", "1", 0));
    let last = client.get("/f").await.unwrap();
    assert_eq!((&last.0[..], last.1.version), (&b"1"[..], 1));
    let (data, stat, mut watch) = watched.await.unwrap();
    assert_eq!((&data[..], stat.version), (&b"0"[..], 0));
    assert_eq!(watch.next().await.map(|event| event.kind), Some(EventKind::DataChanged));
    assert_eq!(watch.next().await, None);
    assert_eq!(created.await.unwrap().path, "/f");
    assert!(client.delete("/f", 0).await.unwrap_err().is(ErrorCode::BadVersion));
}
