//! What comes back, as plain Python objects: the package gives them their names.

use crate::error;
use crate::stat::Stat;
use bytes::Bytes;
use pinfold_glue::{ClientInfo, Error, Field, MultiResult, ReadResult, Record, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

/// The result of an operation.
pub(crate) fn object<'py>(py: Python<'py>, value: Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Done => Ok(py.None().into_bound(py)),
        Value::Created { path, stat } => any(py, (path, Stat::from(&stat))),
        Value::Exists(stat) => any(py, stat.as_ref().map(Stat::from)),
        Value::Data { data, stat } => {
            any(py, (data.map(|data| bytes(py, &data)), Stat::from(&stat)))
        }
        Value::Stat(stat) => any(py, Stat::from(&stat)),
        Value::Children { names, stat } => any(py, (names, Stat::from(&stat))),
        Value::Acl { acl, stat } => {
            let entry = |acl: pinfold_glue::Acl| (acl.perms, acl.id.scheme, acl.id.id);
            let list: Vec<_> = acl.into_iter().map(entry).collect();
            any(py, (list, Stat::from(&stat)))
        }
        Value::Multi(results) => multi(py, results),
        Value::MultiRead(results) => multi_read(py, results),
        Value::Paths(paths) => any(py, paths),
        Value::Count(count) => any(py, count),
        Value::Identities(identities) => {
            let identity = |identity: ClientInfo| (identity.scheme, identity.user);
            any(py, identities.into_iter().map(identity).collect::<Vec<_>>())
        }
        Value::Number(number) => any(py, number),
        Value::Bool(truth) => any(py, truth),
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Record(of) => record(py, of),
        Value::Records(records) => {
            let list = PyList::empty(py);
            for of in records {
                list.append(record(py, of)?)?;
            }
            Ok(list.into_any())
        }
        Value::Task(task) => any(py, task),
        Value::Recipe(recipe) => any(py, recipe),
    }
}

/// The fields of a record, in the table's order.
fn record(py: Python<'_>, record: Record) -> PyResult<Bound<'_, PyAny>> {
    let mut fields = Vec::new();
    for (_, field) in record.into_fields() {
        fields.push(match field {
            Field::Null => py.None().into_bound(py),
            Field::Text(text) => any(py, text)?,
            Field::Bytes(data) => bytes(py, &data).into_any(),
            Field::Int(number) => any(py, number)?,
            Field::Long(number) => any(py, number)?,
            Field::Handle(recipe) => any(py, recipe)?,
            Field::Bool(value) => any(py, value)?,
        });
    }
    Ok(PyTuple::new(py, fields)?.into_any())
}

/// A copy of the bytes in Python's memory.
pub(crate) fn bytes<'py>(py: Python<'py>, data: &Bytes) -> Bound<'py, PyBytes> {
    PyBytes::new(py, data)
}

fn any<'py, T: IntoPyObject<'py>>(py: Python<'py>, value: T) -> PyResult<Bound<'py, PyAny>> {
    use pyo3::BoundObject;
    let object = value.into_pyobject(py).map_err(Into::into)?;
    Ok(object.into_any().into_bound())
}

fn multi(py: Python<'_>, results: Vec<MultiResult>) -> PyResult<Bound<'_, PyAny>> {
    let list = PyList::empty(py);
    for result in results {
        list.append(match result {
            MultiResult::Created { path, stat } => any(py, (path, Stat::from(&stat)))?,
            MultiResult::Stat(stat) => any(py, Stat::from(&stat))?,
            MultiResult::Deleted | MultiResult::Checked => py.None().into_bound(py),
        })?;
    }
    Ok(list.into_any())
}

/// Data and stat, a list of names, or an exception that is not raised.
fn multi_read(
    py: Python<'_>,
    results: Vec<Result<ReadResult, Error>>,
) -> PyResult<Bound<'_, PyAny>> {
    let list = PyList::empty(py);
    for result in results {
        list.append(match result {
            Ok(ReadResult::Data { data, stat }) => {
                any(py, (data.map(|data| bytes(py, &data)), Stat::from(&stat)))?
            }
            Ok(ReadResult::Children { names }) => any(py, names)?,
            Err(failure) => error::exception(py, &failure)?,
        })?;
    }
    Ok(list.into_any())
}
