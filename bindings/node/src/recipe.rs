//! The client's operations on recipes. A recipe's handle is a plain number.

use napi::ValueType;
use napi::bindgen_prelude::{BigInt, BufferSlice, FromNapiValue, Unknown};
use napi_derive::napi;
use pinfold_glue::api::{API, Arg, Kind};
use pinfold_glue::{Argument, Op};

use crate::argument::{self, MultiEntry, bytes};
use crate::client::NativeClient;
use crate::error::Submitted;

#[napi]
impl NativeClient {
    /// The operation `name` of a recipe, with its arguments in the table's order; undefined and
    /// null stand for an argument's default.
    #[napi]
    pub fn recipe(&self, name: String, arguments: Vec<Unknown<'_>>) -> napi::Result<Submitted> {
        let args = API.recipe(&name).map(|(_, operation)| operation.args).unwrap_or_default();
        let mut list = Vec::with_capacity(arguments.len());
        for (argument, arg) in arguments.into_iter().zip(args) {
            list.push(of_kind(arg, argument)?);
        }
        Ok(self.submit(|| {
            let list: Result<_, _> = list.into_iter().collect();
            Op::recipe(&name, list?)
        }))
    }

    /// Gives an operation of a recipe up; whether there was one under way.
    #[napi]
    pub fn cancel(&self, ticket: f64) -> bool {
        // Tickets count from 1, in whole numbers that a double holds exactly.
        self.cancelled(ticket as u64)
    }
}

/// An argument by the kind that the table gives it. The inner error is of a value that is of the
/// right type and still wrong.
fn of_kind(arg: &Arg, value: Unknown<'_>) -> napi::Result<Result<Argument, pinfold_glue::Error>> {
    if matches!(value.get_type()?, ValueType::Undefined | ValueType::Null) {
        return Ok(Ok(Argument::Absent));
    }
    if value.get_type()? == ValueType::BigInt {
        // The package lets none pass that is out of range.
        return Ok(Ok(Argument::Number(BigInt::from_unknown(value)?.get_i64().0)));
    }
    if let Some(enumeration) = arg.kind.enumeration() {
        let name = String::from_unknown(value)?;
        return Ok(Argument::variant(enumeration, &name));
    }
    Ok(Ok(match arg.kind {
        Kind::Path | Kind::Text => Argument::Text(String::from_unknown(value)?),
        Kind::Bytes => Argument::Bytes(bytes(BufferSlice::from_unknown(value)?)),
        Kind::Bool => Argument::Bool(bool::from_unknown(value)?),
        Kind::F64 => Argument::Real(f64::from_unknown(value)?),
        Kind::TextList => Argument::Texts(Vec::from_unknown(value)?),
        Kind::BytesList => {
            let list = Vec::<BufferSlice<'_>>::from_unknown(value)?;
            Argument::Payloads(list.into_iter().map(bytes).collect())
        }
        Kind::MultiOps => {
            let entries = Vec::<MultiEntry<'_>>::from_unknown(value)?;
            let ops: Result<_, _> = entries.into_iter().map(argument::multi).collect();
            return Ok(ops.map(Argument::MultiOps));
        }
        _ => Argument::Number(i64::from_unknown(value)?),
    }))
}
