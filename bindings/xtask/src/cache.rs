//! The one cache folder: Python virtual environments, npm packages, jars, Debian packages.
//!
//! It is `$PINFOLD_CACHE`, or `pinfold` in the user's cache folder. Nothing outside it and the
//! build folder is written, and deleting it costs only a download.

use crate::fault::Doing;
use crate::{Fallible, Fault, step};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

/// The cache folder, made if missing. Its name is printed at the first use.
pub(crate) fn dir() -> Fallible<PathBuf> {
    static NAMED: Once = Once::new();
    let path = location()?;
    fs::create_dir_all(&path).doing(format!("making the cache folder {}", path.display()))?;
    NAMED.call_once(|| eprintln!("cache: {}", path.display()));
    Ok(path)
}

fn location() -> Fallible<PathBuf> {
    if let Some(path) = set("PINFOLD_CACHE") {
        return std::path::absolute(path).doing("PINFOLD_CACHE");
    }
    if let Some(path) = set("XDG_CACHE_HOME") {
        return Ok(path.join("pinfold"));
    }
    let home = set("HOME").ok_or_else(|| Fault::new("set PINFOLD_CACHE: there is no HOME"))?;
    Ok(home.join(".cache/pinfold"))
}

fn set(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Fills `dir()/name` once by `fill`, and again only when `content` (what defines it: versions,
/// requirements) changes. An interrupted fill leaves no stamp and is done again.
pub(crate) fn filled(
    name: &str,
    content: &str,
    fill: impl FnOnce(&Path) -> Fallible,
) -> Fallible<PathBuf> {
    let folder = dir()?.join(name);
    let stamp = folder.join(".content");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == content) {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).doing(format!("emptying {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).doing(format!("making {}", folder.display()))?;
    fill(&folder)?;
    fs::write(&stamp, content).doing(format!("writing {}", stamp.display()))?;
    Ok(folder)
}

/// A Python virtual environment of that name with these requirements; returns its interpreter.
pub(crate) fn venv(name: &str, requirements: &[&str]) -> Fallible<PathBuf> {
    if !step::available("python3") {
        return Err(Fault::new("python3 is not on the PATH"));
    }
    let content = requirements.join("\n");
    let folder = filled(&format!("venv-{name}"), &content, |folder| {
        eprintln!("making the Python environment {}", folder.display());
        step::run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        if requirements.is_empty() {
            return Ok(());
        }
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        step::run(pip.args(requirements))
    })?;
    Ok(folder.join("bin/python"))
}
