//! Messages between servers, and the members in them.

use pinfold_replication::{Membership, door};

/// Reads the input as both, the message with its checksum put right.
pub fn run(data: &[u8]) {
    door::message(data);
    let mut framed = crc32fast::hash(data).to_le_bytes().to_vec();
    framed.extend_from_slice(data);
    if let Some(written) = door::message(&framed) {
        let again = door::message(&written).expect("what was written is read");
        assert_eq!(again, written);
    }
    if let Some(members) = Membership::decode(data) {
        let written = members.encode();
        assert_eq!(Membership::decode(&written).expect("what was written is read"), members);
    }
}
