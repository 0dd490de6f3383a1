//! The table of watches: each kind, on the node or on its parent, under each change of the node.

use pinfold_proto::{Acl, ErrorCode, OpCode};

use super::check::{Check, Outcome, same};
use super::client::Client;
use super::context::Context;
use super::requests::{create, guarded};

/// A way to arm a watch.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Data,
    Exist,
    Child,
    Persistent,
    Recursive,
}

/// Where it is armed.
#[derive(Clone, Copy, Debug)]
enum Place {
    Node,
    Parent,
    /// The parent's parent.
    Above,
}

use Kind::{Child, Data, Exist, Persistent, Recursive};
use Place::{Above, Node, Parent};

fn arm(client: &mut Client, kind: Kind, path: &str) -> Outcome {
    match kind {
        Data => client.get(path, true).map(drop),
        Exist => client.exists(path, true).map(drop),
        Child => client.children(path, true).map(drop),
        Persistent => client.add_watch(path, 0),
        Recursive => client.add_watch(path, 1),
    }
}

/// A row: a watch, and the event that comes of it, if any, with where it says it happened.
type Row = (Kind, Place, Option<(i32, Place)>);

const CREATE: &[Row] = &[
    (Exist, Node, Some((1, Node))),
    (Child, Parent, Some((4, Parent))),
    (Data, Parent, None),
    (Exist, Parent, None),
    (Child, Above, None),
    (Persistent, Node, Some((1, Node))),
    (Persistent, Parent, Some((4, Parent))),
    (Persistent, Above, None),
    (Recursive, Node, Some((1, Node))),
    (Recursive, Parent, Some((1, Node))),
    (Recursive, Above, Some((1, Node))),
];

const DELETE: &[Row] = &[
    (Data, Node, Some((2, Node))),
    (Exist, Node, Some((2, Node))),
    (Child, Node, Some((2, Node))),
    (Child, Parent, Some((4, Parent))),
    (Data, Parent, None),
    (Exist, Parent, None),
    (Child, Above, None),
    (Persistent, Node, Some((2, Node))),
    (Persistent, Parent, Some((4, Parent))),
    (Persistent, Above, None),
    (Recursive, Node, Some((2, Node))),
    (Recursive, Parent, Some((2, Node))),
    (Recursive, Above, Some((2, Node))),
];

const SET: &[Row] = &[
    (Data, Node, Some((3, Node))),
    (Exist, Node, Some((3, Node))),
    (Child, Node, None),
    (Child, Parent, None),
    (Data, Parent, None),
    (Persistent, Node, Some((3, Node))),
    (Persistent, Parent, None),
    (Recursive, Node, Some((3, Node))),
    (Recursive, Parent, Some((3, Node))),
    (Recursive, Above, Some((3, Node))),
];

const SET_ACL: &[Row] = &[
    (Data, Node, None),
    (Exist, Node, None),
    (Child, Node, None),
    (Child, Parent, None),
    (Persistent, Node, None),
    (Persistent, Parent, None),
    (Recursive, Node, None),
    (Recursive, Parent, None),
];

/// Plays each row below a node of its own.
fn play(
    context: &Context,
    rows: &[Row],
    exists_before: bool,
    change: impl Fn(&mut Client, &str) -> Outcome,
) -> Outcome {
    let (mut writer, mut watcher) = (context.connect()?, context.connect()?);
    for (number, (kind, place, wanted)) in rows.iter().enumerate() {
        let above = context.path(&format!("/row{number}"));
        let (parent, node) = (format!("{above}/p"), format!("{above}/p/n"));
        let at = |place: &Place| match place {
            Node => node.clone(),
            Parent => parent.clone(),
            Above => above.clone(),
        };
        writer.create(&above, "")?;
        writer.create(&parent, "")?;
        if exists_before {
            writer.create(&node, "")?;
        }
        arm(&mut watcher, *kind, &at(place))?;
        change(&mut writer, &node)?;
        let wanted: Vec<(i32, String)> =
            wanted.iter().map(|(event, place)| (*event, at(place))).collect();
        same(&format!("events of {kind:?} on {place:?}"), watcher.heard()?, wanted)?;
    }
    Ok(())
}

fn creates(context: &mut Context) -> Outcome {
    play(context, CREATE, false, |client, path| client.create(path, "").map(drop))
}

fn deletes(context: &mut Context) -> Outcome {
    play(context, DELETE, true, |client, path| client.delete(path))
}

fn sets(context: &mut Context) -> Outcome {
    play(context, SET, true, |client, path| client.set(path, "x").map(drop))
}

fn acls(context: &mut Context) -> Outcome {
    play(context, SET_ACL, true, |client, path| client.set_acl(path, Acl::open_unsafe()).map(drop))
}

fn other_creations(context: &mut Context) -> Outcome {
    let (mut writer, mut watcher) = (context.connect()?, context.connect()?);
    watcher.add_watch(context.root(), 1)?;
    let at = |rest: &str| context.path(rest);
    writer.answers(OpCode::CreateContainer, &create(&at("/c"), "", 4), ErrorCode::Ok)?;
    writer.create_as(&at("/s-"), 2)?;
    writer.create_as(&at("/e"), 1)?;
    writer.close()?;
    let wanted = [(1, at("/c")), (1, at("/s-0000000001")), (1, at("/e")), (2, at("/e"))];
    same("events of container, sequential, ephemeral, closeSession", watcher.heard()?, wanted)
}

fn all_at_once(context: &mut Context) -> Outcome {
    let (mut writer, mut watcher) = (context.connect()?, context.connect()?);
    let path = context.path("/a");
    writer.create(&path, "")?;
    for kind in [Data, Exist, Child, Persistent, Recursive] {
        arm(&mut watcher, kind, &path)?;
    }
    writer.set(&path, "")?;
    same("events of setData", watcher.heard()?, [(3, path.clone())])?;
    writer.create(&format!("{path}/x"), "")?;
    let mut heard = watcher.heard()?;
    heard.sort();
    same("events of a child's create", heard, [(1, format!("{path}/x")), (4, path.clone())])?;
    writer.delete(&format!("{path}/x"))?;
    watcher.heard()?;
    arm(&mut watcher, Data, &path)?;
    arm(&mut watcher, Child, &path)?;
    writer.delete(&path)?;
    same("events of a delete", watcher.heard()?, [(2, path)])
}

fn data_and_child(context: &mut Context) -> Outcome {
    let (mut writer, mut watcher) = (context.connect()?, context.connect()?);
    let path = context.path("/a");
    writer.create(&path, "")?;
    arm(&mut watcher, Data, &path)?;
    arm(&mut watcher, Child, &path)?;
    writer.delete(&path)?;
    same("events of a delete", watcher.heard()?, [(2, path)])
}

fn unreadable_parent(context: &mut Context) -> Outcome {
    let (mut owner, mut other) = (context.connect()?, context.connect()?);
    owner.auth("digest", "me:pw")?;
    let path = context.path("/p");
    other.add_watch(&path, 0)?;
    owner.answers(OpCode::Create, &guarded(&path, Acl::creator_all()), ErrorCode::Ok)?;
    owner.create(&format!("{path}/x"), "")?;
    owner.set(&path, "")?;
    same("events of a node that may not be read", other.heard()?, [])
}

pub(super) const CHECKS: &[Check] = &[
    Check { item: "47", title: "the table of watches: create", run: creates },
    Check { item: "47", title: "the table of watches: delete", run: deletes },
    Check { item: "47", title: "the table of watches: setData", run: sets },
    Check { item: "47", title: "the table of watches: setACL", run: acls },
    Check {
        item: "47",
        title: "every way to create and to delete fires the same",
        run: other_creations,
    },
    Check {
        item: "47",
        title: "all kinds on one node, each change is told once",
        run: all_at_once,
    },
    Check {
        item: "47",
        title: "data and child watch on one node tell its end once",
        run: data_and_child,
    },
    Check {
        item: "54",
        title: "a persistent watch on what may not be read is silent",
        run: unreadable_parent,
    },
];
