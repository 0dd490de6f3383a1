//! From requests to bytes, and from bytes to responses.
//!
//! Requests are written as tuples of their records' fields: jute has no tags, so the bytes are the
//! records' (a test compares them), and no path is copied for it.

use bytes::BytesMut;
use pinfold_proto::records::{
    Create2Response, GetAclResponse, GetAllChildrenNumberResponse, GetChildren2Response,
    GetDataResponse, GetEphemeralsResponse, RequestHeader, StatResponse, WhoAmIResponse,
};
use pinfold_proto::{
    CreateMode, DecodeError, ErrorCode, MultiOpResult, MultiResponse, OpCode, WatcherType, frame,
    jute,
};

use crate::hosts::{self, to_caller, to_server, to_server_create};
use crate::{Error, MultiOp, MultiResult, ReadOp, ReadResult, Request, Response};

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
    MultiRead,
    Ephemerals,
    Count,
    Identities,
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

/// Appends the request that removes the server's watch.
pub(crate) fn put_removal(out: &mut BytesMut, xid: i32, kind: WatcherType, server_path: &str) {
    put(out, xid, OpCode::RemoveWatches, &(server_path, kind as i32));
}

/// Appends a request and tells how to read its reply. `RemoveWatches` needs the table of watches,
/// see [`put_removal`].
pub(crate) fn encode(out: &mut BytesMut, xid: i32, chroot: &str, request: &Request) -> ReplyKind {
    let full = |path| to_server(chroot, path);
    match request {
        Request::Create { path, data, mode, acl, ttl_ms } => {
            let path = &*to_server_create(chroot, path, *mode);
            match create_op(*mode) {
                OpCode::CreateTtl => {
                    put(out, xid, OpCode::CreateTtl, &(path, data, acl, mode.flags(), ttl_ms));
                }
                op => put(out, xid, op, &(path, data, acl, mode.flags())),
            }
            ReplyKind::Created
        }
        Request::Delete { path, version } => {
            put(out, xid, OpCode::Delete, &(&*full(path), version));
            ReplyKind::Deleted
        }
        Request::SetData { path, data, version } => {
            put(out, xid, OpCode::SetData, &(&*full(path), data, version));
            ReplyKind::Stat
        }
        Request::SetAcl { path, acl, version } => {
            put(out, xid, OpCode::SetAcl, &(&*full(path), acl, version));
            ReplyKind::Stat
        }
        Request::Sync { path } => {
            put(out, xid, OpCode::Sync, &(&*full(path),));
            ReplyKind::Synced
        }
        Request::Multi { ops } => {
            put_ops(out, xid, OpCode::Multi, |out| {
                ops.iter().for_each(|op| put_op(out, chroot, op));
            });
            ReplyKind::Multi
        }
        Request::AddAuth { scheme, auth } => {
            put(out, xid, OpCode::Auth, &(0, scheme, auth));
            ReplyKind::Done
        }
        Request::AddWatch { path, mode } => {
            put(out, xid, OpCode::AddWatch, &(&*full(path), *mode as i32));
            ReplyKind::Done
        }
        Request::RemoveAllWatches { path, kind } => {
            put_removal(out, xid, *kind, &full(path));
            ReplyKind::Done
        }
        Request::Close | Request::RemoveWatches { .. } => {
            put_header(out, xid, OpCode::CloseSession);
            ReplyKind::Done
        }
        read => encode_read(out, xid, chroot, read),
    }
}

fn encode_read(out: &mut BytesMut, xid: i32, chroot: &str, request: &Request) -> ReplyKind {
    let full = |path| to_server(chroot, path);
    match request {
        Request::Exists { path, watch } => {
            put(out, xid, OpCode::Exists, &(&*full(path), watch));
            ReplyKind::Exists
        }
        Request::GetData { path, watch } => {
            put(out, xid, OpCode::GetData, &(&*full(path), watch));
            ReplyKind::Data
        }
        Request::GetChildren { path, watch } => {
            put(out, xid, OpCode::GetChildren2, &(&*full(path), watch));
            ReplyKind::Children
        }
        Request::GetAcl { path } => {
            put(out, xid, OpCode::GetAcl, &(&*full(path),));
            ReplyKind::Acl
        }
        Request::MultiRead { ops } => {
            put_ops(out, xid, OpCode::MultiRead, |out| {
                for op in ops {
                    let code = match op {
                        ReadOp::GetData { .. } => OpCode::GetData,
                        ReadOp::GetChildren { .. } => OpCode::GetChildren,
                    };
                    jute::write(out, &(code.code(), false, -1, &*full(op.path()), false));
                }
            });
            ReplyKind::MultiRead
        }
        Request::GetEphemerals { prefix } => {
            put(out, xid, OpCode::GetEphemerals, &(&*full(prefix),));
            ReplyKind::Ephemerals
        }
        Request::GetAllChildrenNumber { path } => {
            put(out, xid, OpCode::GetAllChildrenNumber, &(&*full(path),));
            ReplyKind::Count
        }
        Request::CheckWatches { path, kind } => {
            put(out, xid, OpCode::CheckWatches, &(&*full(path), *kind as i32));
            ReplyKind::Done
        }
        // The only one that is left.
        _ => {
            put_header(out, xid, OpCode::WhoAmI);
            ReplyKind::Identities
        }
    }
}

fn create_op(mode: CreateMode) -> OpCode {
    match mode {
        CreateMode::Container => OpCode::CreateContainer,
        CreateMode::PersistentTtl | CreateMode::PersistentSequentialTtl => OpCode::CreateTtl,
        _ => OpCode::Create2,
    }
}

/// Appends a frame of operations that have small headers of their own, and an end.
fn put_ops(out: &mut BytesMut, xid: i32, op: OpCode, ops: impl FnOnce(&mut BytesMut)) {
    frame::write(out, |out| {
        jute::write(out, &RequestHeader { xid, op: op.code() });
        ops(out);
        jute::write(out, &(-1, true, -1));
    });
}

fn put_op(out: &mut BytesMut, chroot: &str, op: &MultiOp) {
    let full = |path| to_server(chroot, path);
    let header = |op: OpCode| (op.code(), false, -1);
    match op {
        MultiOp::Create { path, data, mode, acl, ttl_ms } => {
            let op = create_op(*mode);
            let path = &*to_server_create(chroot, path, *mode);
            jute::write(out, &(header(op), path, data, acl, mode.flags()));
            if op == OpCode::CreateTtl {
                jute::write(out, ttl_ms);
            }
        }
        MultiOp::Delete { path, version } => {
            jute::write(out, &(header(OpCode::Delete), &*full(path), version));
        }
        MultiOp::SetData { path, data, version } => {
            jute::write(out, &(header(OpCode::SetData), &*full(path), data, version));
        }
        MultiOp::Check { path, version } => {
            jute::write(out, &(header(OpCode::Check), &*full(path), version));
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
        ReplyKind::MultiRead => read_results(MultiResponse::decode(body)?),
        ReplyKind::Ephemerals => {
            let GetEphemeralsResponse { ephemerals } = jute::from_bytes(body)?;
            // The server compares text: `/app` finds `/apple` too, which is outside of the chroot.
            let inside = ephemerals.into_iter().filter(|path| hosts::is_inside(chroot, path));
            let mut paths: Vec<_> = inside.map(|path| to_caller(chroot, path)).collect();
            paths.sort_unstable();
            Response::Ephemerals(paths)
        }
        ReplyKind::Count => {
            let GetAllChildrenNumberResponse { total_number } = jute::from_bytes(body)?;
            Response::Count(total_number)
        }
        ReplyKind::Identities => {
            let WhoAmIResponse { client_info } = jute::from_bytes(body)?;
            Response::Identities(client_info)
        }
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

/// Reads do not stop at a failure: each entry has its own.
fn read_results(response: MultiResponse) -> Response {
    let result = |result| match result {
        MultiOpResult::GetData(reply) => {
            Ok(ReadResult::Data { data: reply.data, stat: reply.stat })
        }
        MultiOpResult::GetChildren(reply) => Ok(ReadResult::Children { names: reply.children }),
        MultiOpResult::Error(code) => Err(Error::from_code(code)),
        _ => Err(Error::new(ErrorCode::DataInconsistency, "an answer of another kind")),
    };
    Response::MultiRead(response.results.into_iter().map(result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use pinfold_proto::records::{
        AddWatchRequest, AuthPacket, CheckVersionRequest, CheckWatchesRequest, CreateRequest,
        CreateTtlRequest, DeleteRequest, ExistsRequest, GetAclRequest, GetAllChildrenNumberRequest,
        GetChildrenRequest, GetDataRequest, GetEphemeralsRequest, RemoveWatchesRequest,
        SetAclRequest, SetDataRequest, SyncRequest,
    };
    use pinfold_proto::{Acl, AddWatchMode, MultiRequest};

    /// The frame of a request, without its length.
    fn frame_of(chroot: &str, request: &Request) -> Bytes {
        let mut out = BytesMut::new();
        encode(&mut out, 7, chroot, request);
        out.freeze().slice(4..)
    }

    /// The same from the record.
    fn of_record<T: serde::Serialize>(op: OpCode, record: &T) -> Bytes {
        let mut out = BytesMut::new();
        jute::write(&mut out, &RequestHeader { xid: 7, op: op.code() });
        jute::write(&mut out, record);
        out.freeze()
    }

    /// Under the chroot `/c` each request must have the bytes of its record.
    fn agree(pairs: impl IntoIterator<Item = (Request, Bytes)>) {
        for (request, record) in pairs {
            assert_eq!(frame_of("/c", &request), record, "{request:?}");
        }
    }

    fn path() -> String {
        "/x".to_owned()
    }

    fn full() -> String {
        "/c/x".to_owned()
    }

    #[test]
    fn creates_are_the_records_of_the_protocol() {
        let (data, acl) = (Some(Bytes::from_static(b"d")), Acl::creator_all());
        let create = |mode, ttl_ms| Request::Create {
            path: path(),
            data: data.clone(),
            mode,
            acl: acl.clone(),
            ttl_ms,
        };
        let record =
            |flags| CreateRequest { path: full(), data: data.clone(), acl: acl.clone(), flags };
        let (flags, ttl) = (5, 9);
        let with_ttl =
            CreateTtlRequest { path: full(), data: data.clone(), acl: acl.clone(), flags, ttl };
        let plain = CreateMode::EphemeralSequential;
        agree([
            (create(plain, 0), of_record(OpCode::Create2, &record(3))),
            (create(CreateMode::Container, 0), of_record(OpCode::CreateContainer, &record(4))),
            (create(CreateMode::PersistentTtl, 9), of_record(OpCode::CreateTtl, &with_ttl)),
        ]);
    }

    #[test]
    fn writes_are_the_records_of_the_protocol() {
        let (data, acl) = (Some(Bytes::from_static(b"d")), Acl::creator_all());
        let auth = || Bytes::from_static(b"a");
        let (set, kind) = (data.clone(), WatcherType::Any);
        let (mode, version) = (AddWatchMode::PersistentRecursive, 3);
        let packet = AuthPacket { kind: 0, scheme: "s".into(), auth: Some(auth()) };
        agree([
            (
                Request::Delete { path: path(), version },
                of_record(OpCode::Delete, &DeleteRequest { path: full(), version }),
            ),
            (
                Request::SetData { path: path(), data, version },
                of_record(OpCode::SetData, &SetDataRequest { path: full(), data: set, version }),
            ),
            (
                Request::SetAcl { path: path(), acl: acl.clone(), version },
                of_record(OpCode::SetAcl, &SetAclRequest { path: full(), acl, version }),
            ),
            (
                Request::Sync { path: path() },
                of_record(OpCode::Sync, &SyncRequest { path: full() }),
            ),
            (
                Request::AddAuth { scheme: "s".into(), auth: auth() },
                of_record(OpCode::Auth, &packet),
            ),
            (
                Request::AddWatch { path: path(), mode },
                of_record(OpCode::AddWatch, &AddWatchRequest { path: full(), mode: 1 }),
            ),
            (
                Request::RemoveAllWatches { path: path(), kind },
                of_record(OpCode::RemoveWatches, &RemoveWatchesRequest { path: full(), kind: 3 }),
            ),
        ]);
    }

    #[test]
    fn reads_are_the_records_of_the_protocol() {
        let (watch, kind) = (true, WatcherType::Any);
        let count = GetAllChildrenNumberRequest { path: full() };
        agree([
            (
                Request::Exists { path: path(), watch },
                of_record(OpCode::Exists, &ExistsRequest { path: full(), watch }),
            ),
            (
                Request::GetData { path: path(), watch },
                of_record(OpCode::GetData, &GetDataRequest { path: full(), watch }),
            ),
            (
                Request::GetChildren { path: path(), watch },
                of_record(OpCode::GetChildren2, &GetChildrenRequest { path: full(), watch }),
            ),
            (
                Request::GetAcl { path: path() },
                of_record(OpCode::GetAcl, &GetAclRequest { path: full() }),
            ),
            (
                Request::CheckWatches { path: path(), kind },
                of_record(OpCode::CheckWatches, &CheckWatchesRequest { path: full(), kind: 3 }),
            ),
            (
                Request::GetEphemerals { prefix: path() },
                of_record(OpCode::GetEphemerals, &GetEphemeralsRequest { prefix_path: full() }),
            ),
            (
                Request::GetAllChildrenNumber { path: path() },
                of_record(OpCode::GetAllChildrenNumber, &count),
            ),
        ]);
    }

    #[test]
    fn multis_are_those_of_the_protocol() {
        use pinfold_proto::MultiOp as Wire;
        let create = |mode, ttl_ms| MultiOp::Create {
            path: "/x".to_owned(),
            data: None,
            mode,
            acl: Acl::read_unsafe(),
            ttl_ms,
        };
        let ops = vec![
            create(CreateMode::Persistent, 0),
            create(CreateMode::Container, 0),
            create(CreateMode::PersistentSequentialTtl, 1),
            MultiOp::Delete { path: path(), version: 2 },
            MultiOp::SetData { path: path(), data: None, version: 3 },
            MultiOp::Check { path: path(), version: 4 },
        ];
        let (data, acl) = (None, Acl::read_unsafe);
        let record = |flags| CreateRequest { path: path(), data: None, acl: acl(), flags };
        let wire = vec![
            Wire::Create2(record(0)),
            Wire::CreateContainer(record(4)),
            Wire::CreateTtl(CreateTtlRequest { path: path(), data, acl: acl(), flags: 6, ttl: 1 }),
            Wire::Delete(DeleteRequest { path: path(), version: 2 }),
            Wire::SetData(SetDataRequest { path: path(), data: None, version: 3 }),
            Wire::Check(CheckVersionRequest { path: path(), version: 4 }),
        ];
        let frame = frame_of("", &Request::Multi { ops });
        assert_eq!(MultiRequest::decode(&frame[8..]).unwrap().ops, wire);
        let ops =
            vec![ReadOp::GetData { path: path() }, ReadOp::GetChildren { path: "/".to_owned() }];
        let frame = frame_of("/c", &Request::MultiRead { ops });
        let wire = vec![
            Wire::GetData(GetDataRequest { path: "/c/x".to_owned(), watch: false }),
            Wire::GetChildren(GetChildrenRequest { path: "/c".to_owned(), watch: false }),
        ];
        assert_eq!(MultiRequest::decode(&frame[8..]).unwrap().ops, wire);
    }
}
