//! The items of the inbox: `(kind, number, value)`.

use crate::{error, recipe, value};
use pinfold_glue::{EventKind, Item, SessionState};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

const REPLY: u8 = 0;
const FAILURE: u8 = 1;
const WATCH: u8 = 2;
const STATE: u8 = 3;
const RECIPE: u8 = 4;
const CLOSED: u8 = 5;

/// The kinds of items, for the package.
pub(crate) fn constants(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("REPLY", REPLY)?;
    module.add("FAILURE", FAILURE)?;
    module.add("WATCH", WATCH)?;
    module.add("STATE", STATE)?;
    module.add("RECIPE", RECIPE)?;
    module.add("CLOSED", CLOSED)
}

/// One item; the number is the ticket or the recipe, 0 where there is none.
pub(crate) fn tuple<'py>(py: Python<'py>, item: Item) -> PyResult<Bound<'py, PyTuple>> {
    match item {
        Item::Reply { ticket, result: Ok(value) } => {
            (REPLY, ticket, value::object(py, value)?).into_pyobject(py)
        }
        Item::Reply { ticket, result: Err(error) } => {
            (FAILURE, ticket, error::exception(py, &error)?).into_pyobject(py)
        }
        Item::Watch { watch, event } => {
            (WATCH, watch, (event_kind(event.kind), event.path, event.zxid)).into_pyobject(py)
        }
        Item::State(state) => (STATE, 0, session_state(state)).into_pyobject(py),
        Item::Recipe { recipe, event } => {
            (RECIPE, recipe, recipe::event(py, event)?).into_pyobject(py)
        }
        Item::Closed => (CLOSED, 0, py.None()).into_pyobject(py),
    }
}

/// The table's name of a state.
pub(crate) fn session_state(state: SessionState) -> &'static str {
    match state {
        SessionState::Connecting => "connecting",
        SessionState::Connected => "connected",
        SessionState::ReadOnly => "read_only",
        SessionState::Suspended => "suspended",
        SessionState::Expired => "expired",
        SessionState::AuthFailed => "auth_failed",
        SessionState::Closed => "closed",
    }
}

/// The table's name of an event.
fn event_kind(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Created => "created",
        EventKind::Deleted => "deleted",
        EventKind::DataChanged => "data_changed",
        EventKind::ChildrenChanged => "children_changed",
        EventKind::DataWatchRemoved => "data_watch_removed",
        EventKind::ChildWatchRemoved => "child_watch_removed",
        EventKind::PersistentWatchRemoved => "persistent_watch_removed",
    }
}
