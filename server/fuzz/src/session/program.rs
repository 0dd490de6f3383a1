//! What a program of a session target consists of, and its requests as bytes.

use arbitrary::Arbitrary;
use bytes::{Bytes, BytesMut};
use pinfold_proto::records::{
    AddWatchRequest, AuthPacket, CheckVersionRequest, CheckWatchesRequest, CreateRequest,
    CreateTtlRequest, DeleteRequest, ExistsRequest, GetChildrenRequest, GetDataRequest,
    RemoveWatchesRequest, SetAclRequest, SetDataRequest, SetWatches2, SyncRequest,
};
use pinfold_proto::{Acl, Id, MultiOp, MultiRequest, OpCode, jute};

/// Steps, one after the other.
#[derive(Arbitrary, Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
pub(super) enum Step {
    Connect {
        slot: u8,
        timeout_ms: i32,
        read_only: Option<bool>,
    },
    TakeOver {
        slot: u8,
        of: u8,
        wrong_password: bool,
    },
    /// A request as a client sends it.
    Request {
        slot: u8,
        request: Request,
    },
    /// A known operation with any body.
    Mangled {
        slot: u8,
        op: u8,
        body: Vec<u8>,
    },
    /// Any operation with any body.
    Unknown {
        slot: u8,
        op: i32,
        body: Vec<u8>,
    },
    /// Any bytes in a frame.
    Frame {
        slot: u8,
        body: Vec<u8>,
    },
    /// Any bytes.
    Raw {
        slot: u8,
        bytes: Vec<u8>,
    },
    /// Everything that was asked is waited for.
    Wait {
        slot: u8,
    },
    Leave {
        slot: u8,
    },
    /// A connection of its own that says this, and goes.
    Stray {
        bytes: Vec<u8>,
    },
}

impl Step {
    pub(super) fn slot(&self) -> u8 {
        match self {
            Step::Connect { slot, .. }
            | Step::TakeOver { slot, .. }
            | Step::Request { slot, .. }
            | Step::Mangled { slot, .. }
            | Step::Unknown { slot, .. }
            | Step::Frame { slot, .. }
            | Step::Raw { slot, .. }
            | Step::Wait { slot }
            | Step::Leave { slot } => *slot,
            Step::Stray { .. } => 0,
        }
    }
}

/// A place in a small tree, so that requests meet; or any text.
#[derive(Arbitrary, Debug)]
pub(super) enum Place {
    Known(u8),
    Any(String),
}

impl Place {
    fn path(&self) -> String {
        const KNOWN: [&str; 12] = [
            "/",
            "/a",
            "/b",
            "/a/b",
            "/a/c",
            "/a/b/c",
            "/a/s-",
            "/zookeeper",
            "/zookeeper/config",
            "/zookeeper/quota",
            "/zookeeper/quota/a",
            "/zookeeper/quota/a/zookeeper_limits",
        ];
        match self {
            Place::Known(number) => KNOWN[usize::from(*number) % KNOWN.len()].to_owned(),
            Place::Any(text) => text.clone(),
        }
    }
}

#[derive(Arbitrary, Debug)]
pub(super) enum Part {
    Create { kind: u8, place: Place, data: Option<Vec<u8>>, acl: u8, flags: u8, ttl: i64 },
    Delete { place: Place, version: i8 },
    SetData { place: Place, data: Option<Vec<u8>>, version: i8 },
    Check { place: Place, version: i8 },
    GetData { place: Place },
    GetChildren { place: Place },
}

#[derive(Arbitrary, Debug)]
pub(super) enum Request {
    Single(Part),
    Multi { parts: Vec<Part> },
    MultiRead { parts: Vec<Part> },
    Read { op: u8, place: Place, watch: bool },
    SetAcl { place: Place, acl: u8, version: i8 },
    Sync { place: Place },
    AddWatch { place: Place, mode: i8 },
    Watches { check: bool, place: Place, kind: i8 },
    SetWatches { zxid: i64, places: [Vec<Place>; 5] },
    WhoAmI,
    Ping,
    Auth { user: u8 },
    Close,
}

fn acl(choice: u8) -> Vec<Acl> {
    let one = |perms, scheme: &str, id: &str| vec![Acl { perms, id: Id::new(scheme, id) }];
    match choice % 6 {
        0 | 1 => Acl::open_unsafe(),
        2 => one(i32::from(choice >> 3), "world", "anyone"),
        3 => one(31, "auth", ""),
        4 => one(31, "digest", "user:hash"),
        _ => one(31, "ip", "127.0.0.1/8"),
    }
}

impl Part {
    fn op(&self) -> MultiOp {
        let buffer = |data: &Option<Vec<u8>>| data.as_ref().map(|d| Bytes::copy_from_slice(d));
        match self {
            Part::Create { kind, place, data, acl: list, flags, ttl } => {
                let (path, data, acl) = (place.path(), buffer(data), acl(*list));
                let flags = i32::from(*flags % 8);
                let plain = CreateRequest { path, data, acl, flags };
                match kind % 4 {
                    0 => MultiOp::Create(plain),
                    1 => MultiOp::Create2(plain),
                    2 => MultiOp::CreateContainer(plain),
                    _ => {
                        let CreateRequest { path, data, acl, flags } = plain;
                        let ttl = *ttl;
                        MultiOp::CreateTtl(CreateTtlRequest { path, data, acl, flags, ttl })
                    }
                }
            }
            Part::Delete { place, version } => {
                MultiOp::Delete(DeleteRequest { path: place.path(), version: (*version).into() })
            }
            Part::SetData { place, data, version } => MultiOp::SetData(SetDataRequest {
                path: place.path(),
                data: buffer(data),
                version: (*version).into(),
            }),
            Part::Check { place, version } => MultiOp::Check(CheckVersionRequest {
                path: place.path(),
                version: (*version).into(),
            }),
            Part::GetData { place } => {
                MultiOp::GetData(GetDataRequest { path: place.path(), watch: false })
            }
            Part::GetChildren { place } => {
                MultiOp::GetChildren(GetChildrenRequest { path: place.path(), watch: false })
            }
        }
    }
}

fn multi(parts: &[Part]) -> Vec<u8> {
    let mut out = BytesMut::new();
    MultiRequest { ops: parts.iter().map(Part::op).collect() }.encode(&mut out);
    out.to_vec()
}

impl Request {
    /// The operation and its record.
    pub(super) fn encode(&self) -> (OpCode, Vec<u8>) {
        match self {
            Request::Single(part) => single(part),
            Request::Multi { parts } => (OpCode::Multi, multi(parts)),
            Request::MultiRead { parts } => (OpCode::MultiRead, multi(parts)),
            Request::Read { op, place, watch } => {
                let ops = [
                    OpCode::Exists,
                    OpCode::GetData,
                    OpCode::GetChildren,
                    OpCode::GetChildren2,
                    OpCode::GetAcl,
                    OpCode::GetAllChildrenNumber,
                    OpCode::GetEphemerals,
                ];
                let op = ops[usize::from(*op) % ops.len()];
                // Those that have no watch leave the byte alone.
                (op, to_vec(&ExistsRequest { path: place.path(), watch: *watch }))
            }
            Request::SetAcl { place, acl: list, version } => {
                let version = (*version).into();
                let record = SetAclRequest { path: place.path(), acl: acl(*list), version };
                (OpCode::SetAcl, to_vec(&record))
            }
            Request::Sync { place } => (OpCode::Sync, to_vec(&SyncRequest { path: place.path() })),
            Request::AddWatch { place, mode } => {
                let record = AddWatchRequest { path: place.path(), mode: (*mode).into() };
                (OpCode::AddWatch, to_vec(&record))
            }
            Request::Watches { check, place, kind } => {
                let (path, kind) = (place.path(), (*kind).into());
                match check {
                    true => (OpCode::CheckWatches, to_vec(&CheckWatchesRequest { path, kind })),
                    false => (OpCode::RemoveWatches, to_vec(&RemoveWatchesRequest { path, kind })),
                }
            }
            Request::SetWatches { zxid, places } => {
                let [data, exist, child, persistent, recursive] = places;
                let paths = |places: &Vec<Place>| places.iter().map(Place::path).collect();
                let record = SetWatches2 {
                    relative_zxid: *zxid,
                    data: paths(data),
                    exist: paths(exist),
                    child: paths(child),
                    persistent: paths(persistent),
                    persistent_recursive: paths(recursive),
                };
                (OpCode::SetWatches2, to_vec(&record))
            }
            Request::WhoAmI => (OpCode::WhoAmI, Vec::new()),
            Request::Ping => (OpCode::Ping, Vec::new()),
            Request::Auth { user } => {
                let auth = Some(Bytes::from(format!("user{}:word", user % 4)));
                (OpCode::Auth, to_vec(&AuthPacket { kind: 0, scheme: "digest".into(), auth }))
            }
            Request::Close => (OpCode::CloseSession, Vec::new()),
        }
    }
}

fn single(part: &Part) -> (OpCode, Vec<u8>) {
    let op = part.op();
    let code = op.op();
    let body = match op {
        MultiOp::Create(r) | MultiOp::Create2(r) | MultiOp::CreateContainer(r) => to_vec(&r),
        MultiOp::CreateTtl(r) => to_vec(&r),
        MultiOp::Delete(r) => to_vec(&r),
        MultiOp::SetData(r) => to_vec(&r),
        MultiOp::Check(r) => to_vec(&r),
        MultiOp::GetData(r) => to_vec(&r),
        MultiOp::GetChildren(r) => to_vec(&r),
    };
    (code, body)
}

fn to_vec<T: serde::Serialize>(record: &T) -> Vec<u8> {
    jute::to_bytes(record).to_vec()
}
