//! What one client may take up, so that it cannot take the server away from the others.

mod wire;

use std::io::Write;

use bytes::BytesMut;
use pinfold_proto::records::{AddWatchRequest, ExistsRequest, GetDataRequest, SetWatches2};
use pinfold_proto::{
    ErrorCode, MultiOp, MultiOpResult, MultiRequest, MultiResponse, OpCode, frame,
};
use pinfold_server::{Config, Server};
use wire::{Wire, create, handshake, set};

fn server(properties: &str) -> Server {
    let mut config = Config { listen: "127.0.0.1:0".to_owned(), ..Config::default() };
    config.properties("test", properties).unwrap();
    Server::builder().config(config).temporary_data_dir().start().unwrap()
}

/// A figure of `mntr`; `None` when nobody may ask.
fn figure(server: &Server, name: &str) -> Option<u64> {
    let mut wire = Wire::raw(&server.address());
    wire.send_bytes(b"mntr");
    let text = wire.text();
    let start = format!("zk_{name}\t");
    text.lines().find_map(|line| line.strip_prefix(start.as_str()))?.parse().ok()
}

#[test]
fn identities_have_a_limit_and_the_server_stays() {
    let server = Server::start().unwrap();
    let mut greedy = Wire::connect(&server.address());
    let user = "u".repeat(1_200);
    let answers: Vec<_> = (0..4).map(|i| greedy.auth("digest", &format!("{user}{i}:pw"))).collect();
    let (ok, refused) = (Some(ErrorCode::Ok), Some(ErrorCode::AuthFailed));
    assert_eq!(answers, [ok, ok, ok, refused]);
    assert!(greedy.reply().is_none());
    let mut other = Wire::connect(&server.address());
    assert_eq!(other.code(OpCode::Create, &create("/a", "v", 0)), ErrorCode::Ok);
}

#[test]
fn one_connection_too_many_is_closed_at_once() {
    for property in ["-Dzookeeper.maxCnxns=2", "-Dzookeeper.maxClientCnxns=2"] {
        let server = server(property);
        let (first, mut second) =
            (Wire::connect(&server.address()), Wire::connect(&server.address()));
        assert_eq!(Wire::raw(&server.address()).text(), "", "{property}");
        second.create("/a", "the others go on");
        drop(first);
        // As soon as the server has seen that one go, there is room again.
        let rejected = loop {
            if let Some(rejected) = figure(&server, "connection_rejected") {
                break rejected;
            }
        };
        assert!(rejected >= 1, "{property}");
    }
}

#[test]
fn a_burst_of_connections_gets_no_more_than_one_after_the_other() {
    let server = server("-Dzookeeper.maxCnxns=5");
    // All of them wait before any is looked at.
    let mut burst: Vec<Wire> = (0..60).map(|_| Wire::raw(&server.address())).collect();
    let mut request = BytesMut::new();
    handshake(10_000).encode(&mut request);
    let request = frame::frame(&request);
    // Those that were closed at once may not take it.
    burst.iter_mut().for_each(|wire| drop(wire.sender().write_all(&request)));
    let served = burst.iter_mut().filter_map(Wire::frame).count();
    assert_eq!(served, 5);
}

#[test]
fn a_multi_read_answers_what_there_is_room_for() {
    let server = server("-Dpinfold.connectionBytes=100000");
    let mut wire = Wire::connect(&server.address());
    wire.create("/big", &"x".repeat(60_000));
    let read = || {
        let (path, watch) = ("/big".to_owned(), false);
        MultiOp::GetData(GetDataRequest { path, watch })
    };
    let ops = (0..3).map(|_| read()).collect();
    let mut body = BytesMut::new();
    MultiRequest { ops }.encode(&mut body);
    let (header, rest) = wire.call_raw(OpCode::MultiRead.code(), &body);
    assert_eq!(header.err, 0);
    let results = MultiResponse::decode(&rest).unwrap().results;
    assert!(matches!(results[..2], [MultiOpResult::GetData(_), MultiOpResult::GetData(_)]));
    assert!(matches!(results[2], MultiOpResult::Error(-125)));
    assert_eq!(figure(&server, "reads_rejected"), Some(1));
}

#[test]
fn long_paths_of_watches_count_for_more() {
    let server = server("-Dpinfold.watchesPerConnection=10");
    let mut wire = Wire::connect(&server.address());
    let long = |end: &str| format!("/{}{end}", "n".repeat(256 * 4));
    assert_eq!(wire.exists(&long("a"), true), ErrorCode::NoNode);
    assert_eq!(wire.exists(&long("b"), true), ErrorCode::NoNode);
    let one_more = ExistsRequest { path: long("c"), watch: true };
    assert_eq!(wire.code(OpCode::Exists, &one_more), ErrorCode::QuotaExceeded);
    // What is used up makes room.
    wire.create(&long("a"), "");
    assert_eq!(wire.code(OpCode::Exists, &one_more), ErrorCode::NoNode);
}

#[test]
fn a_frame_over_the_limit_ends_its_connection() {
    let server = server("-Djute.maxbuffer=1000");
    let mut wire = Wire::connect(&server.address());
    wire.create("/a", &"x".repeat(500));
    wire.send(OpCode::Create, &create("/b", &"x".repeat(1000), 0));
    assert!(wire.reply().is_none());
    assert_eq!(figure(&server, "large_requests_rejected"), Some(1));
    assert_eq!(Wire::connect(&server.address()).exists("/b", false), ErrorCode::NoNode);
}

#[test]
fn watches_of_one_connection_have_a_limit() {
    let server = server("-Dpinfold.watchesPerConnection=3");
    let (mut greedy, mut other) =
        (Wire::connect(&server.address()), Wire::connect(&server.address()));
    let data = |path: &str| GetDataRequest { path: path.into(), watch: true };
    for path in ["/a", "/b", "/c"] {
        greedy.create(path, "");
    }
    greedy.get("/a", true);
    greedy.get("/b", true);
    assert_eq!(greedy.watch_children("/a"), ErrorCode::Ok);
    assert_eq!(greedy.code(OpCode::GetData, &data("/c")), ErrorCode::QuotaExceeded);
    let missing = ExistsRequest { path: "/none".into(), watch: true };
    assert_eq!(greedy.code(OpCode::Exists, &missing), ErrorCode::QuotaExceeded);
    let watch = AddWatchRequest { path: "/c".into(), mode: 0 };
    assert_eq!(greedy.code(OpCode::AddWatch, &watch), ErrorCode::QuotaExceeded);
    let again = ["/a", "/b", "/c", "/d"].map(str::to_owned).to_vec();
    let again = SetWatches2 { relative_zxid: i64::MAX, data: again, ..SetWatches2::default() };
    assert_eq!(greedy.code(OpCode::SetWatches2, &again), ErrorCode::QuotaExceeded);
    assert_eq!(figure(&server, "watches_rejected"), Some(4));
    assert_eq!(figure(&server, "watch_count"), Some(3), "what is refused is not armed");
    // What is there already takes no further place, and what was used up makes room.
    greedy.get("/a", true);
    other.set("/b", "new");
    greedy.event();
    greedy.get("/c", true);
    other.get("/a", true);
    assert_eq!(figure(&server, "watch_count"), Some(4), "the limit is each connection's own");
}

#[test]
fn too_much_at_a_time_waits_and_all_of_it_is_answered() {
    let properties = [
        "-Dzookeeper.globalOutstandingLimit=1",
        "-Dpinfold.outstandingBytes=100",
        "-Dpinfold.connectionBytes=100",
    ];
    for property in properties {
        let server = server(property);
        let mut wires: Vec<Wire> = (0..4).map(|_| Wire::connect(&server.address())).collect();
        let mut expected = vec![Vec::new(); wires.len()];
        for (number, wire) in wires.iter_mut().enumerate() {
            let mut all = Vec::new();
            for node in 0..100 {
                let (xid, bytes) =
                    wire.encode(OpCode::Create, &create(&format!("/n-{number}-{node}"), "v", 0));
                all.extend_from_slice(&bytes);
                expected[number].push(xid);
            }
            wire.send_bytes(&all);
        }
        for (wire, expected) in wires.iter_mut().zip(expected) {
            for xid in expected {
                let (header, _) = wire.reply().expect("everything is answered");
                assert_eq!((header.xid, header.err), (xid, 0), "{property}");
            }
        }
        let waits = figure(&server, "request_throttle_wait_count").unwrap();
        assert!(waits > 0, "{property}: nobody had to wait");
        assert_eq!(figure(&server, "outstanding_requests"), Some(0));
    }
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_the_others_go_on() {
    let server = server("-Dpinfold.unreadBytes=100000");
    let mut writer = Wire::connect(&server.address());
    let node = format!("/{}", "n".repeat(2_000));
    writer.create(&node, "");
    let mut silent = Wire::connect(&server.address());
    silent.call(OpCode::AddWatch, &AddWatchRequest { path: "/".into(), mode: 1 });
    // It takes as much as the system keeps for a socket, and then the limit.
    while figure(&server, "slow_clients_closed") == Some(0) {
        for _ in 0..200 {
            writer.send(OpCode::SetData, &set(&node, "v", -1));
        }
        for _ in 0..200 {
            assert_eq!(writer.reply().unwrap().0.err, 0);
        }
    }
    assert_eq!(figure(&server, "slow_clients_closed"), Some(1));
    // Its session is there, and can be taken up again.
    let again = silent.attach(&server.address()).unwrap();
    assert_eq!(again.session.session_id, silent.session.session_id);
}
