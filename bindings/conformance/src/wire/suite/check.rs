//! What is checked, and what comes of it.

use std::fmt::Debug;

use pinfold_proto::ErrorCode;

use super::Context;
use crate::wire::Ended;

/// One thing that a server compatible to ZooKeeper does.
pub struct Check {
    /// The line of the list in WIRE.md that it belongs to.
    pub item: &'static str,
    /// What the server does; unique, so that it names the check as well.
    pub title: &'static str,
    /// Finds out.
    pub run: fn(&mut Context) -> Outcome,
}

impl Check {
    /// Whether one of the words is its item or, unless it is a number, part of its title. No
    /// words stand for all checks.
    pub fn is_meant(&self, words: &[String]) -> bool {
        let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
        let names =
            |word: &String| self.item == word || !is_number(word) && self.title.contains(&**word);
        words.is_empty() || words.iter().any(names)
    }
}

/// Checks that belong together.
pub struct Group {
    /// Its heading.
    pub name: &'static str,
    /// In the order of their items.
    pub checks: &'static [Check],
    /// Whether they count what the server does, so that nothing may run beside them.
    pub alone: bool,
}

/// Whether the server does it.
pub type Outcome = Result<(), Stop>;

/// Why a check did not come to its end.
#[derive(Debug)]
pub enum Stop {
    /// The server does something else.
    Differs {
        /// What was looked at.
        what: String,
        /// What ZooKeeper does.
        expected: String,
        /// What this server does.
        seen: String,
    },
    /// The server, or whoever started the suite, has not enabled what is needed.
    NotEnabled(String),
}

impl From<Ended> for Stop {
    fn from(ended: Ended) -> Stop {
        differs("the connection", "an answer", &ended.to_string())
    }
}

/// The server does something else.
pub(super) fn differs(what: &str, expected: &str, seen: &str) -> Stop {
    Stop::Differs { what: what.into(), expected: expected.into(), seen: seen.into() }
}

/// Goes on when both are the same.
pub(super) fn same<T: PartialEq<E> + Debug, E: Debug>(what: &str, seen: T, wanted: E) -> Outcome {
    match seen == wanted {
        true => Ok(()),
        false => Err(differs(what, &format!("{wanted:?}"), &format!("{seen:?}"))),
    }
}

/// Goes on when it is true.
pub(super) fn holds(what: &str, is_true: bool, seen: &impl Debug) -> Outcome {
    match is_true {
        true => Ok(()),
        false => Err(differs(what, "true", &format!("{seen:?}"))),
    }
}

/// An error's number, shown with its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(pub(super) i32);

impl Code {
    pub(super) fn of(code: ErrorCode) -> Code {
        Code(code.code())
    }
}

impl Debug for Code {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match ErrorCode::from_i32(self.0) {
            Some(code) => write!(out, "{} {}", self.0, code.name()),
            None => write!(out, "{}", self.0),
        }
    }
}
