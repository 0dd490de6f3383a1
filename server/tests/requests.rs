//! What requests answer, and in which order their checks are made.

mod wire;

use bytes::{BufMut, Bytes, BytesMut};
use pinfold_proto::records::{
    CheckVersionRequest, Create2Response, CreateRequest, CreateResponse, CreateTtlRequest,
    GetAclRequest, GetAclResponse, GetAllChildrenNumberRequest, GetAllChildrenNumberResponse,
    GetChildren2Response, GetChildrenRequest, GetDataRequest, GetDataResponse,
    GetEphemeralsRequest, GetEphemeralsResponse, SetAclRequest, SetDataRequest, StatResponse,
    SyncRequest, WhoAmIResponse,
};
use pinfold_proto::{
    Acl, ErrorCode, MultiOp, MultiOpResult, MultiRequest, MultiResponse, OpCode, Perms, jute,
};
use wire::{Target, create, delete, set};

#[test]
fn a_node_from_creation_to_deletion() {
    let target = Target::new();
    let mut wire = target.connect();
    let path = target.path("/a");
    let response: Create2Response = wire.ask(OpCode::Create2, &create(&path, "v", 0));
    assert_eq!(response.path, path);
    let new = response.stat;
    assert_eq!((new.czxid, new.mzxid, new.pzxid), (new.czxid, new.czxid, new.czxid));
    assert_eq!((new.version, new.cversion, new.aversion, new.data_length), (0, 0, 0, 1));
    assert_eq!((new.ctime, new.num_children, new.ephemeral_owner), (new.mtime, 0, 0));
    let set_stat = wire.set(&path, "two");
    assert_eq!((set_stat.version, set_stat.mzxid, set_stat.pzxid), (1, new.czxid + 1, new.czxid));
    let (data, stat) = wire.get(&path, false);
    assert_eq!((data.as_deref(), stat), (Some(&b"two"[..]), set_stat));
    wire.create(&format!("{path}/c"), "");
    let parent = wire.stat(&path);
    assert_eq!((parent.cversion, parent.num_children, parent.version), (1, 1, 1));
    assert_eq!(parent.pzxid, new.czxid + 2);
    assert_eq!(wire.code(OpCode::Delete, &delete(&path, 7)), ErrorCode::BadVersion);
    assert_eq!(wire.code(OpCode::Delete, &delete(&path, 1)), ErrorCode::NotEmpty);
    wire.delete(&format!("{path}/c"));
    assert_eq!((wire.stat(&path).cversion, wire.stat(&path).num_children), (2, 0));
    assert_eq!(wire.code(OpCode::Delete, &delete(&path, 1)), ErrorCode::Ok);
    assert_eq!(wire.exists(&path, false), ErrorCode::NoNode);
}

#[test]
fn null_data_and_empty_data_are_two_things() {
    let target = Target::new();
    let mut wire = target.connect();
    let path = target.path("/n");
    let null = CreateRequest { data: None, ..create(&path, "", 0) };
    wire.ask::<_, CreateResponse>(OpCode::Create, &null);
    assert_eq!(wire.get(&path, false).0, None);
    assert_eq!(wire.get(&path, false).1.data_length, 0);
    wire.set(&path, "");
    assert_eq!(wire.get(&path, false).0, Some(Bytes::new()));
    let null = SetDataRequest { path: path.clone(), data: None, version: -1 };
    wire.ask::<_, StatResponse>(OpCode::SetData, &null);
    assert_eq!(wire.get(&path, false).0, None);
}

#[test]
fn sequence_numbers_count_creations() {
    let target = Target::new();
    let mut wire = target.connect();
    let path = target.path("/q");
    wire.create(&path, "");
    assert_eq!(wire.create_mode(&format!("{path}/n-"), 2), format!("{path}/n-0000000000"));
    wire.create(&format!("{path}/x"), "");
    wire.delete(&format!("{path}/x"));
    let again = wire.code(OpCode::Create, &create(&format!("{path}/n-0000000000"), "", 0));
    assert_eq!(again, ErrorCode::NodeExists);
    assert_eq!(wire.create_mode(&format!("{path}/n-"), 3), format!("{path}/n-0000000002"));
    assert_eq!(wire.create_mode(&format!("{path}/"), 2), format!("{path}/0000000003"));
    assert_eq!(wire.stat(&format!("{path}/n-0000000002")).ephemeral_owner, wire.session.session_id);
}

#[test]
fn a_create_is_checked_in_order() {
    let target = Target::new();
    let mut wire = target.connect();
    let at = |rest: &str| target.path(rest);
    let mut code = |request: CreateRequest| wire.code(OpCode::Create, &request);
    let no_acl = |path: &str| CreateRequest { acl: Vec::new(), ..create(path, "", 0) };
    assert_eq!(code(create(&at("/x"), "", 99)), ErrorCode::BadArguments);
    assert_eq!(code(create("x", "", 0)), ErrorCode::BadArguments);
    assert_eq!(code(create("", "", 0)), ErrorCode::BadArguments);
    assert_eq!(code(create(&at("/x\0y"), "", 0)), ErrorCode::BadArguments);
    assert_eq!(code(no_acl(&at("/no/x"))), ErrorCode::InvalidAcl);
    assert_eq!(code(create(&at("/no/../x"), "", 0)), ErrorCode::NoNode);
    assert_eq!(code(create(&at("/.."), "", 0)), ErrorCode::BadArguments);
    assert_eq!(code(create(&at("/a\u{1}"), "", 0)), ErrorCode::BadArguments);
    assert_eq!(code(create(&at("/\u{1f600}"), "", 0)), ErrorCode::BadArguments);
    assert_eq!(code(create("/", "", 0)), ErrorCode::NodeExists);
    assert_eq!(code(create(&at("/e"), "", 1)), ErrorCode::Ok);
    assert_eq!(code(create(&at("/e/x"), "", 0)), ErrorCode::NoChildrenForEphemerals);
    assert_eq!(code(create(&at("/e"), "", 0)), ErrorCode::NodeExists);
    for (scheme, id) in [("world", "me"), ("digest", "nohash"), ("nope", "x"), ("ip", "1.2.3")] {
        let acl = vec![Acl::new(Perms::ALL, scheme, id)];
        let refused = code(CreateRequest { acl, ..create(&at("/acl"), "", 0) });
        assert_eq!(refused, ErrorCode::InvalidAcl, "{scheme}:{id}");
    }
}

#[test]
fn delete_and_set_are_checked_in_order() {
    let target = Target::new();
    let mut wire = target.connect();
    for path in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "x", ""] {
        assert_eq!(wire.code(OpCode::Delete, &delete(path, 5)), ErrorCode::BadArguments, "{path}");
    }
    assert_eq!(wire.code(OpCode::Delete, &delete(&target.path("/no/x"), 5)), ErrorCode::NoNode);
    for path in ["", "x", "/x/", "//x", "/x/./y"] {
        assert_eq!(wire.code(OpCode::SetData, &set(path, "", 5)), ErrorCode::BadArguments);
    }
    assert_eq!(wire.code(OpCode::SetData, &set(&target.path("/no"), "", 5)), ErrorCode::NoNode);
    wire.create(&target.path("/a"), "");
    assert_eq!(wire.code(OpCode::SetData, &set(&target.path("/a"), "", 5)), ErrorCode::BadVersion);
}

#[test]
fn every_write_takes_one_zxid_and_reads_take_none() {
    let target = Target::new();
    let mut wire = target.connect();
    let path = target.path("/z");
    let zxid = |wire: &mut wire::Wire| {
        let request = GetDataRequest { path: "/".into(), watch: false };
        wire.call(OpCode::GetData, &request).0.zxid
    };
    let start = zxid(&mut wire);
    assert_eq!(zxid(&mut wire), start);
    wire.create(&path, "");
    assert_eq!(zxid(&mut wire), start + 1);
    wire.code(OpCode::Create, &create(&path, "", 0));
    wire.code(OpCode::Delete, &delete(&path, 99));
    assert_eq!(zxid(&mut wire), start + 3);
    let ops = vec![MultiOp::SetData(set(&path, "1", -1)), MultiOp::SetData(set(&path, "2", -1))];
    assert_eq!(wire.multi(ops).0.zxid, start + 4);
    wire.call(OpCode::Sync, &SyncRequest { path: "/".into() });
    assert_eq!(zxid(&mut wire), start + 4);
    let other = target.connect();
    assert_eq!(zxid(&mut wire), start + 5);
    drop(other);
}

#[test]
fn lists_acls_and_counts() {
    let target = Target::new();
    let mut wire = target.connect();
    for path in ["/l", "/l/b", "/l/a", "/l/a/x"] {
        wire.create(&target.path(path), "");
    }
    wire.create_mode(&target.path("/l/e"), 1);
    let request = GetChildrenRequest { path: target.path("/l"), watch: false };
    let response: GetChildren2Response = wire.ask(OpCode::GetChildren2, &request);
    let mut children = response.children;
    children.sort();
    assert_eq!(
        (children, response.stat.num_children),
        (vec!["a".into(), "b".into(), "e".into()], 3)
    );
    let request = GetAllChildrenNumberRequest { path: target.path("/l") };
    let count: GetAllChildrenNumberResponse = wire.ask(OpCode::GetAllChildrenNumber, &request);
    assert_eq!(count.total_number, 4);
    let request = GetEphemeralsRequest { prefix_path: target.path("/l") };
    let list: GetEphemeralsResponse = wire.ask(OpCode::GetEphemerals, &request);
    assert_eq!(list.ephemerals, [target.path("/l/e")]);
    let request = GetAclRequest { path: target.path("/l") };
    let acl: GetAclResponse = wire.ask(OpCode::GetAcl, &request);
    assert_eq!(acl.acl, Acl::open_unsafe());
    assert_eq!(wire.auth("digest", "joe:secret"), Some(ErrorCode::Ok));
    assert_eq!(wire.auth("digest", "ann:secret"), Some(ErrorCode::Ok));
    let (header, body) = wire.call_raw(OpCode::WhoAmI.code(), &[]);
    assert_eq!(header.err, 0);
    let who: WhoAmIResponse = jute::from_bytes(&body).unwrap();
    let mut users: Vec<_> = who.client_info.iter().map(|i| (&*i.scheme, &*i.user)).collect();
    users.sort();
    assert_eq!(users, [("digest", "ann"), ("digest", "joe"), ("ip", "127.0.0.1")]);
    let response: SyncRequest = wire.ask(OpCode::Sync, &SyncRequest { path: "/any".into() });
    assert_eq!(response.path, "/any");
}

#[test]
fn access_lists_are_kept() {
    let target = Target::new();
    let (mut owner, mut other) = (target.connect(), target.connect());
    assert_eq!(owner.auth("digest", "me:pw"), Some(ErrorCode::Ok));
    let path = target.path("/p");
    let acl = Acl::creator_all();
    owner.ask::<_, CreateResponse>(OpCode::Create, &CreateRequest { acl, ..create(&path, "v", 0) });
    let read = GetDataRequest { path: path.clone(), watch: false };
    assert_eq!(other.code(OpCode::GetData, &read), ErrorCode::NoAuth);
    assert_eq!(other.exists(&path, false), ErrorCode::NoAuth);
    assert_eq!(other.watch_children(&path), ErrorCode::NoAuth);
    assert_eq!(other.code(OpCode::SetData, &set(&path, "", 9)), ErrorCode::NoAuth);
    let child = create(&format!("{path}/c"), "", 0);
    assert_eq!(other.code(OpCode::Create, &child), ErrorCode::NoAuth);
    let request = GetAclRequest { path: path.clone() };
    assert_eq!(other.code(OpCode::GetAcl, &request), ErrorCode::NoAuth);
    let full: GetAclResponse = owner.ask(OpCode::GetAcl, &request);
    assert!(full.acl[0].id.id.starts_with("me:") && full.acl[0].id.id.len() > 10);
    let mut readable = full.acl.clone();
    readable.push(Acl::new(Perms::READ, "world", "anyone"));
    let change = SetAclRequest { path: path.clone(), acl: readable, version: 0 };
    let before = owner.stat(&path);
    let after = owner.ask::<_, StatResponse>(OpCode::SetAcl, &change).stat;
    assert_eq!((after.aversion, after.mzxid, after.version), (1, before.mzxid, 0));
    assert_eq!(owner.code(OpCode::SetAcl, &change), ErrorCode::BadVersion);
    let masked: GetAclResponse = other.ask(OpCode::GetAcl, &request);
    assert_eq!(masked.acl[0].id.id, "me:x");
    assert_eq!(other.auth("digest", "super:test"), Some(ErrorCode::Ok));
    assert_eq!(other.code(OpCode::SetData, &set(&path, "", -1)), ErrorCode::Ok);
    let auth = SetAclRequest { path, acl: Acl::creator_all(), version: -1 };
    assert_eq!(target.connect().code(OpCode::SetAcl, &auth), ErrorCode::InvalidAcl);
}

#[test]
fn bad_credentials_end_the_connection() {
    let target = Target::new();
    let mut wire = target.connect();
    assert_eq!(wire.auth("nope", "x"), Some(ErrorCode::AuthFailed));
    assert!(wire.reply().is_none());
}

fn check(path: &str, version: i32) -> MultiOp {
    MultiOp::Check(CheckVersionRequest { path: path.into(), version })
}

#[test]
fn a_multi_is_all_or_nothing() {
    let target = Target::new();
    let mut wire = target.connect();
    let at = |rest: &str| target.path(rest);
    let (header, results) = wire.multi(vec![
        MultiOp::Create(create(&at("/m"), "", 0)),
        MultiOp::Create2(create(&at("/m/s-"), "", 2)),
        MultiOp::Create(create(&at("/m/s-"), "", 2)),
        MultiOp::SetData(set(&at("/m"), "x", 0)),
        check(&at("/m"), 1),
        MultiOp::Delete(delete(&at("/m/s-0000000000"), -1)),
    ]);
    assert_eq!(header.err, 0);
    assert!(matches!(&results[0], MultiOpResult::Create(r) if r.path == at("/m")));
    assert!(matches!(&results[1], MultiOpResult::Create2(r) if r.stat.czxid == header.zxid));
    assert!(matches!(&results[2], MultiOpResult::Create(r) if r.path == at("/m/s-0000000001")));
    assert!(matches!(&results[3], MultiOpResult::SetData(r) if r.stat.version == 1));
    assert_eq!(results[4..], [MultiOpResult::Check, MultiOpResult::Delete]);
    let before = wire.stat(&at("/m"));
    let (header, results) = wire.multi(vec![
        MultiOp::Create(create(&at("/m/s-"), "", 2)),
        MultiOp::Delete(delete(&at("/none"), -1)),
        check(&at("/m"), 1),
    ]);
    assert_eq!(header.err, 0);
    assert_eq!(
        results,
        [MultiOpResult::Error(0), MultiOpResult::Error(-101), MultiOpResult::Error(-2)]
    );
    assert_eq!(wire.stat(&at("/m")), before);
    assert_eq!(wire.create_mode(&at("/m/s-"), 2), at("/m/s-0000000002"));
    let (header, results) = wire.multi(Vec::new());
    assert_eq!((header.err, results.len()), (0, 0));
}

#[test]
fn a_multi_of_reads() {
    let target = Target::new();
    let mut wire = target.connect();
    wire.create(&target.path("/a"), "v");
    let mut body = BytesMut::new();
    let get = |path: String| MultiOp::GetData(GetDataRequest { path, watch: false });
    let list = MultiOp::GetChildren(GetChildrenRequest { path: target.root.clone(), watch: false });
    let ops = vec![get(target.path("/a")), get(target.path("/none")), list];
    MultiRequest { ops }.encode(&mut body);
    let (header, rest) = wire.call_raw(OpCode::MultiRead.code(), &body);
    assert_eq!(header.err, 0);
    let results = MultiResponse::decode(&rest).unwrap().results;
    assert!(matches!(
        &results[0],
        MultiOpResult::GetData(GetDataResponse { data: Some(data), .. }) if data == "v"
    ));
    assert_eq!(results[1], MultiOpResult::Error(-101));
    assert!(matches!(&results[2], MultiOpResult::GetChildren(r) if r.children == ["a"]));
    let mut body = BytesMut::new();
    let ops = vec![get(target.path("/a")), MultiOp::Delete(delete(&target.path("/a"), -1))];
    MultiRequest { ops }.encode(&mut body);
    let (header, _) = wire.call_raw(OpCode::Multi.code(), &body);
    assert_eq!(header.err, ErrorCode::MarshallingError.code());
    assert_eq!(wire.exists(&target.path("/a"), false), ErrorCode::Ok);
}

#[test]
fn containers_and_nodes_with_a_time_to_live() {
    let target = Target::new();
    let mut wire = target.connect();
    let container = create(&target.path("/c"), "", 4);
    let response: Create2Response = wire.ask(OpCode::CreateContainer, &container);
    assert_eq!(response.stat.ephemeral_owner, 0);
    wire.create(&target.path("/c/x"), "");
    let ttl = |path: &str, flags: i32, ttl: i64| {
        let CreateRequest { path, data, acl, .. } = create(path, "", 0);
        CreateTtlRequest { path, data, acl, flags, ttl }
    };
    let response: Create2Response =
        wire.ask(OpCode::CreateTtl, &ttl(&target.path("/t-"), 6, 60_000));
    assert_eq!(response.path, target.path("/t-0000000001"));
    assert_eq!(response.stat.ephemeral_owner, 0);
    let bad = [ttl(&target.path("/u"), 5, 0), ttl(&target.path("/u"), 5, 1 << 40)];
    for request in bad {
        assert_eq!(wire.code(OpCode::CreateTtl, &request), ErrorCode::BadArguments);
    }
}

#[test]
fn writes_without_a_path_take_their_place() {
    let target = Target::new();
    let mut wire = target.connect();
    let acl = jute::to_bytes(&Acl::open_unsafe());
    let without_path = |fields: &[&[u8]]| [&[0xff; 4], &fields.concat()[..]].concat();
    let (any, null, plain) = (&[0xff; 4][..], &[0xff; 4][..], &[0; 4][..]);
    let writes = [
        (OpCode::Create, without_path(&[null, &acl, plain]), ErrorCode::MarshallingError),
        (OpCode::Create2, without_path(&[null, &acl, plain]), ErrorCode::MarshallingError),
        (OpCode::Create, without_path(&[null, &acl, any]), ErrorCode::BadArguments),
        (OpCode::Delete, without_path(&[any]), ErrorCode::MarshallingError),
        (OpCode::SetData, without_path(&[null, any]), ErrorCode::BadArguments),
        (OpCode::SetAcl, without_path(&[&acl, any]), ErrorCode::BadArguments),
    ];
    let begin = wire.call_raw(OpCode::Exists.code(), &without_path(&[plain])).0.zxid;
    for (count, (op, body, error)) in (1..).zip(writes) {
        let (header, rest) = wire.call_raw(op.code(), &body);
        assert_eq!((header.err, rest.len()), (error.code(), 0), "{op:?}");
        assert_eq!(header.zxid, begin + count, "{op:?}");
    }
    let (header, _) = wire.call_raw(OpCode::CheckWatches.code(), &without_path(&[&[0, 0, 0, 1]]));
    assert_eq!(header.err, ErrorCode::NoWatcher.code());
    // Of all reads, only this one looks at the path before it looks for the node.
    assert_eq!(wire.exists("/a\0", false), ErrorCode::BadArguments);
}

#[test]
fn what_cannot_be_understood_is_answered_where_possible() {
    let target = Target::new();
    let mut wire = target.connect();
    let (header, _) = wire.call_raw(OpCode::GetData.code(), &[0, 0, 0, 9, b'/']);
    assert_eq!(header.err, ErrorCode::MarshallingError.code());
    let (header, _) = wire.call_raw(OpCode::Create.code(), &[1]);
    assert_eq!(header.err, ErrorCode::MarshallingError.code());
    assert_eq!(wire.exists("/", false), ErrorCode::Ok);
    for op in [OpCode::Check.code(), 4711] {
        let mut wire = target.connect();
        let (header, _) = wire.call_raw(op, &jute::to_bytes(&String::from("/")));
        assert_eq!(header.err, ErrorCode::Unimplemented.code(), "{op}");
        assert!(wire.reply().is_none());
    }
}

#[test]
fn a_frame_of_impossible_length_ends_the_connection() {
    let target = Target::new();
    for length in [-1, 0x10_0000, i32::MAX] {
        let mut wire = target.connect();
        let mut bytes = BytesMut::new();
        bytes.put_i32(length);
        wire.send_bytes(&bytes);
        assert!(wire.frame().is_none(), "{length}");
    }
    let mut wire = target.connect();
    let largest = "x".repeat(0xf_ffff - 8 - target.root.len() - 2 - 4 - 4 - 4);
    wire.create(&target.path("/x"), "");
    wire.set(&target.path("/x"), &largest);
    assert_eq!(wire.stat(&target.path("/x")).data_length as usize, largest.len());
}
