//! Changes of the ensemble's members.

use std::sync::Arc;

use pinfold_proto::ErrorCode;
use pinfold_proto::acl::Id;
use pinfold_state::{Body, Entry, OpOutcome, Outcome, Reconfiguration, StateMachine};

#[test]
fn members_change_in_two_steps() {
    let mut machine = StateMachine::new();
    let opened = Body::CreateSession { password: [1; 16], timeout_ms: 1000 };
    machine.apply(&Entry::internal(1, 7, opened));
    let asked = |joining: &str, leaving: &str, version| {
        Body::Reconfigure(Reconfiguration {
            joining: Some(joining.to_owned()),
            leaving: Some(leaving.to_owned()),
            members: None,
            version,
        })
    };
    let mut apply = |auth: &[Id], body| {
        let entry = Entry { auth: Arc::new(auth.to_vec()), ..Entry::internal(1, 7, body) };
        machine.apply(&entry)
    };
    let joining = "server.2=b:1:2;3";
    let alone = apply(&[], asked(joining, "", -1));
    assert_eq!(alone.outcome, Outcome::Failed(ErrorCode::Unimplemented));
    let before = alone.zxid;
    let first = apply(&[], Body::Found("server.1=a:1:2:participant\nversion=0".to_owned()));
    assert_eq!((first.outcome, first.zxid), (Outcome::Founded, before));
    let refused = [
        (asked(joining, "", 7), ErrorCode::BadVersion),
        (asked("server.2=b:1", "", -1), ErrorCode::BadArguments),
        (asked("server.2=b:1:2", "", -1), ErrorCode::BadArguments),
        (asked("server.2=a:1:9;3", "", -1), ErrorCode::BadArguments),
        (asked("", "1", 0), ErrorCode::BadArguments),
        (asked(joining, "", 0), ErrorCode::NoAuth),
    ];
    for (body, error) in refused {
        assert_eq!(apply(&[], body).outcome, Outcome::Failed(error));
    }
    let root = [Id::new("super", "")];
    let pending = apply(&root, asked(joining, "", 0));
    assert_eq!(pending.outcome, Outcome::Pending);
    let again = apply(&root, asked(joining, "", 0)).outcome;
    assert_eq!(again, Outcome::Failed(ErrorCode::ReconfigInProgress));
    let error = ErrorCode::NewConfigNoQuorum;
    let given_up = Body::Abandon { asked: pending.zxid, error };
    assert_eq!(apply(&[], given_up.clone()).outcome, Outcome::Failed(error));
    let pending = apply(&root, asked(joining, "", -1));
    assert_eq!(pending.outcome, Outcome::Pending);
    // What was meant for the change before it says nothing to this one.
    let late = apply(&[], given_up).outcome;
    assert_eq!(late, Outcome::Failed(ErrorCode::RuntimeInconsistency));
    let done = apply(&[], Body::Activate { asked: pending.zxid });
    let text = format!(
        "server.1=a:1:2:participant\nserver.2=b:1:2:participant;0.0.0.0:3\nversion={:x}",
        done.zxid
    );
    let Outcome::Done(OpOutcome::Configured { text: answered, stat }) = done.outcome else {
        panic!("it has not taken effect");
    };
    assert_eq!(answered, text.as_bytes());
    assert_eq!((stat.version, stat.mzxid), (-1, done.zxid));
    assert_eq!(done.events.len(), 1);
    assert_eq!(machine.configuration().to_string(), text);
    assert_eq!(machine.digest(), machine.computed_digest());
}

#[test]
fn a_change_of_members_survives_a_snapshot() {
    let mut machine = StateMachine::new();
    let mut apply = |body| machine.apply(&Entry::internal(1, 7, body)).outcome;
    apply(Body::CreateSession { password: [1; 16], timeout_ms: 1000 });
    apply(Body::Found("server.1=a:1:2:participant\nversion=0".to_owned()));
    let members = Some("server.1=a:1:2,server.2=b:1:2;9".to_owned());
    let asked = Reconfiguration { members, version: -1, ..Reconfiguration::default() };
    let entry = Entry {
        auth: Arc::new(vec![Id::new("super", "")]),
        ..Entry::internal(1, 7, Body::Reconfigure(asked))
    };
    assert_eq!(machine.apply(&entry).outcome, Outcome::Pending);
    let restored = StateMachine::restore(machine.snapshot().blocks()).unwrap();
    assert_eq!(restored.pending_configuration(), machine.pending_configuration());
    assert!(restored.pending_configuration().is_some());
    assert_eq!(restored.digest(), machine.digest());
}
