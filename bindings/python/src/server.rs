//! The embedded server.

use crate::error::raised;
use pinfold_glue::{Server as Inner, ServerOptions};
use pyo3::prelude::*;

/// A running server. Starting and stopping it wait with the interpreter released.
#[pyclass(frozen, module = "pinfold._native")]
pub(crate) struct Server {
    inner: Inner,
}

#[pymethods]
impl Server {
    #[new]
    fn new(
        py: Python<'_>,
        listen: Option<String>,
        data_dir: Option<String>,
        tick_time_ms: u32,
        properties: Vec<(String, String)>,
    ) -> PyResult<Server> {
        let options = ServerOptions { listen, data_dir, tick_time_ms, properties };
        let started = py.detach(|| Inner::start(options));
        Ok(Server { inner: started.map_err(|error| raised(py, &error))? })
    }

    fn address(&self) -> String {
        self.inner.address().to_owned()
    }

    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.inner.stop()).map_err(|error| raised(py, &error))
    }
}
