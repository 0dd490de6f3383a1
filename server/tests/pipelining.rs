//! Many requests in flight: every answer, in order, and events where they belong.

mod wire;

use bytes::BytesMut;
use pinfold_proto::records::GetDataRequest;
use pinfold_proto::{OpCode, XID_NOTIFICATION};
use wire::{Target, Wire, create, set};

/// Sends while it receives, as a client with one thread for each would.
fn burst(mut wire: Wire, requests: BytesMut, answers: usize) -> (Wire, Vec<(i32, i32, i64)>) {
    let mut sending = wire.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        use std::io::Write;
        sending.write_all(&requests).unwrap();
    });
    let mut got = Vec::new();
    while got.len() < answers {
        let (header, _) = wire.reply().expect("an answer to every request");
        got.push((header.xid, header.err, header.zxid));
    }
    sender.join().unwrap();
    (wire, got)
}

#[test]
fn ten_thousand_requests_from_one_session() {
    let target = Target::new();
    let mut wire = target.connect();
    let path = target.path("/x");
    wire.create(&path, "");
    let mut requests = BytesMut::new();
    let mut xids = Vec::new();
    for round in 0..5000 {
        let read = GetDataRequest { path: path.clone(), watch: round % 10 == 0 };
        let (xid, bytes) = wire.encode(OpCode::GetData, &read);
        xids.push(xid);
        requests.extend_from_slice(&bytes);
        let (xid, bytes) = wire.encode(OpCode::SetData, &set(&path, &round.to_string(), round));
        xids.push(xid);
        requests.extend_from_slice(&bytes);
    }
    let (mut wire, got) = burst(wire, requests, xids.len());
    assert_eq!(got.iter().map(|(xid, ..)| *xid).collect::<Vec<_>>(), xids);
    assert!(got.iter().all(|(_, err, _)| *err == 0), "each write saw the one before it");
    assert!(got.windows(2).all(|pair| pair[0].2 <= pair[1].2), "zxids never go back");
    assert_eq!(wire.events.len(), 500);
    assert_eq!(wire.stat(&path).version, 5000);
}

#[test]
fn an_event_stands_right_before_the_answer_of_its_write() {
    let target = Target::new();
    let mut wire = target.connect();
    let path = target.path("/x");
    wire.create(&path, "");
    let mut requests = BytesMut::new();
    let mut expected = Vec::new();
    for _ in 0..200 {
        let read = GetDataRequest { path: path.clone(), watch: true };
        let (get, bytes) = wire.encode(OpCode::GetData, &read);
        requests.extend_from_slice(&bytes);
        let (put, bytes) = wire.encode(OpCode::SetData, &set(&path, "", -1));
        requests.extend_from_slice(&bytes);
        expected.extend([get, XID_NOTIFICATION, put]);
    }
    wire.send_bytes(&requests);
    for xid in expected {
        let frame = wire.frame().unwrap();
        assert_eq!(i32::from_be_bytes(frame[..4].try_into().unwrap()), xid);
    }
}

#[test]
fn sixty_four_sessions_with_sixteen_in_flight() {
    let target = Target::new();
    let workers: Vec<_> = (0..64)
        .map(|number| {
            let mut wire = target.connect();
            let path = target.path(&format!("/s{number}"));
            std::thread::spawn(move || {
                wire.create(&path, "");
                let mut waiting = std::collections::VecDeque::new();
                for round in 0..100 {
                    let name = format!("{path}/n{round}");
                    waiting.push_back(wire.send(OpCode::Create, &create(&name, "v", 0)));
                    if waiting.len() == 16 {
                        let (header, _) = wire.reply().unwrap();
                        assert_eq!((Some(header.xid), header.err), (waiting.pop_front(), 0));
                    }
                }
                for xid in waiting {
                    assert_eq!(wire.reply().unwrap().0.xid, xid);
                }
                assert_eq!(wire.stat(&path).num_children, 100);
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn a_client_that_reads_late_gets_everything() {
    let target = Target::new();
    let mut wire = target.connect();
    let path = target.path("/big");
    wire.create(&path, &"x".repeat(100_000));
    let mut requests = BytesMut::new();
    for _ in 0..600 {
        let read = GetDataRequest { path: path.clone(), watch: false };
        requests.extend_from_slice(&wire.encode(OpCode::GetData, &read).1);
    }
    // 60 MB of answers, none of which is read before all has been asked.
    let (_, got) = burst(wire, requests, 600);
    assert!(got.iter().all(|(_, err, _)| *err == 0));
}
