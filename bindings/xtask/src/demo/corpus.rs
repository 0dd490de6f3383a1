//! The files to count, and the independent count that the result is compared with.

use crate::fault::Doing;
use crate::{Fallible, Fault, workspace};
use cargo_metadata::MetadataCommand;
use serde::{Deserialize, Serialize};
use std::fs;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};

/// What is counted of a file, as `wc` does: newlines, runs of non-blank bytes, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Count {
    pub(super) lines: u64,
    pub(super) words: u64,
    pub(super) bytes: u64,
}

impl Count {
    pub(super) fn of(data: &[u8]) -> Count {
        // Space, tab, newline, vertical tab, form feed, carriage return.
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
        let words = data.split(blank).filter(|word| !word.is_empty()).count();
        let lines = data.iter().filter(|byte| **byte == b'\n').count();
        Count { lines: lines as u64, words: words as u64, bytes: data.len() as u64 }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Count) {
        self.lines += other.lines;
        self.words += other.words;
        self.bytes += other.bytes;
    }
}

/// The files of the run, each with its direct count, in task order.
pub(super) struct Corpus {
    pub(super) files: Vec<String>,
    pub(super) counts: Vec<Count>,
    pub(super) total: Count,
}

impl Corpus {
    /// The regular files below these folders; without any, of this repository and of the sources
    /// of its dependencies. At most `limit`, spread evenly over all that there are.
    pub(super) fn collect(folders: &[PathBuf], limit: Option<usize>) -> Fallible<Corpus> {
        let folders = if folders.is_empty() { default_folders()? } else { folders.to_vec() };
        let mut files = Vec::new();
        for folder in &folders {
            let folder = fs::canonicalize(folder).doing(folder.display())?;
            walk(&folder, &mut files)?;
        }
        files.sort();
        files.dedup();
        let all = files.len();
        let wanted = limit.unwrap_or(all).min(all);
        let chosen = (0..wanted).map(|index| files[index * all / wanted].clone()).collect();
        let corpus = Corpus::counted(chosen);
        if corpus.files.is_empty() {
            return Err(Fault::new("there are no files to count"));
        }
        Ok(corpus)
    }

    /// Counts directly. A file that cannot be read is left out before it becomes a task.
    fn counted(chosen: Vec<String>) -> Corpus {
        let mut corpus = Corpus { files: Vec::new(), counts: Vec::new(), total: Count::default() };
        for file in chosen {
            let Ok(data) = fs::read(&file) else { continue };
            let count = Count::of(&data);
            corpus.files.push(file);
            corpus.counts.push(count);
            corpus.total += count;
        }
        corpus
    }
}

fn default_folders() -> Fallible<Vec<PathBuf>> {
    let mut query = MetadataCommand::new();
    let manifest = workspace::root().join("Cargo.toml");
    let metadata = query.manifest_path(manifest).exec().doing("cargo metadata")?;
    let outside = metadata.packages.iter().filter(|package| package.source.is_some());
    let mut folders: Vec<PathBuf> = outside
        .filter_map(|package| Some(package.manifest_path.parent()?.as_std_path().to_path_buf()))
        .collect();
    folders.push(workspace::root());
    Ok(folders)
}

fn walk(folder: &Path, files: &mut Vec<String>) -> Fallible {
    // What is being built or downloaded while the demo runs would change under it.
    let passing = [".git", "target", "node_modules", ".venv", "__pycache__"];
    for entry in fs::read_dir(folder).doing(folder.display())? {
        let entry = entry.doing(folder.display())?;
        let kind = entry.file_type().doing(folder.display())?;
        let path = entry.path();
        if kind.is_dir() && !passing.iter().any(|name| path.ends_with(name)) {
            walk(&path, files)?;
        } else if kind.is_file()
            && let Some(text) = path.to_str()
        {
            files.push(text.to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn counts_as_wc_does() {
        let count = |text: &str| Count::of(text.as_bytes());
        assert_eq!(count(""), Count::default());
        assert_eq!(count("one"), Count { lines: 0, words: 1, bytes: 3 });
        assert_eq!(count("tab\tand newline\n"), Count { lines: 1, words: 3, bytes: 16 });
        assert_eq!(count(" \n\x0b\x0c a "), Count { lines: 1, words: 1, bytes: 7 });
    }
}
