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
    let glue::RecipeEvent { task, worker, attempt, token, reason, path, .. } = event;
    (event.kind.name(), task, worker, payload, attempt, token, reason, path).into_pyobject(py)
}
