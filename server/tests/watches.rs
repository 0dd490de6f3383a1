//! Watches: who hears of what, when, and how often.

mod wire;

use std::collections::BTreeSet;

use pinfold_proto::records::{
    AddWatchRequest, CheckWatchesRequest, CreateRequest, CreateResponse, ErrorResponse,
    RemoveWatchesRequest, SetAclRequest, SetWatches, SetWatches2,
};
use pinfold_proto::{Acl, ErrorCode, MultiOp, OpCode, Perms};
use wire::{Target, Wire, create, delete, set};

const CREATED: i32 = 1;
const DELETED: i32 = 2;
const CHANGED: i32 = 3;
const CHILDREN: i32 = 4;

fn add(wire: &mut Wire, path: &str, mode: i32) {
    let request = AddWatchRequest { path: path.into(), mode };
    assert_eq!(wire.ask::<_, ErrorResponse>(OpCode::AddWatch, &request).err, 0);
}

/// Everything that `wire` heard until now: an answer comes after all events before it.
fn heard(wire: &mut Wire) -> Vec<(i32, String)> {
    wire.stat("/");
    wire.take_events()
}

#[test]
fn one_shot_watches_fire_once_and_before_the_writers_answer() {
    let target = Target::new();
    let mut wire = target.connect();
    let path = target.path("/a");
    assert_eq!(wire.exists(&path, true), ErrorCode::NoNode);
    assert_eq!(wire.exists(&path, true), ErrorCode::NoNode);
    assert_eq!(wire.watch_children(&target.root), ErrorCode::Ok);
    let zxid = wire.call(OpCode::Create, &create(&path, "", 0)).0.zxid;
    assert!(wire.events.iter().all(|(at, _)| *at == zxid));
    let root = target.root.clone();
    assert_eq!(wire.take_events(), [(CREATED, path.clone()), (CHILDREN, root)]);
    wire.set(&path, "1");
    assert_eq!(wire.take_events(), []);
    wire.get(&path, true);
    wire.set(&path, "2");
    assert_eq!(wire.take_events(), [(CHANGED, path.clone())]);
    wire.get(&path, true);
    assert_eq!(wire.watch_children(&path), ErrorCode::Ok);
    wire.delete(&path);
    assert_eq!(wire.take_events(), [(DELETED, path)]);
}

#[test]
fn what_failed_fires_and_arms_nothing() {
    let target = Target::new();
    let mut wire = target.connect();
    let path = target.path("/a");
    assert_eq!(wire.watch_children(&path), ErrorCode::NoNode);
    let get = pinfold_proto::records::GetDataRequest { path: path.clone(), watch: true };
    assert_eq!(wire.code(OpCode::GetData, &get), ErrorCode::NoNode);
    wire.create(&path, "");
    wire.get(&path, true);
    wire.code(OpCode::SetData, &set(&path, "", 9));
    wire.code(OpCode::Create, &create(&path, "", 0));
    let acl = SetAclRequest { path: path.clone(), acl: Acl::open_unsafe(), version: -1 };
    wire.code(OpCode::SetAcl, &acl);
    wire.multi(vec![
        MultiOp::SetData(set(&path, "", -1)),
        MultiOp::Delete(delete(&target.path("/none"), -1)),
    ]);
    assert_eq!(heard(&mut wire), []);
}

#[test]
fn a_multi_fires_in_the_order_of_its_parts() {
    let target = Target::new();
    let (mut writer, mut watcher) = (target.connect(), target.connect());
    add(&mut watcher, &target.root, 1);
    let at = |rest: &str| target.path(rest);
    writer.multi(vec![
        MultiOp::Create(create(&at("/a"), "", 0)),
        MultiOp::Create(create(&at("/a/b"), "", 0)),
        MultiOp::SetData(set(&at("/a"), "", -1)),
        MultiOp::Delete(delete(&at("/a/b"), -1)),
    ]);
    let expected =
        [(CREATED, at("/a")), (CREATED, at("/a/b")), (CHANGED, at("/a")), (DELETED, at("/a/b"))];
    assert_eq!(heard(&mut watcher), expected);
}

#[test]
fn persistent_watches_stay() {
    let target = Target::new();
    let mut wire = target.connect();
    let at = |rest: &str| target.path(rest);
    add(&mut wire, &at("/p"), 0);
    for _ in 0..2 {
        wire.create(&at("/p"), "");
        wire.create(&at("/p/c"), "");
        wire.set(&at("/p/c"), "");
        wire.set(&at("/p"), "");
        wire.delete(&at("/p/c"));
        wire.delete(&at("/p"));
        let kinds = [CREATED, CHILDREN, CHANGED, CHILDREN, DELETED];
        assert_eq!(wire.take_events(), kinds.map(|kind| (kind, at("/p"))));
    }
    let remove = RemoveWatchesRequest { path: at("/p"), kind: 4 };
    assert_eq!(wire.code(OpCode::RemoveWatches, &remove), ErrorCode::Ok);
    assert_eq!(wire.code(OpCode::RemoveWatches, &remove), ErrorCode::NoWatcher);
    wire.create(&at("/p"), "");
    assert_eq!(heard(&mut wire), []);
}

#[test]
fn recursive_watches_hear_of_descendants_but_not_of_lists() {
    let target = Target::new();
    let mut wire = target.connect();
    let at = |rest: &str| target.path(rest);
    add(&mut wire, &at("/r"), 1);
    wire.create(&at("/r"), "");
    wire.create(&at("/r/a"), "");
    wire.create(&at("/r/a/b"), "");
    wire.create(&at("/rr"), "");
    wire.set(&at("/r/a/b"), "");
    wire.delete(&at("/r/a/b"));
    let expected = [
        (CREATED, at("/r")),
        (CREATED, at("/r/a")),
        (CREATED, at("/r/a/b")),
        (CHANGED, at("/r/a/b")),
        (DELETED, at("/r/a/b")),
    ];
    assert_eq!(heard(&mut wire), expected);
}

#[test]
fn watches_are_found_and_removed_by_their_kind() {
    let target = Target::new();
    let mut wire = target.connect();
    let path = target.path("/w");
    wire.create(&path, "");
    wire.get(&path, true);
    add(&mut wire, &path, 0);
    let code = |wire: &mut Wire, op: OpCode, kind: i32| {
        let path = path.clone();
        match op {
            OpCode::CheckWatches => wire.code(op, &CheckWatchesRequest { path, kind }),
            _ => wire.code(op, &RemoveWatchesRequest { path, kind }),
        }
    };
    for (kind, expected) in [
        (1, ErrorCode::NoWatcher),
        (2, ErrorCode::Ok),
        (3, ErrorCode::Ok),
        (4, ErrorCode::Ok),
        (5, ErrorCode::NoWatcher),
    ] {
        assert_eq!(code(&mut wire, OpCode::CheckWatches, kind), expected, "{kind}");
    }
    assert_eq!(code(&mut wire, OpCode::RemoveWatches, 1), ErrorCode::NoWatcher);
    assert_eq!(code(&mut wire, OpCode::RemoveWatches, 3), ErrorCode::Ok);
    assert_eq!(code(&mut wire, OpCode::CheckWatches, 3), ErrorCode::NoWatcher);
    wire.set(&path, "");
    assert_eq!(heard(&mut wire), []);
}

#[test]
fn a_client_that_comes_back_hears_what_it_missed() {
    let target = Target::new();
    let mut wire = target.connect();
    let at = |rest: &str| target.path(rest);
    for name in ["/same", "/set", "/gone", "/list", "/calm"] {
        wire.create(&at(name), "");
    }
    let seen = wire.stat(&at("/calm")).czxid;
    wire.set(&at("/set"), "");
    wire.delete(&at("/gone"));
    wire.create(&at("/list/c"), "");
    wire.create(&at("/new"), "");
    let mut back = wire.attach(&target.address).unwrap();
    let request = SetWatches2 {
        relative_zxid: seen,
        data: vec![at("/same"), at("/set"), at("/gone")],
        exist: vec![at("/new"), at("/later")],
        child: vec![at("/list"), at("/calm"), at("/gone")],
        persistent: vec![at("/same")],
        persistent_recursive: vec![at("/calm")],
    };
    assert_eq!(back.code(OpCode::SetWatches2, &request), ErrorCode::Ok);
    assert!(back.events.iter().all(|(zxid, _)| *zxid == -1));
    let missed: BTreeSet<_> = back.take_events().into_iter().collect();
    let expected = [
        (CHANGED, at("/set")),
        (DELETED, at("/gone")),
        (CREATED, at("/new")),
        (CHILDREN, at("/list")),
    ];
    assert_eq!(missed, BTreeSet::from(expected));
    back.set(&at("/same"), "");
    back.set(&at("/same"), "");
    back.create(&at("/later"), "");
    back.create(&at("/calm/c"), "");
    let mut now = heard(&mut back);
    now[3..].sort();
    let expected = [
        (CHANGED, at("/same")),
        (CHANGED, at("/same")),
        (CREATED, at("/later")),
        (CREATED, at("/calm/c")),
        (CHILDREN, at("/calm")),
    ];
    assert_eq!(now, expected);
    let old = SetWatches { relative_zxid: seen, data: vec![at("/gone")], ..SetWatches::default() };
    assert_eq!(back.code(OpCode::SetWatches, &old), ErrorCode::Ok);
    assert_eq!(back.take_events(), [(DELETED, at("/gone"))]);
}

#[test]
fn who_may_not_read_hears_nothing() {
    let target = Target::new();
    let (mut owner, mut other) = (target.connect(), target.connect());
    owner.auth("digest", "me:pw");
    add(&mut other, &target.root, 1);
    let secret = CreateRequest { acl: Acl::creator_all(), ..create(&target.path("/s"), "", 0) };
    owner.ask::<_, CreateResponse>(OpCode::Create, &secret);
    owner.set(&target.path("/s"), "");
    let acl = vec![Acl::new(Perms::READ, "world", "anyone"), Acl::new(31, "auth", "")];
    let open = SetAclRequest { path: target.path("/s"), acl, version: -1 };
    assert_eq!(owner.code(OpCode::SetAcl, &open), ErrorCode::Ok);
    owner.set(&target.path("/s"), "");
    assert_eq!(heard(&mut other), [(CHANGED, target.path("/s"))]);
}

#[test]
fn another_sessions_watcher_hears_before_it_can_read_the_change() {
    let target = Target::new();
    let (mut writer, mut reader) = (target.connect(), target.connect());
    let path = target.path("/x");
    writer.create(&path, "0");
    for round in 1..200 {
        reader.get(&path, true);
        writer.send(OpCode::SetData, &set(&path, &round.to_string(), -1));
        loop {
            let (data, _) = reader.get(&path, false);
            let is_new = data.as_deref() == Some(round.to_string().as_bytes());
            let has_heard = !reader.take_events().is_empty();
            assert!(has_heard || !is_new, "round {round}: the change was read before its event");
            if is_new {
                break;
            }
            if has_heard {
                assert_eq!(reader.get(&path, false).1.version, round);
                break;
            }
        }
        writer.reply().unwrap();
    }
}
