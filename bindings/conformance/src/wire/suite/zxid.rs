//! Transaction numbers: who takes one, who sees which, and how events and replies follow them.
//! The checks count, so nothing may run beside them.

use pinfold_proto::records::{CreateResponse, SyncRequest};
use pinfold_proto::{ErrorCode, OpCode};

use super::check::{Check, Code, Outcome, Stop, holds, same};
use super::client::Client;
use super::context::Context;
use super::requests::{create, delete, part_create, part_delete, part_set, read, set};

/// The last transaction of the server, as a read tells it.
fn last(client: &mut Client) -> Result<i64, Stop> {
    Ok(client.call(OpCode::GetData, &read("/"))?.zxid)
}

fn writes_count(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    let start = last(&mut client)?;
    client.create(&path, "")?;
    same("zxids of a create", last(&mut client)? - start, 1)?;
    client.set(&path, "1")?;
    same("zxids of create and setData", last(&mut client)? - start, 2)?;
    client.set_acl(&path, pinfold_proto::Acl::open_unsafe())?;
    client.delete(&path)?;
    same("zxids of four writes", last(&mut client)? - start, 4)
}

fn failures_count(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.root().to_owned();
    let start = last(&mut client)?;
    client.answers(OpCode::Create, &create(&path, "", 0), ErrorCode::NodeExists)?;
    client.answers(OpCode::Delete, &delete(&path, 99), ErrorCode::BadVersion)?;
    client.answers(OpCode::SetData, &set("no path", "", -1), ErrorCode::BadArguments)?;
    client.multi(vec![part_set(&path, "", 99)])?;
    same("zxids of four writes that fail", last(&mut client)? - start, 4)
}

fn reads_do_not_count(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let start = last(&mut client)?;
    client.children("/", true)?;
    client.exists(&context.path("/none"), true)?;
    client.add_watch("/", 1)?;
    client.call(OpCode::Sync, &SyncRequest { path: "/".into() })?;
    client.auth("digest", "joe:secret")?;
    client.call_raw(OpCode::WhoAmI.code(), &[])?;
    same("zxids of reads, sync, auth", last(&mut client)? - start, 0)
}

fn a_multi_counts_once(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    let start = last(&mut client)?;
    let parts = vec![part_create(&path, 0), part_set(&path, "1", -1), part_set(&path, "2", -1)];
    same("the zxid of the reply", client.multi(parts)?.0.zxid - start, 1)?;
    let stat = client.stat(&path)?;
    same("czxid and mzxid", (stat.czxid - start, stat.mzxid - start), (1, 1))
}

fn sessions_count(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let start = last(&mut client)?;
    let other = context.connect()?;
    same("zxids of a new session", last(&mut client)? - start, 1)?;
    let again = context.take_over(&other)?;
    same("zxids of its next connection", last(&mut client)? - start, 1)?;
    other.leave();
    again.close()?;
    same("zxids of its end", last(&mut client)? - start, 2)
}

fn a_close_takes_all_ephemerals(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let mut owner = context.connect()?;
    for name in ["/e1", "/e2", "/e3"] {
        owner.create_as(&context.path(name), 1)?;
        client.exists(&context.path(name), true)?;
    }
    let start = last(&mut client)?;
    owner.close()?;
    let mut zxids = Vec::new();
    let mut gone = Vec::new();
    for _ in 0..3 {
        let (zxid, event) = client.session.event()?;
        zxids.push(zxid - start);
        gone.push((event.kind, event.path));
    }
    gone.sort();
    let wanted = ["/e1", "/e2", "/e3"].map(|name| (2, context.path(name)));
    same("the events", gone, wanted)?;
    same("their zxids", zxids, [1, 1, 1])?;
    let seen = (last(&mut client)? - start, client.stat(context.root())?.pzxid - start);
    same("the last zxid and that of the parent", seen, (1, 1))
}

fn replies_do_not_go_back(context: &mut Context) -> Outcome {
    let (mut writer, mut reader) = (context.connect()?, context.connect()?);
    let mut seen = 0;
    for round in 0..50 {
        let zxid = writer.call(OpCode::SetData, &set(context.root(), "", round))?.zxid;
        holds("a write's zxid is the highest so far", zxid > seen, &(seen, zxid))?;
        let read = reader.call(OpCode::GetData, &read(context.root()))?.zxid;
        holds("a later reply's zxid is not lower", read >= seen, &(seen, read))?;
        seen = zxid.max(read);
    }
    Ok(())
}

fn own_events_come_first(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/x");
    client.exists(&path, true)?;
    client.children(context.root(), true)?;
    let zxid = client.call(OpCode::Create, &create(&path, "", 0))?.zxid;
    let events: Vec<i64> = client.session.events.iter().map(|(at, _)| *at).collect();
    same("zxids of the events before the writer's own reply", events, [zxid, zxid])?;
    let created = (1, path.clone());
    let children = (4, context.root().to_owned());
    let mut seen = client.events();
    seen.sort();
    same("the events", seen, [created, children])
}

fn others_events_come_first(context: &mut Context) -> Outcome {
    let (mut writer, mut reader) = (context.connect()?, context.connect()?);
    let path = context.path("/x");
    writer.create(&path, "")?;
    for round in 1..100 {
        reader.get(&path, true)?;
        let (_, bytes) = writer.session.encode(
            OpCode::SetData.code(),
            &pinfold_proto::jute::to_bytes(&set(&path, &round.to_string(), -1)),
        );
        writer.session.socket.send(&bytes)?;
        loop {
            let is_new = reader.get(&path, false)?.1.version == round;
            let heard = reader.events();
            let in_order = !is_new || !heard.is_empty();
            holds("the event comes before the change is read", in_order, &(round, &heard))?;
            if is_new {
                break;
            }
            if !heard.is_empty() {
                same("the version after the event", reader.get(&path, false)?.1.version, round)?;
                break;
            }
        }
        writer.reply()?;
    }
    Ok(())
}

fn events_in_order(context: &mut Context) -> Outcome {
    let (mut writer, mut watcher) = (context.connect()?, context.connect()?);
    watcher.add_watch(context.root(), 1)?;
    let mut wanted = Vec::new();
    for round in 0..20 {
        let path = context.path(&format!("/n{round}"));
        wanted.push((writer.call(OpCode::Create, &create(&path, "", 0))?.zxid, 1, path.clone()));
        wanted.push((writer.call(OpCode::SetData, &set(&path, "", 0))?.zxid, 3, path.clone()));
        wanted.push((writer.call(OpCode::Delete, &delete(&path, 1))?.zxid, 2, path));
    }
    watcher.exists("/", false)?;
    let seen: Vec<_> =
        watcher.session.events.drain(..).map(|(at, e)| (at, e.kind, e.path)).collect();
    same("zxid, kind and path of every event", seen, wanted)
}

fn sync_then_read(context: &mut Context) -> Outcome {
    let (mut writer, mut reader) = (context.connect()?, context.connect()?);
    for round in 0..50 {
        let path = context.path(&format!("/n{round}"));
        writer.create(&path, "")?;
        let answer: CreateResponse =
            reader.ask(OpCode::Sync, &SyncRequest { path: "/anything at all".into() })?;
        same("the path that sync answers", answer.path.as_str(), "/anything at all")?;
        same("the error of exists after sync", reader.exists(&path, false)?, Code(0))?;
    }
    Ok(())
}

fn a_multi_is_seen_whole(context: &mut Context) -> Outcome {
    let (mut writer, mut reader) = (context.connect()?, context.connect()?);
    let (one, two) = (context.path("/1"), context.path("/2"));
    writer.multi(vec![part_create(&one, 0), part_create(&two, 0)])?;
    for _ in 0..50 {
        reader.exists(&one, true)?;
        writer.multi(vec![part_delete(&one), part_delete(&two)])?;
        same("the event", reader.event()?, (2, one.clone()))?;
        same("the other node, after it", reader.exists(&two, false)?, Code::of(ErrorCode::NoNode))?;
        writer.multi(vec![part_create(&one, 0), part_create(&two, 0)])?;
    }
    Ok(())
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        item: "9",
        title: "all that goes with a session shares one zxid",
        run: a_close_takes_all_ephemerals,
    },
    Check { item: "15", title: "each write takes one zxid", run: writes_count },
    Check { item: "15", title: "also if it fails", run: failures_count },
    Check { item: "15", title: "reads, sync and auth take none", run: reads_do_not_count },
    Check { item: "15", title: "a multi takes one", run: a_multi_counts_once },
    Check {
        item: "15",
        title: "a session takes one at its begin, one at its end",
        run: sessions_count,
    },
    Check {
        item: "17",
        title: "no reply has a lower zxid than one before",
        run: replies_do_not_go_back,
    },
    Check {
        item: "18",
        title: "events come before the writer's own reply",
        run: own_events_come_first,
    },
    Check {
        item: "18",
        title: "events come before another client can read the change",
        run: others_events_come_first,
    },
    Check {
        item: "19",
        title: "events come in the order of the transactions",
        run: events_in_order,
    },
    Check {
        item: "20",
        title: "a read after sync sees what was acknowledged before it",
        run: sync_then_read,
    },
    Check { item: "46", title: "nobody sees half of a multi", run: a_multi_is_seen_whole },
];
