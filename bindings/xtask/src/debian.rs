//! Packages of Debian, unpacked into the cache; nothing is installed.

use crate::fault::Doing;
use crate::{Fallible, Fault, cache, step};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder that stands for `/`, with what these packages have; fetched at the first use.
pub(crate) fn unpacked(name: &str, packages: &[&str]) -> Fallible<PathBuf> {
    for program in ["apt-get", "dpkg"] {
        if !step::available(program) {
            return Err(Fault::new(format!("{program} is not on the PATH")));
        }
    }
    let folder = cache::filled(name, &packages.join(" "), |folder| fetch(folder, packages))?;
    Ok(folder.join("root"))
}

fn fetch(folder: &Path, packages: &[&str]) -> Fallible {
    let download = || {
        let mut apt = Command::new("apt-get");
        apt.current_dir(folder).args(["-q", "download"]).args(packages);
        step::output(&mut apt)
    };
    eprintln!("fetching {} from Debian", packages.join(" and "));
    // A machine that never looked has no package lists yet.
    if download().is_err() {
        step::output(Command::new("apt-get").args(["-q", "update"]))?;
        download()?;
    }
    for entry in fs::read_dir(folder).doing(folder.display())? {
        let path = entry.doing(folder.display())?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            step::run(Command::new("dpkg").arg("-x").arg(&path).arg(folder.join("root")))?;
        }
    }
    Ok(())
}

/// The first file of that name below a folder.
pub(crate) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    entries.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() { find(&path, name) } else { path.ends_with(name).then_some(path) }
    })
}
