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
        false => {
            let (wanted, seen) = narrowed(&format!("{wanted:?}"), &format!("{seen:?}"));
            Err(differs(what, &wanted, &seen))
        }
    }
}

/// Of two records of one kind only the fields that differ; anything else as it is.
fn narrowed(wanted: &str, seen: &str) -> (String, String) {
    let whole = || (wanted.to_owned(), seen.to_owned());
    let (Some((name, left)), Some((other, right))) = (record(wanted), record(seen)) else {
        return whole();
    };
    if name != other || left.len() != right.len() {
        return whole();
    }
    let is_different = |at: &usize| left[*at] != right[*at];
    let places: Vec<usize> = (0..left.len()).filter(is_different).collect();
    let told = |fields: &[&str]| {
        let fields: Vec<&str> = places.iter().map(|at| fields[*at]).collect();
        let rest = if places.len() < left.len() { ", .." } else { "" };
        format!("{name} {{ {}{rest} }}", fields.join(", "))
    };
    (told(&left), told(&right))
}

/// Name and fields of a flat record, as it is written for people.
fn record(text: &str) -> Option<(&str, Vec<&str>)> {
    let (name, rest) = text.split_once(" { ")?;
    let fields = rest.strip_suffix(" }")?;
    let is_flat = !fields.contains(['{', '(', '[', '"']) && !name.contains(['(', '[', '"']);
    is_flat.then(|| (name, fields.split(", ").collect()))
}

/// Bytes, shown in words of four as jute has them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl Debug for Hex<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let gap = if index > 0 && index % 4 == 0 { " " } else { "" };
            write!(out, "{gap}{byte:02x}")?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use pinfold_proto::Stat;

    use super::*;

    #[test]
    fn only_the_fields_that_differ_are_told() {
        let wanted = Stat { version: 1, mzxid: 7, ..Stat::default() };
        let seen = Stat { version: 2, mzxid: 7, pzxid: 8, ..Stat::default() };
        let Err(Stop::Differs { expected, seen, .. }) = same("the stat", seen, wanted) else {
            panic!("they are not the same");
        };
        assert_eq!(expected, "Stat { version: 1, pzxid: 0, .. }");
        assert_eq!(seen, "Stat { version: 2, pzxid: 8, .. }");
        let texts = narrowed("\"a { b: 1 }\"", "\"a { b: 2 }\"");
        assert_eq!(texts.0, "\"a { b: 1 }\"");
    }

    #[test]
    fn bytes_are_told_in_words() {
        assert_eq!(format!("{:?}", Hex(&[0, 0, 0, 9, 0xff])), "00000009 ff");
    }
}
