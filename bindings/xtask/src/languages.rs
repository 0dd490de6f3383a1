//! How a program of each language is started: examples, drivers and role programs.

use crate::fault::Doing;
use crate::{Fallible, Fault, capi, node, python, workspace};
use cargo_metadata::MetadataCommand;
use std::fs;
use std::path::{Path, PathBuf};

/// A program in one language, ready to start.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) language: &'static str,
    /// Program and first arguments.
    pub(crate) command: Vec<String>,
}

/// The languages, in the order in which they are shown.
pub(crate) const LANGUAGES: &[&str] = &["rust", "python", "node", "c"];

/// Builds what that language needs and answers the program of a story of `examples/`.
pub(crate) fn example(language: &str, story: &str) -> Fallible<Program> {
    match language {
        "rust" => {
            let name = binary(&source(story, "rs")?)?;
            workspace::build()?;
            Ok(program("rust", vec![workspace::built()?.join(name)]))
        }
        "python" => Ok(program("python", vec![python::interpreter()?, source(story, "py")?])),
        "node" => {
            node::prepare()?;
            Ok(program("node", vec!["node".into(), source(story, "mjs")?]))
        }
        "c" => Ok(program("c", vec![capi::compile(&source(story, "c")?)?])),
        other => Err(Fault::new(format!("there are no examples in {other}"))),
    }
}

/// Builds and answers the conformance driver of a language.
pub(crate) fn driver(language: &str) -> Fallible<Program> {
    let folder = workspace::root().join("bindings/conformance/drivers").join(language);
    match language {
        "rust" => {
            workspace::build()?;
            Ok(program("rust", vec![workspace::built()?.join("pinfold-driver")]))
        }
        "python" => Ok(program("python", vec![python::interpreter()?, folder.join("driver.py")])),
        "node" => {
            node::prepare()?;
            Ok(program("node", vec!["node".into(), folder.join("driver.mjs")]))
        }
        "c" => Ok(program("c", vec![capi::compile(&folder.join("driver.c"))?])),
        other => Err(Fault::new(format!("there is no driver in {other}"))),
    }
}

/// The name of the binary that cargo makes of that source.
fn binary(source: &Path) -> Fallible<String> {
    let mut query = MetadataCommand::new();
    let manifest = workspace::root().join("Cargo.toml");
    let metadata = query.manifest_path(manifest).no_deps().exec().doing("cargo metadata")?;
    let mut targets = metadata.packages.iter().flat_map(|package| &package.targets);
    let found = targets.find(|target| target.src_path.as_std_path() == source);
    let found = found.map(|target| target.name.clone());
    found.ok_or_else(|| Fault::new(format!("cargo makes nothing of {}", source.display())))
}

fn program(language: &'static str, command: Vec<PathBuf>) -> Program {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    Program { language, command: command.into_iter().map(text).collect() }
}

/// The one file of a story with that extension.
fn source(story: &str, extension: &str) -> Fallible<PathBuf> {
    let folder = workspace::root().join("examples").join(story);
    let entries = fs::read_dir(&folder).doing(folder.display())?;
    let matches = |path: &PathBuf| Path::new(path).extension().is_some_and(|end| end == extension);
    let found = entries.flatten().map(|entry| entry.path()).find(matches);
    found.ok_or_else(|| Fault::new(format!("{} has no .{extension}", folder.display())))
}
