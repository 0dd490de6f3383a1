//! Arguments from Python: bytes, modes, access control lists, durations.

use crate::multi;
use bytes::Bytes;
use pinfold_glue::api::{Arg, Kind};
use pinfold_glue::{Acl, AddWatchMode, Argument, CreateMode, Security, TlsVerify, WatcherType};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView};
use std::time::Duration;

/// Data of a node: `bytes`, `bytearray` or `memoryview`. A `str` is refused, because guessing its
/// encoding would be a decision about other clients' data.
pub(crate) fn data(value: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Bytes::copy_from_slice(bytes.as_bytes()));
    }
    if let Ok(array) = value.cast::<PyByteArray>() {
        return Ok(array.to_vec().into());
    }
    if value.is_instance_of::<PyMemoryView>() {
        let copy = value.call_method0("tobytes")?;
        return Ok(Bytes::copy_from_slice(copy.cast::<PyBytes>()?.as_bytes()));
    }
    let name = value.get_type().name()?;
    Err(PyTypeError::new_err(format!("data must be bytes-like, not {name}")))
}

/// Data that may be null: `None` is ZooKeeper's null data, which is not the same as `b""`.
pub(crate) struct Data(pub(crate) Option<Bytes>);

impl Data {
    /// What a node has that was created without saying what.
    pub(crate) const EMPTY: Data = Data(Some(Bytes::new()));
}

impl<'a, 'py> FromPyObject<'a, 'py> for Data {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Data> {
        if value.is_none() {
            return Ok(Data(None));
        }
        data(&value).map(|data| Data(Some(data)))
    }
}

/// An argument of a recipe's operation, by the kind that the table gives it.
pub(crate) fn of_recipe(arg: &Arg, value: &Bound<'_, PyAny>) -> PyResult<Argument> {
    if value.is_none() {
        return Ok(Argument::Absent);
    }
    if let Some(enumeration) = arg.kind.enumeration() {
        let name: String = value.extract()?;
        return Argument::variant(enumeration, &name)
            .map_err(|error| PyValueError::new_err(error.message));
    }
    Ok(match arg.kind {
        Kind::Path | Kind::Text => Argument::Text(value.extract()?),
        Kind::Bytes => Argument::Bytes(data(value)?),
        Kind::Bool => Argument::Bool(value.extract()?),
        Kind::F64 => Argument::Real(value.extract()?),
        Kind::TextList => Argument::Texts(value.extract()?),
        Kind::BytesList => {
            let list = value.try_iter()?.map(|one| data(&one?));
            Argument::Payloads(list.collect::<PyResult<_>>()?)
        }
        Kind::MultiOps => Argument::MultiOps(multi::ops(value)?),
        _ => Argument::Number(value.extract()?),
    })
}

/// A create mode by its name, such as "ephemeral_sequential".
pub(crate) fn create_mode(name: &str) -> PyResult<CreateMode> {
    Ok(match name {
        "persistent" => CreateMode::Persistent,
        "persistent_sequential" => CreateMode::PersistentSequential,
        "ephemeral" => CreateMode::Ephemeral,
        "ephemeral_sequential" => CreateMode::EphemeralSequential,
        "container" => CreateMode::Container,
        "persistent_with_ttl" => CreateMode::PersistentTtl,
        "persistent_sequential_with_ttl" => CreateMode::PersistentSequentialTtl,
        _ => return Err(PyValueError::new_err(format!("unknown create mode: {name}"))),
    })
}

/// The mode of an added watch by its name.
pub(crate) fn add_watch_mode(name: &str) -> PyResult<AddWatchMode> {
    Ok(match name {
        "persistent" => AddWatchMode::Persistent,
        "persistent_recursive" => AddWatchMode::PersistentRecursive,
        _ => return Err(PyValueError::new_err(format!("unknown watch mode: {name}"))),
    })
}

/// Which watches, by name.
pub(crate) fn watch_type(name: &str) -> PyResult<WatcherType> {
    Ok(match name {
        "children" => WatcherType::Children,
        "data" => WatcherType::Data,
        "any" => WatcherType::Any,
        "persistent" => WatcherType::Persistent,
        "persistent_recursive" => WatcherType::PersistentRecursive,
        _ => return Err(PyValueError::new_err(format!("unknown watch type: {name}"))),
    })
}

/// CA file, certificate file, key file, password of stores, server name, SASL user, its password,
/// and how far to verify.
pub(crate) type SecurityFields = (
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

pub(crate) fn security(fields: SecurityFields) -> PyResult<Security> {
    let (ca_file, cert_file, key_file, store_password, server_name, user, password, verify) =
        fields;
    let verify = match verify.as_deref() {
        None => None,
        Some("full") => Some(TlsVerify::Full),
        Some("ca") => Some(TlsVerify::Ca),
        Some("none") => Some(TlsVerify::None),
        Some(name) => return Err(PyValueError::new_err(format!("unknown tls_verify: {name}"))),
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

/// A sequence of `(perms, scheme, id)`.
pub(crate) fn acl(value: &Bound<'_, PyAny>) -> PyResult<Vec<Acl>> {
    let mut list = Vec::new();
    for entry in value.try_iter()? {
        let (perms, scheme, id): (i32, String, String) = entry?.extract()?;
        list.push(Acl { perms, id: pinfold_glue::Id { scheme, id } });
    }
    Ok(list)
}

/// Seconds, as Python counts time; `None` waits without an end.
pub(crate) fn timeout(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let Some(seconds) = seconds else { return Ok(None) };
    let duration = Duration::try_from_secs_f64(seconds);
    duration.map(Some).map_err(|error| PyValueError::new_err(format!("timeout: {error}")))
}
