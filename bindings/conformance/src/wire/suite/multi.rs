//! Several operations as one.

use bytes::BytesMut;
use pinfold_proto::records::{GetChildrenRequest, GetDataResponse};
use pinfold_proto::{ErrorCode, MultiOp, MultiOpResult, MultiRequest, OpCode};

use super::check::{Check, Code, Hex, Outcome, Stop, holds, same};
use super::context::Context;
use super::requests::{create, create_ttl, part_check, part_create, part_delete, part_set, read};

/// What a result is, without its Stat.
fn brief(result: &MultiOpResult) -> String {
    match result {
        MultiOpResult::Create(answer) => format!("create {}", answer.path),
        MultiOpResult::Create2(answer) => format!("create2 {}", answer.path),
        MultiOpResult::CreateContainer(answer) => format!("container {}", answer.path),
        MultiOpResult::CreateTtl(answer) => format!("ttl {}", answer.path),
        MultiOpResult::SetData(answer) => format!("set to {}", answer.stat.version),
        MultiOpResult::Delete => "delete".into(),
        MultiOpResult::Check => "check".into(),
        MultiOpResult::GetData(answer) => format!("data {:?}", answer.data),
        MultiOpResult::GetChildren(answer) => format!("children {:?}", answer.children),
        MultiOpResult::Error(code) => format!("error {code}"),
    }
}

fn all_or_nothing(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let at = |rest: &str| context.path(rest);
    let (_, results) = client.multi(vec![
        part_create(&at("/m"), 0),
        MultiOp::Create2(create(&at("/m/s-"), "", 2)),
        part_create(&at("/m/s-"), 2),
        part_set(&at("/m"), "x", 0),
        part_check(&at("/m"), 1),
        part_delete(&at("/m/s-0000000000")),
    ])?;
    let seen: Vec<String> = results.iter().map(brief).collect();
    let wanted = [
        format!("create {}", at("/m")),
        format!("create2 {}", at("/m/s-0000000000")),
        format!("create {}", at("/m/s-0000000001")),
        "set to 1".into(),
        "check".into(),
        "delete".into(),
    ];
    same("the results", seen, wanted)?;
    same("what is there", client.children(&at("/m"), false)?, ["s-0000000001"])
}

fn stats_inside(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let at = |rest: &str| context.path(rest);
    let (reply, results) = client.multi(vec![
        MultiOp::Create2(create(&at("/m"), "12", 0)),
        part_set(&at("/m"), "345", -1),
    ])?;
    let stats: Vec<_> = results
        .iter()
        .filter_map(|result| match result {
            MultiOpResult::Create2(answer) => Some(answer.stat),
            MultiOpResult::SetData(answer) => Some(answer.stat),
            _ => None,
        })
        .map(|stat| (stat.czxid, stat.mzxid, stat.version, stat.data_length))
        .collect();
    let zxid = reply.zxid;
    same("czxid, mzxid, version, length", stats, [(zxid, zxid, 0, 2), (zxid, zxid, 1, 3)])
}

fn failure(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let at = |rest: &str| context.path(rest);
    let mut body = BytesMut::new();
    let ops = vec![part_create(&at("/a"), 0), part_delete(&at("/none")), part_check(&at("/a"), 0)];
    MultiRequest { ops }.encode(&mut body);
    let reply = client.call_raw(OpCode::Multi.code(), &body)?;
    same("the error in the header", Code(reply.err), Code(0))?;
    let mut wanted = Vec::new();
    for code in [0_i32, -101, -2] {
        wanted.extend_from_slice(&(-1_i32).to_be_bytes());
        wanted.push(0);
        wanted.extend_from_slice(&code.to_be_bytes());
        wanted.extend_from_slice(&code.to_be_bytes());
    }
    wanted.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 1, 0xff, 0xff, 0xff, 0xff]);
    same("the bytes of the results", Hex(&reply.body), Hex(&wanted))?;
    same("the error of exists", client.exists(&at("/a"), false)?, Code::of(ErrorCode::NoNode))
}

fn rolled_back(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let at = |rest: &str| context.path(rest);
    client.create(&at("/a"), "")?;
    let before = (client.stat(context.root())?, client.stat(&at("/a"))?);
    let (_, results) = client.multi(vec![
        part_create(&at("/s-"), 2),
        part_set(&at("/a"), "x", -1),
        part_create(&at("/a/b"), 0),
        part_delete(&at("/none")),
    ])?;
    let seen: Vec<String> = results.iter().map(brief).collect();
    same("the results", seen, ["error 0", "error 0", "error 0", "error -101"])?;
    let after = (client.stat(context.root())?, client.stat(&at("/a"))?);
    same("the stats of parent and node", after, before)?;
    same("the next number", client.create_as(&at("/s-"), 2)?, at("/s-0000000001"))
}

fn every_kind(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let at = |rest: &str| context.path(rest);
    let (_, results) = client.multi(vec![MultiOp::CreateContainer(create(&at("/c"), "", 4))])?;
    let seen: Vec<String> = results.iter().map(brief).collect();
    same("the result of a container", seen, [format!("create2 {}", at("/c"))])?;
    let (_, results) = client.multi(vec![MultiOp::CreateTtl(create_ttl(&at("/t"), 5, 60_000))])?;
    if results == [MultiOpResult::Error(ErrorCode::Unimplemented.code())] {
        return Err(Stop::NotEnabled("TTL nodes (extendedTypesEnabled=true)".into()));
    }
    let seen: Vec<String> = results.iter().map(brief).collect();
    same("the result of a TTL node", seen, [format!("create2 {}", at("/t"))])
}

fn empty(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    same("results of an empty multi", client.multi(Vec::new())?.1.len(), 0)?;
    let (_, results) = client.multi_as(OpCode::MultiRead, Vec::new())?;
    same("results of an empty multiRead", results.len(), 0)
}

fn mixed(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.root().to_owned();
    let ops = vec![MultiOp::GetData(read(&path)), part_set(&path, "", -1)];
    for ops in [ops.clone(), ops.into_iter().rev().collect()] {
        let mut body = BytesMut::new();
        MultiRequest { ops }.encode(&mut body);
        let reply = client.call_raw(OpCode::Multi.code(), &body)?;
        let seen = (Code(reply.err), reply.body.len());
        same("error and length", seen, (Code(ErrorCode::MarshallingError.code()), 0))?;
    }
    same("the version of the node", client.stat(&path)?.version, 0)
}

fn reads(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let at = |rest: &str| context.path(rest);
    client.create(&at("/a"), "v")?;
    let list = GetChildrenRequest { path: context.root().into(), watch: true };
    let watched = pinfold_proto::records::GetDataRequest { watch: true, ..read(&at("/a")) };
    let ops = vec![
        MultiOp::GetData(watched),
        MultiOp::GetData(read(&at("/none"))),
        MultiOp::GetChildren(list),
    ];
    let (_, results) = client.multi_as(OpCode::MultiRead, ops)?;
    let stat = client.stat(&at("/a"))?;
    let data = GetDataResponse { data: Some("v".into()), stat };
    same("the first result", results.first(), Some(&MultiOpResult::GetData(data)))?;
    let rest: Vec<String> = results.iter().skip(1).map(brief).collect();
    same("the others", rest, ["error -101", "children [\"a\"]"])?;
    client.set(&at("/a"), "")?;
    client.delete(&at("/a"))?;
    same("events of watches that were asked for", client.heard()?, [])
}

fn events(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let at = |rest: &str| context.path(rest);
    client.add_watch(context.root(), 1)?;
    let (reply, _) = client.multi(vec![
        part_create(&at("/a"), 0),
        part_create(&at("/a/b"), 0),
        part_set(&at("/a"), "", -1),
        part_delete(&at("/a/b")),
    ])?;
    let same_zxid = client.session.events.iter().all(|(zxid, _)| *zxid == reply.zxid);
    holds("all events carry the multi's zxid", same_zxid, &client.session.events)?;
    let wanted = [(1, at("/a")), (1, at("/a/b")), (3, at("/a")), (2, at("/a/b"))];
    same("the events before the reply", client.events(), wanted)
}

fn bad_flags(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let mut body = BytesMut::new();
    MultiRequest { ops: vec![part_create(&context.path("/a"), 99)] }.encode(&mut body);
    let reply = client.call_raw(OpCode::Multi.code(), &body)?;
    same("the error", Code(reply.err), Code::of(ErrorCode::MarshallingError))
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        item: "39",
        title: "parts see the parts before them, all of them happen",
        run: all_or_nothing,
    },
    Check {
        item: "39",
        title: "stats in a multi's answer are as of their part",
        run: stats_inside,
    },
    Check {
        item: "40",
        title: "a failure: 0 before, the code, -2 behind; nothing happens",
        run: failure,
    },
    Check {
        item: "41",
        title: "what was rolled back has left no trace in stats and numbers",
        run: rolled_back,
    },
    Check {
        item: "42",
        title: "containers and TTL nodes in a multi are answered as create2",
        run: every_kind,
    },
    Check { item: "43", title: "an empty multi succeeds", run: empty },
    Check { item: "44", title: "reads and writes in one get -5", run: mixed },
    Check { item: "45", title: "multiRead: an error for each part, no watches", run: reads },
    Check { item: "46", title: "events in the order of the parts, before the reply", run: events },
    Check { item: "A4", title: "a mode that does not exist, in a multi, gets -5", run: bad_flags },
];
