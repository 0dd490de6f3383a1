//! `cargo x py`: the Python package, built where the repository's programs find it, and its tests.

use crate::fault::Doing;
use crate::step::{self, Steps};
use crate::{Fallible, Fault, cache, workspace};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the tests need; the package itself needs nothing but Python.
const TEST_REQUIREMENTS: &[&str] = &["mypy==2.4.1", "pytest==9.2.0", "pytest-timeout==2.4.0"];

/// Build the Python package into a virtual environment of the cache; with --test, test it
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run pytest, check the types, install the package into a clean environment and run the hello
    #[arg(long)]
    test: bool,
    /// Arguments of pytest
    #[arg(last = true)]
    pytest: Vec<String>,
}

pub(crate) fn run(args: Args) -> Fallible {
    if !args.test {
        let mut steps = Steps::new(1);
        steps.next("building the Python package (development profile)");
        println!("{}", interpreter()?.display());
        return Ok(());
    }
    if !step::available("python3") {
        step::left_out("the Python package", "python3 is not on the PATH");
        return Ok(());
    }
    let mut steps = Steps::new(4);
    steps.next("building the Python package (development profile)");
    workspace::build()?;
    place(&workspace::built()?)?;
    let python = environment("python-tests", TEST_REQUIREMENTS)?;
    steps.next("types: the stubs against the module, and the package by itself");
    check_types(&python)?;
    steps.next("pytest");
    pytest(&python, &args.pytest)?;
    steps.next("pip install ./python in a clean environment, and the hello with it");
    try_package()?;
    step::count(3, 0);
    Ok(())
}

/// Builds the package in the development profile into a virtual environment of the cache, and
/// answers that environment's interpreter. Quick when nothing has changed.
pub(crate) fn interpreter() -> Fallible<PathBuf> {
    workspace::build()?;
    place(&workspace::built()?)?;
    environment("python", &[])
}

/// The same with optimisations, until the next time that the development profile is built.
pub(crate) fn optimised_interpreter() -> Fallible<PathBuf> {
    place(&workspace::build_optimised()?)?;
    environment("python", &[])
}

/// Puts the native module into the package's sources, where an import finds it.
fn place(folder: &Path) -> Fallible {
    let built = folder.join("lib_native.so");
    let target = package().join("src/pinfold/_native.abi3.so");
    let content = fs::read(&built).doing(built.display())?;
    if fs::read(&target).is_ok_and(|old| old == content) {
        return Ok(());
    }
    // Renamed into place: a program that runs keeps the file that it has mapped.
    let fresh = target.with_extension("so.new");
    fs::write(&fresh, content).doing(fresh.display())?;
    fs::rename(&fresh, &target).doing(target.display())
}

fn package() -> PathBuf {
    workspace::root().join("python")
}

/// A virtual environment that imports the package from this repository's sources.
fn environment(name: &str, requirements: &[&str]) -> Fallible<PathBuf> {
    // One per clone: clones share the cache, and each has its own sources.
    let mut hasher = DefaultHasher::new();
    workspace::root().hash(&mut hasher);
    let python = cache::venv(&format!("{name}-{:016x}", hasher.finish()), requirements)?;
    let sources = package().join("src");
    let link = site_packages(&python)?.join("pinfold.pth");
    let content = format!("{}\n", sources.display());
    if !fs::read_to_string(&link).is_ok_and(|text| text == content) {
        fs::write(&link, content).doing(link.display())?;
    }
    Ok(python)
}

fn site_packages(python: &Path) -> Fallible<PathBuf> {
    let question = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let answer = step::output(Command::new(python).args(["-c", question]))?;
    Ok(PathBuf::from(answer.trim()))
}

fn check_types(python: &Path) -> Fallible {
    let mypy = |arguments: &[&str]| {
        let mut command = Command::new(python);
        command.current_dir(package()).arg("-m").args(arguments);
        step::run(&mut command)
    };
    mypy(&["mypy"])?;
    let allowed = ["--allowlist", "tests/stubtest-allowlist.txt"];
    let stubtest = ["mypy.stubtest", "pinfold", "--mypy-config-file", "pyproject.toml"];
    mypy(&[&stubtest[..], &allowed[..], &["--concise"]].concat())
}

fn pytest(python: &Path, arguments: &[String]) -> Fallible {
    let mut command = Command::new(python);
    command.current_dir(package()).args(["-m", "pytest", "--quiet"]).args(arguments);
    let text = step::output(&mut command)?;
    print!("{text}");
    step::count(passed(&text), 0);
    Ok(())
}

/// The number in pytest's last line, `12 passed in 3.04s`.
fn passed(text: &str) -> usize {
    let last = text.lines().rev().find(|line| line.contains(" passed"));
    let number = last.and_then(|line| {
        line.split(' ').zip(line.split(' ').skip(1)).find_map(|(number, word)| {
            word.starts_with("passed").then(|| number.parse().ok()).flatten()
        })
    });
    number.unwrap_or(0)
}

/// What a user does: a clean environment, `pip install`, the hello.
fn try_package() -> Fallible {
    let folder = tempfile::tempdir().doing("making a temporary folder")?;
    step::run(Command::new("python3").args(["-m", "venv"]).arg(folder.path()))?;
    let python = folder.path().join("bin/python");
    let target = workspace::built()?;
    let target = target.parent().ok_or_else(|| Fault::new("the build folder has no parent"))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    // A user gets the release profile; for the test, what has been built already is good enough.
    pip.arg(package()).env("MATURIN_PEP517_ARGS", "--profile dev").env("CARGO_TARGET_DIR", target);
    step::run(&mut pip)?;
    let hello = workspace::root().join("examples/01-hello");
    let said =
        step::output(Command::new(&python).current_dir(folder.path()).arg(hello.join("hello.py")))?;
    let expected = hello.join("expected.txt");
    let expected = fs::read_to_string(&expected).doing(expected.display())?;
    if said == expected {
        return Ok(());
    }
    Err(Fault::new(format!("the installed package's hello said:\n{said}instead of:\n{expected}")))
}

#[cfg(test)]
mod tests {
    use super::passed;

    #[test]
    fn the_count_is_read_from_the_last_line() {
        assert_eq!(passed("....\n12 passed in 3.04s\n"), 12);
        assert_eq!(passed("F\n1 failed, 3 passed in 1s\n"), 3);
        assert_eq!(passed("nothing"), 0);
    }
}
