//! What servers say to each other: the first words on a link, frames, messages, members.
//!
//! Checksums are put right, so that an input gets behind them.

use bytes::BytesMut;
use pinfold_replication::Membership;
use pinfold_replication::probe::message;
use pinfold_server::probe::{first_words, peer_frame};

/// Reads the input as all of them.
pub fn run(data: &[u8]) {
    let checksum = crc32fast::hash(data).to_le_bytes();
    message(data);
    if let Some(written) = message(&[&checksum, data].concat()) {
        let again = message(&written).expect("what was written is read");
        assert_eq!(again, written);
    }
    if let Some(members) = Membership::decode(data) {
        let written = members.encode();
        assert_eq!(Membership::decode(&written).expect("what was written is read"), members);
    }
    first_words(data);
    first_words(&[data, &checksum].concat());
    peer_frame(&mut BytesMut::from(data));
    let length = (data.len() as u32).to_le_bytes();
    let mut framed = BytesMut::from(&[&length, &checksum, data].concat()[..]);
    let whole = framed.clone().freeze();
    if let Some(written) = peer_frame(&mut framed) {
        assert_eq!(written, whole, "written as it was read");
        assert!(framed.is_empty(), "nothing is left of it");
    }
}
