//! `cargo x gen`: the generated files, which are committed.
//!
//! Each generator answers what its files should contain; writing and comparing is done here. A
//! generator is a module of `gen/` with `outputs()`, and a line in `GENERATORS`.

#[path = "gen/c.rs"]
mod c;
#[path = "gen/node.rs"]
mod node;
#[path = "gen/python.rs"]
mod python;
#[path = "gen/readme.rs"]
mod readme;
#[path = "gen/recipes.rs"]
mod recipes;

use crate::fault::Doing;
use crate::{Fallible, Fault, workspace};
use std::fs;
use std::path::PathBuf;

/// Files by their path in the repository, with the content they should have.
pub(crate) type Outputs = Vec<(PathBuf, String)>;

/// A generator by its name.
type Generator = (&'static str, fn() -> Outputs);

const GENERATORS: &[Generator] = &[
    // Before the header, which is made from what this writes.
    ("recipes", recipes::outputs),
    ("c", c::outputs),
    ("node", node::outputs),
    ("python", python::outputs),
    ("readme", readme::outputs),
];

/// Write the generated files: vocabulary of the bindings, types, header, README regions
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: Args) -> Fallible {
    for path in write_stale()? {
        println!("wrote {path}");
    }
    Ok(())
}

/// Rewrites what is stale, then fails if anything was: the commit should have had it.
pub(crate) fn check() -> Fallible {
    let stale = write_stale()?;
    if stale.is_empty() {
        return Ok(());
    }
    Err(Fault::new(format!("these files were stale, now rewritten: {}", stale.join(", "))))
}

fn write_stale() -> Fallible<Vec<String>> {
    let mut stale = Vec::new();
    for (name, outputs) in GENERATORS {
        for (path, content) in outputs() {
            let shown = format!("{} (by {name})", path.display());
            let path = workspace::root().join(path);
            if fs::read_to_string(&path).is_ok_and(|text| text == content) {
                continue;
            }
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).doing(&shown)?;
            }
            fs::write(&path, content).doing(&shown)?;
            stale.push(shown);
        }
    }
    Ok(stale)
}
