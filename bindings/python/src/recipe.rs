//! The recipes: their operations in, their events out.

use crate::argument;
use crate::op::Op;
use crate::value;
use pinfold_glue as glue;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

#[pymethods]
impl Op {
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

/// An event of a recipe as the fields of the table's record.
pub(crate) fn event<'py>(
    py: Python<'py>,
    event: glue::RecipeEvent,
) -> PyResult<Bound<'py, PyTuple>> {
    let payload = value::bytes(py, &event.payload);
    let glue::RecipeEvent { task, worker, attempt, token, reason, .. } = event;
    (kind(event.kind), task, worker, payload, attempt, token, reason).into_pyobject(py)
}

/// The table's name of a kind.
fn kind(kind: glue::RecipeEventKind) -> &'static str {
    use glue::RecipeEventKind as Kind;
    match kind {
        Kind::LeadershipLost => "leadership_lost",
        Kind::MasterElected => "master_elected",
        Kind::MasterDeposed => "master_deposed",
        Kind::WorkerJoined => "worker_joined",
        Kind::WorkerLeft => "worker_left",
        Kind::TaskAssigned => "task_assigned",
        Kind::TaskReassigned => "task_reassigned",
        Kind::TaskCompleted => "task_completed",
        Kind::TaskDead => "task_dead",
        Kind::Assigned => "assigned",
        Kind::Revoked => "revoked",
        Kind::SessionLost => "session_lost",
        Kind::SessionRenewed => "session_renewed",
        Kind::Ended => "ended",
    }
}
