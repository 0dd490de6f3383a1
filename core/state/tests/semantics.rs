//! ZooKeeper's rules for writes, line by line.

use std::sync::Arc;

use pinfold_proto::acl::{Acl, Id};
use pinfold_proto::error::ErrorCode;
use pinfold_state::{
    Applied, Body, CreateKind, Entry, Op, OpOutcome, Outcome, StateMachine, TreeEventKind,
};

const SESSION: i64 = 0x0100_0000_0000_0001;

struct World {
    machine: StateMachine,
    time_ms: i64,
    auth: Vec<Id>,
}

impl World {
    fn new() -> World {
        let mut world = World { machine: StateMachine::new(), time_ms: 1000, auth: Vec::new() };
        world.open(SESSION);
        world
    }

    fn open(&mut self, id: i64) -> Applied {
        self.body(id, Body::CreateSession { password: [7; 16], timeout_ms: 4000 })
    }

    fn body(&mut self, session_id: i64, body: Body) -> Applied {
        self.time_ms += 1;
        let auth = Arc::new(self.auth.clone());
        let entry = Entry { auth, cxid: 1, ..Entry::internal(self.time_ms, session_id, body) };
        self.machine.apply(&entry)
    }

    fn op(&mut self, op: Op) -> Outcome {
        self.body(SESSION, Body::Request(op)).outcome
    }

    fn created(&mut self, path: &str, flags: i32) -> String {
        match self.op(create(path, flags)) {
            Outcome::Done(OpOutcome::Created { path, .. }) => path.to_string(),
            other => panic!("{path}: {other:?}"),
        }
    }

    fn failed(&mut self, op: Op) -> ErrorCode {
        match self.op(op) {
            Outcome::Failed(error) => error,
            other => panic!("{other:?}"),
        }
    }
}

fn create(path: &str, flags: i32) -> Op {
    let data = Some(bytes::Bytes::from_static(b"v"));
    Op::Create { path: path.into(), data, acl: Acl::open_unsafe(), flags, kind: CreateKind::Plain }
}

fn collect(path: &str, unused_after_ms: i64) -> Op {
    Op::Collect { path: path.into(), unused_after_ms }
}

fn create_ttl(path: &str, flags: i32, ttl_ms: i64, enabled: bool) -> Op {
    let kind = CreateKind::Ttl { ttl_ms, enabled };
    Op::Create { path: path.into(), data: None, acl: Acl::open_unsafe(), flags, kind }
}

fn delete(path: &str, version: i32) -> Op {
    Op::Delete { path: path.into(), version }
}

fn set(path: &str, version: i32) -> Op {
    Op::SetData { path: path.into(), data: Some("w".into()), version }
}

fn check(path: &str, version: i32) -> Op {
    Op::Check { path: path.into(), version }
}

#[test]
fn a_fresh_tree_shows_the_counters_of_zookeeper() {
    let world = World::new();
    let stat = |path: &str| world.machine.exists(path, &[]).unwrap();
    assert_eq!((stat("/").cversion, stat("/").num_children), (-1, 1));
    assert_eq!((stat("/zookeeper").cversion, stat("/zookeeper").num_children), (-2, 2));
    assert_eq!(world.machine.node_count(), 4);
}

#[test]
fn every_write_takes_a_zxid_also_a_failed_one() {
    let mut world = World::new();
    assert_eq!(world.machine.last_zxid(), 1);
    world.failed(delete("/none", -1));
    assert_eq!(world.machine.last_zxid(), 2);
    world.created("/a", 0);
    assert_eq!(world.machine.exists("/a", &[]).unwrap().czxid, 3);
    world.body(SESSION, Body::Multi(vec![create("/b", 0), create("/c", 0)]));
    assert_eq!(world.machine.last_zxid(), 4);
    assert_eq!(world.machine.exists("/c", &[]).unwrap().czxid, 4);
    let epoch = world.body(0, Body::Epoch);
    assert_eq!(epoch.zxid, 1 << 32);
    world.created("/d", 0);
    assert_eq!(world.machine.last_zxid(), (1 << 32) + 1);
}

#[test]
fn stats_follow_creation_data_acl_and_children() {
    let mut world = World::new();
    world.created("/a", 0);
    let new = world.machine.exists("/a", &[]).unwrap();
    assert_eq!((new.czxid, new.mzxid, new.pzxid), (2, 2, 2));
    assert_eq!((new.version, new.cversion, new.aversion, new.data_length), (0, 0, 0, 1));
    assert_eq!(new.ctime, new.mtime);
    world.op(set("/a", 0));
    let set_once = world.machine.exists("/a", &[]).unwrap();
    assert_eq!((set_once.version, set_once.mzxid, set_once.pzxid), (1, 3, 2));
    assert!(set_once.mtime > set_once.ctime);
    world.op(Op::SetAcl { path: "/a".into(), acl: Acl::open_unsafe(), version: 0 });
    let acl_set = world.machine.exists("/a", &[]).unwrap();
    assert_eq!((acl_set.aversion, acl_set.mzxid, acl_set.mtime), (1, 3, set_once.mtime));
    world.created("/a/b", 0);
    world.created("/a/b/c", 0);
    world.op(set("/a/b", -1));
    let parent = world.machine.exists("/a", &[]).unwrap();
    assert_eq!((parent.cversion, parent.pzxid, parent.num_children), (1, 5, 1));
    assert_eq!((parent.version, parent.mzxid), (1, 3));
    world.op(delete("/a/b/c", -1));
    world.op(delete("/a/b", -1));
    let parent = world.machine.exists("/a", &[]).unwrap();
    assert_eq!((parent.cversion, parent.pzxid, parent.num_children), (2, 9, 0));
    let null = Op::SetData { path: "/a".into(), data: None, version: -1 };
    world.op(null);
    let (data, stat) = world.machine.get_data("/a", &[]).unwrap();
    assert_eq!((data, stat.data_length), (None, 0));
}

#[test]
fn sequence_numbers_count_creations_at_the_parent() {
    let mut world = World::new();
    world.created("/q", 0);
    assert_eq!(world.created("/q/n-", 2), "/q/n-0000000000");
    world.created("/q/plain", 0);
    world.op(delete("/q/plain", -1));
    world.failed(create("/q/n-0000000000", 0));
    assert_eq!(world.created("/q/n-", 3), "/q/n-0000000002");
    assert_eq!(world.created("/q/", 2), "/q/0000000003");
}

#[test]
fn create_checks_in_zookeepers_order() {
    let mut world = World::new();
    let bad_acl = |path: &str| match create(path, 0) {
        Op::Create { path, data, flags, kind, .. } => {
            Op::Create { path, data, flags, kind, acl: Vec::new() }
        }
        other => other,
    };
    assert_eq!(world.failed(create("/x", 9)), ErrorCode::BadArguments);
    assert_eq!(world.failed(create_ttl("/x", 5, 0, false)), ErrorCode::Unimplemented);
    assert_eq!(world.failed(create_ttl("/x", 5, 0, true)), ErrorCode::BadArguments);
    assert_eq!(world.failed(create_ttl("/x", 0, 5, true)), ErrorCode::BadArguments);
    assert_eq!(world.failed(create("x", 0)), ErrorCode::BadArguments);
    assert_eq!(world.failed(create("/x\0y", 0)), ErrorCode::BadArguments);
    assert_eq!(world.failed(bad_acl("/no/x")), ErrorCode::InvalidAcl);
    assert_eq!(world.failed(create("/no/../x", 0)), ErrorCode::NoNode);
    assert_eq!(world.failed(create("/../x", 0)), ErrorCode::NoNode);
    assert_eq!(world.failed(create("/..", 0)), ErrorCode::BadArguments);
    assert_eq!(world.failed(create("/", 0)), ErrorCode::NodeExists);
    world.created("/e", 1);
    assert_eq!(world.failed(create("/e/x", 0)), ErrorCode::NoChildrenForEphemerals);
    assert_eq!(world.failed(create("/e", 0)), ErrorCode::NodeExists);
    let unknown = world.body(5, Body::Request(create("/y", 0))).outcome;
    assert_eq!(unknown, Outcome::Failed(ErrorCode::SessionExpired));
}

#[test]
fn delete_set_and_check_in_zookeepers_order() {
    let mut world = World::new();
    for permanent in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "x"] {
        assert_eq!(world.failed(delete(permanent, -1)), ErrorCode::BadArguments);
    }
    world.created("/a", 0);
    world.created("/a/b", 0);
    assert_eq!(world.failed(delete("/a/c", 3)), ErrorCode::NoNode);
    assert_eq!(world.failed(delete("/a", 3)), ErrorCode::BadVersion);
    assert_eq!(world.failed(delete("/a", 0)), ErrorCode::NotEmpty);
    assert_eq!(world.failed(set("/a/", -1)), ErrorCode::BadArguments);
    assert_eq!(world.failed(set("/none", 4)), ErrorCode::NoNode);
    assert_eq!(world.failed(set("/a", 4)), ErrorCode::BadVersion);
    assert_eq!(world.op(check("/a", 0)), Outcome::Done(OpOutcome::Checked));
    assert_eq!(world.failed(check("/a", 1)), ErrorCode::BadVersion);
}

#[test]
fn access_lists_guard_writes_and_reads() {
    let mut world = World::new();
    let me = Id { scheme: "digest".into(), id: "me:hash".into() };
    let mine = vec![Acl { perms: 31, id: me.clone() }];
    world.created("/p", 0);
    world.op(Op::SetAcl { path: "/p".into(), acl: mine.clone(), version: -1 });
    assert_eq!(world.failed(set("/p", -1)), ErrorCode::NoAuth);
    assert_eq!(world.failed(create("/p/x", 0)), ErrorCode::NoAuth);
    assert_eq!(world.failed(check("/p", -1)), ErrorCode::NoAuth);
    let again = Op::SetAcl { path: "/p".into(), acl: mine, version: 9 };
    assert_eq!(world.failed(again), ErrorCode::NoAuth);
    assert_eq!(world.machine.get_data("/p", &[]), Err(ErrorCode::NoAuth));
    // Nothing is inherited, and deleting needs the parent's permission only.
    world.auth = vec![me.clone()];
    world.created("/p/x", 0);
    assert!(world.machine.get_data("/p/x", &[]).is_ok());
    world.auth = Vec::new();
    assert_eq!(world.failed(delete("/p/x", -1)), ErrorCode::NoAuth);
    world.auth = vec![Id { scheme: "super".into(), id: String::new() }];
    assert_eq!(world.op(delete("/p/x", -1)), Outcome::Done(OpOutcome::Deleted));
    assert_eq!(world.machine.get_acl("/p", &[me]).unwrap().0[0].id.id, "me:hash");
}

#[test]
fn a_multi_is_all_or_nothing() {
    let mut world = World::new();
    world.created("/m", 0);
    let before = (world.machine.exists("/m", &[]), world.machine.node_count());
    let outcome = world.body(
        SESSION,
        Body::Multi(vec![
            create("/m/s-", 2),
            create("/m/a", 1),
            create("/m/a/b", 0),
            delete("/m/none", -1),
        ]),
    );
    let failed = Outcome::MultiFailed { index: 2, error: ErrorCode::NoChildrenForEphemerals };
    assert_eq!(outcome.outcome, failed);
    assert!(outcome.events.is_empty());
    assert_eq!(before, (world.machine.exists("/m", &[]), world.machine.node_count()));
    assert!(world.machine.ephemerals(SESSION, "/").is_empty());
    let outcome = world.body(
        SESSION,
        Body::Multi(vec![
            create("/m/a", 0),
            create("/m/a/b-", 2),
            create("/m/a/b-", 2),
            set("/m/a", 0),
            check("/m/a", 1),
            delete("/m/a/b-0000000000", 0),
        ]),
    );
    let Outcome::Multi(results) = &outcome.outcome else { panic!("{outcome:?}") };
    assert_eq!(results.len(), 6);
    assert!(world.machine.exists("/m/a/b-0000000001", &[]).is_ok());
    assert_eq!(outcome.events.len(), 9);
    let empty = world.body(SESSION, Body::Multi(Vec::new()));
    assert_eq!(empty.outcome, Outcome::Multi(Vec::new()));
}

#[test]
fn a_closed_session_takes_its_ephemerals_along_under_one_zxid() {
    let mut world = World::new();
    world.created("/p", 0);
    world.created("/p/e1", 1);
    world.created("/p/e2", 3);
    world.created("/stays", 0);
    let closed = world.body(SESSION, Body::CloseSession);
    assert_eq!(closed.outcome, Outcome::SessionClosed);
    let kinds: Vec<_> = closed.events.iter().map(|e| (e.kind, &*e.path)).collect();
    assert_eq!(
        kinds,
        [
            (TreeEventKind::Deleted, "/p/e1"),
            (TreeEventKind::ChildrenChanged, "/p"),
            (TreeEventKind::Deleted, "/p/e20000000001"),
            (TreeEventKind::ChildrenChanged, "/p"),
        ]
    );
    assert!(closed.events.iter().all(|e| e.zxid == closed.zxid));
    assert!(world.machine.exists("/stays", &[]).is_ok());
    assert!(world.machine.sessions().is_empty());
    assert_eq!(world.failed(create("/x", 0)), ErrorCode::SessionExpired);
    let twice = world.body(SESSION, Body::CloseSession).outcome;
    assert_eq!(twice, Outcome::Failed(ErrorCode::SessionExpired));
}

#[test]
fn containers_and_ttl_nodes_are_collected_when_their_time_has_come() {
    let mut world = World::new();
    let container = Op::Create {
        path: "/c".into(),
        data: None,
        acl: Acl::open_unsafe(),
        flags: 4,
        kind: CreateKind::Container,
    };
    world.op(container);
    world.op(create_ttl("/t", 5, 10, true));
    assert_eq!(world.machine.exists("/t", &[]).unwrap().ephemeral_owner, 0);
    assert!(world.machine.collectable(world.time_ms, 0).is_empty());
    world.created("/c/x", 0);
    assert!(world.machine.collectable(world.time_ms, 0).is_empty());
    world.op(delete("/c/x", -1));
    let due: Vec<_> = world.machine.collectable(world.time_ms + 20, 0);
    assert_eq!(due.iter().map(|p| &**p).collect::<Vec<_>>(), ["/c", "/t"]);
    assert_eq!(world.failed(collect("/t", 0)), ErrorCode::BadArguments);
    world.time_ms += 20;
    assert_eq!(world.op(collect("/t", 0)), Outcome::Done(OpOutcome::Deleted));
    assert_eq!(world.op(collect("/c", 0)), Outcome::Done(OpOutcome::Deleted));
}

#[test]
fn an_image_is_of_one_point_and_comes_back_whole() {
    let mut world = World::new();
    for i in 0..3000 {
        world.created(&format!("/n{i}"), 0);
        world.created(&format!("/n{i}/e"), if i % 3 == 0 { 1 } else { 0 });
    }
    world.open(77);
    let digest = world.machine.digest();
    let image = world.machine.snapshot();
    for i in 0..3000 {
        world.op(delete(&format!("/n{i}/e"), -1));
        world.op(set(&format!("/n{i}"), -1));
    }
    world.body(SESSION, Body::CloseSession);
    assert_ne!(world.machine.digest(), digest);
    let blocks: Vec<_> = image.blocks().collect();
    assert!(blocks.len() > 3);
    let back = StateMachine::restore(blocks.clone()).unwrap();
    assert_eq!(back.digest(), digest);
    assert_eq!(back.ephemerals(SESSION, "/").len(), 1000);
    assert_eq!(back.sessions().len(), 2);
    assert!(StateMachine::restore(blocks[..blocks.len() - 1].to_vec()).is_err());
    assert!(StateMachine::restore(blocks[1..].to_vec()).is_err());
    let cut = blocks[2].slice(..blocks[2].len() - 3);
    assert!(StateMachine::restore([blocks[0].clone(), blocks[1].clone(), cut]).is_err());
}

#[test]
fn reads_of_children_acl_and_descendants() {
    let mut world = World::new();
    for path in ["/a", "/a/z", "/a/b", "/a/b/c", "/ab"] {
        world.created(path, 0);
    }
    let (names, stat) = world.machine.get_children("/a", &[]).unwrap();
    assert_eq!((names, stat.num_children), (vec!["b".to_string(), "z".into()], 2));
    assert_eq!(world.machine.get_children("/", &[]).unwrap().0, ["a", "ab", "zookeeper"]);
    assert_eq!(world.machine.count_descendants("/a", &[]), Ok(3));
    assert_eq!(world.machine.count_descendants("/", &[]), Ok(8));
    assert_eq!(world.machine.count_descendants("/x", &[]), Err(ErrorCode::NoNode));
}

#[test]
fn what_comes_over_an_earlier_attachment_is_refused() {
    let mut world = World::new();
    let over = |attachment: u32, body: Body| Entry {
        attachment: Some(attachment),
        ..Entry::internal(2000, SESSION, body)
    };
    let attach = |password| Body::Attach { password: [password; 16], timeout_ms: 9000 };
    let before = world.machine.last_zxid();
    let wrong = world.machine.apply(&over(0, attach(8)));
    assert_eq!(wrong.outcome, Outcome::Failed(ErrorCode::SessionExpired));
    let right = world.machine.apply(&over(0, attach(7)));
    assert_eq!(right.outcome, Outcome::SessionAttached { attachment: 1 });
    assert_eq!(world.machine.last_zxid(), before, "an attachment takes no zxid");
    assert_eq!(world.machine.sessions().get(SESSION).map(|s| s.timeout_ms), Some(9000));

    let late = world.machine.apply(&over(0, Body::Request(create("/late", 0))));
    assert_eq!(late.outcome, Outcome::Failed(ErrorCode::SessionMoved));
    let late = world.machine.apply(&over(0, Body::CloseSession));
    assert_eq!(late.outcome, Outcome::Failed(ErrorCode::SessionMoved));
    let now = world.machine.apply(&over(1, Body::Request(create("/now", 0))));
    assert!(matches!(now.outcome, Outcome::Done(_)), "{now:?}");
    // A restored state goes on with the same number.
    let restored = StateMachine::restore(world.machine.snapshot().blocks()).unwrap();
    assert_eq!(restored.sessions().get(SESSION), world.machine.sessions().get(SESSION));
    // The server's own word counts over any attachment.
    let expired = world.machine.apply(&Entry::internal(2001, SESSION, Body::CloseSession));
    assert_eq!(expired.outcome, Outcome::SessionClosed);
    let gone = world.machine.apply(&over(1, attach(7)));
    assert_eq!(gone.outcome, Outcome::Failed(ErrorCode::SessionExpired));
}

#[test]
fn a_container_that_nobody_used_goes_after_its_time() {
    let mut world = World::new();
    let container = Op::Create {
        path: "/c".into(),
        data: None,
        acl: Acl::open_unsafe(),
        flags: 4,
        kind: CreateKind::Container,
    };
    assert!(matches!(world.op(container), Outcome::Done(_)));
    assert_eq!(world.failed(collect("/c", 0)), ErrorCode::BadArguments);
    assert_eq!(world.failed(collect("/c", 50)), ErrorCode::BadArguments);
    let created_ms = world.time_ms;
    assert!(world.machine.collectable(created_ms + 100, 0).is_empty());
    assert_eq!(world.machine.collectable(created_ms + 100, 50).len(), 1);
    world.time_ms += 100;
    assert_eq!(world.op(collect("/c", 50)), Outcome::Done(OpOutcome::Deleted));
}
