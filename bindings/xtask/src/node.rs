//! `cargo x node`: the Node package, built in place, and its tests.
//!
//! The native module is built by cargo itself and copied next to the package's JavaScript under
//! the platform's name: it shares the build folder and the flags of everything else here.

use crate::fault::Doing;
use crate::step::{self, Steps};
use crate::{Fallible, Fault, cache, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Build the Node package in place; with --test, also test it and the packed tarball
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Type checks, the package's tests, and an installation of the packed tarball
    #[arg(long)]
    test: bool,
    /// Only the tests in files whose name contains this
    #[arg(long, requires = "test")]
    only: Option<String>,
    /// Build the native module with optimisations
    #[arg(long)]
    release: bool,
}

pub(crate) fn run(args: Args) -> Fallible {
    if let Some(why) = missing() {
        step::left_out("the Node package", why);
        return Ok(());
    }
    let mut steps = Steps::new(if args.test { 6 } else { 3 });
    build_counted(&mut steps, args.release)?;
    if !args.test {
        return Ok(());
    }
    steps.next("type checks of the package's users");
    types()?;
    steps.next("node --test");
    tests(args.only.as_deref())?;
    steps.next("npm pack, and hello from the installed tarball");
    packed()
}

/// Why the Node package cannot be built here, if so.
pub(crate) fn missing() -> Option<&'static str> {
    match (step::available("node"), step::available("npm")) {
        (true, true) => None,
        (false, _) => Some("node is not on the PATH"),
        (_, false) => Some("npm is not on the PATH"),
    }
}

/// Builds the package in place, so that programs under `examples/` can import `pinfold`.
pub(crate) fn prepare() -> Fallible {
    build_counted(&mut Steps::new(3), false)
}

/// The same with optimisations, until the next time that the development profile is built.
pub(crate) fn prepare_optimised() -> Fallible {
    build_counted(&mut Steps::new(3), true)
}

/// Where `import "pinfold"` finds the package, after it was prepared.
pub(crate) fn modules() -> PathBuf {
    workspace::root().join("examples/node_modules")
}

fn build_counted(steps: &mut Steps, release: bool) -> Fallible {
    steps.next("building the native module of the Node package");
    if release {
        workspace::build_optimised()?;
    } else {
        workspace::build()?;
    }
    place(release)?;
    steps.next("npm packages of the Node package");
    dependencies()?;
    steps.next("compiling the TypeScript of the Node package");
    step::run(&mut tsc(&["-p", "tsconfig.json"]))?;
    link(&modules())
}

fn package() -> PathBuf {
    workspace::root().join("node")
}

/// Copies the built library to where the package looks for it. By a rename, because a running
/// process may have the old one mapped.
fn place(release: bool) -> Fallible {
    let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let library =
        format!("{}pinfold_node{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let profile = if release { "release" } else { "debug" };
    let built = workspace::built()?.with_file_name(profile).join(library);
    let folder = package().join("native");
    fs::create_dir_all(&folder).doing(folder.display())?;
    let wanted = folder.join(format!("pinfold.{os}-{arch}.node"));
    let partial = wanted.with_extension(format!("{}.partial", std::process::id()));
    fs::copy(&built, &partial).doing(built.display())?;
    fs::rename(&partial, &wanted).doing(wanted.display())
}

/// `npm ci`, unless what it installed last is what the lock file says.
fn dependencies() -> Fallible {
    let lock =
        fs::read_to_string(package().join("package-lock.json")).doing("package-lock.json")?;
    let stamp = package().join("node_modules/.pinfold-lock");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == lock) {
        return Ok(());
    }
    step::run(npm(&package())?.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    fs::write(&stamp, lock).doing(stamp.display())
}

/// npm, with its downloads in the one cache folder.
pub(crate) fn npm(folder: &Path) -> Fallible<Command> {
    let mut command = Command::new("npm");
    command.current_dir(folder).env("npm_config_cache", cache::dir()?.join("npm"));
    command.env("npm_config_update_notifier", "false");
    Ok(command)
}

fn tsc(arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.current_dir(package()).arg("node_modules/typescript/bin/tsc").args(arguments);
    command
}

/// Makes `import "pinfold"` work below the folder that holds `modules`.
fn link(modules: &Path) -> Fallible {
    fs::create_dir_all(modules).doing(modules.display())?;
    let link = modules.join("pinfold");
    if fs::read_link(&link).is_ok_and(|target| target == package()) {
        return Ok(());
    }
    // What is there may be a link to another checkout.
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(package(), &link).doing(link.display())
}

/// Compiles programs that use the package as an ECMAScript module and as a CommonJS one, against
/// the typings that users get.
fn types() -> Fallible {
    link(&package().join("test/types/node_modules"))?;
    step::run(&mut tsc(&["-p", "test/types/tsconfig.json"]))
}

fn tests(only: Option<&str>) -> Fallible {
    let folder = package().join("test");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .doing(folder.display())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"))
        .filter(|path| only.is_none_or(|part| path.to_string_lossy().contains(part)))
        .collect();
    files.sort();
    let report = tempfile::NamedTempFile::new().doing("making a temporary file")?;
    let mut command = Command::new("node");
    command.current_dir(package()).args(["--expose-gc", "--test", "--test-concurrency=1"]);
    command.args(["--test-reporter=spec", "--test-reporter-destination=stdout"]);
    command.arg("--test-reporter=tap").arg("--test-reporter-destination").arg(report.path());
    let outcome = step::run(command.args(files));
    let text = fs::read_to_string(report.path()).unwrap_or_default();
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("# {name} ")));
        line.and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    step::count(number("pass"), number("fail"));
    outcome
}

/// Packs the package, installs the tarball in a clean folder, and runs the hello from there as an
/// ECMAScript module and as a CommonJS one.
fn packed() -> Fallible {
    let clean = tempfile::tempdir().doing("making a temporary folder")?;
    let folder = clean.path();
    let destination = folder.display().to_string();
    let mut pack = npm(&package())?;
    pack.args(["pack", "--silent", "--pack-destination", &destination]);
    let name = step::output(&mut pack)?;
    let tarball = folder.join(name.trim());
    fs::write(folder.join("package.json"), "{\"private\":true}\n").doing("package.json")?;
    let mut install = npm(folder)?;
    install.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]).arg(&tarball);
    step::run(&mut install)?;
    let examples = workspace::root().join("examples/01-hello");
    let source = fs::read_to_string(examples.join("hello.mjs")).doing("examples/01-hello")?;
    let wanted = fs::read_to_string(examples.join("expected.txt")).doing("examples/01-hello")?;
    fs::write(folder.join("hello.mjs"), &source).doing("hello.mjs")?;
    fs::write(folder.join("hello.cjs"), common_js(&source)).doing("hello.cjs")?;
    for file in ["hello.mjs", "hello.cjs"] {
        let printed = step::output(Command::new("node").current_dir(folder).arg(file))?;
        let fault = || Fault::new(format!("{file} printed\n{printed}instead of\n{wanted}"));
        if printed != wanted {
            return Err(fault());
        }
        step::count(1, 0);
    }
    Ok(())
}

/// The same program for `require`: its import becomes a call, and because CommonJS has no
/// top-level await the rest goes into a function.
fn common_js(source: &str) -> String {
    let (imports, rest): (Vec<&str>, Vec<&str>) =
        source.lines().partition(|line| line.starts_with("import "));
    let imports = imports.iter().map(|line| match line.split_once(" from ") {
        Some((names, module)) => {
            let names = names.replacen("import", "const", 1).replace(" as ", ": ");
            format!("{names} = require({});\n", module.trim_end_matches(';'))
        }
        None => format!("{line}\n"),
    });
    let imports: String = imports.collect();
    format!("{imports}(async () => {{\n{}\n}})();\n", rest.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::common_js;

    #[test]
    fn a_module_becomes_a_script() {
        let module = "import { Client } from \"pinfold\";\nawait Client.connect(\"\");\n";
        let wanted = "const { Client } = require(\"pinfold\");\n\
                      (async () => {\nawait Client.connect(\"\");\n})();\n";
        assert_eq!(common_js(module), wanted);
    }
}
