//! The native module of the Python package, `pinfold._native`: conversion only.
//!
//! It turns Python arguments into glue operations and glue values into plain Python objects
//! (tuples, lists, `bytes`, `Stat`). Everything a user sees is made of them by the Python package.
//! No thread of the runtime enters Python: Python threads come here, and fetch.

mod argument;
mod client;
mod error;
mod item;
mod multi;
mod op;
mod recipe;
mod server;
mod stat;
mod value;

use pyo3::prelude::*;

#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<client::Client>()?;
    module.add_class::<multi::MultiOp>()?;
    module.add_class::<multi::ReadOp>()?;
    module.add_class::<op::Op>()?;
    module.add_class::<server::Server>()?;
    module.add_class::<stat::Stat>()?;
    module.add_function(wrap_pyfunction!(api_json, module)?)?;
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    item::constants(module)
}

/// The table of operations, errors and events that this module was built with, as JSON.
#[pyfunction]
fn api_json() -> String {
    pinfold_glue::api::json()
}
