//! Where things are: the repository, the target folder, built programs.

use crate::fault::Doing;
use crate::{Fallible, Fault, step};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The repository's top folder.
pub(crate) fn root() -> PathBuf {
    // This crate lives two levels below it.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A cargo command that runs in the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    command.current_dir(root()).args(arguments);
    // Set by the outer `cargo run` for this program; a build below must not see them, or crates
    // whose build scripts look at them would be built twice.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_MANIFEST_PATH"] {
        command.env_remove(name);
    }
    command
}

/// The folder with the development builds (`target/debug`, unless cargo is told otherwise).
pub(crate) fn built() -> Fallible<PathBuf> {
    // This very program was built into it.
    let own = std::env::current_exe().doing("finding the build folder")?;
    Ok(own.parent().unwrap_or(Path::new(".")).to_path_buf())
}

/// Builds every program and library of the default members in the development profile, once per
/// run of this program. One build with one set of features: building package by package would
/// compile most dependencies again for each of them.
pub(crate) fn build() -> Fallible {
    static BUILT: OnceLock<Result<(), String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        eprintln!("building the programs and libraries of the workspace");
        step::run(&mut cargo(&["build"])).map_err(|fault| fault.to_string())
    });
    built.clone().map_err(Fault::new)
}

/// Builds the libraries of all bindings with optimisations, once per run, and answers the folder.
/// In one go for the same reason.
pub(crate) fn build_optimised() -> Fallible<PathBuf> {
    static BUILT: OnceLock<Result<(), String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        eprintln!("building the optimised libraries of the bindings");
        let packages = ["-p", "pinfold-c", "-p", "pinfold-node", "-p", "pinfold-python"];
        let mut build = cargo(&["build", "--release"]);
        step::run(build.args(packages)).map_err(|fault| fault.to_string())
    });
    built.clone().map_err(Fault::new)?;
    Ok(self::built()?.with_file_name("release"))
}

/// Builds what is not built, and answers the path of the `pinfold` server.
pub(crate) fn server_binary() -> Fallible<PathBuf> {
    build()?;
    Ok(built()?.join("pinfold"))
}

/// Builds the optimised server if need be, and answers its path.
pub(crate) fn release_server() -> Fallible<PathBuf> {
    eprintln!("building the optimised server");
    step::run(&mut cargo(&["build", "--release", "-p", "pinfold-server"]))?;
    let target = built()?;
    Ok(target.parent().unwrap_or(&target).join("release").join("pinfold"))
}

/// The files of the repository that git knows or would add, relative to the top folder.
pub(crate) fn files() -> Fallible<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root()).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let mut files: Vec<PathBuf> = step::output(&mut git)?.lines().map(PathBuf::from).collect();
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}
