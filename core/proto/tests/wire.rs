//! The exact bytes of records, as Apache ZooKeeper writes them.

use bytes::{Bytes, BytesMut};
use pinfold_proto::records::{
    ConnectRequest, ConnectResponse, CreateRequest, GetDataResponse, RequestHeader,
};
use pinfold_proto::{
    Acl, DecodeError, FrameDecoder, MultiOp, MultiOpResult, MultiRequest, MultiResponse, Stat,
    frame, jute,
};

/// Bytes from hexadecimal digits; blanks are for the reader.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a hexadecimal digit") as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn connect_request(read_only: Option<bool>) -> ConnectRequest {
    ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: 0x1_0000_0002,
        timeout_ms: 10_000,
        session_id: -2,
        password: Some(Bytes::from_static(&[7; 16])),
        read_only,
    }
}

#[test]
fn handshakes_of_both_sizes() {
    let short = "00000000 0000000100000002 00002710 fffffffffffffffe 00000010
        07070707070707070707070707070707";
    for (read_only, length) in [(None, 44), (Some(true), 45)] {
        let request = connect_request(read_only);
        let mut out = BytesMut::new();
        request.encode(&mut out);
        let mut expected = hex(short);
        expected.extend(read_only.map(u8::from));
        assert_eq!(out, expected);
        assert_eq!(out.len(), length);
        assert_eq!(ConnectRequest::decode(&out), Ok(request));
    }
}

#[test]
fn a_refusal_is_zeros() {
    let body = hex("00000000 00000000 0000000000000000 00000010 00000000000000000000000000000000");
    let response = ConnectResponse::decode(&body).unwrap();
    assert_eq!((response.timeout_ms, response.session_id), (0, 0));
    assert_eq!(response.password, Some(Bytes::from_static(&[0; 16])));
    assert_eq!(response.read_only, None);
}

#[test]
fn a_create() {
    let request = CreateRequest {
        path: "/a".to_owned(),
        data: Some(Bytes::from_static(b"xy")),
        acl: Acl::open_unsafe(),
        flags: 3,
    };
    let mut out = BytesMut::new();
    frame::write(&mut out, |out| {
        jute::write(out, &RequestHeader { xid: 1, op: 15 });
        jute::write(out, &request);
    });
    let expected = hex("00000033 00000001 0000000f 00000002 2f61 00000002 7879 00000001
        0000001f 00000005 776f726c64 00000006 616e796f6e65 00000003");
    assert_eq!(out, expected);
    let body = FrameDecoder { max: 0xff }.decode(&mut out).unwrap().unwrap();
    let (header, rest) = jute::from_bytes_prefix::<RequestHeader>(&body).unwrap();
    assert_eq!(header, RequestHeader { xid: 1, op: 15 });
    assert_eq!(jute::from_bytes::<CreateRequest>(rest), Ok(request));
}

#[test]
fn null_and_empty_data_are_distinct() {
    for (data, begins) in [(None, "ffffffff"), (Some(Bytes::new()), "00000000")] {
        let reply = GetDataResponse { data, stat: Stat::default() };
        let bytes = jute::to_bytes(&reply);
        assert_eq!(bytes[..4], hex(begins));
        assert_eq!(jute::from_bytes::<GetDataResponse>(&bytes), Ok(reply));
    }
}

#[test]
fn null_strings_and_vectors_read_as_empty() {
    let body = hex("ffffffff ffffffff ffffffff 00000000");
    let request = jute::from_bytes::<CreateRequest>(&body).unwrap();
    assert_eq!(request, CreateRequest { path: String::new(), data: None, acl: vec![], flags: 0 });
}

#[test]
fn a_multi_and_the_answer_to_a_failed_one() {
    let check = pinfold_proto::records::CheckVersionRequest { path: "/a".into(), version: 5 };
    let mut out = BytesMut::new();
    MultiRequest { ops: vec![MultiOp::Check(check)] }.encode(&mut out);
    let expected = hex("0000000d 00 ffffffff 00000002 2f61 00000005 ffffffff 01 ffffffff");
    assert_eq!(out, expected);

    let answer = MultiResponse { results: vec![MultiOpResult::Error(-103)] };
    let mut out = BytesMut::new();
    answer.encode(&mut out);
    assert_eq!(out, hex("ffffffff 00 ffffff99 ffffff99 ffffffff 01 ffffffff"));
    assert_eq!(MultiResponse::decode(&out), Ok(answer));
}

#[test]
fn damage_is_named() {
    let cut = hex("00000005 2f61");
    let error = jute::from_bytes::<pinfold_proto::records::SyncRequest>(&cut).unwrap_err();
    assert_eq!(error, DecodeError::Truncated { missing: 3 });
    let negative = hex("fffffff0");
    let error = jute::from_bytes::<pinfold_proto::records::SyncRequest>(&negative).unwrap_err();
    assert_eq!(error, DecodeError::NegativeLength(-16));
    let not_text = hex("00000001 ff");
    let error = jute::from_bytes::<pinfold_proto::records::SyncRequest>(&not_text).unwrap_err();
    assert_eq!(error, DecodeError::NotUtf8);
    let more = hex("00000001 2f 00");
    let error = jute::from_bytes::<pinfold_proto::records::SyncRequest>(&more).unwrap_err();
    assert_eq!(error, DecodeError::TrailingBytes(1));
}

#[test]
fn frames_come_out_whole_or_not_at_all() {
    let decoder = FrameDecoder { max: 8 };
    let mut input = BytesMut::new();
    for byte in frame::frame(b"abc").iter().chain(&frame::frame(b"")) {
        let before = input.len();
        input.extend_from_slice(&[*byte]);
        let got = decoder.decode(&mut input).unwrap();
        match (before, got) {
            (6, Some(body)) => assert_eq!(body, "abc"),
            (3, Some(body)) => assert_eq!(body, ""),
            (_, None) => {}
            other => panic!("{other:?}"),
        }
    }
    for length in ["00000009", "ffffffff", "7fffffff"] {
        let mut input = BytesMut::from(hex(length).as_slice());
        let error = decoder.decode(&mut input).unwrap_err();
        assert_eq!(error.max, 8);
    }
}
