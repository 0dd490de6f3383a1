//! Errors to Python: the class of each code is in the package, generated from the table.

use pinfold_glue::{Error, Outcome};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// `pinfold.errors.from_native`, found at the first error.
static MAKER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The exception object for an error.
pub(crate) fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let maker = MAKER.get_or_try_init(py, || {
        PyResult::Ok(py.import("pinfold.errors")?.getattr("from_native")?.unbind())
    })?;
    let parts = (
        error.code,
        error.name,
        &error.message,
        &error.path,
        outcome(error.outcome),
        error.op_index,
    );
    maker.bind(py).call1(parts)
}

/// The same, ready to be raised.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    match exception(py, error) {
        Ok(object) => PyErr::from_value(object),
        Err(error) => error,
    }
}

/// The table's name of an outcome.
fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotApplied => "not_applied",
        Outcome::MaybeApplied => "maybe_applied",
        Outcome::SessionOver => "session_over",
    }
}
