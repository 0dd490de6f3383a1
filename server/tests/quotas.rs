//! Quotas: what a subtree has, and what it may have. Apache ZooKeeper needs `enforceQuota=true`.

mod wire;

use pinfold_proto::{ErrorCode, MultiOp, OpCode};
use wire::{Target, Wire, create, delete, set};

const QUOTA: &str = "/zookeeper/quota";

/// A node with this quota, made as zkCli makes it: parents, limits, stats.
fn with_quota(target: &Target, wire: &mut Wire, limits: &str) -> String {
    let path = target.path("/q");
    wire.create(&path, "1234");
    let quota = format!("{QUOTA}{path}");
    wire.create(&format!("{QUOTA}{}", target.path("")), "");
    wire.create(&quota, "");
    wire.create(&format!("{quota}/zookeeper_limits"), limits);
    wire.create(&format!("{quota}/zookeeper_stats"), "count=0,bytes=0");
    path
}

fn stats(wire: &mut Wire, path: &str) -> String {
    let (data, _) = wire.get(&format!("{QUOTA}{path}/zookeeper_stats"), false);
    String::from_utf8(data.unwrap().to_vec()).unwrap()
}

#[test]
fn the_figures_follow_every_change() {
    let target = Target::new();
    let mut wire = target.connect();
    let path = with_quota(&target, &mut wire, "count=100,bytes=1000");
    assert_eq!(stats(&mut wire, &path), "count=1,bytes=4");
    wire.create(&format!("{path}/a"), "12");
    wire.create(&format!("{path}/a/b"), "123");
    assert_eq!(stats(&mut wire, &path), "count=3,bytes=9");
    wire.set(&format!("{path}/a"), "");
    assert_eq!(stats(&mut wire, &path), "count=3,bytes=7");
    wire.delete(&format!("{path}/a/b"));
    assert_eq!(stats(&mut wire, &path), "count=2,bytes=4");
    // What a session leaves behind is counted too.
    let mut other = target.connect();
    other.create_mode(&format!("{path}/e"), 1);
    assert!(stats(&mut wire, &path).starts_with("count=3,"));
    other.call_raw(OpCode::CloseSession.code(), &[]);
    assert_eq!(stats(&mut wire, &path), "count=2,bytes=4");
    // Its own Stat shows nothing of it.
    let stat = wire.stat(&format!("{QUOTA}{path}/zookeeper_stats"));
    assert_eq!((stat.version, stat.czxid), (0, stat.mzxid));
    assert_eq!(stat.data_length as usize, "count=2,bytes=4".len());
}

#[test]
fn a_multi_that_fails_leaves_the_figures() {
    let target = Target::new();
    let mut wire = target.connect();
    let path = with_quota(&target, &mut wire, "count=100,bytes=1000");
    let ops = vec![
        MultiOp::Create(create(&format!("{path}/a"), "12345", 0)),
        MultiOp::SetData(set(&path, "", -1)),
        MultiOp::Delete(delete(&format!("{path}/none"), -1)),
    ];
    wire.multi(ops);
    assert_eq!(stats(&mut wire, &path), "count=1,bytes=4");
    wire.multi(vec![
        MultiOp::Create(create(&format!("{path}/a"), "12345", 0)),
        MultiOp::SetData(set(&path, "", -1)),
    ]);
    assert_eq!(stats(&mut wire, &path), "count=2,bytes=5");
}

#[test]
fn hard_limits_refuse_and_soft_ones_do_not() {
    let target = Target::new();
    let mut wire = target.connect();
    let limits = "count=1,bytes=1=;byteHardLimit=10;countHardLimit=3";
    let path = with_quota(&target, &mut wire, limits);
    let exceeded = ErrorCode::QuotaExceeded;
    let child = |name: &str, data: &str| create(&format!("{path}/{name}"), data, 0);
    assert_eq!(wire.code(OpCode::Create, &child("a", "1234567")), exceeded);
    assert_eq!(wire.code(OpCode::Create, &child("a", "123456")), ErrorCode::Ok);
    // The limit is told before the version is looked at.
    assert_eq!(wire.code(OpCode::SetData, &set(&path, "12345", 9)), exceeded);
    assert_eq!(wire.code(OpCode::SetData, &set(&path, "123", 9)), ErrorCode::BadVersion);
    assert_eq!(wire.code(OpCode::SetData, &set(&path, "4321", -1)), ErrorCode::Ok);
    assert_eq!(wire.code(OpCode::Create, &child("b", "")), ErrorCode::Ok);
    assert_eq!(wire.code(OpCode::Create, &child("c", "")), exceeded);
    // What is there already comes first, and what has no right to be there.
    assert_eq!(wire.code(OpCode::Create, &child("b", "")), ErrorCode::NodeExists);
    let (_, results) = wire.multi(vec![MultiOp::Create(child("c", ""))]);
    assert_eq!(format!("{:?}", results[0]), "Error(-125)");
    // Outside of it nothing counts.
    wire.create(&target.path("/free"), "12345678901234567890");
    // Without its limits the node is free.
    wire.delete(&format!("{QUOTA}{path}/zookeeper_limits"));
    assert_eq!(wire.code(OpCode::Create, &child("c", "")), ErrorCode::Ok);
}
