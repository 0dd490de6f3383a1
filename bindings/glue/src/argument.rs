//! Arguments of a recipe's operation: what a host gives, checked against the table.

use bytes::Bytes;
use pinfold_client::MultiOp;

use crate::api::{API, Arg, Default as Given, Kind, Operation, Recipe};
use crate::error::Error;

/// One argument, in the form of its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// The default of the table.
    Absent,
    /// Paths and texts.
    Text(String),
    /// Bytes, copied from the host's memory.
    Bytes(Bytes),
    /// Every whole number, handle and value of an enumeration.
    Number(i64),
    /// Fractions.
    Real(f64),
    /// Truth values.
    Bool(bool),
    /// Lists of texts.
    Texts(Vec<String>),
    /// Lists of bytes.
    Payloads(Vec<Bytes>),
    /// Sub-operations of a multi.
    MultiOps(Vec<MultiOp>),
}

impl Argument {
    /// The value of an enumeration's variant by its name.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, with the names that there are.
    pub fn variant(enumeration: &str, name: &str) -> Result<Argument, Error> {
        let known = API.enums.iter().find(|one| one.name == enumeration);
        let variants = known.map(|one| one.variants).unwrap_or_default();
        match variants.iter().find(|one| one.name == name) {
            Some(variant) => Ok(Argument::Number(variant.value.into())),
            None => {
                let names: Vec<&str> = variants.iter().map(|one| one.name).collect();
                let names = names.join(", ");
                Err(Error::invalid_argument(format!(
                    "{name:?} is no {enumeration}; there are {names}"
                )))
            }
        }
    }

    fn of_default(default: Given, kind: Kind) -> Argument {
        match (default, kind) {
            (Given::Number(number), _) => Argument::Number(number),
            (Given::Real(number), _) => Argument::Real(number),
            (Given::Bool(value), _) => Argument::Bool(value),
            (Given::Empty, Kind::TextList) => Argument::Texts(Vec::new()),
            (Given::Empty, Kind::Text) => Argument::Text(String::new()),
            (Given::Empty, _) => Argument::Bytes(Bytes::new()),
            (Given::Variant(name), kind) => kind
                .enumeration()
                .and_then(|enumeration| Argument::variant(enumeration, name).ok())
                .unwrap_or(Argument::Absent),
            (Given::Null | Given::OpenAcl, _) => Argument::Absent,
        }
    }

    /// Whether a value of this form can be an argument of that kind.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, with what would be right.
    pub fn fits(&self, arg: &Arg) -> Result<(), Error> {
        let (low, high) = match arg.kind {
            Kind::Path | Kind::Text => return self.expect(arg, matches!(self, Self::Text(_))),
            Kind::Bytes => return self.expect(arg, matches!(self, Self::Bytes(_))),
            Kind::Bool => return self.expect(arg, matches!(self, Self::Bool(_))),
            Kind::F64 => return self.expect(arg, matches!(self, Self::Real(_))),
            Kind::TextList => return self.expect(arg, matches!(self, Self::Texts(_))),
            Kind::BytesList => return self.expect(arg, matches!(self, Self::Payloads(_))),
            Kind::MultiOps => return self.expect(arg, matches!(self, Self::MultiOps(_))),
            Kind::I32 => (i32::MIN.into(), i32::MAX.into()),
            Kind::U32 => (0, u32::MAX.into()),
            Kind::Recipe | Kind::Watch => (0, i64::MAX),
            _ => (i64::MIN, i64::MAX),
        };
        let Argument::Number(number) = self else { return self.expect(arg, false) };
        if let Some(enumeration) = arg.kind.enumeration() {
            let known = API.enums.iter().find(|one| one.name == enumeration);
            let is_known = known.is_some_and(|one| {
                one.variants.iter().any(|variant| i64::from(variant.value) == *number)
            });
            if !is_known {
                let message = format!("{}: {number} is no {enumeration}", arg.name);
                return Err(Error::invalid_argument(message));
            }
        }
        if (low..=high).contains(number) {
            return Ok(());
        }
        Err(Error::invalid_argument(format!("{} is {number}, not {low} to {high}", arg.name)))
    }

    fn expect(&self, arg: &Arg, fits: bool) -> Result<(), Error> {
        if fits || (*self == Argument::Absent && matches!(arg.default, Some(Given::Null))) {
            return Ok(());
        }
        let kind = arg.kind;
        Err(Error::invalid_argument(format!("{} must be of the kind {kind:?}", arg.name)))
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Argument {
        Argument::Text(text.to_owned())
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Argument {
        Argument::Text(text)
    }
}

impl From<Bytes> for Argument {
    fn from(bytes: Bytes) -> Argument {
        Argument::Bytes(bytes)
    }
}

impl From<i64> for Argument {
    fn from(number: i64) -> Argument {
        Argument::Number(number)
    }
}

/// The handle of a recipe.
impl From<u64> for Argument {
    fn from(handle: u64) -> Argument {
        // Handles are tickets, which count from 1.
        Argument::Number(i64::try_from(handle).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Argument {
    fn from(number: u32) -> Argument {
        Argument::Number(number.into())
    }
}

impl From<f64> for Argument {
    fn from(number: f64) -> Argument {
        Argument::Real(number)
    }
}

impl From<bool> for Argument {
    fn from(value: bool) -> Argument {
        Argument::Bool(value)
    }
}

impl From<Vec<String>> for Argument {
    fn from(texts: Vec<String>) -> Argument {
        Argument::Texts(texts)
    }
}

impl From<Vec<Bytes>> for Argument {
    fn from(payloads: Vec<Bytes>) -> Argument {
        Argument::Payloads(payloads)
    }
}

impl From<Vec<MultiOp>> for Argument {
    fn from(ops: Vec<MultiOp>) -> Argument {
        Argument::MultiOps(ops)
    }
}

/// An operation of a recipe with its arguments, complete and of the right kinds.
#[derive(Debug, Clone)]
pub struct Call {
    recipe: &'static Recipe,
    operation: &'static Operation,
    arguments: Vec<Argument>,
}

impl Call {
    /// The operation `name` of the table, with its arguments in the table's order; those that are
    /// missing at the end, or absent, have the table's defaults.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an operation that is not there, and for an argument that is missing
    /// or of another kind, by its name.
    pub fn new(name: &str, mut arguments: Vec<Argument>) -> Result<Call, Error> {
        let (recipe, operation) = API.recipe(name).ok_or_else(|| {
            Error::invalid_argument(format!("{name:?} is no operation of a recipe"))
        })?;
        if arguments.len() > operation.args.len() {
            let (given, wanted) = (arguments.len(), operation.args.len());
            let message = format!("{name} has {wanted} arguments, not {given}");
            return Err(Error::invalid_argument(message));
        }
        arguments.resize(operation.args.len(), Argument::Absent);
        for (argument, arg) in arguments.iter_mut().zip(operation.args) {
            if *argument == Argument::Absent {
                let default = arg.default.ok_or_else(|| {
                    Error::invalid_argument(format!("{name}: {} is missing", arg.name))
                })?;
                *argument = Argument::of_default(default, arg.kind);
            }
            argument.fits(arg)?;
        }
        Ok(Call { recipe, operation, arguments })
    }

    /// The recipe that the operation is of.
    pub(crate) fn recipe(&self) -> &'static str {
        self.recipe.name
    }

    /// The operation's name without that of its recipe.
    pub(crate) fn verb(&self) -> &'static str {
        let name = self.operation.name;
        let verb = name.strip_prefix(self.recipe.name).and_then(|rest| rest.strip_prefix('_'));
        verb.unwrap_or(name)
    }

    /// The operation as the table has it.
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// Takes the argument out; that it is there, and of its kind, was checked when the call was
    /// made, so what is missing here is a defect of the recipe's module.
    fn take(&mut self, name: &str) -> Argument {
        let at = self.operation.args.iter().position(|arg| arg.name == name);
        debug_assert!(at.is_some(), "{} has no argument {name}", self.operation.name);
        at.and_then(|at| self.arguments.get_mut(at))
            .map_or(Argument::Absent, |argument| std::mem::replace(argument, Argument::Absent))
    }

    pub(crate) fn text(&mut self, name: &str) -> String {
        match self.take(name) {
            Argument::Text(text) => text,
            _ => String::new(),
        }
    }

    pub(crate) fn bytes(&mut self, name: &str) -> Bytes {
        match self.take(name) {
            Argument::Bytes(bytes) => bytes,
            _ => Bytes::new(),
        }
    }

    pub(crate) fn number(&mut self, name: &str) -> i64 {
        match self.take(name) {
            Argument::Number(number) => number,
            _ => 0,
        }
    }

    /// A number that the table says is within the range.
    pub(crate) fn u32(&mut self, name: &str) -> u32 {
        u32::try_from(self.number(name)).unwrap_or_default()
    }

    /// A time, which is not negative.
    pub(crate) fn milliseconds(&mut self, name: &str) -> Result<u64, Error> {
        let number = self.number(name);
        u64::try_from(number)
            .map_err(|_| Error::invalid_argument(format!("{name} is {number}, which is negative")))
    }

    pub(crate) fn real(&mut self, name: &str) -> f64 {
        match self.take(name) {
            Argument::Real(number) => number,
            _ => 0.0,
        }
    }

    pub(crate) fn truth(&mut self, name: &str) -> bool {
        matches!(self.take(name), Argument::Bool(true))
    }

    pub(crate) fn payloads(&mut self, name: &str) -> Vec<Bytes> {
        match self.take(name) {
            Argument::Payloads(payloads) => payloads,
            _ => Vec::new(),
        }
    }

    pub(crate) fn handle(&mut self) -> u64 {
        u64::try_from(self.number("recipe")).unwrap_or_default()
    }

    pub(crate) fn texts(&mut self, name: &str) -> Vec<String> {
        match self.take(name) {
            Argument::Texts(texts) => texts,
            _ => Vec::new(),
        }
    }

    pub(crate) fn multi_ops(&mut self, name: &str) -> Vec<MultiOp> {
        match self.take(name) {
            Argument::MultiOps(ops) => ops,
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Argument {
        Argument::Text(text.to_owned())
    }

    #[test]
    fn what_is_absent_has_the_default() {
        let mut call = Call::new("master_start", vec![text("/r"), text("m")]).unwrap();
        assert_eq!(call.u32("max_attempts"), 3);
        assert_eq!(call.text("root"), "/r");
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let refused = |name: &str, arguments: Vec<Argument>| {
            Call::new(name, arguments).expect_err("refused").message
        };
        assert!(refused("get", vec![text("/r")]).contains("get"));
        assert!(refused("master_start", vec![text("/r")]).contains("id is missing"));
        let id = Argument::Number(7);
        assert!(refused("master_start", vec![text("/r"), id]).contains("id must be"));
        let attempts = Argument::Number(-1);
        let message = refused("master_start", vec![text("/r"), text("m"), attempts]);
        assert!(message.contains("max_attempts is -1"), "{message}");
        let layout = Argument::Number(99);
        let message = refused("lock_acquire", vec![text("/l"), Argument::Absent, layout]);
        assert!(message.contains("99 is no lock_layout"), "{message}");
        let known = Argument::variant("lock_layout", "x").expect_err("refused").message;
        assert!(known.contains("curator"), "{known}");
    }
}
