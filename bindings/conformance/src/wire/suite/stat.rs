//! The Stat of a node, field by field, after every kind of change.

use pinfold_proto::records::{
    Create2Response, CreateRequest, CreateResponse, SetDataRequest, StatResponse,
};
use pinfold_proto::{Acl, OpCode, Stat};

use super::check::{Check, Outcome, holds, same};
use super::context::Context;
use super::requests::{create, create_ttl};

fn new_node(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    let reply = client.call(OpCode::Create2, &create(&path, "12", 0))?;
    let answer: Create2Response =
        reply.record().map_err(|e| super::check::differs("create2", "path and stat", &e))?;
    same("the path", &answer.path, &path)?;
    let stat = answer.stat;
    let zxid = reply.zxid;
    let wanted = Stat {
        czxid: zxid,
        mzxid: zxid,
        pzxid: zxid,
        ctime: stat.ctime,
        mtime: stat.ctime,
        data_length: 2,
        ..Stat::default()
    };
    same("the stat in the answer to create2", stat, wanted)?;
    holds("the time is of this century", stat.ctime > 946_684_800_000, &stat.ctime)?;
    same("the stat that exists answers", client.stat(&path)?, stat)
}

fn set_data(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    client.create(&path, "")?;
    let before = client.stat(&path)?;
    let reply = client.call(OpCode::SetData, &super::requests::set(&path, "123", 0))?;
    let answer = reply.record::<StatResponse>();
    let after = answer.map_err(|e| super::check::differs("setData", "a stat", &e))?.stat;
    let wanted = Stat {
        version: 1,
        mzxid: reply.zxid,
        mtime: after.mtime.max(before.mtime),
        data_length: 3,
        ..before
    };
    same("the stat after setData", after, wanted)?;
    same("the stat that getData answers", client.get(&path, false)?.1, after)
}

fn set_acl(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    client.create(&path, "")?;
    let before = client.stat(&path)?;
    let after = client.set_acl(&path, Acl::open_unsafe())?;
    same("the stat after setACL", after, Stat { aversion: 1, ..before })?;
    let after = client.set_acl(&path, Acl::open_unsafe())?;
    same("the stat after another", after, Stat { aversion: 2, ..before })
}

fn children(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let (path, child) = (context.path("/a"), context.path("/a/b"));
    client.create(&path, "")?;
    let before = client.stat(&path)?;
    client.create(&child, "")?;
    let pzxid = client.stat(&child)?.czxid;
    let wanted = Stat { pzxid, cversion: 1, num_children: 1, ..before };
    same("the parent's stat after a create", client.stat(&path)?, wanted)?;
    client.set(&child, "x")?;
    client.set_acl(&child, Acl::open_unsafe())?;
    same("the parent's stat after a child's setData", client.stat(&path)?, wanted)?;
    client.create(&format!("{child}/c"), "")?;
    same("the stat after a grandchild's create", client.stat(&path)?, wanted)?;
    client.delete(&format!("{child}/c"))?;
    same("the stat after a grandchild's delete", client.stat(&path)?, wanted)?;
    let zxid = client.call(OpCode::Delete, &super::requests::delete(&child, -1))?.zxid;
    let wanted = Stat { pzxid: zxid, cversion: 2, num_children: 0, ..before };
    same("the parent's stat after a delete", client.stat(&path)?, wanted)
}

fn visible_cversion(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    client.create(&path, "")?;
    for round in 0..3 {
        client.create(&format!("{path}/{round}"), "")?;
    }
    let stat = client.stat(&path)?;
    same("cversion of three creates", (stat.cversion, stat.num_children), (3, 3))?;
    for round in 0..2 {
        client.delete(&format!("{path}/{round}"))?;
    }
    let stat = client.stat(&path)?;
    // Twice the creations, less the children that are there.
    same("cversion of three creates, two deletes", (stat.cversion, stat.num_children), (5, 1))?;
    let config = client.stat("/zookeeper")?;
    same("cversion of /zookeeper", (config.cversion, config.num_children), (-2, 2))
}

fn lengths(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    let null = CreateRequest { data: None, ..create(&path, "", 0) };
    client.ask::<CreateResponse>(OpCode::Create, &null)?;
    let (data, stat) = client.get(&path, false)?;
    same("null data and its length", (data, stat.data_length), (None, 0))?;
    client.set(&path, "")?;
    let (data, stat) = client.get(&path, false)?;
    same("empty data and its length", (data, stat.data_length), (Some("".into()), 0))?;
    client.set(&path, "äß")?;
    same("the length of two letters of two bytes", client.stat(&path)?.data_length, 4)?;
    let null = SetDataRequest { path: path.clone(), data: None, version: -1 };
    client.ask::<StatResponse>(OpCode::SetData, &null)?;
    same("data that were set to null", client.get(&path, false)?.0, None)
}

fn owners(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let id = client.session.id();
    for (flags, owner) in [(0, 0), (1, id), (2, 0), (3, id)] {
        let answer: Create2Response = client
            .ask(OpCode::Create2, &create(&context.path(&format!("/n{flags}-")), "", flags))?;
        let what = format!("ephemeralOwner with flags {flags}");
        same(&what, answer.stat.ephemeral_owner, owner)?;
    }
    let container = create(&context.path("/c"), "", 4);
    let answer: Create2Response = client.ask(OpCode::CreateContainer, &container)?;
    same("ephemeralOwner of a container", answer.stat.ephemeral_owner, 0)
}

fn owner_of_ttl(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let reply = client.call(OpCode::CreateTtl, &create_ttl(&context.path("/t"), 5, 60_000))?;
    super::create::needs_extended_types(&reply)?;
    same("ephemeralOwner of a TTL node", client.stat(&context.path("/t"))?.ephemeral_owner, 0)
}

pub(super) const CHECKS: &[Check] = &[
    Check { item: "21", title: "a new node: one zxid, one time, all versions 0", run: new_node },
    Check { item: "22", title: "setData: version, mzxid, mtime and the length", run: set_data },
    Check { item: "23", title: "setACL: aversion alone", run: set_acl },
    Check {
        item: "24",
        title: "children change pzxid, cversion and their number alone",
        run: children,
    },
    Check {
        item: "25",
        title: "cversion is twice the creations less the children",
        run: visible_cversion,
    },
    Check { item: "26", title: "null and empty data are two things of length 0", run: lengths },
    Check { item: "27", title: "ephemeralOwner is that of true ephemerals", run: owners },
    Check { item: "27", title: "ephemeralOwner of TTL nodes is 0", run: owner_of_ttl },
];
