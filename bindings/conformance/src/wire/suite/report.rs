//! The result, as text and as JSON.

use std::fmt::Write;

use serde::Serialize;

use super::elsewhere::ELSEWHERE;
use super::{Check, GROUPS};

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The server does it.
    Passed,
    /// It does something else.
    Failed {
        /// What was looked at.
        what: String,
        /// What ZooKeeper does.
        expected: String,
        /// What this server does.
        seen: String,
        /// The last messages, oldest first: fields and bytes.
        said: Vec<String>,
    },
    /// What the check needs is not enabled.
    NotEnabled {
        /// What.
        needs: String,
    },
}

/// A check and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its group's heading.
    pub group: &'static str,
    /// The line of the list that it belongs to.
    pub item: &'static str,
    /// What the server should do.
    pub title: &'static str,
    /// Whether it does.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// One for each check, in the order of the groups.
    pub lines: Vec<Line>,
}

impl Report {
    /// How many passed, failed, and were not enabled.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count =
            |is: fn(&Verdict) -> bool| self.lines.iter().filter(|line| is(&line.verdict)).count();
        (
            count(|verdict| matches!(verdict, Verdict::Passed)),
            count(|verdict| matches!(verdict, Verdict::Failed { .. })),
            count(|verdict| matches!(verdict, Verdict::NotEnabled { .. })),
        )
    }

    /// The titles of those that failed.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> {
        let failed = |line: &&Line| matches!(line.verdict, Verdict::Failed { .. });
        self.lines.iter().filter(failed).map(|line| line.title)
    }

    /// For people; with colours where `is_coloured`.
    pub fn text(&self, is_coloured: bool) -> String {
        let mut out = String::new();
        for group in GROUPS {
            let lines: Vec<&Line> =
                self.lines.iter().filter(|line| line.group == group.name).collect();
            if !lines.is_empty() {
                out.push_str(&format!("{}\n", group.name));
                lines.iter().for_each(|line| write_line(&mut out, line, is_coloured));
            }
        }
        out.push_str("not shown by a single server\n");
        for line in ELSEWHERE {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  -    {:>3}  {}: {}", line.item, line.title, line.needs);
        }
        let (passed, failed, not_enabled) = self.counts();
        let _ = writeln!(out, "{passed} passed, {failed} failed, {not_enabled} not enabled");
        out
    }

    /// Those that did not pass, for people; empty if all did.
    pub fn not_passed(&self, is_coloured: bool) -> String {
        let mut out = String::new();
        for line in self.lines.iter().filter(|line| line.verdict != Verdict::Passed) {
            write_line(&mut out, line, is_coloured);
        }
        out
    }

    /// For programs: one object with the counts and a list of all checks.
    pub fn json(&self, address: &str) -> serde_json::Value {
        let (passed, failed, not_enabled) = self.counts();
        let elsewhere = |line: &super::Elsewhere| {
            let (item, title, needs) = (line.item, line.title, line.needs);
            serde_json::json!({"item": item, "title": title, "needs": needs})
        };
        serde_json::json!({
            "server": address,
            "passed": passed,
            "failed": failed,
            "not_enabled": not_enabled,
            "checks": self.lines,
            "not_shown_by_a_single_server": ELSEWHERE.iter().map(elsewhere).collect::<Vec<_>>(),
        })
    }

    /// In the order of the groups, whenever they ran.
    pub(super) fn sort(&mut self) {
        let place = |line: &Line| GROUPS.iter().position(|group| group.name == line.group);
        self.lines.sort_by_key(place);
    }
}

fn write_line(out: &mut String, line: &Line, is_coloured: bool) {
    let (word, colour) = match &line.verdict {
        Verdict::Passed => ("pass", "32"),
        Verdict::Failed { .. } => ("FAIL", "31"),
        Verdict::NotEnabled { .. } => ("n/e ", "33"),
    };
    let word = match is_coloured {
        true => format!("\x1b[{colour}m{word}\x1b[0m"),
        false => word.to_owned(),
    };
    // Writing to a string cannot fail.
    let _ = write!(out, "  {word} {:>3}  {}", line.item, line.title);
    match &line.verdict {
        Verdict::Passed => {}
        Verdict::NotEnabled { needs } => {
            let _ = write!(out, " (not enabled: {needs})");
        }
        Verdict::Failed { what, expected, seen, said } => {
            let indent = "\n            ";
            let _ = write!(out, "{indent}{what}{indent}  expected {expected}");
            let _ = write!(out, "{indent}  seen     {seen}");
            said.iter().for_each(|message| {
                let _ = write!(out, "{indent}  {message}");
            });
        }
    }
    out.push('\n');
}

/// Every check in a line: group, item, title.
pub fn list(is_wanted: impl Fn(&Check) -> bool) -> String {
    let mut out = String::new();
    for group in GROUPS {
        for check in group.checks.iter().filter(|check| is_wanted(check)) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{:>12} {:>3}  {}", group.name, check.item, check.title);
        }
    }
    out
}
