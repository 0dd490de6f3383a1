//! Items of the inbox as arrays: the kind (`ItemKind` of the package), then the fields.

use napi::bindgen_prelude::{Array, BufferSlice, Env, i64n};
use pinfold_glue::Item;

use crate::error;
use crate::value::{self, row};

pub(crate) fn array<'env>(env: &'env Env, item: Item) -> napi::Result<Array<'env>> {
    match item {
        Item::Reply { ticket, result: Ok(result) } => {
            row!(env, 0, ticket as f64, value::array(env, result)?)
        }
        Item::Reply { ticket, result: Err(cause) } => {
            row!(env, 1, ticket as f64, error::fields(cause))
        }
        Item::Watch { watch, event } => {
            row!(env, 2, watch as f64, event.kind as i32, event.path, i64n(event.zxid))
        }
        Item::State(state) => row!(env, 3, state as i32),
        Item::Recipe { recipe, event } => row!(
            env,
            4,
            recipe as f64,
            event.kind as i32,
            event.task,
            event.worker,
            BufferSlice::copy_from(env, event.payload)?,
            event.attempt,
            i64n(event.token),
            event.reason,
            event.path,
        ),
        Item::Closed => row!(env, 5),
    }
}
