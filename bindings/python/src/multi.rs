//! `MultiOp`: one step of a multi; `ReadOp`: one of a multi read.

use crate::argument::{self, Data};
use pinfold_glue as glue;
use pyo3::prelude::*;

/// One step of `Client.multi`. All steps happen, or none.
#[pyclass(frozen, module = "pinfold")]
pub(crate) struct MultiOp {
    pub(crate) inner: glue::MultiOp,
}

#[pymethods]
impl MultiOp {
    /// Creates a node.
    #[staticmethod]
    #[pyo3(
        signature = (path, data=Data::EMPTY, mode="persistent", acl=None, ttl_ms=0),
        text_signature = "(path, data=b'', mode='persistent', acl=None, ttl_ms=0)"
    )]
    fn create(
        path: String,
        data: Data,
        mode: &str,
        acl: Option<&Bound<'_, PyAny>>,
        ttl_ms: i64,
    ) -> PyResult<MultiOp> {
        let acl = match acl {
            Some(list) => argument::acl(list)?,
            None => glue::Acl::open_unsafe(),
        };
        let mode = argument::create_mode(mode)?;
        Ok(MultiOp { inner: glue::MultiOp::Create { path, data: data.0, mode, acl, ttl_ms } })
    }

    /// Deletes a node if its version is this one; -1 is any.
    #[staticmethod]
    #[pyo3(signature = (path, version=-1), text_signature = "(path, version=-1)")]
    fn delete(path: String, version: i32) -> MultiOp {
        MultiOp { inner: glue::MultiOp::Delete { path, version } }
    }

    /// Replaces the data of a node if its version is this one; -1 is any.
    #[staticmethod]
    #[pyo3(signature = (path, data, version=-1), text_signature = "(path, data, version=-1)")]
    fn set(path: String, data: Data, version: i32) -> MultiOp {
        MultiOp { inner: glue::MultiOp::SetData { path, data: data.0, version } }
    }

    /// Fails the whole multi unless the node exists with this version; -1 is any.
    #[staticmethod]
    #[pyo3(signature = (path, version=-1), text_signature = "(path, version=-1)")]
    fn check(path: String, version: i32) -> MultiOp {
        MultiOp { inner: glue::MultiOp::Check { path, version } }
    }

    fn __repr__(&self) -> String {
        format!("MultiOp.{:?}", self.inner)
    }
}

/// The steps of a list.
pub(crate) fn ops(list: &Bound<'_, PyAny>) -> PyResult<Vec<glue::MultiOp>> {
    let mut ops = Vec::new();
    for op in list.try_iter()? {
        ops.push(op?.cast::<MultiOp>()?.get().inner.clone());
    }
    Ok(ops)
}

/// One read of `Client.multi_read`, which succeeds or fails by itself.
#[pyclass(frozen, module = "pinfold")]
pub(crate) struct ReadOp {
    pub(crate) inner: glue::ReadOp,
}

#[pymethods]
impl ReadOp {
    /// Reads a node's data and stat.
    #[staticmethod]
    fn get(path: String) -> ReadOp {
        ReadOp { inner: glue::ReadOp::GetData { path } }
    }

    /// Reads the names of a node's children.
    #[staticmethod]
    fn get_children(path: String) -> ReadOp {
        ReadOp { inner: glue::ReadOp::GetChildren { path } }
    }

    fn __repr__(&self) -> String {
        format!("ReadOp.{:?}", self.inner)
    }
}
