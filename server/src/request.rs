//! Frames to requests: what each asks for, and who answers it.

use bytes::Bytes;
use pinfold_proto::jute;
use pinfold_proto::records::{
    AddWatchRequest, AuthPacket, CheckVersionRequest, CheckWatchesRequest, CreateRequest,
    CreateTtlRequest, DeleteRequest, ExistsRequest, GetAclRequest, GetAllChildrenNumberRequest,
    GetChildrenRequest, GetDataRequest, GetEphemeralsRequest, GetSaslRequest, ReconfigRequest,
    RemoveWatchesRequest, RequestHeader, SetAclRequest, SetDataRequest, SetWatches, SetWatches2,
    SyncRequest,
};
use pinfold_proto::{
    Acl, AddWatchMode, CreateMode, DecodeError, ErrorCode, MultiOp, MultiRequest, OpCode,
    WatcherType, XID_PING,
};
use pinfold_state::{CreateKind, Op, Reconfiguration};
use serde::de::DeserializeOwned;

use crate::gate::Schemes;

/// One request of a client.
#[derive(Debug)]
pub(crate) struct Request {
    /// The client's number for it.
    pub(crate) xid: i32,
    /// Its operation; `None` for one that is not known.
    pub(crate) operation: Option<OpCode>,
    /// What it asks for.
    pub(crate) body: RequestBody,
}

/// Requests by who answers them.
#[derive(Debug)]
pub(crate) enum RequestBody {
    /// Answered by the connection, from the state.
    Read(Read),
    /// Put in order with all other writes, answered by the pipeline.
    Ordered(Ordered),
    /// Credentials; taken when they are decoded.
    Auth(AuthPacket),
    /// A step of a SASL exchange; taken when it is decoded.
    Sasl(Bytes),
    /// An error is answered, then the connection is closed.
    Refused(ErrorCode),
}

/// What the connection answers.
#[derive(Debug)]
#[allow(missing_docs)]
pub(crate) enum Read {
    Ping,
    AuthDone,
    /// The server's step of a SASL exchange.
    SaslStep(Option<Bytes>),
    Exists {
        path: String,
        watch: bool,
    },
    GetData {
        path: String,
        watch: bool,
    },
    GetChildren {
        path: String,
        watch: bool,
        with_stat: bool,
    },
    GetAcl {
        path: String,
    },
    CountDescendants {
        path: String,
    },
    Ephemerals {
        prefix: String,
    },
    WhoAmI,
    SetWatches(SetWatches2),
    AddWatch {
        path: String,
        mode: AddWatchMode,
    },
    CheckWatch {
        path: String,
        kind: WatcherType,
    },
    RemoveWatch {
        path: String,
        kind: WatcherType,
    },
    Multi(Vec<MultiOp>),
    /// A multi of writes where reads were to be.
    Unreadable,
    /// The answer is known already: a header with this code.
    Answer(ErrorCode),
}

/// What the pipeline answers.
#[derive(Debug)]
pub(crate) enum Ordered {
    /// One write; the operation decides the form of the answer.
    Write { op: Op, code: OpCode },
    /// A multi, with the operation of each part.
    Multi { ops: Vec<Op>, codes: Vec<OpCode> },
    /// A change of the ensemble's members.
    Reconfigure(Reconfiguration),
    /// What cannot be done, but takes its place among the writes, as in ZooKeeper.
    Void { error: ErrorCode, code: OpCode },
    /// Answered when everything acknowledged before it has been applied here.
    Sync { path: String },
    /// The client ends its session.
    Close,
    /// A read that was asked for behind writes which are still on their way.
    Read(Read),
    /// An error, behind which the connection ends.
    Refuse(ErrorCode),
    /// Likewise, of a SASL exchange.
    RefuseSasl(ErrorCode),
}

/// What depends on the server's settings: nodes with a time to live, schemes of ACLs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoder {
    pub(crate) ttl_enabled: bool,
    /// Whether clients may change the ensemble's members.
    pub(crate) reconfig_enabled: bool,
    /// Which schemes ACLs may have.
    pub(crate) schemes: Schemes,
}

impl Decoder {
    /// Decodes the body of a frame. `None`: not even a header, nothing can be answered.
    pub(crate) fn decode(self, frame: &Bytes) -> Option<Request> {
        let (header, rest) = jute::from_bytes_prefix::<RequestHeader>(frame).ok()?;
        let body = frame.slice(frame.len() - rest.len()..);
        let xid = header.xid;
        let Some(code) = OpCode::from_i32(header.op) else {
            let body = RequestBody::Refused(ErrorCode::Unimplemented);
            return Some(Request { xid, operation: None, body });
        };
        let operation = Some(code);
        if code == OpCode::Ping {
            let body = RequestBody::Read(Read::Ping);
            return Some(Request { xid: XID_PING, operation, body });
        }
        let body = self.body(code, &body).unwrap_or_else(|error| {
            tracing::debug!(xid, ?code, %error, "request not decodable");
            match code {
                OpCode::Auth | OpCode::Sasl => RequestBody::Refused(ErrorCode::AuthFailed),
                OpCode::Multi => void(ErrorCode::MarshallingError, code),
                _ => RequestBody::Read(Read::Answer(ErrorCode::MarshallingError)),
            }
        });
        Some(Request { xid, operation, body })
    }

    fn body(self, code: OpCode, body: &Bytes) -> Result<RequestBody, DecodeError> {
        use RequestBody::{Auth, Ordered as Order, Read as Local};
        if begins_with_path(code) && body.starts_with(&[0xff; 4]) {
            return pathless(code, body);
        }
        Ok(match code {
            OpCode::Create
            | OpCode::Create2
            | OpCode::CreateContainer
            | OpCode::CreateTtl
            | OpCode::Delete
            | OpCode::SetData
            | OpCode::SetAcl => Order(Ordered::Write { op: self.write(code, body)?, code }),
            OpCode::Multi => self.multi(MultiRequest::decode(body)?.ops),
            OpCode::MultiRead => multi_read(MultiRequest::decode(body)?.ops),
            OpCode::Sync => Order(Ordered::Sync { path: read::<SyncRequest>(body)?.path }),
            OpCode::CloseSession => Order(Ordered::Close),
            OpCode::Auth => Auth(read(body)?),
            OpCode::Sasl => {
                let GetSaslRequest { token } = read(body)?;
                match token {
                    Some(token) => RequestBody::Sasl(token),
                    None => RequestBody::Refused(ErrorCode::AuthFailed),
                }
            }
            OpCode::Ping => Local(Read::Ping),
            OpCode::Reconfig => {
                let ReconfigRequest { joining, leaving, members, config_version: version } =
                    read(body)?;
                match self.reconfig_enabled {
                    true => Order(Ordered::Reconfigure(Reconfiguration {
                        joining,
                        leaving,
                        members,
                        version,
                    })),
                    false => void(ErrorCode::ReconfigDisabled, code),
                }
            }
            OpCode::Exists
            | OpCode::GetData
            | OpCode::GetChildren
            | OpCode::GetChildren2
            | OpCode::GetAcl
            | OpCode::GetAllChildrenNumber
            | OpCode::GetEphemerals
            | OpCode::WhoAmI => Local(node_read(code, body)?),
            OpCode::SetWatches
            | OpCode::SetWatches2
            | OpCode::AddWatch
            | OpCode::CheckWatches
            | OpCode::RemoveWatches => Local(watch_request(code, body)?),
            // Only servers send these, or they are parts of others, or of what is not offered.
            OpCode::Notification
            | OpCode::Check
            | OpCode::DeleteContainer
            | OpCode::CreateSession
            | OpCode::Error => RequestBody::Refused(ErrorCode::Unimplemented),
        })
    }

    fn write(self, code: OpCode, body: &Bytes) -> Result<Op, DecodeError> {
        Ok(match code {
            OpCode::CreateTtl => self.create_ttl(read(body)?),
            OpCode::CreateContainer => self.create(read(body)?, CreateKind::Container),
            OpCode::Delete => delete(read(body)?),
            OpCode::SetData => {
                let (path, data, rest) = path_and_data(body)?;
                Op::SetData { path, data, version: read(rest)? }
            }
            OpCode::SetAcl => {
                let SetAclRequest { path, mut acl, version } = read(body)?;
                self.schemes.screen(&mut acl);
                Op::SetAcl { path, acl, version }
            }
            _ => {
                let (path, data, rest) = path_and_data(body)?;
                let (mut acl, flags) = read::<(Vec<Acl>, i32)>(rest)?;
                self.schemes.screen(&mut acl);
                Op::Create { path, data, acl, flags, kind: CreateKind::Plain }
            }
        })
    }

    fn create(self, request: CreateRequest, kind: CreateKind) -> Op {
        let CreateRequest { path, data, mut acl, flags } = request;
        self.schemes.screen(&mut acl);
        Op::Create { path, data, acl, flags, kind }
    }

    fn create_ttl(self, request: CreateTtlRequest) -> Op {
        let CreateTtlRequest { path, data, mut acl, flags, ttl } = request;
        self.schemes.screen(&mut acl);
        let kind = CreateKind::Ttl { ttl_ms: ttl, enabled: self.ttl_enabled };
        Op::Create { path, data, acl, flags, kind }
    }

    fn multi(self, parts: Vec<MultiOp>) -> RequestBody {
        let parts: Option<Vec<MultiOp>> = parts.into_iter().map(of_its_mode).collect();
        let Some(parts) = parts else { return void(ErrorCode::MarshallingError, OpCode::Multi) };
        let codes = parts.iter().map(MultiOp::op).collect();
        let ops: Option<Vec<Op>> = parts.into_iter().map(|part| self.part(part)).collect();
        match ops {
            Some(ops) => RequestBody::Ordered(Ordered::Multi { ops, codes }),
            None => void(ErrorCode::MarshallingError, OpCode::Multi),
        }
    }

    /// `None` for reads, which ZooKeeper does not decode as part of a multi.
    fn part(self, part: MultiOp) -> Option<Op> {
        Some(match part {
            MultiOp::Create(request) | MultiOp::Create2(request) => {
                self.create(request, CreateKind::Plain)
            }
            MultiOp::CreateContainer(request) => self.create(request, CreateKind::Container),
            MultiOp::CreateTtl(request) => self.create_ttl(request),
            MultiOp::Delete(request) => delete(request),
            MultiOp::SetData(request) => set_data(request),
            MultiOp::Check(CheckVersionRequest { path, version }) => Op::Check { path, version },
            MultiOp::GetData(_) | MultiOp::GetChildren(_) => return None,
        })
    }
}

/// A part of a multi as ZooKeeper decodes it: there a create with the flags of a container is one
/// of a container, unlike outside. `None` for unknown modes and for those that need a time to live.
fn of_its_mode(part: MultiOp) -> Option<MultiOp> {
    let flags = match &part {
        MultiOp::Create(r) | MultiOp::Create2(r) | MultiOp::CreateContainer(r) => r.flags,
        _ => return Some(part),
    };
    match (CreateMode::from_flags(flags)?, part) {
        (CreateMode::PersistentTtl | CreateMode::PersistentSequentialTtl, _) => None,
        (CreateMode::Container, MultiOp::Create(r) | MultiOp::Create2(r)) => {
            Some(MultiOp::CreateContainer(r))
        }
        (_, part) => Some(part),
    }
}

/// The operations whose first field is the path of a node.
fn begins_with_path(code: OpCode) -> bool {
    use OpCode::{
        AddWatch, CheckWatches, Create, Create2, CreateContainer, CreateTtl, Delete, Exists,
        GetAcl, GetAllChildrenNumber, GetChildren, GetChildren2, GetData, RemoveWatches, SetAcl,
        SetData,
    };
    matches!(
        code,
        AddWatch
            | CheckWatches
            | Create
            | Create2
            | CreateContainer
            | CreateTtl
            | Delete
            | Exists
            | GetAcl
            | GetAllChildrenNumber
            | GetChildren
            | GetChildren2
            | GetData
            | RemoveWatches
            | SetAcl
            | SetData
    )
}

/// What a request without a path is answered, which depends on where ZooKeeper trips over it:
/// writes take their place among the writes.
fn pathless(code: OpCode, body: &[u8]) -> Result<RequestBody, DecodeError> {
    let create = |flags| match CreateMode::from_flags(flags) {
        Some(_) => void(ErrorCode::MarshallingError, code),
        None => void(ErrorCode::BadArguments, code),
    };
    Ok(match code {
        OpCode::Create | OpCode::Create2 | OpCode::CreateContainer => {
            create(read::<CreateRequest>(body)?.flags)
        }
        OpCode::CreateTtl => create(read::<CreateTtlRequest>(body)?.flags),
        OpCode::Delete => {
            read::<DeleteRequest>(body)?;
            void(ErrorCode::MarshallingError, code)
        }
        OpCode::SetData => {
            read::<SetDataRequest>(body)?;
            void(ErrorCode::BadArguments, code)
        }
        OpCode::SetAcl => {
            read::<SetAclRequest>(body)?;
            void(ErrorCode::BadArguments, code)
        }
        // Nothing has no watches.
        OpCode::CheckWatches | OpCode::RemoveWatches => watch_request(code, body)
            .map(|_| RequestBody::Read(Read::Answer(ErrorCode::NoWatcher)))?,
        _ => return Err(DecodeError::Invalid("the path is null".to_owned())),
    })
}

fn void(error: ErrorCode, code: OpCode) -> RequestBody {
    RequestBody::Ordered(Ordered::Void { error, code })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    // Bytes after the record are left alone, as ZooKeeper does.
    jute::from_bytes_prefix(body).map(|(record, _)| record)
}

/// What a create and a setData begin with, and the rest. The data are not copied: they stay in
/// the frame.
fn path_and_data(body: &Bytes) -> Result<(String, Option<Bytes>, &[u8]), DecodeError> {
    let (path, rest) = jute::from_bytes_prefix::<String>(body)?;
    let (length, rest) = jute::from_bytes_prefix::<i32>(rest)?;
    if length == -1 {
        return Ok((path, None, rest));
    }
    let length = usize::try_from(length).map_err(|_| DecodeError::NegativeLength(length))?;
    let missing = length.saturating_sub(rest.len());
    if missing > 0 {
        return Err(DecodeError::Truncated { missing });
    }
    let begin = body.len() - rest.len();
    Ok((path, Some(body.slice(begin..begin + length)), &rest[length..]))
}

fn delete(request: DeleteRequest) -> Op {
    Op::Delete { path: request.path, version: request.version }
}

fn set_data(request: SetDataRequest) -> Op {
    let SetDataRequest { path, data, version } = request;
    Op::SetData { path, data, version }
}

fn multi_read(parts: Vec<MultiOp>) -> RequestBody {
    let is_read = |part: &MultiOp| matches!(part.op(), OpCode::GetData | OpCode::GetChildren);
    let reads = parts.iter().filter(|part| is_read(part)).count();
    RequestBody::Read(match reads {
        _ if reads == parts.len() => Read::Multi(parts),
        // They can be decoded, but not read.
        0 => Read::Unreadable,
        _ => Read::Answer(ErrorCode::MarshallingError),
    })
}

fn node_read(code: OpCode, body: &[u8]) -> Result<Read, DecodeError> {
    Ok(match code {
        OpCode::Exists => {
            let ExistsRequest { path, watch } = read(body)?;
            Read::Exists { path, watch }
        }
        OpCode::GetData => {
            let GetDataRequest { path, watch } = read(body)?;
            Read::GetData { path, watch }
        }
        OpCode::GetAcl => Read::GetAcl { path: read::<GetAclRequest>(body)?.path },
        OpCode::GetAllChildrenNumber => {
            Read::CountDescendants { path: read::<GetAllChildrenNumberRequest>(body)?.path }
        }
        OpCode::GetEphemerals => {
            Read::Ephemerals { prefix: read::<GetEphemeralsRequest>(body)?.prefix_path }
        }
        OpCode::WhoAmI => Read::WhoAmI,
        _ => {
            let GetChildrenRequest { path, watch } = read(body)?;
            Read::GetChildren { path, watch, with_stat: code == OpCode::GetChildren2 }
        }
    })
}

fn watch_request(code: OpCode, body: &[u8]) -> Result<Read, DecodeError> {
    let kind = |kind| {
        let unknown = || DecodeError::Invalid(format!("{kind} is no kind of watch"));
        WatcherType::from_i32(kind).ok_or_else(unknown)
    };
    Ok(match code {
        OpCode::SetWatches => {
            let SetWatches { relative_zxid, data, exist, child } = read(body)?;
            let rest = SetWatches2::default();
            Read::SetWatches(SetWatches2 { relative_zxid, data, exist, child, ..rest })
        }
        OpCode::SetWatches2 => Read::SetWatches(read(body)?),
        OpCode::AddWatch => {
            let AddWatchRequest { path, mode } = read(body)?;
            match AddWatchMode::from_i32(mode) {
                Some(mode) => Read::AddWatch { path, mode },
                None => return Err(DecodeError::Invalid(format!("{mode} is no mode of a watch"))),
            }
        }
        OpCode::CheckWatches => {
            let request: CheckWatchesRequest = read(body)?;
            Read::CheckWatch { path: request.path, kind: kind(request.kind)? }
        }
        _ => {
            let request: RemoveWatchesRequest = read(body)?;
            Read::RemoveWatch { path: request.path, kind: kind(request.kind)? }
        }
    })
}
