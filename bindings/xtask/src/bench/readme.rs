//! The table in README.md: between `<!-- bench -->` and `<!-- end bench -->`.

use super::measure::Effort;
use super::table::Outcome;
use crate::fault::Doing;
use crate::{Fallible, Fault, step, workspace};
use std::process::Command;

const BEGIN: &str = "<!-- bench -->\n";
const END: &str = "<!-- end bench -->\n";

/// Replaces the table by this one.
pub(super) fn paste(outcomes: &[Outcome], effort: Effort) -> Fallible {
    let path = workspace::root().join("README.md");
    let text = std::fs::read_to_string(&path).doing("reading README.md")?;
    let mut table = format!(
        "{}, {} rounds of {} s each:\n\n| work | against | figure | Pinfold | theirs | ratio \
         (spread) | to be | |\n|---|---|---|---|---|---|---|---|\n",
        machine()?,
        effort.rounds,
        effort.seconds
    );
    outcomes.iter().for_each(|outcome| table.push_str(&outcome.markdown()));
    let pasted = replaced(&text, &table)
        .ok_or_else(|| Fault::new(format!("README.md has no lines {BEGIN}and {END}")))?;
    std::fs::write(&path, pasted).doing("writing README.md")
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
}

/// The day, and on what.
fn machine() -> Fallible<String> {
    let day = step::output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpus.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let model = field("model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = step::output(Command::new("uname").args(["-sr"]))?;
    let model = model.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(format!("Measured {} on {cores} cores of an {model}, {}", day.trim(), kernel.trim()))
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn only_the_table_changes() {
        let text = "a\n<!-- bench -->\nold\n<!-- end bench -->\nb\n";
        let pasted = replaced(text, "new\n").unwrap();
        assert_eq!(pasted, "a\n<!-- bench -->\nnew\n<!-- end bench -->\nb\n");
        assert_eq!(replaced("a\n", "new\n"), None);
    }
}
