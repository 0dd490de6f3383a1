//! The digest that is kept with every change is that of the state, whatever happened to it.

use bytes::Bytes;
use pinfold_proto::acl::Acl;
use pinfold_state::{Body, CreateKind, Entry, Op, StateMachine};
use proptest::prelude::*;

const PATHS: [&str; 7] =
    ["/a", "/a/b", "/a/b/c", "/d", "/zookeeper/quota/a", "/zookeeper/quota/a/x", "/d/s-"];

fn op() -> impl Strategy<Value = Op> {
    let path = proptest::sample::select(&PATHS[..]).prop_map(str::to_owned);
    let data = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20))
        .prop_map(|data| data.map(Bytes::from));
    let acl = any::<bool>().prop_map(|open| match open {
        true => Acl::open_unsafe(),
        false => Acl::read_unsafe(),
    });
    prop_oneof![
        4 => (path.clone(), data.clone(), acl.clone(), 0..4i32).prop_map(
            |(path, data, acl, flags)| {
                Op::Create { path, data, acl, flags, kind: CreateKind::Plain }
            }
        ),
        2 => path.clone().prop_map(|path| Op::Delete { path, version: -1 }),
        2 => (path.clone(), data).prop_map(|(path, data)| Op::SetData { path, data, version: -1 }),
        1 => (path, acl).prop_map(|(path, acl)| Op::SetAcl { path, acl, version: -1 }),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        6 => op().prop_map(Body::Request),
        2 => proptest::collection::vec(op(), 1..5).prop_map(Body::Multi),
        1 => Just(Body::CreateSession { password: [3; 16], timeout_ms: 4000 }),
        1 => (4000..4003).prop_map(|timeout_ms| Body::Attach { password: [3; 16], timeout_ms }),
        1 => Just(Body::CloseSession),
        1 => Just(Body::Epoch),
    ]
}

proptest! {
    #[test]
    fn it_is_always_that_of_the_whole_state(
        steps in proptest::collection::vec((1..3i64, body()), 1..60)
    ) {
        let mut machine = StateMachine::new();
        for session in 1..3 {
            let open = Body::CreateSession { password: [3; 16], timeout_ms: 4000 };
            machine.apply(&Entry::internal(1, session, open));
        }
        for (time_ms, (session, body)) in steps.into_iter().enumerate() {
            let before = machine.digest();
            let zxid = machine.last_zxid();
            machine.apply(&Entry::internal(time_ms as i64, session, body));
            prop_assert_eq!(machine.digest(), machine.computed_digest());
            if machine.last_zxid() != zxid {
                prop_assert_ne!(machine.digest(), before);
            }
        }
        let back = StateMachine::restore(machine.snapshot().blocks()).unwrap();
        prop_assert_eq!(back.digest(), machine.digest());
        prop_assert_eq!(back.computed_digest(), machine.digest());
    }
}

/// A state with one node, and what makes it another one.
fn state(data: &str, acl: Vec<Acl>, time_ms: i64, timeout_ms: i32) -> StateMachine {
    let mut machine = StateMachine::new();
    let open = Body::CreateSession { password: [3; 16], timeout_ms };
    machine.apply(&Entry::internal(1, 1, open));
    let data = Some(Bytes::from(data.to_owned()));
    let (path, kind) = ("/n".to_owned(), CreateKind::Plain);
    let create = Op::Create { path, data, acl, flags: 0, kind };
    machine.apply(&Entry::internal(time_ms, 1, Body::Request(create)));
    machine
}

#[test]
fn nothing_can_differ_without_it() {
    let same = || state("data", Acl::open_unsafe(), 9, 4000);
    assert_eq!(same().digest(), same().digest());
    let others = [
        state("datb", Acl::open_unsafe(), 9, 4000),
        state("data\0", Acl::open_unsafe(), 9, 4000),
        state("data", Acl::read_unsafe(), 9, 4000),
        state("data", Acl::open_unsafe(), 10, 4000),
        state("data", Acl::open_unsafe(), 9, 4001),
    ];
    for other in &others {
        assert_ne!(other.digest(), same().digest());
    }
}
