//! Frames and requests, from the socket's bytes to the state.
//!
//! The first byte chooses; the rest is a stream of frames, whose lengths take two bytes here, so
//! that an input finds its way into the records soon.

use bytes::{BufMut, Bytes, BytesMut};
use pinfold_proto::FrameDecoder;
use pinfold_proto::records::ConnectRequest;
use pinfold_server::probe::{self, Taken};
use pinfold_state::{Body, Entry, StateMachine};

const SESSION: i64 = 0x0100_0000_0000_0001;

/// Reads, writes down, applies.
pub fn run(data: &[u8]) {
    let Some((choice, mut rest)) = data.split_first() else { return };
    if choice & 4 != 0 {
        return frames(rest);
    }
    let mut machine = StateMachine::new();
    let open = Body::CreateSession { password: [7; 16], timeout_ms: 4000 };
    machine.apply(&Entry::internal(1, SESSION, open));
    let mut time_ms = 1;
    while let Some((length, more)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(more.len());
        let (frame, more) = more.split_at(length);
        rest = more;
        handshake(frame);
        let taken = probe::request(&Bytes::copy_from_slice(frame), choice & 1 != 0);
        if let Some(Taken::Write(body)) = taken {
            time_ms += 1;
            write(&mut machine, time_ms, body);
        }
    }
    check(&machine);
}

fn handshake(frame: &[u8]) {
    if let Ok(request) = ConnectRequest::decode(frame) {
        let mut out = BytesMut::new();
        request.encode(&mut out);
        assert_eq!(ConnectRequest::decode(&out).expect("what was written is read"), request);
    }
}

fn write(machine: &mut StateMachine, time_ms: i64, body: Body) {
    let entry = Entry { cxid: 1, ..Entry::internal(time_ms, SESSION, body) };
    let bytes = entry.encode();
    assert_eq!(Entry::decode(&bytes).expect("what is logged is read"), entry);
    let before = machine.last_zxid();
    let applied = machine.apply(&entry);
    assert_eq!(applied.zxid, before + 1, "every write takes one zxid");
    let told = applied.events.iter().all(|event| event.zxid == applied.zxid);
    assert!(told, "an event has the zxid of its write");
}

/// The state is what its own snapshot says.
pub(crate) fn check(machine: &StateMachine) {
    let blocks: Vec<Bytes> = machine.snapshot().blocks().collect();
    let restored = StateMachine::restore(blocks).expect("a snapshot is read");
    assert_eq!(restored.digest(), machine.digest(), "a snapshot holds the whole state");
    assert_eq!(restored.node_count(), machine.node_count());
    assert_eq!(restored.data_size(), machine.data_size());
    let owners = |machine: &StateMachine| machine.ephemeral_owners().collect::<Vec<_>>();
    assert_eq!(owners(&restored), owners(machine));
    assert_eq!(restored.collectable(i64::MAX, 1), machine.collectable(i64::MAX, 1));
}

/// The same frames come out however the bytes come in.
fn frames(bytes: &[u8]) {
    let decoder = FrameDecoder { max: 4096 };
    let drain = |input: &mut BytesMut, frames: &mut Vec<Bytes>| loop {
        match decoder.decode(input) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    let mut whole = Vec::new();
    let refused = drain(&mut BytesMut::from(bytes), &mut whole);
    let (mut pieces, mut input) = (Vec::new(), BytesMut::new());
    let mut refused_too = false;
    for byte in bytes {
        input.put_u8(*byte);
        refused_too = refused_too || drain(&mut input, &mut pieces);
        if refused_too {
            break;
        }
    }
    assert_eq!((whole, refused), (pieces, refused_too));
}
