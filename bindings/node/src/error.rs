//! Errors as arrays, and the guard against panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::bindgen_prelude::Either;
use pinfold_glue::{Error, Outcome};

/// `[code, name, message, path, outcome, op_index]`.
pub(crate) type ErrorFields = (i32, String, String, Option<String>, i32, Option<u32>);

/// A ticket, or why there is none.
pub(crate) type Submitted = Either<f64, ErrorFields>;

pub(crate) fn fields(error: Error) -> ErrorFields {
    let outcome = match error.outcome {
        Outcome::NotApplied => 0,
        Outcome::MaybeApplied => 1,
        Outcome::SessionOver => 2,
    };
    let op_index = error.op_index.and_then(|index| u32::try_from(index).ok());
    (error.code, error.name.to_owned(), error.message, error.path, outcome, op_index)
}

/// Runs what must not unwind into the host: a panic becomes an error.
pub(crate) fn guarded<T>(act: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Error::panic(text.unwrap_or_else(|| "a panic without a message".to_owned())))
    })
}
