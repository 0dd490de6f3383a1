//! Deletion, data, ACLs and reads: what they are refused for, in which order, and what ACLs grant.

use pinfold_proto::records::{
    CreateResponse, GetAclRequest, GetAclResponse, GetAllChildrenNumberRequest,
    GetAllChildrenNumberResponse, GetChildren2Response, GetChildrenRequest, SetAclRequest,
};
use pinfold_proto::{Acl, ErrorCode, MultiOpResult, OpCode, Perms, jute};

use super::check::{Check, Code, Outcome, same};
use super::client::Client;
use super::context::Context;
use super::requests::{create, delete, guarded, part_check, read, set};

fn acl(perms: i32) -> Vec<Acl> {
    vec![Acl::new(perms, "world", "anyone")]
}

fn delete_order(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    for path in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "x", ""] {
        client.answers(OpCode::Delete, &delete(path, 5), ErrorCode::BadArguments)?;
    }
    client.answers(OpCode::Delete, &delete(&context.path("/no/x"), 5), ErrorCode::NoNode)?;
    let path = context.path("/p");
    client.answers(OpCode::Create, &guarded(&path, acl(31 & !Perms::DELETE)), ErrorCode::Ok)?;
    client.answers(OpCode::Delete, &delete(&format!("{path}/no"), 5), ErrorCode::NoAuth)?;
    client.create(&format!("{path}/a"), "")?;
    client.answers(OpCode::Delete, &delete(&format!("{path}/a"), 5), ErrorCode::NoAuth)?;
    client.answers(OpCode::Delete, &delete(&context.path("/no"), 5), ErrorCode::NoNode)?;
    client.answers(OpCode::Delete, &delete(&path, 5), ErrorCode::BadVersion)?;
    client.answers(OpCode::Delete, &delete(&path, 0), ErrorCode::NotEmpty)
}

fn set_order(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    for path in ["", "x", "/x/", "//x", "/x/./y", "/x/.."] {
        client.answers(OpCode::SetData, &set(path, "", 5), ErrorCode::BadArguments)?;
    }
    client.answers(OpCode::SetData, &set(&context.path("/no"), "", 5), ErrorCode::NoNode)?;
    let path = context.path("/p");
    client.answers(OpCode::Create, &guarded(&path, acl(31 & !Perms::WRITE)), ErrorCode::Ok)?;
    client.answers(OpCode::SetData, &set(&path, "", 5), ErrorCode::NoAuth)?;
    client.create(&context.path("/a"), "")?;
    client.answers(OpCode::SetData, &set(&context.path("/a"), "", 5), ErrorCode::BadVersion)?;
    client.answers(OpCode::SetData, &set(&context.path("/a"), "", 0), ErrorCode::Ok)
}

fn set_acl_order(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let request =
        |path: &str, acl: Vec<Acl>, version| SetAclRequest { path: path.into(), acl, version };
    client.answers(OpCode::SetAcl, &request("x", Vec::new(), 5), ErrorCode::BadArguments)?;
    let missing = context.path("/no");
    client.answers(OpCode::SetAcl, &request(&missing, Vec::new(), 5), ErrorCode::InvalidAcl)?;
    client.answers(OpCode::SetAcl, &request(&missing, acl(31), 5), ErrorCode::NoNode)?;
    let path = context.path("/p");
    client.answers(OpCode::Create, &guarded(&path, acl(31 & !Perms::ADMIN)), ErrorCode::Ok)?;
    client.answers(OpCode::SetAcl, &request(&path, acl(31), 5), ErrorCode::NoAuth)?;
    let path = context.path("/a");
    client.create(&path, "")?;
    client.answers(OpCode::SetAcl, &request(&path, acl(31), 5), ErrorCode::BadVersion)?;
    client.answers(OpCode::SetAcl, &request(&path, acl(31), 0), ErrorCode::Ok)?;
    client.answers(OpCode::SetAcl, &request(&path, acl(31), 0), ErrorCode::BadVersion)
}

fn reads(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/p");
    client.answers(OpCode::Create, &guarded(&path, acl(31 & !Perms::READ)), ErrorCode::Ok)?;
    for (path, code) in [(context.path("/no"), ErrorCode::NoNode), (path, ErrorCode::NoAuth)] {
        let list = GetChildrenRequest { path: path.clone(), watch: false };
        let number = GetAllChildrenNumberRequest { path: path.clone() };
        client.answers(OpCode::GetData, &read(&path), code)?;
        client.answers(OpCode::GetChildren, &list, code)?;
        client.answers(OpCode::GetChildren2, &list, code)?;
        client.answers(OpCode::GetAllChildrenNumber, &number, code)?;
        client.answers(OpCode::Exists, &read(&path), code)?;
    }
    Ok(())
}

fn lists(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    for path in ["/b", "/a", "/a/x", "/a/x/y"] {
        client.create(&context.path(path), "")?;
    }
    client.create_as(&context.path("/e"), 1)?;
    let request = GetChildrenRequest { path: context.root().into(), watch: false };
    let answer: GetChildren2Response = client.ask(OpCode::GetChildren2, &request)?;
    let mut names = answer.children;
    names.sort();
    same("the names", names, ["a", "b", "e"])?;
    same("the stat beside them", answer.stat, client.stat(context.root())?)?;
    let request = GetAllChildrenNumberRequest { path: context.root().into() };
    let answer: GetAllChildrenNumberResponse =
        client.ask(OpCode::GetAllChildrenNumber, &request)?;
    same("the number of descendants", answer.total_number, 5)
}

fn masking(context: &mut Context) -> Outcome {
    let (mut owner, mut other) = (context.connect()?, context.connect()?);
    same("the answer to auth", owner.auth("digest", "me:pw")?, Code(0))?;
    let path = context.path("/p");
    let mut list = Acl::creator_all();
    list.push(Acl::new(Perms::READ, "world", "anyone"));
    owner.ask::<CreateResponse>(OpCode::Create, &guarded(&path, list))?;
    let request = GetAclRequest { path: path.clone() };
    // base64(sha1("me:pw"))
    let digest = "me:xlpJGzVhaayvpHfFn/RwowgwqI4=";
    let ids = |answer: GetAclResponse| -> Vec<String> {
        answer.acl.into_iter().map(|acl| acl.id.id).collect()
    };
    same("what the owner sees", ids(owner.ask(OpCode::GetAcl, &request)?), [digest, "anyone"])?;
    same("what others see", ids(other.ask(OpCode::GetAcl, &request)?), ["me:x", "anyone"])?;
    owner.set_acl(&path, Acl::creator_all())?;
    other.answers(OpCode::GetAcl, &request, ErrorCode::NoAuth)
}

fn check_needs_read(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let (open, shut) = (context.path("/o"), context.path("/s"));
    client.create(&open, "")?;
    client.answers(OpCode::Create, &guarded(&shut, acl(31 & !Perms::READ)), ErrorCode::Ok)?;
    for (path, version, code) in [
        (&open, 0, 0),
        (&open, -1, 0),
        (&open, 1, -103),
        (&shut, 0, -102),
        (&"/no".into(), 0, -101),
    ] {
        let (_, results) = client.multi(vec![part_check(path, version)])?;
        let wanted = if code == 0 { MultiOpResult::Check } else { MultiOpResult::Error(code) };
        same(&format!("the result of check {path} {version}"), results, [wanted])?;
    }
    Ok(())
}

fn reconfig_disabled(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let none: Option<String> = None;
    let body = jute::to_bytes(&(&none, &none, &none, -1_i64));
    let reply = client.call_raw(OpCode::Reconfig.code(), &body)?;
    same("the error of reconfig", Code(reply.err), Code::of(ErrorCode::ReconfigDisabled))
}

fn bad_acls(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    let cases = [
        ("world", "me"),
        ("digest", "nohash"),
        ("nope", "x"),
        ("ip", "1.2.3"),
        ("ip", "1.2.3.4/33"),
        ("auth", ""),
        ("x509", ""),
    ];
    for (scheme, id) in cases {
        let request = guarded(&path, vec![Acl::new(31, scheme, id)]);
        client.answers(OpCode::Create, &request, ErrorCode::InvalidAcl)?;
    }
    let body = jute::to_bytes(&(&path, Option::<String>::None, Option::<Vec<Acl>>::None, 0));
    let reply = client.call_raw(OpCode::Create.code(), &body)?;
    same("the error of a create with a null ACL", Code(reply.err), Code::of(ErrorCode::InvalidAcl))
}

fn digest_grants(context: &mut Context) -> Outcome {
    let (mut owner, mut other) = (context.connect()?, context.connect()?);
    let path = context.path("/a");
    same("the answer to auth", owner.auth("digest", "me:pw")?, Code(0))?;
    owner.answers(OpCode::Create, &guarded(&path, Acl::creator_all()), ErrorCode::Ok)?;
    other.answers(OpCode::GetData, &read(&path), ErrorCode::NoAuth)?;
    same("the answer to auth", other.auth("digest", "me:wrong")?, Code(0))?;
    other.answers(OpCode::GetData, &read(&path), ErrorCode::NoAuth)?;
    same("the answer to auth", other.auth("digest", "me:pw")?, Code(0))?;
    other.answers(OpCode::GetData, &read(&path), ErrorCode::Ok)
}

fn not_inherited(context: &mut Context) -> Outcome {
    let (mut owner, mut other) = (context.connect()?, context.connect()?);
    same("the answer to auth", owner.auth("digest", "me:pw")?, Code(0))?;
    let path = context.path("/a");
    owner.answers(OpCode::Create, &guarded(&path, Acl::creator_all()), ErrorCode::Ok)?;
    owner.create(&format!("{path}/open"), "")?;
    other.answers(OpCode::GetData, &read(&format!("{path}/open")), ErrorCode::Ok)?;
    let child = create(&format!("{path}/x"), "", 0);
    other.answers(OpCode::Create, &child, ErrorCode::NoAuth)
}

fn addresses_grant(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let own = client.session.socket.local_address()?;
    let far = if own.is_ipv4() { "203.0.113.9" } else { "2001:db8::9" };
    for (id, code) in [(own.to_string(), ErrorCode::Ok), (far.to_owned(), ErrorCode::NoAuth)] {
        let path = context.path(&format!("/{}", id.replace([':', '/'], "-")));
        let list = vec![Acl::new(Perms::READ, "ip", id), Acl::new(30, "world", "anyone")];
        client.answers(OpCode::Create, &guarded(&path, list), ErrorCode::Ok)?;
        client.answers(OpCode::GetData, &read(&path), code)?;
    }
    Ok(())
}

fn auth_expands(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    for credentials in ["joe:1", "ann:2"] {
        same("the answer to auth", client.auth("digest", credentials)?, Code(0))?;
    }
    let path = context.path("/a");
    let mut list = Acl::creator_all();
    // The same again, which is dropped.
    list.push(Acl::new(31, "auth", ""));
    client.answers(OpCode::Create, &guarded(&path, list), ErrorCode::Ok)?;
    let answer: GetAclResponse = client.ask(OpCode::GetAcl, &GetAclRequest { path })?;
    let mut users: Vec<String> = answer
        .acl
        .iter()
        .map(|acl| format!("{}:{}", acl.id.scheme, acl.id.id.split(':').next().unwrap_or("")))
        .collect();
    users.sort();
    same("the entries of auth, expanded", users, ["digest:ann", "digest:joe"])
}

fn superuser(context: &mut Context) -> Outcome {
    let (mut owner, mut client) = (context.connect()?, context.connect()?);
    let path = context.path("/a");
    let nobody = vec![Acl::new(31, "digest", "nobody:AAAAAAAAAAAAAAAAAAAAAAAAAAA=")];
    owner.answers(OpCode::Create, &guarded(&path, nobody), ErrorCode::Ok)?;
    become_super(context, &mut client)?;
    client.answers(OpCode::SetData, &set(&path, "", -1), ErrorCode::Ok)?;
    client.set_acl(&path, Acl::open_unsafe()).map(drop)
}

fn become_super(context: &Context, client: &mut Client) -> Outcome {
    client.become_super(context.options.superuser.as_deref())
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        item: "32",
        title: "a delete's faults are told in ZooKeeper's order",
        run: delete_order,
    },
    Check { item: "33", title: "a setData's faults are told in ZooKeeper's order", run: set_order },
    Check {
        item: "34",
        title: "a setACL's faults are told in ZooKeeper's order",
        run: set_acl_order,
    },
    Check {
        item: "35",
        title: "reads: no node comes before no right, exists needs READ",
        run: reads,
    },
    Check {
        item: "36",
        title: "getACL masks digests for whoever is no administrator",
        run: masking,
    },
    Check {
        item: "37",
        title: "check needs READ, and knows -1 as any version",
        run: check_needs_read,
    },
    Check { item: "38", title: "reconfig is refused where it is disabled", run: reconfig_disabled },
    Check { item: "A1", title: "getChildren2 and getAllChildrenNumber", run: lists },
    Check { item: "A6", title: "ACLs that cannot be are refused", run: bad_acls },
    Check {
        item: "A6",
        title: "digest: the right password opens, a wrong one does not",
        run: digest_grants,
    },
    Check { item: "A6", title: "an ACL is the node's own", run: not_inherited },
    Check { item: "A6", title: "ip: the client's address opens", run: addresses_grant },
    Check {
        item: "A6",
        title: "auth stands for all identities of the creator, once each",
        run: auth_expands,
    },
    Check { item: "A6", title: "the superuser may do everything", run: superuser },
];
