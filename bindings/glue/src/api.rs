//! The one table of what the bindings offer: operations with their arguments and defaults,
//! enumerations, errors, records and events, each with its doc text.
//!
//! Everything a language spells out (exception classes, enumerators, stubs, typings, header
//! constants, option defaults) is generated from here by `cargo x gen`, and every built artefact
//! can report the table it was built with ([`json`]), so that a drift shows as a failing test.

mod enums;
mod errors;
mod operations;
mod options;
mod recipes;
mod records;

use serde::Serialize;

/// The whole table.
#[derive(Debug, Serialize)]
pub struct Api {
    /// Version of the package that carries the table.
    pub version: &'static str,
    /// Options of `Client::open`, with their defaults.
    pub options: &'static [Arg],
    /// Options of the embedded server.
    pub server_options: &'static [Arg],
    /// Options that many operations have in common, at the end of their arguments; a struct in C.
    pub option_sets: &'static [OptionSet],
    /// Every operation of the session, in the order of the documentation.
    pub operations: &'static [Operation],
    /// The recipes, with their operations.
    pub recipes: &'static [Recipe],
    /// Enumerations with fixed values.
    pub enums: &'static [Enum],
    /// Every error code.
    pub errors: &'static [ErrorCode],
    /// Records that results and events carry.
    pub records: &'static [Record],
}

impl Api {
    /// The operation of a recipe with this name, and the recipe.
    pub fn recipe(&self, name: &str) -> Option<(&'static Recipe, &'static Operation)> {
        let with_operations =
            self.recipes.iter().flat_map(|it| it.operations.iter().map(move |one| (it, one)));
        with_operations.into_iter().find(|(_, operation)| operation.name == name)
    }
}

/// One operation: one verb in every language.
#[derive(Debug, Serialize)]
pub struct Operation {
    /// snake_case verb, for instance `get_children`.
    pub name: &'static str,
    /// What it does, in sentences.
    pub doc: &'static str,
    /// Arguments in call order.
    pub args: &'static [Arg],
    /// Name of the record or scalar that a success carries.
    pub result: &'static str,
    /// Names of the errors that are particular to it.
    pub errors: &'static [&'static str],
}

/// Options that belong together.
#[derive(Debug, Serialize)]
pub struct OptionSet {
    /// snake_case name.
    pub name: &'static str,
    /// What they are for, in sentences.
    pub doc: &'static str,
    /// The options; each has a default.
    pub options: &'static [Arg],
}

/// A recipe: operations that make requests of their own, and often go on under a handle.
#[derive(Debug, Serialize)]
pub struct Recipe {
    /// snake_case name, which the operations' names begin with as a rule.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub doc: &'static str,
    /// Its operations, in the order of the documentation.
    pub operations: &'static [Operation],
}

/// An argument or an option.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Arg {
    /// snake_case name; units are its last word.
    pub name: &'static str,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Default; an argument without one is required.
    pub default: Option<Default>,
    /// What it means.
    pub doc: &'static str,
}

/// Types of arguments and fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Absolute znode path.
    Path,
    /// UTF-8 text.
    Text,
    /// List of UTF-8 texts.
    TextList,
    /// Bytes.
    Bytes,
    /// Bytes or null; null and empty are distinct.
    NullableBytes,
    /// 32-bit signed number.
    I32,
    /// 32-bit unsigned number.
    U32,
    /// 64-bit signed number.
    I64,
    /// Number with a fraction.
    F64,
    /// Truth value.
    Bool,
    /// List of bytes.
    BytesList,
    /// `lock_mode` enumeration.
    LockMode,
    /// `lock_layout` enumeration.
    LockLayout,
    /// `election_layout` enumeration.
    ElectionLayout,
    /// `assignment_strategy` enumeration.
    AssignmentStrategy,
    /// `create_mode` enumeration.
    CreateMode,
    /// `watch_mode` enumeration.
    WatchMode,
    /// `watch_type` enumeration.
    WatchType,
    /// `tls_verify` enumeration.
    TlsVerify,
    /// Texts by name.
    Properties,
    /// List of ACL records.
    AclList,
    /// List of multi sub-operations.
    MultiOps,
    /// List of multi results.
    MultiResults,
    /// List of multi_read sub-operations.
    ReadOps,
    /// List of identity records.
    IdentityList,
    /// Id of a watch: the ticket of the operation that armed it.
    Watch,
    /// Handle of a running recipe.
    Recipe,
    /// List of (scheme, bytes) pairs.
    AuthList,
    /// A Stat record.
    Stat,
    /// A Stat record or null.
    NullableStat,
}

impl Kind {
    /// The enumeration whose values an argument of this kind has.
    pub fn enumeration(self) -> Option<&'static str> {
        match self {
            Kind::CreateMode => Some("create_mode"),
            Kind::WatchMode => Some("watch_mode"),
            Kind::WatchType => Some("watch_type"),
            Kind::TlsVerify => Some("tls_verify"),
            Kind::LockMode => Some("lock_mode"),
            Kind::LockLayout => Some("lock_layout"),
            Kind::ElectionLayout => Some("election_layout"),
            Kind::AssignmentStrategy => Some("assignment_strategy"),
            _ => None,
        }
    }
}

/// A default value.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Default {
    /// A number.
    Number(i64),
    /// A number with a fraction.
    Real(f64),
    /// A truth value.
    Bool(bool),
    /// Null or none.
    Null,
    /// Empty bytes or an empty list.
    Empty,
    /// A variant of an enumeration, by name.
    Variant(&'static str),
    /// The ACL that grants everything to everyone.
    OpenAcl,
}

/// An enumeration whose values are fixed for ever.
#[derive(Debug, Serialize)]
pub struct Enum {
    /// snake_case name.
    pub name: &'static str,
    /// What it tells.
    pub doc: &'static str,
    /// Its variants, in order.
    pub variants: &'static [Variant],
}

/// A variant of an enumeration.
#[derive(Debug, Serialize)]
pub struct Variant {
    /// snake_case name.
    pub name: &'static str,
    /// Value in C and on every other surface that has numbers.
    pub value: i32,
    /// What it means.
    pub doc: &'static str,
}

/// An error code.
#[derive(Debug, Serialize)]
pub struct ErrorCode {
    /// ZooKeeper's number, or ours at or below -1000.
    pub code: i32,
    /// Stable SCREAMING_SNAKE name, for instance `NO_NODE`.
    pub name: &'static str,
    /// When it happens and what to do.
    pub doc: &'static str,
}

/// A record of named fields.
#[derive(Debug, Serialize)]
pub struct Record {
    /// snake_case name.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its fields, in order.
    pub fields: &'static [Field],
}

/// A field of a record.
#[derive(Debug, Serialize)]
pub struct Field {
    /// snake_case name.
    pub name: &'static str,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What it means.
    pub doc: &'static str,
}

/// The table of this build.
pub static API: Api = Api {
    version: env!("CARGO_PKG_VERSION"),
    options: options::OPTIONS,
    server_options: options::SERVER_OPTIONS,
    option_sets: recipes::OPTION_SETS,
    operations: operations::OPERATIONS,
    recipes: recipes::RECIPES,
    enums: enums::ENUMS,
    errors: errors::ERRORS,
    records: records::RECORDS,
};

/// The table as JSON, for a built artefact to report what it was built with.
pub fn json() -> String {
    serde_json::to_string(&API).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_operation() -> impl Iterator<Item = &'static Operation> {
        let recipes = API.recipes.iter().flat_map(|recipe| recipe.operations);
        API.operations.iter().chain(recipes)
    }

    #[test]
    fn names_and_codes_are_unique() {
        let mut names: Vec<_> = every_operation().map(|op| op.name).collect();
        names.sort_unstable();
        names.windows(2).for_each(|pair| assert_ne!(pair[0], pair[1]));
        let mut codes: Vec<_> = API.errors.iter().map(|error| error.code).collect();
        codes.sort_unstable();
        codes.windows(2).for_each(|pair| assert_ne!(pair[0], pair[1]));
    }

    #[test]
    fn an_operation_names_only_errors_of_the_table() {
        for operation in every_operation() {
            for name in operation.errors {
                assert!(
                    API.errors.iter().any(|error| error.name == *name),
                    "{} names the unknown error {name}",
                    operation.name
                );
            }
        }
    }
}
