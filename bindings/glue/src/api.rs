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
    /// Every operation, session operations first, in the order of the documentation.
    pub operations: &'static [Operation],
    /// Enumerations with fixed values.
    pub enums: &'static [Enum],
    /// Every error code.
    pub errors: &'static [ErrorCode],
    /// Records that results and events carry.
    pub records: &'static [Record],
}

/// One operation: one verb in every language.
#[derive(Debug, Serialize)]
pub struct Operation {
    /// snake_case verb, for instance `get_children`.
    pub name: &'static str,
    /// `session` for ZooKeeper's operations, else the recipe that the operation belongs to.
    pub group: Group,
    /// What it does, in sentences.
    pub doc: &'static str,
    /// Arguments in call order.
    pub args: &'static [Arg],
    /// Name of the record or scalar that a success carries.
    pub result: &'static str,
    /// Names of the errors that are particular to it.
    pub errors: &'static [&'static str],
}

/// Where an operation belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// One request of the session, ordered with every other.
    Session,
    /// Leader election.
    Election,
    /// Task queue, also its masterless claims.
    Queue,
    /// The master of a master-worker application.
    Master,
    /// A worker of a master-worker application.
    Worker,
}

/// An argument or an option.
#[derive(Debug, Serialize)]
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
    /// Truth value.
    Bool,
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
    /// A Leader record or null.
    NullableLeader,
}

/// A default value.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Default {
    /// A number.
    Number(i64),
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
    operations: operations::OPERATIONS,
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

    #[test]
    fn names_and_codes_are_unique() {
        let mut names: Vec<_> = API.operations.iter().map(|op| op.name).collect();
        names.sort_unstable();
        names.windows(2).for_each(|pair| assert_ne!(pair[0], pair[1]));
        let mut codes: Vec<_> = API.errors.iter().map(|error| error.code).collect();
        codes.sort_unstable();
        codes.windows(2).for_each(|pair| assert_ne!(pair[0], pair[1]));
    }

    #[test]
    fn an_operation_names_only_errors_of_the_table() {
        for operation in API.operations {
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
