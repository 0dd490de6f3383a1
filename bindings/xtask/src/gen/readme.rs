//! The programs in README.md: copied from the examples, which are run by `cargo x examples`.
//!
//! A region is `<!-- from FILE -->`, a fenced block, `<!-- end -->`. A part of a file is taken if
//! it has lines that contain `[readme` and `readme]`; otherwise the whole file.

use crate::generate::Outputs;
use crate::workspace;
use std::fs;
use std::path::PathBuf;

const FILE: &str = "README.md";

pub(crate) fn outputs() -> Outputs {
    let Ok(text) = fs::read_to_string(workspace::root().join(FILE)) else { return Vec::new() };
    vec![(PathBuf::from(FILE), splice(&text, read))]
}

fn read(file: &str) -> Option<String> {
    fs::read_to_string(workspace::root().join(file)).ok()
}

/// Replaces every region. A region whose file is missing stays as it is: a part that has not been
/// built cannot be shown, and deleting its text would hide that.
fn splice(text: &str, read: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let start = line.strip_prefix("<!-- from ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some(source) = start.and_then(&read) else { continue };
        let file = start.unwrap_or_default();
        out.push_str(&format!("```{}\n{}```\n", language(file), region(&source)));
        for skipped in lines.by_ref() {
            if skipped == "<!-- end -->" {
                out.push_str("<!-- end -->\n");
                break;
            }
        }
    }
    out
}

fn language(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("rs") => "rust",
        Some("py") => "python",
        Some("mjs" | "js") => "js",
        Some("c") => "c",
        _ => "text",
    }
}

fn region(source: &str) -> String {
    let marked = source.lines().any(|line| line.contains("[readme"));
    if !marked {
        return format!("{}\n", source.trim_end());
    }
    let inside: Vec<&str> = source
        .lines()
        .skip_while(|line| !line.contains("[readme"))
        .skip(1)
        .take_while(|line| !line.contains("readme]"))
        .collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let margin = inside.iter().filter(|line| !line.trim().is_empty()).map(indent).min();
    let cut = |line: &&str| format!("{}\n", line.get(margin.unwrap_or(0)..).unwrap_or(""));
    inside.iter().map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::splice;

    #[test]
    fn a_region_is_replaced_and_the_rest_stays() {
        let text = "a\n<!-- from x.py -->\nold\n<!-- end -->\nb\n";
        let spliced = splice(text, |_| Some("# [readme\n  one\n    two\n# readme]\n".into()));
        let want = "a\n<!-- from x.py -->\n```python\none\n  two\n```\n<!-- end -->\nb\n";
        assert_eq!(spliced, want);
        assert_eq!(splice(&spliced, |_| Some("one\n  two".into())), want);
    }
}
