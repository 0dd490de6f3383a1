//! The client: submitting, calling, draining.

use crate::argument::SecurityFields;
use crate::error::raised;
use crate::op::Op;
use crate::{argument, item, value};
use pinfold_glue as glue;
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often a waiting call looks for signals, so that Ctrl-C ends it.
const SIGNALS: Duration = Duration::from_millis(100);

/// One session. What waits does so with the interpreter released.
#[pyclass(frozen, module = "pinfold._native")]
pub(crate) struct Client {
    inner: glue::Client,
    /// Whether `close` has been called, for the warning about those that were forgotten.
    closed: AtomicBool,
}

impl From<glue::Client> for Client {
    fn from(inner: glue::Client) -> Client {
        Client { inner, closed: AtomicBool::new(false) }
    }
}

#[pymethods]
impl Client {
    #[new]
    #[allow(clippy::too_many_arguments, reason = "one for each option of the package's client")]
    fn new(
        py: Python<'_>,
        hosts: String,
        session_timeout_ms: u32,
        connect_timeout_ms: u32,
        auth: Vec<(String, Bound<'_, PyAny>)>,
        read_only: bool,
        in_flight_limit: u32,
        security: SecurityFields,
    ) -> PyResult<Client> {
        let mut credentials = Vec::with_capacity(auth.len());
        for (scheme, secret) in auth {
            credentials.push((scheme, argument::data(&secret)?.to_vec()));
        }
        let options = glue::Options {
            session_timeout_ms,
            connect_timeout_ms,
            auth: credentials,
            read_only,
            in_flight_limit,
            security: argument::security(security)?,
            ..glue::Options::new(hosts)
        };
        let opened = glue::Client::open(options).map_err(|error| raised(py, &error))?;
        Ok(opened.into())
    }

    /// Deals a ticket, for a callback that must be known before its operation leaves.
    fn reserve(&self) -> u64 {
        self.inner.reserve()
    }

    fn submit(&self, py: Python<'_>, op: &Op) -> PyResult<u64> {
        self.inner.submit(op.inner.clone()).map_err(|error| raised(py, &error))
    }

    fn submit_as(&self, py: Python<'_>, ticket: u64, op: &Op) -> PyResult<()> {
        self.inner.submit_as(ticket, op.inner.clone()).map_err(|error| raised(py, &error))
    }

    /// Gives an operation of a recipe up; whether there was one under way.
    fn cancel(&self, ticket: u64) -> bool {
        self.inner.cancel(ticket)
    }

    fn call<'py>(&self, py: Python<'py>, op: &Op) -> PyResult<Bound<'py, PyAny>> {
        self.call_as(py, self.inner.reserve(), op)
    }

    fn call_as<'py>(&self, py: Python<'py>, ticket: u64, op: &Op) -> PyResult<Bound<'py, PyAny>> {
        let begun = self.inner.begin(ticket, op.inner.clone());
        let call = begun.map_err(|error| raised(py, &error))?;
        loop {
            match py.detach(|| call.wait(Some(SIGNALS))) {
                Some(Ok(value)) => return value::object(py, value),
                Some(Err(error)) => return Err(raised(py, &error)),
                None => py.check_signals()?,
            }
        }
    }

    fn drain<'py>(&self, py: Python<'py>, max: usize) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for item in self.inner.drain(max) {
            list.append(item::tuple(py, item)?)?;
        }
        Ok(list)
    }

    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let timeout = argument::timeout(timeout)?;
        Ok(py.detach(|| self.inner.wait(timeout)))
    }

    fn wait_connected(&self, py: Python<'_>) -> PyResult<()> {
        let begun = self.inner.begin_connecting();
        let connecting = begun.map_err(|error| raised(py, &error))?;
        // The other threads go on meanwhile; the receiver is for one thread at a time.
        let connecting = Mutex::new(connecting);
        loop {
            let waited = py.detach(|| {
                connecting.lock().unwrap_or_else(PoisonError::into_inner).wait(Some(SIGNALS))
            });
            match waited {
                Some(connected) => return connected.map_err(|error| raised(py, &error)),
                None => py.check_signals()?,
            }
        }
    }

    fn fd(&self, py: Python<'_>) -> PyResult<i32> {
        self.inner.fd().map_err(|error| raised(py, &error))
    }

    fn state(&self) -> &'static str {
        item::session_state(self.inner.state())
    }

    fn session_id(&self) -> i64 {
        self.inner.session_id()
    }

    fn session_timeout_ms(&self) -> u32 {
        self.inner.session_timeout_ms()
    }

    /// Whether it has not been told to close.
    fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Relaxed)
    }

    fn renew(&self, py: Python<'_>) -> PyResult<Client> {
        self.inner.renew().map(Client::from).map_err(|error| raised(py, &error))
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.inner.close();
    }
}
