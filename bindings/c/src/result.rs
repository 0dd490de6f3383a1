//! Results of the operations of a multi and of a multi read.

use crate::failure::{Failure, INVALID_ARGUMENT, OK, c_string};
use crate::kinds::{pinfold_reply_t, pinfold_stat_t, pinfold_status_t};
use crate::reply::{Reply, copy_out, field, pointer};
use bytes::Bytes;
use pinfold_glue::{Error, MultiResult, ReadResult};
use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::ptr;

/// The result of one operation of a multi or a multi read.
#[derive(Default)]
pub(crate) struct PartResult {
    failure: Option<Failure>,
    path: Option<CString>,
    stat: Option<pinfold_stat_t>,
    data: Option<Bytes>,
    names: Vec<CString>,
}

impl From<&MultiResult> for PartResult {
    fn from(result: &MultiResult) -> PartResult {
        match result {
            MultiResult::Created { path, stat } => {
                let (path, stat) = (Some(c_string(path)), Some(stat.into()));
                PartResult { path, stat, ..PartResult::default() }
            }
            MultiResult::Stat(stat) => {
                PartResult { stat: Some(stat.into()), ..PartResult::default() }
            }
            MultiResult::Deleted | MultiResult::Checked => PartResult::default(),
        }
    }
}

impl From<Result<ReadResult, Error>> for PartResult {
    fn from(result: Result<ReadResult, Error>) -> PartResult {
        match result {
            Ok(ReadResult::Data { data, stat }) => {
                PartResult { data, stat: Some((&stat).into()), ..PartResult::default() }
            }
            Ok(ReadResult::Children { names }) => {
                let names = names.iter().map(|name| c_string(name)).collect();
                PartResult { names, ..PartResult::default() }
            }
            Err(error) => PartResult { failure: Some(error.into()), ..PartResult::default() },
        }
    }
}

/// Reads a field of a result; what there is not is `otherwise`.
fn part<T: Copy>(
    reply: *const pinfold_reply_t,
    index: usize,
    otherwise: T,
    read: impl FnOnce(&PartResult) -> T,
) -> T {
    field(reply, otherwise, |reply: &Reply| reply.results.get(index).map_or(otherwise, read))
}

/// Number of results of a multi that was applied, or of a multi read.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_result_count(reply: *const pinfold_reply_t) -> usize {
    field(reply, 0, |reply| reply.results.len())
}

/// Path that a create of a multi created; NULL for other operations. Valid as long as the reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_result_path(
    reply: *const pinfold_reply_t,
    index: usize,
) -> *const c_char {
    field(reply, ptr::null(), |reply| {
        pointer(reply.results.get(index).and_then(|result| result.path.as_ref()))
    })
}

/// Copies the stat after a create or set of a multi, or that of a get of a multi read, to `stat`
/// and returns 1; returns 0 and leaves it alone for other operations.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_result_stat(
    reply: *const pinfold_reply_t,
    index: usize,
    stat: Option<&mut MaybeUninit<pinfold_stat_t>>,
) -> i32 {
    field(reply, 0, |reply| copy_out(reply.results.get(index).and_then(|result| result.stat), stat))
}

/// How a read of a multi read ended: `PINFOLD_OK`, or why it failed; `PINFOLD_OK` for every
/// operation of a multi that was applied. `PINFOLD_ERR_INVALID_ARGUMENT` at and after
/// `pinfold_reply_result_count`.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_result_status(
    reply: *const pinfold_reply_t,
    index: usize,
) -> pinfold_status_t {
    part(reply, index, INVALID_ARGUMENT, |result| {
        result.failure.as_ref().map_or(OK, |failure| failure.code)
    })
}

/// The path that a failed read of a multi read was about; NULL for one that succeeded. Valid as
/// long as the reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_result_error_path(
    reply: *const pinfold_reply_t,
    index: usize,
) -> *const c_char {
    part(reply, index, ptr::null(), |result| {
        pointer(result.failure.as_ref().and_then(|failure| failure.path.as_ref()))
    })
}

/// The data that a get of a multi read found. NULL for null data and for other operations;
/// `*length` is then 0. Not NUL-terminated. Valid as long as the reply. `length` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_result_data(
    reply: *const pinfold_reply_t,
    index: usize,
    length: Option<&mut MaybeUninit<usize>>,
) -> *const u8 {
    let (data, count) = part(reply, index, (ptr::null(), 0), |result| {
        result.data.as_ref().map_or((ptr::null(), 0), |data| (data.as_ptr(), data.len()))
    });
    if let Some(length) = length {
        length.write(count);
    }
    data
}

/// Number of children that a get_children of a multi read found; 0 for other operations.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_result_child_count(
    reply: *const pinfold_reply_t,
    index: usize,
) -> usize {
    part(reply, index, 0, |result| result.names.len())
}

/// Name of a child that a get_children of a multi read found; NULL at and after
/// `pinfold_reply_result_child_count`. The order means nothing. Valid as long as the reply.
#[unsafe(no_mangle)]
pub extern "C" fn pinfold_reply_result_child(
    reply: *const pinfold_reply_t,
    index: usize,
    child: usize,
) -> *const c_char {
    part(reply, index, ptr::null(), |result| pointer(result.names.get(child)))
}
