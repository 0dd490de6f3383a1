//! `Op`: an operation, ready to be submitted.

use crate::argument::{self, Data};
use crate::error;
use crate::multi::{self, ReadOp};
use pinfold_glue as glue;
use pinfold_glue::api::API;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// An operation with its arguments. Made by the operations of the Python clients, in one place for
/// both of them; the clients differ in how they submit it.
#[pyclass(frozen, module = "pinfold._native")]
pub(crate) struct Op {
    pub(crate) inner: glue::Op,
}

impl From<glue::Op> for Op {
    fn from(inner: glue::Op) -> Op {
        Op { inner }
    }
}

#[pymethods]
impl Op {
    #[staticmethod]
    fn create(
        path: String,
        data: Data,
        mode: &str,
        acl: &Bound<'_, PyAny>,
        ttl_ms: i64,
    ) -> PyResult<Op> {
        let mode = argument::create_mode(mode)?;
        Ok(glue::Op::Create { path, data: data.0, mode, acl: argument::acl(acl)?, ttl_ms }.into())
    }

    #[staticmethod]
    fn delete(path: String, version: i32) -> Op {
        glue::Op::Delete { path, version }.into()
    }

    #[staticmethod]
    fn exists(path: String, watch: bool) -> Op {
        glue::Op::Exists { path, watch }.into()
    }

    #[staticmethod]
    fn get(path: String, watch: bool) -> Op {
        glue::Op::Get { path, watch }.into()
    }

    #[staticmethod]
    fn set(path: String, data: Data, version: i32) -> Op {
        glue::Op::Set { path, data: data.0, version }.into()
    }

    #[staticmethod]
    fn get_children(path: String, watch: bool) -> Op {
        glue::Op::GetChildren { path, watch }.into()
    }

    #[staticmethod]
    fn get_acl(path: String) -> Op {
        glue::Op::GetAcl { path }.into()
    }

    #[staticmethod]
    fn set_acl(path: String, acl: &Bound<'_, PyAny>, version: i32) -> PyResult<Op> {
        Ok(glue::Op::SetAcl { path, acl: argument::acl(acl)?, version }.into())
    }

    #[staticmethod]
    fn sync(path: String) -> Op {
        glue::Op::Sync { path }.into()
    }

    #[staticmethod]
    fn multi(ops: &Bound<'_, PyAny>) -> PyResult<Op> {
        Ok(glue::Op::Multi { ops: multi::ops(ops)? }.into())
    }

    #[staticmethod]
    fn multi_read(ops: &Bound<'_, PyAny>) -> PyResult<Op> {
        let mut list = Vec::new();
        for op in ops.try_iter()? {
            list.push(op?.cast::<ReadOp>()?.get().inner.clone());
        }
        Ok(glue::Op::MultiRead { ops: list }.into())
    }

    #[staticmethod]
    fn get_ephemerals(prefix: String) -> Op {
        glue::Op::GetEphemerals { prefix }.into()
    }

    #[staticmethod]
    fn get_all_children_number(path: String) -> Op {
        glue::Op::GetAllChildrenNumber { path }.into()
    }

    #[staticmethod]
    fn who_am_i() -> Op {
        glue::Op::WhoAmI.into()
    }

    #[staticmethod]
    fn add_auth(scheme: String, auth: &Bound<'_, PyAny>) -> PyResult<Op> {
        Ok(glue::Op::AddAuth { scheme, auth: argument::data(auth)? }.into())
    }

    #[staticmethod]
    fn add_watch(path: String, mode: &str) -> PyResult<Op> {
        Ok(glue::Op::AddWatch { path, mode: argument::add_watch_mode(mode)? }.into())
    }

    #[staticmethod]
    fn remove_watches(watch: u64) -> Op {
        glue::Op::RemoveWatches { watch }.into()
    }

    #[staticmethod]
    fn remove_all_watches(path: String, watch_type: &str) -> PyResult<Op> {
        let watch_type = argument::watch_type(watch_type)?;
        Ok(glue::Op::RemoveAllWatches { path, watch_type }.into())
    }

    #[staticmethod]
    fn check_watches(path: String, watch_type: &str) -> PyResult<Op> {
        Ok(glue::Op::CheckWatches { path, watch_type: argument::watch_type(watch_type)? }.into())
    }

    /// The operation `name` of a recipe; `None` stands for an argument's default.
    #[staticmethod]
    #[pyo3(signature = (name, *arguments))]
    fn recipe(name: &str, arguments: &Bound<'_, PyTuple>) -> PyResult<Op> {
        let args = API.recipe(name).map(|(_, operation)| operation.args).unwrap_or_default();
        let mut list = Vec::with_capacity(arguments.len());
        for (argument, arg) in arguments.iter().zip(args) {
            list.push(argument::of_recipe(arg, &argument)?);
        }
        let op =
            glue::Op::recipe(name, list).map_err(|error| error::raised(arguments.py(), &error))?;
        Ok(op.into())
    }
}
