//! From JavaScript: what the package has already checked the types of.

use bytes::Bytes;
use napi::bindgen_prelude::BufferSlice;
use pinfold_glue::{
    Acl, AddWatchMode, CreateMode, Error, Id, MultiOp, ReadOp, Security, TlsVerify, WatcherType,
};

/// `[perms, scheme, id]`.
pub(crate) type AclEntry = (i32, String, String);

/// `[ca_file, cert_file, key_file, store_password, server_name, user, password, verify]`.
pub(crate) type SecurityFields = (
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i32>,
);

pub(crate) fn security(fields: SecurityFields) -> Result<Security, Error> {
    let (ca_file, cert_file, key_file, store_password, server_name, user, password, verify) =
        fields;
    let verify = match verify {
        None => None,
        Some(1) => Some(TlsVerify::Full),
        Some(2) => Some(TlsVerify::Ca),
        Some(3) => Some(TlsVerify::None),
        Some(value) => {
            return Err(Error::invalid_argument(format!("{value} is no way to verify")));
        }
    };
    Ok(Security {
        tls_ca_file: ca_file,
        tls_cert_file: cert_file,
        tls_key_file: key_file,
        tls_store_password: store_password,
        tls_verify: verify,
        tls_server_name: server_name,
        sasl_user: user,
        sasl_password: password,
    })
}

/// `[kind, path, data, mode or version, acl, ttl_ms]`.
pub(crate) type MultiEntry<'env> =
    (u32, String, Option<BufferSlice<'env>>, i32, Vec<AclEntry>, i64);

/// Copies: the caller may write to its buffer as soon as the call has returned.
pub(crate) fn bytes(data: BufferSlice<'_>) -> Bytes {
    Bytes::copy_from_slice(&data)
}

pub(crate) fn acl(entries: Vec<AclEntry>) -> Vec<Acl> {
    let entry = |(perms, scheme, id)| Acl { perms, id: Id { scheme, id } };
    entries.into_iter().map(entry).collect()
}

pub(crate) fn create_mode(value: i32) -> Result<CreateMode, Error> {
    CreateMode::from_flags(value)
        .ok_or_else(|| Error::invalid_argument(format!("{value} is no create mode")))
}

pub(crate) fn watch_mode(value: i32) -> Result<AddWatchMode, Error> {
    AddWatchMode::from_i32(value)
        .ok_or_else(|| Error::invalid_argument(format!("{value} is no watch mode")))
}

pub(crate) fn watch_type(value: i32) -> Result<WatcherType, Error> {
    WatcherType::from_i32(value)
        .ok_or_else(|| Error::invalid_argument(format!("{value} is no watch type")))
}

/// `[whether the children, else the data, path]`.
pub(crate) fn read((children, path): (bool, String)) -> ReadOp {
    if children { ReadOp::GetChildren { path } } else { ReadOp::GetData { path } }
}

/// The kinds are `MultiKind` of the package.
pub(crate) fn multi(entry: MultiEntry<'_>) -> Result<MultiOp, Error> {
    let (kind, path, data, number, entries, ttl_ms) = entry;
    let data = data.map(bytes);
    Ok(match kind {
        0 => {
            let (mode, acl) = (create_mode(number)?, acl(entries));
            MultiOp::Create { path, data, mode, acl, ttl_ms }
        }
        1 => MultiOp::Delete { path, version: number },
        2 => MultiOp::SetData { path, data, version: number },
        3 => MultiOp::Check { path, version: number },
        other => {
            let message = format!("{other} is no kind of a multi operation");
            return Err(Error::invalid_argument(message));
        }
    })
}
