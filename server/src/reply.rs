//! Answers and events as the bytes that go out.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use pinfold_proto::records::{
    ConnectResponse, Create2Response, CreateResponse, GetDataResponse, ReplyHeader,
    SetSaslResponse, StatResponse, SyncRequest,
};
use pinfold_proto::{
    ErrorCode, EventType, MultiOpResult, MultiResponse, OpCode, Stat, WatcherEvent,
    XID_NOTIFICATION, frame, jute,
};
use pinfold_state::{OpOutcome, Outcome, TreeEventKind};

/// What an ordered request is answered with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// By what the operation answers.
    Op(OpCode),
    /// By the parts of a multi.
    Multi(Vec<OpCode>),
    /// By a header alone.
    Header,
}

/// Appends a frame with a header and whatever `body` writes.
pub(crate) fn ok(out: &mut BytesMut, xid: i32, zxid: i64, body: impl FnOnce(&mut BytesMut)) {
    frame::write(out, |out| {
        jute::write(out, &ReplyHeader { xid, zxid, err: 0 });
        body(out);
    });
}

/// Appends the answer to a `multiRead` of writes: an error, and a list of results without any.
pub(crate) fn unreadable(out: &mut BytesMut, xid: i32, zxid: i64) {
    frame::write(out, |out| {
        jute::write(out, &ReplyHeader { xid, zxid, err: ErrorCode::MarshallingError.code() });
        MultiResponse::default().encode(out);
    });
}

/// Appends a frame with a header alone.
pub(crate) fn header(out: &mut BytesMut, xid: i32, zxid: i64, error: ErrorCode) {
    frame::write(out, |out| jute::write(out, &ReplyHeader { xid, zxid, err: error.code() }));
}

/// Appends data and Stat, without a copy of the data in between.
pub(crate) fn put_data(out: &mut BytesMut, data: Option<&Arc<[u8]>>, stat: &Stat) {
    match data {
        Some(data) => {
            out.put_i32(data.len() as i32);
            out.put_slice(data);
        }
        None => out.put_i32(-1),
    }
    jute::write(out, stat);
}

/// Appends the answer to an ordered request.
pub(crate) fn outcome(out: &mut BytesMut, xid: i32, zxid: i64, form: &Form, outcome: &Outcome) {
    match (form, outcome) {
        (_, Outcome::Failed(error)) => header(out, xid, zxid, *error),
        (Form::Op(code), Outcome::Done(done)) => {
            ok(out, xid, zxid, |out| put_done(out, *code, done))
        }
        (Form::Multi(codes), Outcome::Multi(done)) => {
            let parts = codes.iter().zip(done).map(|(code, done)| part(*code, done));
            let response = MultiResponse { results: parts.collect() };
            ok(out, xid, zxid, |out| response.encode(out));
        }
        (Form::Multi(codes), Outcome::MultiFailed { index, error }) => {
            let code_at = |at: usize| match at.cmp(index) {
                std::cmp::Ordering::Less => ErrorCode::Ok,
                std::cmp::Ordering::Equal => *error,
                std::cmp::Ordering::Greater => ErrorCode::RuntimeInconsistency,
            };
            let parts = (0..codes.len()).map(|at| MultiOpResult::Error(code_at(at).code()));
            let response = MultiResponse { results: parts.collect() };
            ok(out, xid, zxid, |out| response.encode(out));
        }
        _ => header(out, xid, zxid, ErrorCode::Ok),
    }
}

fn put_done(out: &mut BytesMut, code: OpCode, done: &OpOutcome) {
    match done {
        OpOutcome::Created { path, .. } if code == OpCode::Create => {
            jute::write(out, &CreateResponse { path: path.to_string() });
        }
        OpOutcome::Created { path, stat } => {
            jute::write(out, &Create2Response { path: path.to_string(), stat: *stat });
        }
        OpOutcome::Stat(stat) => jute::write(out, &StatResponse { stat: *stat }),
        OpOutcome::Configured { text, stat } => {
            let data = Some(text.clone());
            jute::write(out, &GetDataResponse { data, stat: *stat });
        }
        OpOutcome::Deleted | OpOutcome::Checked => {}
    }
}

fn part(code: OpCode, done: &OpOutcome) -> MultiOpResult {
    match done {
        OpOutcome::Created { path, .. } if code == OpCode::Create => {
            MultiOpResult::Create(CreateResponse { path: path.to_string() })
        }
        // Containers and nodes with a time to live answer like create2.
        OpOutcome::Created { path, stat } => {
            MultiOpResult::Create2(Create2Response { path: path.to_string(), stat: *stat })
        }
        OpOutcome::Deleted => MultiOpResult::Delete,
        OpOutcome::Stat(stat) => MultiOpResult::SetData(StatResponse { stat: *stat }),
        // No part of a multi changes the members.
        OpOutcome::Checked | OpOutcome::Configured { .. } => MultiOpResult::Check,
    }
}

/// Appends the answer to a sync.
pub(crate) fn synced(out: &mut BytesMut, xid: i32, zxid: i64, path: String) {
    ok(out, xid, zxid, |out| jute::write(out, &SyncRequest { path }));
}

/// An event, framed; encoded once for all who hear it.
pub(crate) fn event(kind: EventType, path: &str, zxid: i64) -> Bytes {
    let mut out = BytesMut::with_capacity(path.len() + 40);
    ok(&mut out, XID_NOTIFICATION, zxid, |out| {
        jute::write(out, &WatcherEvent::new(kind, path));
    });
    out.freeze()
}

/// The type under which clients hear of a change.
pub(crate) fn event_type(kind: TreeEventKind) -> EventType {
    match kind {
        TreeEventKind::Created => EventType::NodeCreated,
        TreeEventKind::Deleted => EventType::NodeDeleted,
        TreeEventKind::DataChanged => EventType::NodeDataChanged,
        TreeEventKind::ChildrenChanged => EventType::NodeChildrenChanged,
    }
}

/// Appends the answer to a handshake. Without a session it says that there is none.
pub(crate) fn connected(
    out: &mut BytesMut,
    session: Option<(i64, [u8; 16], i32)>,
    read_only: Option<bool>,
) {
    let (session_id, password, timeout_ms) = session.unwrap_or((0, [0; 16], 0));
    let response = ConnectResponse {
        protocol_version: 0,
        timeout_ms,
        session_id,
        password: Some(Bytes::copy_from_slice(&password)),
        read_only,
    };
    frame::write(out, |out| response.encode(out));
}

/// A SASL exchange has failed. ZooKeeper's answer has its body, without a token, all the same.
pub(crate) fn sasl_failure(out: &mut BytesMut, xid: i32, error: ErrorCode) {
    frame::write(out, |out| {
        jute::write(out, &ReplyHeader { xid, zxid: 0, err: error.code() });
        jute::write(out, &SetSaslResponse { token: None });
    });
}
