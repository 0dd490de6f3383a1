//! Every record survives the wire, and no bytes make a decoder panic.

use bytes::{Bytes, BytesMut};
use pinfold_proto::records::{
    AuthPacket, ConnectRequest, ConnectResponse, CreateRequest, CreateTtlRequest, DeleteRequest,
    GetAclResponse, GetChildren2Response, GetDataResponse, SetDataRequest, SetWatches2,
    StatResponse,
};
use pinfold_proto::records::{CheckVersionRequest, Create2Response};
use pinfold_proto::{
    Acl, FrameDecoder, MultiOp, MultiOpResult, MultiRequest, MultiResponse, Stat, WatcherEvent,
    jute,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn buffer() -> impl Strategy<Value = Option<Bytes>> {
    proptest::option::of(vec(any::<u8>(), 0..64).prop_map(Bytes::from))
}

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..16).prop_map(|characters| characters.into_iter().collect())
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..5)
}

fn acl() -> impl Strategy<Value = Vec<Acl>> {
    let entry = (any::<i32>(), text(), text());
    vec(entry.prop_map(|(perms, scheme, id)| Acl::new(perms, scheme, id)), 0..4)
}

fn stat() -> impl Strategy<Value = Stat> {
    (any::<[i64; 6]>(), any::<[i32; 5]>()).prop_map(|(long, int)| Stat {
        czxid: long[0],
        mzxid: long[1],
        ctime: long[2],
        mtime: long[3],
        version: int[0],
        cversion: int[1],
        aversion: int[2],
        ephemeral_owner: long[4],
        data_length: int[3],
        num_children: int[4],
        pzxid: long[5],
    })
}

fn create() -> impl Strategy<Value = CreateRequest> {
    (text(), buffer(), acl(), any::<i32>()).prop_map(|(path, data, acl, flags)| CreateRequest {
        path,
        data,
        acl,
        flags,
    })
}

fn multi_op() -> impl Strategy<Value = MultiOp> {
    prop_oneof![
        create().prop_map(MultiOp::Create),
        create().prop_map(MultiOp::Create2),
        create().prop_map(MultiOp::CreateContainer),
        (create(), any::<i64>()).prop_map(|(create, ttl)| {
            let CreateRequest { path, data, acl, flags } = create;
            MultiOp::CreateTtl(CreateTtlRequest { path, data, acl, flags, ttl })
        }),
        (text(), any::<i32>())
            .prop_map(|(path, version)| MultiOp::Delete(DeleteRequest { path, version })),
        (text(), buffer(), any::<i32>()).prop_map(|(path, data, version)| {
            MultiOp::SetData(SetDataRequest { path, data, version })
        }),
        (text(), any::<i32>())
            .prop_map(|(path, version)| MultiOp::Check(CheckVersionRequest { path, version })),
    ]
}

fn multi_result() -> impl Strategy<Value = MultiOpResult> {
    prop_oneof![
        (text(), stat())
            .prop_map(|(path, stat)| MultiOpResult::Create2(Create2Response { path, stat })),
        stat().prop_map(|stat| MultiOpResult::SetData(StatResponse { stat })),
        Just(MultiOpResult::Delete),
        Just(MultiOpResult::Check),
        any::<i32>().prop_map(MultiOpResult::Error),
    ]
}

fn survives<T>(record: &T) -> Result<(), TestCaseError>
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let bytes = jute::to_bytes(record);
    prop_assert_eq!(&jute::from_bytes::<T>(&bytes).unwrap(), record);
    for end in 0..bytes.len() {
        prop_assert!(jute::from_bytes::<T>(&bytes[..end]).is_err());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records(
        create in create(), data in buffer(), stat in stat(), names in texts(), acl in acl(),
    ) {
        survives(&create)?;
        survives(&GetDataResponse { data: data.clone(), stat })?;
        survives(&GetChildren2Response { children: names.clone(), stat })?;
        survives(&GetAclResponse { acl, stat })?;
        survives(&AuthPacket { kind: 0, scheme: create.path, auth: data })?;
        survives(&SetWatches2 {
            relative_zxid: stat.czxid,
            data: names.clone(),
            child: names.clone(),
            persistent_recursive: names,
            ..SetWatches2::default()
        })?;
    }

    #[test]
    fn multis(ops in vec(multi_op(), 0..6), results in vec(multi_result(), 0..6)) {
        let request = MultiRequest { ops };
        let mut out = BytesMut::new();
        request.encode(&mut out);
        prop_assert_eq!(MultiRequest::decode(&out).unwrap(), request);
        let response = MultiResponse { results };
        let mut out = BytesMut::new();
        response.encode(&mut out);
        prop_assert_eq!(MultiResponse::decode(&out).unwrap(), response);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in vec(any::<u8>(), 0..256)) {
        let _ = jute::from_bytes::<CreateRequest>(&bytes);
        let _ = jute::from_bytes::<SetWatches2>(&bytes);
        let _ = jute::from_bytes::<GetChildren2Response>(&bytes);
        let _ = jute::from_bytes::<WatcherEvent>(&bytes);
        let _ = ConnectRequest::decode(&bytes);
        let _ = ConnectResponse::decode(&bytes);
        let _ = MultiRequest::decode(&bytes);
        let _ = MultiResponse::decode(&bytes);
        let _ = FrameDecoder { max: 64 }.decode(&mut BytesMut::from(bytes.as_slice()));
    }
}

/// A length that promises gigabytes reserves nothing: this would otherwise be killed.
#[test]
fn a_length_is_not_believed() {
    let mut bytes = vec![0; 8];
    bytes.extend([0x7f, 0xff, 0xff, 0xff]);
    bytes.extend([0, 0, 0, 0].repeat(4));
    assert!(jute::from_bytes::<SetWatches2>(&bytes).is_err());
}
