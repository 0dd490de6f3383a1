//! Sessions: how they begin, go on elsewhere, and end.

mod wire;

use std::io::Write;

use bytes::{BufMut, Bytes, BytesMut};
use pinfold_proto::records::{ConnectRequest, CreateRequest, CreateTtlRequest};
use pinfold_proto::{ErrorCode, OpCode};
use pinfold_server::Server;
use wire::{Target, Wire, create, handshake, set};

#[test]
fn both_forms_of_the_handshake_are_taken_and_mirrored() {
    let target = Target::new();
    for read_only in [None, Some(false), Some(true)] {
        let request = ConnectRequest { read_only, ..handshake(10_000) };
        let wire = Wire::open(&target.address, &request).unwrap();
        assert_eq!(wire.session.read_only.is_some(), read_only.is_some());
        assert_ne!(wire.session.session_id, 0);
        assert_eq!(wire.session.password.as_ref().unwrap().len(), 16);
    }
}

#[test]
fn timeouts_are_brought_into_bounds() {
    let target = Target::new();
    for (asked, given) in [(1, 4000), (10_000, 10_000), (1_000_000, 40_000)] {
        let wire = Wire::open(&target.address, &handshake(asked)).unwrap();
        assert_eq!(wire.session.timeout_ms, given);
    }
}

#[test]
fn a_client_that_has_seen_more_than_the_server_is_sent_away() {
    let target = Target::new();
    let request = ConnectRequest { last_zxid_seen: i64::MAX, ..handshake(10_000) };
    assert!(Wire::open(&target.address, &request).is_none());
}

#[test]
fn a_session_goes_on_over_another_connection() {
    let target = Target::new();
    let mut first = target.connect();
    let path = target.path("/e");
    first.create_mode(&path, 1);
    let mut second = first.attach(&target.address).unwrap();
    assert_eq!(second.session, first.session);
    // The old connection is closed.
    assert!(first.frame().is_none());
    assert_eq!(second.stat(&path).ephemeral_owner, second.session.session_id);
    assert_eq!(second.call_raw(OpCode::CloseSession.code(), &[]).0.err, 0);
    assert!(second.frame().is_none());
    assert_eq!(target.connect().exists(&path, false), ErrorCode::NoNode);
}

#[test]
fn the_timeout_is_negotiated_anew_with_each_connection() {
    let target = Target::new();
    let first = target.connect();
    for (asked, given) in [(5000, 5000), (1, 4000), (1_000_000, 40_000)] {
        let (session_id, password) = (first.session.session_id, first.session.password.clone());
        let request = ConnectRequest { session_id, password, ..handshake(asked) };
        assert_eq!(Wire::open(&target.address, &request).unwrap().session.timeout_ms, given);
    }
}

#[test]
fn nothing_of_an_earlier_connection_happens_after_the_handshake_of_a_later_one() {
    let target = Target::new();
    let parent = target.path("/p");
    let mut first = target.connect();
    first.create(&parent, "");
    for _ in 0..3 {
        let mut burst = BytesMut::new();
        for _ in 0..50 {
            let (_, bytes) = first.encode(OpCode::Create, &create(&format!("{parent}/n"), "", 2));
            burst.extend_from_slice(&bytes);
        }
        let mut second = std::thread::scope(|scope| {
            let mut earlier = first.sender();
            // Writes until the server has closed the connection.
            scope.spawn(move || while earlier.write_all(&burst).is_ok() {});
            first.attach(&target.address).unwrap()
        });
        let before = second.stat(&parent).num_children;
        // A write has its place behind everything that the server had taken before.
        second.set(&parent, "");
        assert_eq!(second.stat(&parent).num_children, before);
        first = second;
    }
}

#[test]
fn what_an_earlier_connection_is_still_answered_has_no_gap() {
    let server = Server::start().unwrap();
    let node = create("/n", "", 0);
    Wire::connect(&server.address()).create("/n", "");
    for turn in 0..100 {
        let mut first = Wire::connect(&server.address());
        let mut all = BytesMut::new();
        for _ in 0..2 {
            all.extend_from_slice(&first.encode(OpCode::SetData, &set("/n", "v", -1)).1);
        }
        // Reads behind writes are answered when those have been.
        all.extend_from_slice(&first.encode(OpCode::Create, &node).1);
        all.extend_from_slice(&first.encode_raw(OpCode::WhoAmI.code(), &[]).1);
        first.send_bytes(&all);
        let second = first.attach(&server.address()).unwrap();
        let answered: Vec<i32> =
            std::iter::from_fn(|| first.reply()).map(|(header, _)| header.xid).collect();
        let expected = [1, 2, 3, 4];
        assert!(expected.starts_with(&answered), "turn {turn}: {answered:?}");
        drop(second);
    }
}

#[test]
fn who_shows_no_right_password_gets_no_session() {
    let target = Target::new();
    let known = target.connect();
    let id = known.session.session_id;
    let password = known.session.password.clone();
    let cases = [
        (id, Some(Bytes::from_static(&[1; 16]))),
        (id, Some(Bytes::from_static(b"short"))),
        (id, None),
        (id ^ 0x5555, password),
    ];
    for (session_id, password) in cases {
        let request = ConnectRequest { session_id, password, ..handshake(10_000) };
        let mut refused = Wire::open(&target.address, &request).unwrap();
        assert_eq!((refused.session.session_id, refused.session.timeout_ms), (0, 0));
        assert_eq!(refused.session.password, Some(Bytes::from_static(&[0; 16])));
        assert!(refused.frame().is_none());
    }
}

#[test]
fn a_closed_session_takes_its_ephemerals_along() {
    let target = Target::new();
    let (mut owner, mut other) = (target.connect(), target.connect());
    owner.create_mode(&target.path("/e1"), 1);
    owner.create_mode(&target.path("/e2"), 1);
    assert_eq!(other.exists(&target.path("/e1"), true), ErrorCode::Ok);
    assert_eq!(other.exists(&target.path("/e2"), true), ErrorCode::Ok);
    let (header, rest) = owner.call_raw(OpCode::CloseSession.code(), &[]);
    assert_eq!((header.err, rest.len()), (0, 0));
    assert!(owner.frame().is_none());
    let mut gone = [other.event().path, other.event().path];
    gone.sort();
    assert_eq!(gone, [target.path("/e1"), target.path("/e2")]);
    assert_eq!(owner.attach(&target.address).unwrap().session.session_id, 0);
}

#[test]
fn a_ping_is_answered_in_order() {
    let target = Target::new();
    let mut wire = target.connect();
    let root = target.root.clone();
    let (xid, write) = wire.encode(OpCode::SetData, &set(&root, "x", -1));
    let mut bytes = BytesMut::from(&write[..]);
    bytes.put_i32(8);
    bytes.put_i32(-2);
    bytes.put_i32(OpCode::Ping.code());
    wire.send_bytes(&bytes);
    assert_eq!(wire.reply().unwrap().0.xid, xid);
    let (header, rest) = wire.reply().unwrap();
    assert_eq!((header.xid, header.err, rest.len()), (-2, 0, 0));
}

/// A server whose sessions are over soon, and one of them with an ephemeral node.
fn hasty() -> (Server, Wire, Wire) {
    let server = Server::builder().tick_time_ms(100).start().unwrap();
    let mut silent = Wire::open(&server.address(), &handshake(200)).unwrap();
    silent.create_mode("/e", 1);
    let other = Wire::open(&server.address(), &handshake(2000)).unwrap();
    (server, silent, other)
}

#[test]
fn a_silent_session_expires() {
    let (server, mut silent, mut other) = hasty();
    assert_eq!(other.exists("/e", true), ErrorCode::Ok);
    let gone = other.event();
    assert_eq!((gone.kind, &*gone.path), (2, "/e"));
    assert!(silent.frame().is_none());
    assert_eq!(silent.attach(&server.address()).unwrap().session.session_id, 0);
    server.stop().unwrap();
}

#[test]
fn sessions_and_ephemerals_outlive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let start = || Server::builder().data_dir(directory.path().join("data")).start().unwrap();
    let server = start();
    let mut wire = Wire::connect(&server.address());
    wire.create("/p", "v");
    wire.create_mode("/p/e-", 3);
    let seen = wire.stat("/p");
    server.stop().unwrap();
    let server = start();
    let mut again = wire.attach(&server.address()).unwrap();
    assert_eq!(again.session.session_id, wire.session.session_id);
    assert_eq!(again.stat("/p"), seen);
    assert_eq!(again.create_mode("/p/e-", 3), "/p/e-0000000001");
    assert!(again.stat("/p").pzxid >> 32 > seen.pzxid >> 32, "a new epoch has begun");
    server.stop().unwrap();
}

#[test]
fn empty_containers_and_old_nodes_are_collected() {
    let config = pinfold_server::Config {
        listen: "127.0.0.1:0".into(),
        tick_time_ms: 100,
        max_session_timeout_ms: Some(40_000),
        extended_types: true,
        collect_interval: std::time::Duration::from_millis(50),
        ..pinfold_server::Config::default()
    };
    let server = Server::builder().config(config).temporary_data_dir().start().unwrap();
    let mut wire = Wire::connect(&server.address());
    wire.call(OpCode::CreateContainer, &wire::create("/c", "", 4));
    wire.create("/c/x", "");
    let CreateRequest { data, acl, .. } = wire::create("/t", "", 5);
    let ttl = CreateTtlRequest { path: "/t".into(), data, acl, flags: 5, ttl: 100 };
    assert_eq!(wire.code(OpCode::CreateTtl, &ttl), ErrorCode::Ok);
    assert_eq!(wire.exists("/t", true), ErrorCode::Ok);
    assert_eq!(wire.event().path, "/t");
    assert_eq!(wire.exists("/c", true), ErrorCode::Ok);
    wire.delete("/c/x");
    let gone = wire.event();
    assert_eq!((gone.kind, &*gone.path), (2, "/c"));
    server.stop().unwrap();
}
