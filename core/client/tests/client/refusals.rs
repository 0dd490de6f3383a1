//! What is refused before anything is sent.

use bytes::Bytes;
use pinfold_client::{
    Acl, Client, CreateMode, ErrorCode, MultiOp, Options, Outcome, Request, Response,
};

use crate::recorder::{Seen, record, rest};
use crate::{client, options, server};

#[tokio::test]
async fn illegal_paths_name_the_path() {
    let server = server();
    let client = client(&server).await;
    for path in ["", "x", "/x/", "//x", "/./x", "/x/..", "/\0", "/\u{1f600}"] {
        let error = client.exists(path).await.unwrap_err();
        assert!(error.is(ErrorCode::BadArguments), "{path:?}: {error}");
        assert_eq!((error.path(), error.outcome()), (Some(path), Outcome::NotApplied));
        assert!(error.message().contains(&format!("{path:?}")), "{error}");
    }
    let ops = vec![
        MultiOp::Check { path: "/".to_owned(), version: -1 },
        MultiOp::Delete { path: "/x/".to_owned(), version: -1 },
    ];
    let error = client.multi(ops).await.unwrap_err();
    assert_eq!((error.op_index(), error.path()), (Some(1), Some("/x/")));
}

/// The largest request that the server takes is sent, and one byte more is refused with both
/// numbers, so that nobody is cut off for it.
#[tokio::test]
async fn requests_have_a_size_limit() {
    let server = server();
    for chroot in ["", "/c"] {
        let client = Client::connect(options(server.address() + chroot)).await.unwrap();
        client.create("/", "", CreateMode::Persistent, &Acl::open_unsafe()).await.ok();
        let limit = client.options().max_request;
        // Header, path, length of the data, version.
        let fits = limit - (8 + 4 + chroot.len().max(1) + 4 + 4);
        let sent = if chroot.is_empty() { fits } else { fits - "/".len() };
        client.create("/x", "", CreateMode::Persistent, &Acl::open_unsafe()).await.ok();
        let most = sent - "x".len();
        client.set("/x", vec![0; most], -1).await.unwrap();
        let error = client.set("/x", vec![0; most + 1], -1).await.unwrap_err();
        assert!(error.is(ErrorCode::BadArguments), "{error}");
        assert_eq!(error.path(), Some("/x"));
        for number in [limit, limit + 1] {
            assert!(error.message().contains(&number.to_string()), "{error}");
        }
    }
}

#[tokio::test]
async fn the_window_has_a_limit() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hosts = nobody.local_addr().unwrap().to_string();
    let (client, mut seen) = record(Options { in_flight_limit: 4, ..options(hosts) });
    let read = || Request::GetData { path: "/".to_owned(), watch: false };
    for ticket in 1..=4 {
        client.submit(ticket, read()).unwrap();
    }
    let error = client.submit(5, read()).unwrap_err();
    assert_eq!((error.code(), error.outcome()), (-1001, Outcome::NotApplied));
    assert!(error.message().contains('4'), "{error}");
    client.close().await.unwrap();
    let tickets = rest(&mut seen).await.into_iter().filter_map(|seen| match seen {
        Seen::Reply(ticket, Err(_)) => Some(ticket),
        _ => None,
    });
    assert_eq!(tickets.collect::<Vec<_>>(), [1, 2, 3, 4]);
}

/// The window opens again with every answer.
#[tokio::test]
async fn the_window_moves_on() {
    let server = server();
    let (client, mut seen) = record(Options { in_flight_limit: 1, ..options(server.address()) });
    for ticket in 1..=10 {
        let data = Some(Bytes::from_static(b"x"));
        let request = Request::SetData { path: "/".to_owned(), data, version: -1 };
        client.submit(ticket, request).unwrap();
        loop {
            match seen.recv().await.unwrap() {
                Seen::State(_) => {}
                Seen::Reply(answered, Ok(Response::Stat(_))) if answered == ticket => break,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn connect_strings_and_credentials() {
    for hosts in ["", "/x", "h:port", "h:1/x/"] {
        let error = Client::connect(Options::new(hosts)).await.unwrap_err();
        assert!(error.is(ErrorCode::BadArguments), "{hosts:?}: {error}");
    }
    let server = server();
    let client = client(&server).await;
    let error = client.add_auth("nonsense", "x").await.unwrap_err();
    assert!(error.is(ErrorCode::AuthFailed), "{error}");
    assert_eq!(error.outcome(), Outcome::SessionOver);
    assert!(client.exists("/").await.unwrap_err().is(ErrorCode::AuthFailed));
}

/// A client needs a runtime, and says so.
#[test]
fn no_runtime() {
    let error = Client::start(Options::new("127.0.0.1"), None).unwrap_err();
    assert_eq!(error.code(), -1003);
}
