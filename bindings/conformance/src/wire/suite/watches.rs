//! Watches: who hears of what, when, and how often.

use std::collections::BTreeSet;

use pinfold_proto::records::{
    CheckWatchesRequest, GetChildrenRequest, GetDataRequest, RemoveWatchesRequest, RequestHeader,
    SetWatches, SetWatches2,
};
use pinfold_proto::{Acl, ErrorCode, OpCode, Perms, XID_SET_WATCHES, jute};

use super::check::{Check, Code, Outcome, holds, same};
use super::client::Client;
use super::context::Context;
use super::requests::{create, delete, guarded, part_delete, part_set, set};

const CREATED: i32 = 1;
const DELETED: i32 = 2;
const CHANGED: i32 = 3;
const CHILDREN: i32 = 4;

fn arms(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    let get = GetDataRequest { path: path.clone(), watch: true };
    let list = GetChildrenRequest { path: path.clone(), watch: true };
    client.answers(OpCode::GetData, &get, ErrorCode::NoNode)?;
    client.answers(OpCode::GetChildren, &list, ErrorCode::NoNode)?;
    client.create(&path, "")?;
    same("events after getData and getChildren of no node", client.heard()?, [])?;
    client.delete(&path)?;
    same("the error of exists", client.exists(&path, true)?, Code::of(ErrorCode::NoNode))?;
    client.create(&path, "")?;
    same("events after exists of no node", client.heard()?, [(CREATED, path)])
}

fn no_right_arms_nothing(context: &mut Context) -> Outcome {
    let (mut owner, mut other) = (context.connect()?, context.connect()?);
    same("the answer to auth", owner.auth("digest", "me:pw")?, Code(0))?;
    let path = context.path("/a");
    owner.answers(OpCode::Create, &guarded(&path, Acl::creator_all()), ErrorCode::Ok)?;
    let get = GetDataRequest { path: path.clone(), watch: true };
    let list = GetChildrenRequest { path: path.clone(), watch: true };
    other.answers(OpCode::GetData, &get, ErrorCode::NoAuth)?;
    other.answers(OpCode::GetChildren, &list, ErrorCode::NoAuth)?;
    other.answers(OpCode::Exists, &get, ErrorCode::NoAuth)?;
    owner.set_acl(&path, Acl::open_unsafe())?;
    owner.set(&path, "")?;
    owner.create(&format!("{path}/x"), "")?;
    same("the events", other.heard()?, [])
}

fn once(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    client.create(&path, "")?;
    for _ in 0..3 {
        client.get(&path, true)?;
        client.exists(&path, true)?;
    }
    client.set(&path, "1")?;
    same("events of the first change", client.events(), [(CHANGED, path.clone())])?;
    client.set(&path, "2")?;
    same("events of the second", client.heard()?, [])
}

fn replayed(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let at = |rest: &str| context.path(rest);
    for name in ["/same", "/set", "/gone", "/list", "/calm"] {
        client.create(&at(name), "")?;
    }
    let seen = client.stat(&at("/calm"))?.czxid;
    client.set(&at("/set"), "")?;
    client.delete(&at("/gone"))?;
    client.create(&at("/list/c"), "")?;
    client.create(&at("/new"), "")?;
    let mut back = context.take_over(&client)?;
    client.leave();
    let request = SetWatches2 {
        relative_zxid: seen,
        data: vec![at("/same"), at("/set"), at("/gone")],
        exist: vec![at("/new"), at("/later")],
        child: vec![at("/list"), at("/calm"), at("/gone")],
        persistent: vec![at("/same")],
        persistent_recursive: vec![at("/calm")],
    };
    back.answers(OpCode::SetWatches2, &request, ErrorCode::Ok)?;
    let zxids: BTreeSet<i64> = back.session.events.iter().map(|(zxid, _)| *zxid).collect();
    same("zxids of events before the answer", zxids, BTreeSet::from([-1]))?;
    let missed: BTreeSet<_> = back.events().into_iter().collect();
    let wanted = [
        (CHANGED, at("/set")),
        (DELETED, at("/gone")),
        (CREATED, at("/new")),
        (CHILDREN, at("/list")),
    ];
    same("what was missed", missed, BTreeSet::from(wanted))?;
    back.set(&at("/same"), "")?;
    back.set(&at("/same"), "")?;
    back.create(&at("/later"), "")?;
    let mut heard = back.heard()?;
    let wanted = [(CHANGED, at("/same")), (CHANGED, at("/same")), (CREATED, at("/later"))];
    same("what is heard from then on", heard, wanted)?;
    back.create(&at("/calm/c"), "")?;
    heard = back.heard()?;
    heard.sort();
    same("and of a child", heard, [(CREATED, at("/calm/c")), (CHILDREN, at("/calm"))])
}

fn replayed_in_the_old_form(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    client.create(&path, "")?;
    let seen = client.stat(&path)?.czxid;
    client.set(&path, "")?;
    let request =
        SetWatches { relative_zxid: seen, data: vec![path.clone()], ..SetWatches::default() };
    let mut body = bytes::BytesMut::new();
    jute::write(&mut body, &RequestHeader { xid: XID_SET_WATCHES, op: OpCode::SetWatches.code() });
    jute::write(&mut body, &request);
    client.session.socket.send_frame(&body)?;
    let reply = client.reply()?;
    let seen = (reply.xid, Code(reply.err), reply.body.len());
    same("xid, error, length of the answer", seen, (XID_SET_WATCHES, Code(0), 0))?;
    same("the events before it", client.events(), [(CHANGED, path)])
}

fn finds(client: &mut Client, op: OpCode, path: &str, kind: i32, wanted: ErrorCode) -> Outcome {
    let path = path.to_owned();
    match op {
        OpCode::CheckWatches => client.answers(op, &CheckWatchesRequest { path, kind }, wanted),
        _ => client.answers(op, &RemoveWatchesRequest { path, kind }, wanted),
    }
}

fn removed(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/w");
    let (none, ok) = (ErrorCode::NoWatcher, ErrorCode::Ok);
    client.create(&path, "")?;
    client.get(&path, true)?;
    client.add_watch(&path, 0)?;
    for (kind, wanted) in [(1, none), (2, ok), (3, ok), (4, ok), (5, none)] {
        finds(&mut client, OpCode::CheckWatches, &path, kind, wanted)?;
    }
    finds(&mut client, OpCode::RemoveWatches, &path, 1, none)?;
    finds(&mut client, OpCode::RemoveWatches, &path, 5, none)?;
    finds(&mut client, OpCode::RemoveWatches, &path, 3, ok)?;
    finds(&mut client, OpCode::CheckWatches, &path, 3, none)?;
    client.set(&path, "")?;
    same("the events", client.heard()?, [])
}

fn removed_by_kind(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/w");
    client.create(&path, "")?;
    client.children(&path, true)?;
    client.get(&path, true)?;
    client.add_watch(&path, 0)?;
    finds(&mut client, OpCode::RemoveWatches, &path, 1, ErrorCode::Ok)?;
    finds(&mut client, OpCode::RemoveWatches, &path, 1, ErrorCode::NoWatcher)?;
    client.create(&format!("{path}/x"), "")?;
    same("the persistent watch's event", client.events(), [(CHILDREN, path.clone())])?;
    finds(&mut client, OpCode::RemoveWatches, &path, 4, ErrorCode::Ok)?;
    client.create(&format!("{path}/y"), "")?;
    client.set(&path, "")?;
    same("the one-shot watch's event", client.heard()?, [(CHANGED, path)])
}

fn unknown_kinds(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    for mode in [-1, 2, 99] {
        let request = pinfold_proto::records::AddWatchRequest { path: context.root().into(), mode };
        client.answers(OpCode::AddWatch, &request, ErrorCode::MarshallingError)?;
    }
    Ok(())
}

fn persistent(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let at = |rest: &str| context.path(rest);
    client.add_watch(&at("/p"), 0)?;
    for _ in 0..2 {
        client.create(&at("/p"), "")?;
        client.create(&at("/p/c"), "")?;
        client.set(&at("/p/c"), "")?;
        client.set(&at("/p"), "")?;
        client.delete(&at("/p/c"))?;
        client.delete(&at("/p"))?;
        let kinds = [CREATED, CHILDREN, CHANGED, CHILDREN, DELETED];
        same("the events", client.events(), kinds.map(|kind| (kind, at("/p"))))?;
    }
    Ok(())
}

fn recursive(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let at = |rest: &str| context.path(rest);
    client.add_watch(&at("/r"), 1)?;
    client.create(&at("/r"), "")?;
    client.create(&at("/r/a"), "")?;
    client.create(&at("/r/a/b"), "")?;
    client.create(&at("/rr"), "")?;
    client.set(&at("/r/a/b"), "")?;
    client.set_acl(&at("/r/a/b"), Acl::open_unsafe())?;
    client.delete(&at("/r/a/b"))?;
    let wanted = [
        (CREATED, at("/r")),
        (CREATED, at("/r/a")),
        (CREATED, at("/r/a/b")),
        (CHANGED, at("/r/a/b")),
        (DELETED, at("/r/a/b")),
    ];
    same("the events", client.heard()?, wanted)
}

fn recursive_at_the_top(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    client.add_watch("/", 1)?;
    let path = context.path("/a");
    client.create(&path, "")?;
    let heard = client.heard()?;
    // Other checks work below the same node at the same time.
    holds("the create is heard of", heard.contains(&(CREATED, path)), &heard)?;
    holds("no lists", heard.iter().all(|(kind, _)| *kind != CHILDREN), &heard)
}

fn filtered(context: &mut Context) -> Outcome {
    let (mut owner, mut other) = (context.connect()?, context.connect()?);
    same("the answer to auth", owner.auth("digest", "me:pw")?, Code(0))?;
    let path = context.path("/s");
    other.add_watch(context.root(), 1)?;
    owner.answers(OpCode::Create, &guarded(&path, Acl::creator_all()), ErrorCode::Ok)?;
    owner.set(&path, "")?;
    let acl = vec![Acl::new(Perms::READ, "world", "anyone"), Acl::new(31, "auth", "")];
    owner.set_acl(&path, acl)?;
    owner.set(&path, "")?;
    same("what is heard without READ, then with it", other.heard()?, [(CHANGED, path)])
}

fn failures(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    client.create(&path, "")?;
    client.get(&path, true)?;
    client.children(&path, true)?;
    client.add_watch(context.root(), 1)?;
    client.answers(OpCode::SetData, &set(&path, "", 9), ErrorCode::BadVersion)?;
    client.answers(OpCode::Create, &create(&path, "", 0), ErrorCode::NodeExists)?;
    client.answers(OpCode::Delete, &delete(&path, 9), ErrorCode::BadVersion)?;
    client.multi(vec![part_set(&path, "", -1), part_delete(&context.path("/none"))])?;
    client.set_acl(&path, Acl::open_unsafe())?;
    same("events of failures and of setACL", client.heard()?, [])
}

fn other_connection(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    client.create(&path, "")?;
    client.get(&path, true)?;
    client.add_watch(&path, 0)?;
    let mut again = context.take_over(&client)?;
    client.leave();
    finds(&mut again, OpCode::CheckWatches, &path, 3, ErrorCode::NoWatcher)?;
    again.set(&path, "")?;
    same("events of the former connection's watches", again.heard()?, [])
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        item: "48",
        title: "exists waits for a node, getData and getChildren do not",
        run: arms,
    },
    Check { item: "48", title: "who may not read arms nothing", run: no_right_arms_nothing },
    Check {
        item: "49",
        title: "a one-shot watch fires once, however often it was armed",
        run: once,
    },
    Check { item: "50", title: "setWatches2: what was missed, before the answer", run: replayed },
    Check { item: "50", title: "setWatches of older clients", run: replayed_in_the_old_form },
    Check { item: "51", title: "watches are found and removed by their kind", run: removed },
    Check { item: "51", title: "removing one kind leaves the others", run: removed_by_kind },
    Check {
        item: "52",
        title: "addWatch: nodes that are not there, events that go on",
        run: persistent,
    },
    Check { item: "52", title: "addWatch: a mode that does not exist gets -5", run: unknown_kinds },
    Check {
        item: "53",
        title: "recursive: descendants, their own paths, no lists",
        run: recursive,
    },
    Check { item: "53", title: "recursive at the top", run: recursive_at_the_top },
    Check { item: "54", title: "who may not read hears nothing", run: filtered },
    Check { item: "55", title: "watches go with their connection", run: other_connection },
    Check { item: "A5", title: "failures and setACL fire nothing", run: failures },
];
