//! `cargo test`, with the numbers of every test program added up.

use crate::fault::Doing;
use crate::{Fallible, Fault};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Runs a `cargo test` with its output on the terminal, tells how many tests passed and failed,
/// and fails if one did.
pub(crate) fn run(command: &mut Command, tell: impl FnOnce(usize, usize) -> Fallible) -> Fallible {
    let mut child = command.stdout(Stdio::piped()).spawn().doing("cargo test")?;
    let stdout = child.stdout.take().ok_or_else(|| Fault::new("no standard output"))?;
    let (mut passed, mut failed) = (0, 0);
    for line in BufReader::new(stdout).lines() {
        let line = line.doing("reading what cargo test says")?;
        println!("{line}");
        if let Some(result) = line.strip_prefix("test result: ") {
            passed += number_before(result, " passed");
            failed += number_before(result, " failed");
        }
    }
    let status = child.wait().doing("cargo test")?;
    tell(passed, failed)?;
    if status.success() { Ok(()) } else { Err(Fault::new(format!("cargo test: {status}"))) }
}

fn number_before(text: &str, word: &str) -> usize {
    let before = text.split(word).next().unwrap_or("");
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::number_before;

    #[test]
    fn the_numbers_of_a_test_run_are_read() {
        let line = "FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(number_before(line, " passed"), 12);
        assert_eq!(number_before(line, " failed"), 3);
    }
}
