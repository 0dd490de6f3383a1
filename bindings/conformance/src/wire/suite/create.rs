//! Creation: modes, names, numbers, and the order in which a request is judged.

use pinfold_proto::records::{Create2Response, CreateRequest, CreateTtlRequest};
use pinfold_proto::{Acl, ErrorCode, OpCode, Perms};

use super::check::{Check, Code, Outcome, Stop, same};
use super::client::Client;
use super::context::Context;
use super::requests::{create, create_ttl, guarded};
use crate::wire::Reply;

/// Goes on unless the server says that it has no TTL nodes.
pub(super) fn needs_extended_types(reply: &Reply) -> Outcome {
    match reply.err == ErrorCode::Unimplemented.code() {
        true => Err(Stop::NotEnabled("TTL nodes (extendedTypesEnabled=true)".into())),
        false => same("the error of createTTL", Code(reply.err), Code(0)),
    }
}

fn numbers(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let at = |rest: &str| context.path(rest);
    same("the first name", client.create_as(&at("/n-"), 2)?, at("/n-0000000000"))?;
    client.create(&at("/x"), "")?;
    client.delete(&at("/x"))?;
    client.answers(OpCode::Create, &create(&at("/n-0000000000"), "", 0), ErrorCode::NodeExists)?;
    same("the next, an ephemeral's", client.create_as(&at("/m-"), 3)?, at("/m-0000000002"))?;
    client.create(&at("/n-0000000000/deep"), "")?;
    same("the next", client.create_as(&at("/n-"), 2)?, at("/n-0000000003"))
}

fn bare_number(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    same("the name", client.create_as(&context.path("/"), 2)?, context.path("/0000000000"))
}

fn ttl_number(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let reply = client.call(OpCode::CreateTtl, &create_ttl(&context.path("/t-"), 6, 60_000))?;
    needs_extended_types(&reply)?;
    let names = client.children(context.root(), false)?;
    same("the name of a sequential TTL node", names, ["t-0000000000"])
}

fn modes(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    for flags in [-1, 7, 99, i32::MAX, i32::MIN] {
        let request = create(&context.path("/x"), "", flags);
        client.answers(OpCode::Create, &request, ErrorCode::BadArguments)?;
    }
    let container = create(&context.path("/c"), "", 4);
    let answer: Create2Response = client.ask(OpCode::CreateContainer, &container)?;
    same("the path of a container", answer.path, context.path("/c"))
}

fn modes_agree(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let container = create(&context.path("/c"), "", 0);
    client.answers(OpCode::CreateContainer, &container, ErrorCode::BadArguments)
}

/// As several clients do it; it is never collected.
fn plain_container(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    for (op, path) in [(OpCode::Create, "/1"), (OpCode::Create2, "/2")] {
        client.answers(op, &create(&context.path(path), "", 4), ErrorCode::Ok)?;
        let owner = client.stat(&context.path(path))?.ephemeral_owner;
        same("ephemeralOwner", owner, 0)?;
    }
    Ok(())
}

fn ttl_range(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let reply = client.call(OpCode::CreateTtl, &create_ttl(&context.path("/t"), 5, 1))?;
    needs_extended_types(&reply)?;
    for ttl in [0, -1, 1 << 40, i64::MAX] {
        let request = create_ttl(&context.path("/u"), 5, ttl);
        client.answers(OpCode::CreateTtl, &request, ErrorCode::BadArguments)?;
    }
    let longest = create_ttl(&context.path("/u"), 5, (1 << 40) - 1);
    client.answers(OpCode::CreateTtl, &longest, ErrorCode::Ok)
}

/// Each request has the fault that it is refused for and others that are looked for later.
fn order(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let at = |rest: &str| context.path(rest);
    client.create_as(&at("/e"), 1)?;
    let no_acl = |path: &str| CreateRequest { acl: Vec::new(), ..create(path, "", 0) };
    let cases = [
        (CreateRequest { flags: 99, ..no_acl("x") }, ErrorCode::BadArguments),
        (no_acl("x"), ErrorCode::BadArguments),
        (no_acl(""), ErrorCode::BadArguments),
        (no_acl(&at("/x\0y")), ErrorCode::BadArguments),
        (no_acl(&at("/no/x")), ErrorCode::InvalidAcl),
        (no_acl(&at("/..")), ErrorCode::InvalidAcl),
        (create(&at("/no/../x"), "", 0), ErrorCode::NoNode),
        (create(&at("/.."), "", 0), ErrorCode::BadArguments),
        (create(&at("/e"), "", 0), ErrorCode::NodeExists),
        (create(&at("/e/x"), "", 0), ErrorCode::NoChildrenForEphemerals),
        (create("/", "", 0), ErrorCode::NodeExists),
    ];
    for (request, code) in cases {
        client.answers(OpCode::Create, &request, code)?;
    }
    Ok(())
}

fn order_of_ttl(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let reply = client.call(OpCode::CreateTtl, &create_ttl(&context.path("/t"), 5, 1))?;
    needs_extended_types(&reply)?;
    let no_acl = CreateTtlRequest { acl: Vec::new(), ..create_ttl(&context.path("/x"), 5, 0) };
    client.answers(OpCode::CreateTtl, &no_acl, ErrorCode::BadArguments)?;
    let no_acl = CreateTtlRequest { ttl: 1, ..no_acl };
    client.answers(OpCode::CreateTtl, &no_acl, ErrorCode::InvalidAcl)
}

fn right_of_the_parent(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/p");
    let acl = vec![Acl::new(Perms::ALL & !Perms::CREATE, "world", "anyone")];
    client.answers(OpCode::Create, &guarded(&path, acl), ErrorCode::Ok)?;
    client.answers(OpCode::Create, &create(&format!("{path}/.."), "", 0), ErrorCode::NoAuth)?;
    let no_acl = guarded(&format!("{path}/x"), Vec::new());
    client.answers(OpCode::Create, &no_acl, ErrorCode::InvalidAcl)
}

fn parents(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    client.create_as(&context.path("/e"), 1)?;
    let below = create(&context.path("/e/x"), "", 0);
    client.answers(OpCode::Create, &below, ErrorCode::NoChildrenForEphemerals)?;
    client.answers(OpCode::CreateContainer, &create(&context.path("/c"), "", 4), ErrorCode::Ok)?;
    client.create_as(&context.path("/c/e"), 1)?;
    let reply = client.call(OpCode::CreateTtl, &create_ttl(&context.path("/t"), 5, 60_000))?;
    needs_extended_types(&reply)?;
    client.create(&context.path("/t/x"), "").map(drop)
}

fn refused(client: &mut Client, context: &Context, names: &[&str]) -> Outcome {
    for name in names {
        let request = create(&context.path(name), "", 0);
        client.answers(OpCode::Create, &request, ErrorCode::BadArguments)?;
    }
    Ok(())
}

fn paths(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    refused(&mut client, context, &["/", "/..", "/.", "/x\u{1}", "/\u{1f}", "/\u{7f}", "/\u{9f}"])?;
    refused(&mut client, context, &["/\u{f8ff}", "/\u{e000}", "/\u{fff0}", "/\u{ffff}"])?;
    refused(&mut client, context, &["/\u{1f600}"])?;
    for name in ["/ ", "/\u{a0}", "/...", "/.x", "/x.", "/\u{d7ff}", "/\u{f900}", "/\u{ffef}"] {
        client.create(&context.path(name), "")?;
    }
    let empty = create(&format!("{}//x", context.root()), "", 0);
    // Its parent ends in a slash, and no node has such a name.
    client.answers(OpCode::Create, &empty, ErrorCode::NoNode)
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        item: "28",
        title: "a sequential name counts all creations of the parent",
        run: numbers,
    },
    Check { item: "28", title: "sequential TTL nodes are counted as others", run: ttl_number },
    Check { item: "29", title: "a create's faults are told in ZooKeeper's order", run: order },
    Check { item: "29", title: "a TTL out of its range comes before a bad ACL", run: order_of_ttl },
    Check {
        item: "29",
        title: "no right at the parent comes before a bad name",
        run: right_of_the_parent,
    },
    Check {
        item: "30",
        title: "ephemerals have no children, containers and TTL nodes have",
        run: parents,
    },
    Check { item: "31", title: "names: which characters are refused, which are taken", run: paths },
    Check {
        item: "31",
        title: "a sequential node may have its number alone as name",
        run: bare_number,
    },
    Check { item: "A4", title: "modes that do not exist are refused", run: modes },
    Check { item: "A4", title: "operation and flags of a create must agree", run: modes_agree },
    Check { item: "A4", title: "create takes the flag of a container", run: plain_container },
    Check { item: "A4", title: "a time to live is 1 to 2^40-1 milliseconds", run: ttl_range },
];
