//! What differs on purpose: each rule is narrow, and names its row of `server/COMPAT.md`.
//!
//! A rule says what ZooKeeper is asked instead of a request, so that it answers as Pinfold answers
//! the request itself; both go on in the same state. How often each rule was met is counted and
//! shown. What differs by its nature (order of names, of a session's nodes at its end, the count
//! of connections) is left out where answers become words, with the row named there.

use std::collections::BTreeMap;

use pinfold_proto::OpCode;

use super::program::{Field, Ground, Program, Request, Step};

/// A difference on purpose.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// For the table of uses.
    pub name: &'static str,
    /// How the row's first column begins.
    pub row: &'static str,
    /// What ZooKeeper is asked instead, where the rule is about this request.
    instead: fn(&Request) -> Option<Request>,
}

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        name: "internal operations",
        row: "`deleteContainer` (20) or `createSession` (-10) from a client",
        instead: internal,
    },
    Rule {
        name: "operation and flags",
        row: "operation and flags of a create disagree",
        instead: mismatched,
    },
    Rule {
        name: "undecodable credentials",
        row: "undecodable `auth` packet",
        instead: unreadable_credentials,
    },
    Rule {
        name: "null ACL in a multi",
        row: "a create with a null access list within a multi",
        instead: null_in_multi,
    },
];

/// How often each rule was met.
pub type Uses = BTreeMap<&'static str, u64>;

/// The program for ZooKeeper, and how often which rule has changed it.
pub fn for_zookeeper(program: &Program) -> (Program, Uses) {
    let mut program = program.clone();
    let mut uses = Uses::new();
    for step in &mut program.steps {
        let Step::Burst { requests, .. } = step else { continue };
        for request in requests {
            let apply = |rule: &Rule| Some((rule.name, (rule.instead)(request)?));
            if let Some((name, other)) = RULES.iter().find_map(apply) {
                *uses.entry(name).or_default() += 1;
                *request = other;
            }
        }
    }
    (program, uses)
}

/// An operation that nobody has.
fn internal(request: &Request) -> Option<Request> {
    let op = OpCode::from_i32(request.op)?;
    let is_internal = matches!(op, OpCode::DeleteContainer | OpCode::CreateSession);
    is_internal.then(|| Request { op: 999, ..Request::default() })
}

/// A create with the flags of another operation becomes one with the flags of none.
fn mismatched(request: &Request) -> Option<Request> {
    let mut other = request.clone();
    let flags = other.fields.iter_mut().find_map(|field| match field {
        Field::Int(flags) => Some(flags),
        _ => None,
    });
    let flags = flags.filter(|flags| (0..=6).contains(*flags))?;
    let fits = match OpCode::from_i32(request.op)? {
        OpCode::Create | OpCode::Create2 => *flags < 4,
        OpCode::CreateContainer => *flags == 4,
        OpCode::CreateTtl => *flags > 4,
        _ => true,
    };
    *flags = 99;
    (!fits).then_some(other)
}

/// Credentials of a scheme that nobody has.
fn unreadable_credentials(request: &Request) -> Option<Request> {
    let ground = Ground { root: String::new(), zxid: 0 };
    let whole = Request { cut: None, ..request.clone() }.body(&ground).len();
    let is_cut = request.cut.is_some_and(|cut| cut < whole);
    let scheme = Field::Text("unknown".to_owned());
    let fields = vec![Field::Int(0), scheme, Field::Buffer(Some(Vec::new()))];
    (request.op == OpCode::Auth.code() && is_cut).then(|| Request::new(OpCode::Auth, fields))
}

/// An empty access list, which is refused as a null one is outside of a multi.
fn null_in_multi(request: &Request) -> Option<Request> {
    let mut other = request.clone();
    let parts = other.fields.iter_mut().find_map(|field| match field {
        Field::Parts(parts) => Some(parts),
        _ => None,
    })?;
    // One with a TTL is read in another way there, which takes it.
    let creates = parts.iter_mut().filter(|part| part.op != OpCode::CreateTtl.code());
    let fields = creates.flat_map(|part| &mut part.fields);
    let nulls: Vec<&mut Field> = fields.filter(|field| **field == Field::Acl(None)).collect();
    let is_met = !nulls.is_empty();
    nulls.into_iter().for_each(|field| *field = Field::Acl(Some(Vec::new())));
    is_met.then_some(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_row() {
        let text = include_str!("../../../../server/COMPAT.md");
        for rule in RULES {
            let row = format!("\n| {}", rule.row);
            assert!(text.contains(&row), "{}: no row {:?}", rule.name, rule.row);
        }
    }

    #[test]
    fn only_what_differs_is_changed() {
        let create = |op, flags| Request::new(op, vec![Field::Int(flags)]);
        let requests = vec![
            create(OpCode::Create, 0),
            create(OpCode::Create, 4),
            create(OpCode::CreateContainer, 4),
            create(OpCode::CreateTtl, 7),
            Request::new(OpCode::DeleteContainer, Vec::new()),
        ];
        let program = Program { clients: 1, steps: vec![Step::Burst { client: 0, requests }] };
        let (other, uses) = for_zookeeper(&program);
        assert_eq!(uses, Uses::from([("internal operations", 1), ("operation and flags", 1)]));
        let Step::Burst { requests, .. } = &other.steps[0] else { panic!("not a burst") };
        let ops: Vec<i32> = requests.iter().map(|request| request.op).collect();
        assert_eq!(ops, [1, 1, 19, 21, 999]);
        assert_eq!(requests[1].fields, [Field::Int(99)]);
    }
}
