//! The events of recipes.

use crate::value;
use pinfold_glue as glue;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

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
