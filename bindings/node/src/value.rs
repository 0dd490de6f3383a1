//! Values of completions as arrays: the kind (`ValueKind` of the package), then the fields.

use napi::bindgen_prelude::{Array, BufferSlice, Env, Null, i64n};
use pinfold_glue::{Acl, ClientInfo, Error, Field, MultiResult, ReadResult, Record, Stat, Value};

use crate::error;

/// The fields of a record `stat`, in the table's order.
type StatFields = (i64n, i64n, i64n, i64n, i32, i32, i32, i64n, i32, i32, i64n);

fn stat(stat: &Stat) -> StatFields {
    (
        i64n(stat.czxid),
        i64n(stat.mzxid),
        i64n(stat.ctime),
        i64n(stat.mtime),
        stat.version,
        stat.cversion,
        stat.aversion,
        i64n(stat.ephemeral_owner),
        stat.data_length,
        stat.num_children,
        i64n(stat.pzxid),
    )
}

fn acl(entries: Vec<Acl>) -> Vec<(i32, String, String)> {
    entries.into_iter().map(|entry| (entry.perms, entry.id.scheme, entry.id.id)).collect()
}

/// Builds an array value by value; `$env` and then the elements.
macro_rules! row {
    ($env:expr, $($element:expr),+ $(,)?) => {{
        let mut array = $env.create_array(0)?;
        $(array.insert($element)?;)+
        Ok(array)
    }};
}
pub(crate) use row;

pub(crate) fn array<'env>(env: &'env Env, value: Value) -> napi::Result<Array<'env>> {
    match value {
        Value::Done => row!(env, 0),
        Value::Created { path, stat: of } => row!(env, 1, path, stat(&of)),
        Value::Exists(None) => row!(env, 2, Null),
        Value::Exists(Some(of)) => row!(env, 2, stat(&of)),
        Value::Data { data: None, stat: of } => row!(env, 3, Null, stat(&of)),
        Value::Data { data: Some(data), stat: of } => {
            row!(env, 3, BufferSlice::copy_from(env, data)?, stat(&of))
        }
        Value::Stat(of) => row!(env, 4, stat(&of)),
        Value::Children { names, stat: of } => row!(env, 5, names, stat(&of)),
        Value::Acl { acl: entries, stat: of } => row!(env, 6, acl(entries), stat(&of)),
        Value::Multi(results) => {
            let mut list = env.create_array(results.len() as u32)?;
            for (index, result) in results.into_iter().enumerate() {
                list.set(index as u32, multi_result(env, result)?)?;
            }
            row!(env, 7, list)
        }
        Value::MultiRead(results) => {
            let mut list = env.create_array(results.len() as u32)?;
            for (index, result) in results.into_iter().enumerate() {
                list.set(index as u32, read_result(env, result)?)?;
            }
            row!(env, 15, list)
        }
        Value::Paths(paths) => row!(env, 16, paths),
        Value::Count(count) => row!(env, 17, count),
        Value::Identities(identities) => {
            let identity = |identity: ClientInfo| (identity.scheme, identity.user);
            row!(env, 18, identities.into_iter().map(identity).collect::<Vec<_>>())
        }
        recipe => of_recipe(env, recipe),
    }
}

fn of_recipe<'env>(env: &'env Env, value: Value) -> napi::Result<Array<'env>> {
    match value {
        Value::Number(number) => row!(env, 12, i64n(number)),
        Value::Bool(truth) => row!(env, 13, truth),
        Value::Null => row!(env, 8, Null),
        Value::Record(of) => record(env, 8, of),
        Value::Records(records) => {
            let mut list = env.create_array(records.len() as u32)?;
            for (index, of) in records.into_iter().enumerate() {
                list.set(index as u32, record(env, 8, of)?)?;
            }
            row!(env, 9, list)
        }
        Value::Task(task) => row!(env, 10, task),
        Value::Recipe(recipe) => row!(env, 11, recipe as f64),
        other => array(env, other),
    }
}

/// The fields of a record, in the table's order.
fn record<'env>(env: &'env Env, kind: u32, record: Record) -> napi::Result<Array<'env>> {
    let mut array = env.create_array(0)?;
    array.insert(kind)?;
    for (_, field) in record.into_fields() {
        match field {
            Field::Null => array.insert(Null)?,
            Field::Text(text) => array.insert(text)?,
            Field::Bytes(data) => array.insert(BufferSlice::copy_from(env, data)?)?,
            Field::Int(number) => array.insert(number)?,
            Field::Long(number) => array.insert(i64n(number))?,
            Field::Handle(recipe) => array.insert(recipe as f64)?,
            Field::Bool(value) => array.insert(value)?,
        }
    }
    Ok(array)
}

/// The kinds are `MultiKind` of the package.
fn multi_result<'env>(env: &'env Env, result: MultiResult) -> napi::Result<Array<'env>> {
    match result {
        MultiResult::Created { path, stat: of } => row!(env, 0, path, stat(&of)),
        MultiResult::Deleted => row!(env, 1),
        MultiResult::Stat(of) => row!(env, 2, stat(&of)),
        MultiResult::Checked => row!(env, 3),
    }
}

/// The kinds are `ReadKind` of the package.
fn read_result<'env>(
    env: &'env Env,
    result: Result<ReadResult, Error>,
) -> napi::Result<Array<'env>> {
    match result {
        Ok(ReadResult::Data { data: None, stat: of }) => row!(env, 0, Null, stat(&of)),
        Ok(ReadResult::Data { data: Some(data), stat: of }) => {
            row!(env, 0, BufferSlice::copy_from(env, data)?, stat(&of))
        }
        Ok(ReadResult::Children { names }) => row!(env, 1, names),
        Err(failure) => row!(env, 2, error::fields(failure)),
    }
}
