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
            for rule in RULES {
                if let Some(other) = (rule.instead)(request) {
                    *uses.entry(rule.name).or_default() += 1;
                    *request = other;
                }
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

/// A create with the flags of another operation, also within a multi, is one without a path.
fn mismatched(request: &Request) -> Option<Request> {
    if is_mismatched(request) {
        return Some(pathless(request.cut.filter(|cut| *cut < length(request)).map(|_| 0)));
    }
    let mut other = request.clone();
    let Some(Field::Parts(parts)) = other.fields.first_mut() else { return None };
    // Without a time to live neither server decodes a mode that needs one.
    let is_decoded = |part: &Request| {
        let needs_ttl = matches!(part.fields.get(3), Some(Field::Int(5..=6)));
        part.op == OpCode::CreateTtl.code() || !needs_ttl
    };
    let is_meant = |part: &&mut Request| is_mismatched(part) && is_decoded(part);
    let parts: Vec<_> = parts.iter_mut().filter(is_meant).collect();
    let is_met = !parts.is_empty();
    parts.into_iter().for_each(|part| *part = pathless(None));
    is_met.then_some(other)
}

fn is_mismatched(create: &Request) -> bool {
    let Some(Field::Int(flags)) = create.fields.get(3) else { return false };
    match OpCode::from_i32(create.op) {
        Some(OpCode::CreateContainer) => matches!(flags, 0..=3 | 5..=6),
        Some(OpCode::CreateTtl) => matches!(flags, 0..=4),
        _ => false,
    }
}

fn pathless(cut: Option<usize>) -> Request {
    let path = Field::Text("no path".to_owned());
    let fields = vec![path, Field::Buffer(None), Field::open_acl(), Field::Int(0)];
    Request { cut, ..Request::new(OpCode::Create, fields) }
}

/// Bytes of the record when it is not cut.
fn length(request: &Request) -> usize {
    let ground = Ground { root: String::new(), zxid: 0 };
    Request { cut: None, ..request.clone() }.body(&ground).len()
}

/// Credentials of a scheme that nobody has.
fn unreadable_credentials(request: &Request) -> Option<Request> {
    let is_cut = request.cut.is_some_and(|cut| cut < length(request));
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
        let create = |op, flags| {
            let path = Field::Text("~/a".to_owned());
            let fields = vec![path, Field::Buffer(None), Field::open_acl(), Field::Int(flags)];
            Request::new(op, fields)
        };
        let multi = |part| Request::new(OpCode::Multi, vec![Field::Parts(vec![part])]);
        let requests = vec![
            create(OpCode::Create, 4),
            create(OpCode::CreateContainer, 4),
            create(OpCode::CreateContainer, 0),
            create(OpCode::CreateTtl, 7),
            multi(create(OpCode::CreateTtl, 2)),
            Request::new(OpCode::DeleteContainer, Vec::new()),
        ];
        let program = Program { clients: 1, steps: vec![Step::Burst { client: 0, requests }] };
        let (other, uses) = for_zookeeper(&program);
        assert_eq!(uses, Uses::from([("internal operations", 1), ("operation and flags", 2)]));
        let Step::Burst { requests, .. } = &other.steps[0] else { panic!("not a burst") };
        let ops: Vec<i32> = requests.iter().map(|request| request.op).collect();
        assert_eq!(ops, [1, 19, 1, 21, 14, 999]);
        assert_eq!(requests[2], pathless(None));
        assert_eq!(requests[4], multi(pathless(None)));
    }
}
