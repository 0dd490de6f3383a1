//! Nodes that go by themselves: with their session, their last child, or their time.

use std::time::{Duration, Instant};

use pinfold_proto::records::{GetEphemeralsRequest, GetEphemeralsResponse};
use pinfold_proto::{ErrorCode, OpCode};

use super::check::{Check, Code, Outcome, Stop, holds, same};
use super::context::Context;
use super::requests::{create, create_ttl};
use crate::wire::handshake;

/// Longer than two rounds of servers that look for what can be collected once a minute.
const COLLECTION: Duration = Duration::from_secs(150);

fn closed(context: &mut Context) -> Outcome {
    let (mut owner, mut other) = (context.connect()?, context.connect()?);
    let parent = context.path("/p");
    owner.create(&parent, "")?;
    for _ in 0..3 {
        owner.create_as(&format!("{parent}/e-"), 3)?;
    }
    owner.create(&format!("{parent}/stays"), "")?;
    owner.close()?;
    same("what is left", other.children(&parent, false)?, ["stays"])?;
    let stat = other.stat(&parent)?;
    same("cversion and children of the parent", (stat.cversion, stat.num_children), (7, 1))
}

fn expiry_in_flight(context: &mut Context) -> Outcome {
    let mut owner = context.open(&handshake(1))?;
    let mut other = context.open(&handshake(i32::MAX))?;
    // Nobody reads the answers, and nobody sends anything more.
    for _ in 0..200 {
        let record = pinfold_proto::jute::to_bytes(&create(&context.path("/e-"), "", 3));
        owner.session.send_raw(OpCode::Create.code(), &record)?;
    }
    let last = context.path("/e-0000000199");
    let timeout = Duration::from_millis(owner.session.granted.timeout_ms as u64);
    context.until(
        "all have been created",
        timeout,
        || Ok(other.exists(&last, true)? == Code(0)),
    )?;
    other.session.socket.set_patience(timeout * 5);
    loop {
        let (kind, path) = other.event()?;
        if path == last && kind == 2 {
            break;
        }
    }
    same("what is left", other.children(context.root(), false)?.len(), 0)?;
    owner.leave();
    Ok(())
}

fn pings_keep(context: &mut Context) -> Outcome {
    let mut owner = context.open(&handshake(1))?;
    let path = context.path("/e");
    owner.create_as(&path, 1)?;
    let timeout = Duration::from_millis(owner.session.granted.timeout_ms as u64);
    let mut ping = Vec::new();
    ping.extend_from_slice(&(-2_i32).to_be_bytes());
    ping.extend_from_slice(&OpCode::Ping.code().to_be_bytes());
    for _ in 0..6 {
        // Half of a timeout, six times: thrice as long as a silent session lives.
        std::thread::sleep(timeout / 2);
        owner.session.socket.send_frame(&ping)?;
        same("the answer to a ping", owner.reply()?.xid, -2)?;
    }
    same("the error of exists", owner.exists(&path, false)?, Code(0))
}

fn listed(context: &mut Context) -> Outcome {
    let (mut owner, mut other) = (context.connect()?, context.connect()?);
    for name in ["/a", "/ab", "/b"] {
        owner.create_as(&context.path(name), 1)?;
    }
    owner.create(&context.path("/ac"), "")?;
    other.create_as(&context.path("/ad"), 1)?;
    let request = GetEphemeralsRequest { prefix_path: context.path("/a") };
    let answer: GetEphemeralsResponse = owner.ask(OpCode::GetEphemerals, &request)?;
    let mut paths = answer.ephemerals;
    paths.sort();
    // What the paths begin with is text, not a node.
    same("the paths", paths, [context.path("/a"), context.path("/ab")])
}

/// Whether the collection is to be waited for.
fn patient(context: &Context) -> Outcome {
    match context.options.waits_for_collection {
        true => Ok(()),
        false => Err(Stop::NotEnabled("waiting for the collection (--collection)".into())),
    }
}

fn containers(context: &mut Context) -> Outcome {
    patient(context)?;
    let mut client = context.open(&handshake(i32::MAX))?;
    let at = |rest: &str| context.path(rest);
    for path in ["/used", "/full", "/new"] {
        client.answers(OpCode::CreateContainer, &create(&at(path), "", 4), ErrorCode::Ok)?;
    }
    client.create(&at("/used/x"), "")?;
    client.create(&at("/full/x"), "")?;
    client.delete(&at("/used/x"))?;
    client.exists(&at("/used"), true)?;
    client.children(context.root(), true)?;
    context.until("the container that was used is gone", COLLECTION, || {
        Ok(client.exists(&at("/used"), false)? == Code(-101))
    })?;
    let mut events = client.events();
    events.sort();
    same("the events", events, [(2, at("/used")), (4, context.root().to_owned())])?;
    same("what is left", client.children(context.root(), false)?, ["full", "new"])
}

fn collected_events(context: &mut Context) -> Outcome {
    patient(context)?;
    let (mut client, mut watcher) = (context.connect()?, context.open(&handshake(i32::MAX))?);
    let path = context.path("/c");
    watcher.add_watch(context.root(), 1)?;
    client.answers(OpCode::CreateContainer, &create(&path, "", 4), ErrorCode::Ok)?;
    client.create(&format!("{path}/x"), "")?;
    client.delete(&format!("{path}/x"))?;
    client.close()?;
    watcher.heard()?;
    watcher.exists(&path, true)?;
    context.until("the container is gone", COLLECTION, || {
        Ok(watcher.exists(&path, false)? == Code(-101))
    })?;
    let events: Vec<_> = watcher.session.events.iter().map(|(zxid, _)| *zxid).collect();
    let pzxid = watcher.stat(context.root())?.pzxid;
    holds("an event, with the zxid of the change", events.contains(&pzxid), &(events, pzxid))?;
    holds("it is the node's end", watcher.events().contains(&(2, path)), &pzxid)
}

fn ttl_nodes(context: &mut Context) -> Outcome {
    patient(context)?;
    let mut client = context.open(&handshake(i32::MAX))?;
    let at = |rest: &str| context.path(rest);
    for path in ["/old", "/full"] {
        let reply = client.call(OpCode::CreateTtl, &create_ttl(&at(path), 5, 100))?;
        super::create::needs_extended_types(&reply)?;
    }
    client.answers(OpCode::CreateTtl, &create_ttl(&at("/kept"), 5, 3000), ErrorCode::Ok)?;
    client.create(&at("/full/x"), "")?;
    client.exists(&at("/old"), true)?;
    let begun = Instant::now();
    context.until("the node whose time is over is gone", COLLECTION, || {
        client.set(&at("/kept"), "")?;
        let is_over = begun.elapsed() > Duration::from_secs(7);
        Ok(is_over && client.exists(&at("/old"), false)? == Code(-101))
    })?;
    same("the event", client.events(), [(2, at("/old"))])?;
    same("what is left", client.children(context.root(), false)?, ["full", "kept"])?;
    context.until("what nobody sets any more is gone, too", COLLECTION, || {
        Ok(client.exists(&at("/kept"), false)? == Code(-101))
    })
}

fn collection_is_internal(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/c");
    client.answers(OpCode::CreateContainer, &create(&path, "", 4), ErrorCode::Ok)?;
    let body = pinfold_proto::jute::to_bytes(&path);
    let reply = client.call_raw(OpCode::DeleteContainer.code(), &body)?;
    same("the error of deleteContainer", Code(reply.err), Code::of(ErrorCode::Unimplemented))?;
    client.is_closed()
}

pub(super) const CHECKS: &[Check] = &[
    Check { item: "9", title: "ephemerals go before the answer to closeSession", run: closed },
    Check {
        item: "56",
        title: "expiry takes all ephemerals, however they were made",
        run: expiry_in_flight,
    },
    Check { item: "56", title: "pings keep a session and its ephemerals", run: pings_keep },
    Check {
        item: "57",
        title: "an empty container goes when it had a child, with events",
        run: containers,
    },
    Check {
        item: "58",
        title: "a TTL node goes when it has no child and nobody sets it",
        run: ttl_nodes,
    },
    Check { item: "57", title: "no client may collect containers", run: collection_is_internal },
    Check {
        item: "59",
        title: "what is collected fires the events of a delete",
        run: collected_events,
    },
    Check {
        item: "A1",
        title: "getEphemerals: the session's own, whose path begins so",
        run: listed,
    },
];
