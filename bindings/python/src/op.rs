//! `Op`: an operation, ready to be submitted.

use crate::argument::{self, Data};
use crate::multi::{MultiOp, ReadOp};
use pinfold_glue as glue;
use pyo3::prelude::*;

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
        let mut list = Vec::new();
        for op in ops.try_iter()? {
            list.push(op?.cast::<MultiOp>()?.get().inner.clone());
        }
        Ok(glue::Op::Multi { ops: list }.into())
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

    #[staticmethod]
    fn election_campaign(path: String, data: &Bound<'_, PyAny>) -> PyResult<Op> {
        Ok(glue::Op::ElectionCampaign { path, data: argument::data(data)? }.into())
    }

    #[staticmethod]
    fn election_resign(recipe: u64) -> Op {
        glue::Op::ElectionResign { recipe }.into()
    }

    #[staticmethod]
    fn election_leader(path: String) -> Op {
        glue::Op::ElectionLeader { path }.into()
    }

    #[staticmethod]
    fn queue_submit(root: String, payload: &Bound<'_, PyAny>) -> PyResult<Op> {
        Ok(glue::Op::QueueSubmit { root, payload: argument::data(payload)? }.into())
    }

    #[staticmethod]
    fn queue_result(root: String, task: String) -> Op {
        glue::Op::QueueResult { root, task }.into()
    }

    #[staticmethod]
    fn queue_counts(root: String) -> Op {
        glue::Op::QueueCounts { root }.into()
    }

    #[staticmethod]
    fn queue_claim(root: String, worker: String) -> Op {
        glue::Op::QueueClaim { root, worker }.into()
    }

    #[staticmethod]
    fn claim_complete(recipe: u64, result: &Bound<'_, PyAny>) -> PyResult<Op> {
        Ok(glue::Op::ClaimComplete { recipe, result: argument::data(result)? }.into())
    }

    #[staticmethod]
    fn claim_fail(recipe: u64, reason: String) -> Op {
        glue::Op::ClaimFail { recipe, reason }.into()
    }

    #[staticmethod]
    fn claim_release(recipe: u64) -> Op {
        glue::Op::ClaimRelease { recipe }.into()
    }

    #[staticmethod]
    fn master_start(root: String, id: String, max_attempts: u32) -> Op {
        glue::Op::MasterStart { root, id, max_attempts }.into()
    }

    #[staticmethod]
    fn master_stop(recipe: u64) -> Op {
        glue::Op::MasterStop { recipe }.into()
    }

    #[staticmethod]
    fn worker_start(root: String, id: String, capacity: u32, abilities: Vec<String>) -> Op {
        glue::Op::WorkerStart { root, id, capacity, abilities }.into()
    }

    #[staticmethod]
    fn worker_complete(recipe: u64, task: String, result: &Bound<'_, PyAny>) -> PyResult<Op> {
        Ok(glue::Op::WorkerComplete { recipe, task, result: argument::data(result)? }.into())
    }

    #[staticmethod]
    fn worker_fail(recipe: u64, task: String, reason: String) -> Op {
        glue::Op::WorkerFail { recipe, task, reason }.into()
    }

    #[staticmethod]
    fn worker_stop(recipe: u64) -> Op {
        glue::Op::WorkerStop { recipe }.into()
    }
}
