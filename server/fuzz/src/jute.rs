//! Records: what was read is written, and read again, as the same.

use bytes::BytesMut;
use pinfold_proto::records::{
    AddWatchRequest, AuthPacket, CheckVersionRequest, CheckWatchesRequest, Create2Response,
    CreateRequest, CreateResponse, CreateTtlRequest, DeleteRequest, ErrorResponse, ExistsRequest,
    GetAclRequest, GetAclResponse, GetAllChildrenNumberRequest, GetAllChildrenNumberResponse,
    GetChildren2Response, GetChildrenRequest, GetChildrenResponse, GetDataRequest, GetDataResponse,
    GetEphemeralsRequest, GetEphemeralsResponse, RemoveWatchesRequest, ReplyHeader, RequestHeader,
    SetAclRequest, SetDataRequest, SetWatches, SetWatches2, StatResponse, SyncRequest,
    WhoAmIResponse,
};
use pinfold_proto::{MultiRequest, WatcherEvent, jute};
use serde::Serialize;
use serde::de::DeserializeOwned;

const RECORDS: [fn(&[u8]); 34] = [
    record::<AddWatchRequest>,
    record::<AuthPacket>,
    record::<CheckVersionRequest>,
    record::<CheckWatchesRequest>,
    record::<Create2Response>,
    record::<CreateRequest>,
    record::<CreateResponse>,
    record::<CreateTtlRequest>,
    record::<DeleteRequest>,
    record::<ErrorResponse>,
    record::<ExistsRequest>,
    record::<GetAclRequest>,
    record::<GetAclResponse>,
    record::<GetAllChildrenNumberRequest>,
    record::<GetAllChildrenNumberResponse>,
    record::<GetChildren2Response>,
    record::<GetChildrenRequest>,
    record::<GetChildrenResponse>,
    record::<GetDataRequest>,
    record::<GetDataResponse>,
    record::<GetEphemeralsRequest>,
    record::<GetEphemeralsResponse>,
    record::<RemoveWatchesRequest>,
    record::<ReplyHeader>,
    record::<RequestHeader>,
    record::<SetAclRequest>,
    record::<SetDataRequest>,
    record::<SetWatches>,
    record::<SetWatches2>,
    record::<StatResponse>,
    record::<SyncRequest>,
    record::<WhoAmIResponse>,
    record::<WatcherEvent>,
    multi,
];

/// The first byte chooses the record.
pub fn run(data: &[u8]) {
    if let Some((choice, body)) = data.split_first() {
        RECORDS[usize::from(*choice) % RECORDS.len()](body);
    }
}

fn record<T: DeserializeOwned + Serialize>(body: &[u8]) {
    let Ok((record, rest)) = jute::from_bytes_prefix::<T>(body) else { return };
    let written = jute::to_bytes(&record);
    assert_eq!(written.len(), body.len() - rest.len(), "as long as it was");
    let again: T = jute::from_bytes(&written).expect("what was written is read");
    assert_eq!(jute::to_bytes(&again), written, "and written the same");
}

fn multi(body: &[u8]) {
    let Ok(request) = MultiRequest::decode(body) else { return };
    let mut written = BytesMut::new();
    request.encode(&mut written);
    let again = MultiRequest::decode(&written).expect("what was written is read");
    assert_eq!(again.ops, request.ops);
}
