//! Writes the first inputs of every target, made from real frames: `cargo run --example seeds`.
//!
//! What a fuzzer found later lies beside them under other names.

mod plan;

use std::fs;
use std::path::Path;

use bytes::{BufMut, Bytes, BytesMut};
use pinfold_proto::records::{
    AddWatchRequest, ConnectRequest, ConnectResponse, CreateRequest, CreateTtlRequest,
    DeleteRequest, ExistsRequest, GetChildren2Response, GetDataResponse, ReplyHeader,
    RequestHeader, SetAclRequest, SetDataRequest, SetWatches2, StatResponse, WhoAmIResponse,
};
use pinfold_proto::{
    Acl, EventType, MultiOp, MultiOpResult, MultiRequest, MultiResponse, OpCode, Stat,
    WatcherEvent, jute,
};
use pinfold_replication::Membership;
use pinfold_state::{Body, CreateKind, Entry, Op, StateMachine};
use serde::Serialize;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut written = 0;
    for (target, inputs) in [
        ("requests", requests()),
        ("replies", replies()),
        ("jute", records()),
        ("entry", entries()),
        ("log", plans(24)),
        ("replication", members()),
        ("config", settings()),
        ("session", [plan::programs(), plans(8)].concat()),
    ] {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).expect("a folder");
        for (number, input) in inputs.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:02}")), input).expect("a file");
            written += 1;
        }
    }
    println!("{written} inputs in {}", folder.display());
}

fn create(path: &str, flags: i32) -> CreateRequest {
    let data = Some(Bytes::from_static(b"data"));
    CreateRequest { path: path.into(), data, acl: Acl::open_unsafe(), flags }
}

fn request<T: Serialize>(op: OpCode, record: &T) -> Vec<u8> {
    let mut out = BytesMut::new();
    jute::write(&mut out, &RequestHeader { xid: 1, op: op.code() });
    jute::write(&mut out, record);
    out.to_vec()
}

fn multi(ops: Vec<MultiOp>) -> Vec<u8> {
    let mut out = BytesMut::new();
    jute::write(&mut out, &RequestHeader { xid: 1, op: OpCode::Multi.code() });
    MultiRequest { ops }.encode(&mut out);
    out.to_vec()
}

/// Pieces with their lengths before them, behind the byte that chooses.
fn stream(choice: u8, pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![choice];
    for piece in pieces {
        out.put_u16(piece.len() as u16);
        out.put_slice(piece);
    }
    out
}

fn requests() -> Vec<Vec<u8>> {
    let CreateRequest { path, data, acl, .. } = create("/ttl", 0);
    let ttl = CreateTtlRequest { path, data, acl, flags: 5, ttl: 1000 };
    let shake = ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: 0,
        timeout_ms: 4000,
        session_id: 0,
        password: Some(Bytes::from_static(&[0; 16])),
        read_only: Some(false),
    };
    let mut handshake = BytesMut::new();
    shake.encode(&mut handshake);
    let delete = DeleteRequest { path: "/a/b".into(), version: -1 };
    let set = SetDataRequest { path: "/a".into(), data: None, version: 0 };
    let set_acl = SetAclRequest { path: "/a".into(), acl: Acl::open_unsafe(), version: -1 };
    let exists = ExistsRequest { path: "/a".into(), watch: true };
    let add_watch = AddWatchRequest { path: "/".into(), mode: 1 };
    let all = vec![
        handshake.to_vec(),
        request(OpCode::Create, &create("/a", 0)),
        request(OpCode::Create2, &create("/a/s-", 3)),
        request(OpCode::Create, &create("/a/b", 1)),
        request(OpCode::CreateContainer, &create("/c", 4)),
        request(OpCode::CreateTtl, &ttl),
        request(OpCode::SetData, &set),
        request(OpCode::SetAcl, &set_acl),
        request(OpCode::Exists, &exists),
        request(OpCode::AddWatch, &add_watch),
        request(OpCode::SetWatches2, &SetWatches2::default()),
        request(OpCode::Delete, &delete),
        multi(vec![MultiOp::Create2(create("/m", 2)), MultiOp::Delete(delete.clone())]),
        multi(vec![MultiOp::Create(create("/n", 0)), MultiOp::Create(create("/n/o", 1))]),
        request(OpCode::CloseSession, &()),
    ];
    let mut inputs: Vec<_> = all.iter().map(|one| stream(1, std::slice::from_ref(one))).collect();
    inputs.push(stream(1, &all));
    inputs.push(stream(0, &all[1..7]));
    let mut framed = vec![4];
    for piece in &all[..4] {
        framed.put_u32(piece.len() as u32);
        framed.put_slice(piece);
    }
    inputs.push(framed);
    inputs
}

fn chosen<T: Serialize>(choice: u8, record: &T) -> Vec<u8> {
    let mut out = vec![choice];
    out.extend_from_slice(&jute::to_bytes(record));
    out
}

fn replies() -> Vec<Vec<u8>> {
    let stat = Stat { czxid: 1, mzxid: 2, data_length: 4, ..Stat::default() };
    let path = "/app/node".to_owned();
    let results = vec![
        MultiOpResult::Delete,
        MultiOpResult::SetData(StatResponse { stat }),
        MultiOpResult::Error(-101),
    ];
    let mut multi = BytesMut::from(&[1][..]);
    MultiResponse { results }.encode(&mut multi);
    let mut connected = BytesMut::from(&[0][..]);
    let password = Some(Bytes::from_static(&[7; 16]));
    let response = ConnectResponse {
        protocol_version: 0,
        timeout_ms: 4000,
        session_id: 1,
        password,
        read_only: Some(false),
    };
    response.encode(&mut connected);
    let event = (
        ReplyHeader { xid: -1, zxid: 3, err: 0 },
        WatcherEvent::new(EventType::NodeDataChanged, &path),
    );
    let data = GetDataResponse { data: Some(Bytes::from_static(b"data")), stat };
    let children = GetChildren2Response { children: vec!["a".into(), "b".into()], stat };
    vec![
        connected.to_vec(),
        multi.to_vec(),
        chosen(1, &event),
        chosen(1, &(ReplyHeader { xid: 1, zxid: 2, err: 0 }, data)),
        chosen(2, &(ReplyHeader { xid: 1, zxid: 2, err: 0 }, children)),
        chosen(0, &pinfold_proto::records::Create2Response { path, stat }),
        chosen(0, &StatResponse { stat }),
    ]
}

fn records() -> Vec<Vec<u8>> {
    let paths =
        SetWatches2 { data: vec!["/a".into()], exist: vec!["/b".into()], ..SetWatches2::default() };
    let mut ops = BytesMut::from(&[33][..]);
    MultiRequest { ops: vec![MultiOp::Create(create("/a", 0))] }.encode(&mut ops);
    let stat = Stat::default();
    vec![
        chosen(5, &create("/a", 1)),
        chosen(19, &GetDataResponse { data: None, stat }),
        chosen(28, &paths),
        chosen(31, &WhoAmIResponse { client_info: Vec::new() }),
        chosen(32, &WatcherEvent::new(EventType::NodeCreated, "/a")),
        ops.to_vec(),
    ]
}

fn entries() -> Vec<Vec<u8>> {
    let create = |path: &str, flags: i32| Op::Create {
        path: path.into(),
        data: Some(Bytes::from_static(b"data")),
        acl: Acl::open_unsafe(),
        flags,
        kind: CreateKind::Plain,
    };
    let bodies = [
        Body::Epoch,
        Body::CreateSession { password: [7; 16], timeout_ms: 4000 },
        Body::Request(create("/a", 0)),
        Body::Request(create("/a/e", 1)),
        Body::Multi(vec![create("/b", 0), create("/b/s-", 2)]),
        Body::Request(Op::SetData { path: "/a".into(), data: None, version: -1 }),
        Body::Request(Op::SetAcl { path: "/a".into(), acl: Acl::open_unsafe(), version: 0 }),
        Body::Request(Op::Delete { path: "/b".into(), version: 0 }),
        Body::Attach { password: [7; 16], timeout_ms: 4000 },
        Body::CloseSession,
    ];
    let mut machine = StateMachine::new();
    let mut pieces = Vec::new();
    for (time, body) in (1..).zip(bodies) {
        let entry = Entry::internal(time, 1, body);
        if !matches!(entry.body, Body::CloseSession) {
            machine.apply(&entry);
        }
        pieces.push(entry.encode().to_vec());
    }
    let blocks: Vec<Vec<u8>> = machine.snapshot().blocks().map(|block| block.to_vec()).collect();
    let mut inputs: Vec<_> =
        pieces.iter().map(|piece| stream(0, std::slice::from_ref(piece))).collect();
    inputs.push(stream(0, &pieces));
    inputs.push(stream(1, &blocks));
    inputs
}

fn members() -> Vec<Vec<u8>> {
    let mut message = vec![1, 0, 0];
    for number in 1..=10_u64 {
        message.put_u64_le(number);
    }
    // No context, no snapshot, one entry.
    message.put_u32_le(0);
    message.put_u8(0);
    message.put_u32_le(1);
    message.put_u64_le(6);
    message.put_u64_le(3);
    message.put_u8(0);
    message.put_u32_le(4);
    message.put_slice(b"data");
    let several = Membership { voters: vec![1, 2, 3], learners: vec![4], ..Membership::single(1) };
    let founders = several.encode();
    let mut hello = b"PINFPEER".to_vec();
    hello.put_u16_le(1);
    [7_u64, 1, 2].into_iter().for_each(|number| hello.put_u64_le(number));
    let mut answer = b"PINFPEER".to_vec();
    answer.put_u16_le(1);
    answer.put_u8(3);
    answer.put_u64_le(7);
    answer.put_u32_le(founders.len() as u32);
    answer.put_slice(&founders);
    let mut forward = vec![2];
    [3_u64, 9].into_iter().for_each(|number| forward.put_u64_le(number));
    forward.put_u32_le(3);
    forward.put_slice(b"one");
    let members = Membership::single(1).encode().to_vec();
    vec![message, members, founders.to_vec(), hello, answer, forward]
}

fn settings() -> Vec<Vec<u8>> {
    let chosen = |choice: u8, text: &[u8]| [&[choice], text].concat();
    let zoo = "# sample\ntickTime=2000\ndataDir=/var/lib/zookeeper\nclientPort=2181\n\
               4lw.commands.whitelist=stat, ruok\nmaxClientCnxns=60\nserver.1=a:2888:3888\n\
               minSessionTimeout=4000\nautopurge.snapRetainCount=3\njute.maxbuffer=0xfffff\n";
    let flags = "-Xmx1g -Dzookeeper.DigestAuthenticationProvider.superDigest=super:abc= \
                 -Djute.maxbuffer=4194304 -Dzookeeper.snapCount=10";
    let jaas = "/* users */ Server {\n  org.apache.zookeeper.server.auth.DigestLoginModule \
                required\n  user_alice=\"secret\"; // one\n};\n";
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let response = "charset=utf-8,username=\"user\",realm=\"realm\",nonce=\"nonce\",nc=00000001,\
                    cnonce=\"c\",digest-uri=\"zookeeper/zk-sasl-md5\",maxbuf=65536,response=00,\
                    qop=auth";
    vec![
        chosen(0, zoo.as_bytes()),
        chosen(1, flags.as_bytes()),
        chosen(2, &chosen(1, pem.as_bytes())),
        chosen(2, &chosen(0, &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1])),
        chosen(2, &chosen(2, &[0x30, 0x82, 0, 4, 2, 1, 3, 0x30])),
        chosen(3, jaas.as_bytes()),
        chosen(4, response.as_bytes()),
        chosen(4, b"user"),
    ]
}

/// Bytes from which plans are made; a generator of its own, so that they stay the same.
fn plans(count: u64) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..count)
        .map(|number| (0..64 + number * 24).map(|_| next().to_le_bytes()[3]).collect())
        .collect()
}
