//! What the log and the snapshots hold of the state.

use bytes::Bytes;
use pinfold_state::{Entry, StateMachine};

use crate::requests::check;

/// The first byte chooses: a snapshot's blocks, or a log's entries; each piece has its length in
/// two bytes before it.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    match choice % 2 {
        0 => entries(rest),
        _ => snapshot(rest),
    }
}

fn pieces(mut rest: &[u8]) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    while let Some((length, more)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(more.len());
        let (piece, more) = more.split_at(length);
        rest = more;
        pieces.push(Bytes::copy_from_slice(piece));
    }
    pieces
}

fn entries(data: &[u8]) {
    let mut machine = StateMachine::new();
    for piece in pieces(data) {
        let head = Entry::peek(&piece);
        let Ok(entry) = Entry::decode(&piece) else { continue };
        let (time_ms, origin) = head.expect("what can be read can be looked at");
        assert_eq!((time_ms, origin), (entry.time_ms, entry.origin));
        let written = entry.encode();
        assert_eq!(Entry::decode(&written).expect("what was written is read"), entry);
        machine.apply(&entry);
    }
    check(&machine);
}

fn snapshot(data: &[u8]) {
    let Ok(machine) = StateMachine::restore(pieces(data)) else { return };
    // What a damaged snapshot says may be odd, but it must be possible to work on.
    machine.digest();
    machine.ephemeral_owners().for_each(|(owner, _)| {
        machine.ephemerals(owner, "");
    });
    machine.snapshot().zookeeper_digest();
}
