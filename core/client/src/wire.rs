//! From requests to bytes, and from bytes to responses.

use bytes::BytesMut;
use pinfold_proto::records::{
    AddWatchRequest, AuthPacket, Create2Response, CreateRequest, DeleteRequest, ExistsRequest,
    GetAclRequest, GetAclResponse, GetChildren2Response, GetChildrenRequest, GetDataRequest,
    GetDataResponse, RemoveWatchesRequest, RequestHeader, SetAclRequest, SetDataRequest,
    StatResponse, SyncRequest,
};
use pinfold_proto::{
    CreateMode, DecodeError, ErrorCode, MultiOpResult, MultiRequest, MultiResponse, OpCode, frame,
    jute,
};

use crate::hosts::{to_caller, to_server, to_server_create};
use crate::watches::WatchKind;
use crate::{Error, MultiOp, MultiResult, Request, Response};

/// How the body of a reply is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyKind {
    Created,
    Deleted,
    Exists,
    Data,
    Stat,
    Children,
    Acl,
    Synced,
    Multi,
    Done,
}

/// Appends a frame with a header and a record.
pub(crate) fn put<T: serde::Serialize>(out: &mut BytesMut, xid: i32, op: OpCode, record: &T) {
    frame::write(out, |out| {
        jute::write(out, &RequestHeader { xid, op: op.code() });
        jute::write(out, record);
    });
}

/// Appends a frame with a header alone.
pub(crate) fn put_header(out: &mut BytesMut, xid: i32, op: OpCode) {
    frame::write(out, |out| jute::write(out, &RequestHeader { xid, op: op.code() }));
}

/// Appends the request that removes a watch.
pub(crate) fn put_removal(out: &mut BytesMut, xid: i32, kind: WatchKind, server_path: &str) {
    let record =
        RemoveWatchesRequest { path: server_path.to_owned(), kind: kind.watcher_type() as i32 };
    put(out, xid, OpCode::RemoveWatches, &record);
}

/// Appends a request and tells how to read its reply. `RemoveWatches` needs the table of watches,
/// see [`put_removal`].
pub(crate) fn encode(out: &mut BytesMut, xid: i32, chroot: &str, request: Request) -> ReplyKind {
    let full = |path: &str| to_server(chroot, path);
    match request {
        Request::Create { path, data, mode, acl } => {
            let op = create_op(mode);
            let path = to_server_create(chroot, &path, mode);
            let record = CreateRequest { path, data, acl, flags: mode.flags() };
            put(out, xid, op, &record);
            ReplyKind::Created
        }
        Request::Delete { path, version } => {
            put(out, xid, OpCode::Delete, &DeleteRequest { path: full(&path), version });
            ReplyKind::Deleted
        }
        Request::Exists { path, watch } => {
            put(out, xid, OpCode::Exists, &ExistsRequest { path: full(&path), watch });
            ReplyKind::Exists
        }
        Request::GetData { path, watch } => {
            put(out, xid, OpCode::GetData, &GetDataRequest { path: full(&path), watch });
            ReplyKind::Data
        }
        Request::SetData { path, data, version } => {
            let record = SetDataRequest { path: full(&path), data, version };
            put(out, xid, OpCode::SetData, &record);
            ReplyKind::Stat
        }
        Request::GetChildren { path, watch } => {
            let record = GetChildrenRequest { path: full(&path), watch };
            put(out, xid, OpCode::GetChildren2, &record);
            ReplyKind::Children
        }
        Request::GetAcl { path } => {
            put(out, xid, OpCode::GetAcl, &GetAclRequest { path: full(&path) });
            ReplyKind::Acl
        }
        Request::SetAcl { path, acl, version } => {
            put(out, xid, OpCode::SetAcl, &SetAclRequest { path: full(&path), acl, version });
            ReplyKind::Stat
        }
        Request::Sync { path } => {
            put(out, xid, OpCode::Sync, &SyncRequest { path: full(&path) });
            ReplyKind::Synced
        }
        Request::Multi { ops } => {
            frame::write(out, |out| {
                jute::write(out, &RequestHeader { xid, op: OpCode::Multi.code() });
                let ops = ops.into_iter().map(|op| multi_op(chroot, op)).collect();
                MultiRequest { ops }.encode(out);
            });
            ReplyKind::Multi
        }
        Request::AddAuth { scheme, auth } => {
            put(out, xid, OpCode::Auth, &AuthPacket { kind: 0, scheme, auth: Some(auth) });
            ReplyKind::Done
        }
        Request::AddWatch { path, mode } => {
            let record = AddWatchRequest { path: full(&path), mode: mode as i32 };
            put(out, xid, OpCode::AddWatch, &record);
            ReplyKind::Done
        }
        Request::Close | Request::RemoveWatches { .. } => {
            put_header(out, xid, OpCode::CloseSession);
            ReplyKind::Done
        }
    }
}

fn create_op(mode: CreateMode) -> OpCode {
    match mode {
        CreateMode::Container => OpCode::CreateContainer,
        _ => OpCode::Create2,
    }
}

fn multi_op(chroot: &str, op: MultiOp) -> pinfold_proto::MultiOp {
    use pinfold_proto::MultiOp as Wire;
    use pinfold_proto::records::CheckVersionRequest;
    match op {
        MultiOp::Create { path, data, mode, acl } => {
            let path = to_server_create(chroot, &path, mode);
            let record = CreateRequest { path, data, acl, flags: mode.flags() };
            match create_op(mode) {
                OpCode::CreateContainer => Wire::CreateContainer(record),
                _ => Wire::Create2(record),
            }
        }
        MultiOp::Delete { path, version } => {
            Wire::Delete(DeleteRequest { path: to_server(chroot, &path), version })
        }
        MultiOp::SetData { path, data, version } => {
            Wire::SetData(SetDataRequest { path: to_server(chroot, &path), data, version })
        }
        MultiOp::Check { path, version } => {
            Wire::Check(CheckVersionRequest { path: to_server(chroot, &path), version })
        }
    }
}

/// Reads the body of a reply whose header has no error.
pub(crate) fn decode(
    kind: ReplyKind,
    chroot: &str,
    body: &[u8],
) -> Result<Result<Response, Error>, DecodeError> {
    Ok(Ok(match kind {
        ReplyKind::Created => {
            let Create2Response { path, stat } = jute::from_bytes(body)?;
            Response::Created { path: to_caller(chroot, path), stat }
        }
        ReplyKind::Exists => {
            let StatResponse { stat } = jute::from_bytes(body)?;
            Response::Exists(Some(stat))
        }
        ReplyKind::Data => {
            let GetDataResponse { data, stat } = jute::from_bytes(body)?;
            Response::Data { data, stat }
        }
        ReplyKind::Stat => {
            let StatResponse { stat } = jute::from_bytes(body)?;
            Response::Stat(stat)
        }
        ReplyKind::Children => {
            let GetChildren2Response { children, stat } = jute::from_bytes(body)?;
            Response::Children { names: children, stat }
        }
        ReplyKind::Acl => {
            let GetAclResponse { acl, stat } = jute::from_bytes(body)?;
            Response::Acl { acl, stat }
        }
        ReplyKind::Multi => return Ok(multi_results(chroot, MultiResponse::decode(body)?)),
        ReplyKind::Deleted => Response::Deleted,
        ReplyKind::Synced => Response::Synced,
        ReplyKind::Done => Response::Done,
    }))
}

/// A multi that failed names its culprit: the one entry that is neither 0 nor -2. Where -2 itself
/// is the code of every entry that failed, the first of them is the culprit.
fn multi_results(chroot: &str, response: MultiResponse) -> Result<Response, Error> {
    let skipped = ErrorCode::RuntimeInconsistency.code();
    let errors = response.results.iter().enumerate().filter_map(|(index, result)| match result {
        MultiOpResult::Error(0) => None,
        MultiOpResult::Error(code) => Some((index, *code)),
        _ => None,
    });
    if let Some((index, code)) = errors.min_by_key(|(_, code)| *code == skipped) {
        return Err(Error::from_code(code).with_op_index(index));
    }
    let results = response.results.into_iter().map(|result| match result {
        MultiOpResult::Create2(reply)
        | MultiOpResult::CreateContainer(reply)
        | MultiOpResult::CreateTtl(reply) => {
            MultiResult::Created { path: to_caller(chroot, reply.path), stat: reply.stat }
        }
        MultiOpResult::Create(reply) => MultiResult::Created {
            path: to_caller(chroot, reply.path),
            stat: pinfold_proto::Stat::default(),
        },
        MultiOpResult::SetData(reply) => MultiResult::Stat(reply.stat),
        MultiOpResult::Delete => MultiResult::Deleted,
        _ => MultiResult::Checked,
    });
    Ok(Response::Multi(results.collect()))
}
