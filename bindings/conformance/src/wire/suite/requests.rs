//! Records of requests, with what most checks leave as it is.

use bytes::Bytes;
use pinfold_proto::records::{
    CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest, GetDataRequest,
    SetDataRequest,
};
use pinfold_proto::{Acl, MultiOp};

/// A node that is open to everyone.
pub(super) fn create(path: &str, data: &str, flags: i32) -> CreateRequest {
    let data = Some(Bytes::copy_from_slice(data.as_bytes()));
    CreateRequest { path: path.into(), data, acl: Acl::open_unsafe(), flags }
}

/// A node with this ACL.
pub(super) fn guarded(path: &str, acl: Vec<Acl>) -> CreateRequest {
    CreateRequest { acl, ..create(path, "", 0) }
}

pub(super) fn create_ttl(path: &str, flags: i32, ttl: i64) -> CreateTtlRequest {
    let CreateRequest { path, data, acl, .. } = create(path, "", 0);
    CreateTtlRequest { path, data, acl, flags, ttl }
}

pub(super) fn delete(path: &str, version: i32) -> DeleteRequest {
    DeleteRequest { path: path.into(), version }
}

pub(super) fn set(path: &str, data: &str, version: i32) -> SetDataRequest {
    let data = Some(Bytes::copy_from_slice(data.as_bytes()));
    SetDataRequest { path: path.into(), data, version }
}

pub(super) fn read(path: &str) -> GetDataRequest {
    GetDataRequest { path: path.into(), watch: false }
}

/// Parts of a multi.
pub(super) fn part_create(path: &str, flags: i32) -> MultiOp {
    MultiOp::Create(create(path, "", flags))
}

pub(super) fn part_delete(path: &str) -> MultiOp {
    MultiOp::Delete(delete(path, -1))
}

pub(super) fn part_set(path: &str, data: &str, version: i32) -> MultiOp {
    MultiOp::SetData(set(path, data, version))
}

pub(super) fn part_check(path: &str, version: i32) -> MultiOp {
    MultiOp::Check(CheckVersionRequest { path: path.into(), version })
}
