//! Everything that a client reads: the handshake's answer, headers, replies, events.

use bytes::BytesMut;
use pinfold_client::probe;
use pinfold_proto::records::{ConnectResponse, ReplyHeader};
use pinfold_proto::{MultiResponse, WatcherEvent, jute};

/// Reads the input as all of them.
pub fn run(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let chroot = ["", "/app", "/a/b"][usize::from(choice % 3)];
    if let Ok(response) = ConnectResponse::decode(data) {
        let mut out = BytesMut::new();
        response.encode(&mut out);
        assert_eq!(ConnectResponse::decode(&out).expect("what was written is read"), response);
    }
    probe::reply(chroot, data);
    if let Ok((_, body)) = jute::from_bytes_prefix::<ReplyHeader>(data) {
        probe::reply(chroot, body);
        let _ = jute::from_bytes::<WatcherEvent>(body);
    }
    if let Ok(response) = MultiResponse::decode(data) {
        let mut out = BytesMut::new();
        response.encode(&mut out);
        let again = MultiResponse::decode(&out).expect("what was written is read");
        assert_eq!(again.results, response.results);
    }
}
