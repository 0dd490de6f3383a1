//! What the sessions write.

use bytes::Bytes;
use pinfold_proto::acl::Acl;
use pinfold_state::{Body, CreateKind, Entry, Op};

use crate::Random;

const SESSIONS: i64 = 4;
const NAMES: u64 = 12;

/// The next entry that some session wants written.
pub(crate) fn entry(random: &mut Random, time_ms: i64) -> Entry {
    let session_id = 1 + random.below(SESSIONS as u64) as i64;
    let body = match random.below(20) {
        0 | 1 => Body::CreateSession { password: [session_id as u8; 16], timeout_ms: 10_000 },
        2 if random.one_in(3) => Body::CloseSession,
        2 => Body::Attach { password: [session_id as u8; 16], timeout_ms: 8000 },
        3 => {
            let count = 1 + random.below(4);
            Body::Multi((0..count).map(|_| op(random)).collect())
        }
        _ => Body::Request(op(random)),
    };
    Entry { cxid: random.below(1000) as i32, ..Entry::internal(time_ms, session_id, body) }
}

fn path(random: &mut Random) -> String {
    let top = random.below(NAMES);
    if random.one_in(3) { format!("/n{top}/c{}", random.below(4)) } else { format!("/n{top}") }
}

fn data(random: &mut Random) -> Option<Bytes> {
    // Mostly small; now and then larger than some segments have room.
    let size = if random.one_in(12) { random.below(9000) } else { random.below(60) };
    let byte = random.below(256) as u8;
    (!random.one_in(10)).then(|| Bytes::from(vec![byte; size as usize]))
}

fn op(random: &mut Random) -> Op {
    let path = path(random);
    match random.below(10) {
        0..=4 => Op::Create {
            path,
            data: data(random),
            acl: Acl::open_unsafe(),
            // Persistent, ephemeral, and both with a sequence number.
            flags: random.below(4) as i32,
            kind: CreateKind::Plain,
        },
        5 => Op::Delete { path, version: version(random) },
        6 => Op::Check { path, version: version(random) },
        _ => Op::SetData { path, data: data(random), version: version(random) },
    }
}

fn version(random: &mut Random) -> i32 {
    if random.one_in(3) { random.below(3) as i32 } else { -1 }
}
