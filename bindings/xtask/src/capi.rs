//! `cargo x capi`: the C library, built, installed and tested.

use crate::fault::Doing;
use crate::step::{self, Steps};
use crate::{Fallible, Fault, workspace};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library's versioned names: the file, the soname, the name that the linker looks for.
const VERSION: &str = env!("CARGO_PKG_VERSION");
const SONAME: &str = "libpinfold.so.0";

/// Warnings are errors for every C source of this repository.
const FLAGS: &[&str] = &["-std=c11", "-D_GNU_SOURCE", "-g", "-Wall", "-Wextra", "-Werror"];

/// The test programs are watched for what C gets wrong: freed memory, overruns, leaks.
const WATCHED: &[&str] = &["-fsanitize=address,undefined", "-fno-omit-frame-pointer"];

/// Makes the compiler take the archive for the library, with what the archive needs.
const STATIC: &[&str] = &["-static-libgcc"];

/// Build the C library and install it under a prefix; with --test, build and run C programs
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to install lib/, include/ and lib/pkgconfig/
    #[arg(long)]
    prefix: Option<PathBuf>,
    /// Build the optimized library
    #[arg(long)]
    release: bool,
    /// Compile the programs of bindings/c/tests and run them, and compare the exported symbols
    #[arg(long)]
    test: bool,
}

pub(crate) fn run(args: Args) -> Fallible {
    let mut steps = Steps::new(if args.test { 4 } else { 1 });
    steps.next("the C library");
    let prefix = match args.prefix {
        Some(prefix) => std::path::absolute(prefix)?,
        None => default_prefix()?,
    };
    install(&prefix, args.release)?;
    println!("installed to {}", prefix.display());
    if !args.test {
        return Ok(());
    }
    steps.next("exported symbols");
    let mut results = vec![("symbols".to_owned(), check_symbols(&prefix))];
    steps.next("the header in C99, C11 and C++");
    results.push(("header".to_owned(), check_header(&prefix)));
    steps.next("C programs");
    results.extend(run_programs(&prefix)?);
    let failures: Vec<String> = results
        .iter()
        .filter_map(|(name, result)| Some(format!("{name}: {}", result.as_ref().err()?)))
        .collect();
    step::count(results.len() - failures.len(), failures.len());
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Fault::new(failures.join("\n"))),
    }
}

/// Builds the library in the development profile, compiles one C source of this repository
/// against it, and answers the program, which finds the library by itself.
pub(crate) fn compile(source: &Path) -> Fallible<PathBuf> {
    let prefix = default_prefix()?;
    install(&prefix, false)?;
    compile_with(&prefix, source, &[])
}

/// The same with optimisations, of the library and of the program.
pub(crate) fn compile_optimised(source: &Path) -> Fallible<PathBuf> {
    let prefix = workspace::built()?.with_file_name("release").join("capi");
    install(&prefix, true)?;
    compile_with(&prefix, source, &["-O2"])
}

fn default_prefix() -> Fallible<PathBuf> {
    Ok(workspace::built()?.join("capi"))
}

fn install(prefix: &Path, release: bool) -> Fallible {
    let built = build(release)?;
    let libraries = prefix.join("lib");
    let include = prefix.join("include");
    for folder in [&libraries.join("pkgconfig"), &include] {
        fs::create_dir_all(folder).doing(format!("making {}", folder.display()))?;
    }
    let versioned = format!("libpinfold.so.{VERSION}");
    copy(&built.join("libpinfold.so"), &libraries.join(&versioned))?;
    copy(&built.join("libpinfold.a"), &libraries.join("libpinfold.a"))?;
    for name in [SONAME, "libpinfold.so"] {
        let link = libraries.join(name);
        if fs::read_link(&link).is_ok_and(|target| target == Path::new(&versioned)) {
            continue;
        }
        // Whatever was there is not ours to keep: the folder was given for this library.
        let _ = fs::remove_file(&link);
        symlink(&versioned, &link).doing(format!("linking {}", link.display()))?;
    }
    let sources = workspace::root().join("include");
    copy(&sources.join("pinfold.h"), &include.join("pinfold.h"))?;
    let template = fs::read_to_string(sources.join("pinfold.pc.in")).doing("pinfold.pc.in")?;
    let text =
        template.replace("@PREFIX@", &prefix.display().to_string()).replace("@VERSION@", VERSION);
    fs::write(libraries.join("pkgconfig/pinfold.pc"), text).doing("writing pinfold.pc")
}

fn build(release: bool) -> Fallible<PathBuf> {
    if release {
        return workspace::build_optimised();
    }
    workspace::build()?;
    workspace::built()
}

/// Copies a file that differs, by rename: a program that runs keeps the file that it has mapped.
fn copy(from: &Path, to: &Path) -> Fallible {
    let same = |one: &Path, other: &Path| {
        let (one, other) = (fs::metadata(one).ok()?, fs::metadata(other).ok()?);
        let newer = other.modified().ok()? >= one.modified().ok()?;
        Some(one.len() == other.len() && newer)
    };
    if same(from, to) == Some(true) {
        return Ok(());
    }
    let what = format!("copying {} to {}", from.display(), to.display());
    let fresh = to.with_extension(format!("new{}", std::process::id()));
    fs::copy(from, &fresh).doing(&what)?;
    fs::rename(&fresh, to).doing(&what)
}

/// Compiles a source to `<build folder>/c/<its path>` if it, the header or the library is newer.
fn compile_with(prefix: &Path, source: &Path, extra: &[&str]) -> Fallible<PathBuf> {
    let source = workspace::root().join(source);
    let name = source.strip_prefix(workspace::root()).unwrap_or(&source).with_extension("");
    let name = name.to_string_lossy().replace(['/', '.'], "-");
    let folder = workspace::built()?.join("c");
    fs::create_dir_all(&folder).doing("making the folder of C programs")?;
    let program = folder.join(name + extra.first().unwrap_or(&""));
    let age = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let mut inputs = vec![source.clone(), prefix.join("include/pinfold.h")];
    // What it includes from its own folder, and what it is linked with for good.
    let beside = fs::read_dir(source.parent().unwrap_or(&source)).doing("reading its folder")?;
    let beside = beside.filter_map(|entry| Some(entry.ok()?.path()));
    inputs.extend(beside.filter(|path| path.extension().is_some_and(|name| name == "h")));
    if extra == STATIC {
        inputs.push(prefix.join("lib/libpinfold.a"));
    }
    let fresh = age(&program).is_some_and(|made| {
        inputs.iter().all(|input| age(input).is_some_and(|changed| changed < made))
    });
    if fresh {
        return Ok(program);
    }
    let mut flags = package_flags(prefix, extra == STATIC)?;
    if extra == STATIC {
        flags = flags.replace("-lpinfold", "-l:libpinfold.a");
    }
    let mut compiler = compiler();
    compiler.args(FLAGS).args(extra).arg("-o").arg(&program).arg(&source);
    compiler.args(flags.split_whitespace()).arg("-lpthread");
    compiler.arg(format!("-Wl,-rpath,{}", prefix.join("lib").display()));
    step::output(&mut compiler)?;
    Ok(program)
}

/// What a user's build would ask pkg-config for.
fn package_flags(prefix: &Path, needs_all: bool) -> Fallible<String> {
    if !step::available("pkg-config") {
        let prefix = prefix.display();
        let rest = if needs_all { " -lpthread -ldl -lm" } else { "" };
        return Ok(format!("-I{prefix}/include -L{prefix}/lib -lpinfold{rest}"));
    }
    let mut config = Command::new("pkg-config");
    config.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    if needs_all {
        config.arg("--static");
    }
    step::output(config.args(["--cflags", "--libs", "pinfold"]))
}

fn check_symbols(prefix: &Path) -> Fallible {
    if !step::available("nm") {
        step::left_out("the list of exported C symbols", "there is no nm");
        return Ok(());
    }
    let mut nm = Command::new("nm");
    nm.args(["--dynamic", "--defined-only", "--format=posix"]);
    let text = step::output(nm.arg(prefix.join("lib/libpinfold.so")))?;
    let exported: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    let listed = fs::read_to_string(workspace::root().join("include/pinfold.symbols"))?;
    let listed: BTreeSet<&str> = listed.lines().collect();
    let difference: Vec<&str> = exported.symmetric_difference(&listed).copied().collect();
    match difference.is_empty() {
        true => Ok(()),
        false => Err(Fault::new(format!(
            "exported or listed in pinfold.symbols, but not both: {}",
            difference.join(", ")
        ))),
    }
}

fn check_header(prefix: &Path) -> Fallible {
    let include = format!("-I{}", prefix.join("include").display());
    let folder = tempfile::tempdir()?;
    for (compiler, standard, extension) in
        [("cc", "-std=c99", "c"), ("cc", "-std=c11", "c"), ("c++", "-std=c++11", "cc")]
    {
        if !step::available(compiler) {
            step::left_out(
                format!("the header with {standard}"),
                format!("there is no {compiler}"),
            );
            continue;
        }
        let source = folder.path().join("header").with_extension(extension);
        fs::write(&source, "#include <pinfold.h>\nint main(void) { return PINFOLD_OK; }\n")?;
        let mut command = Command::new(compiler);
        command.args([standard, "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]);
        step::output(command.arg(&include).arg(&source))?;
    }
    Ok(())
}

type Results = Vec<(String, Fallible)>;

/// Every program of bindings/c/tests, and the hello that users are shown, linked statically too.
fn run_programs(prefix: &Path) -> Fallible<Results> {
    let mut results = Vec::new();
    let tests = workspace::root().join("bindings/c/tests");
    let mut sources: Vec<PathBuf> = fs::read_dir(&tests)
        .doing(format!("reading {}", tests.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    sources.sort();
    let extra = if can_watch() { WATCHED } else { &[] };
    for source in sources {
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        eprintln!("  {name}");
        let result = compile_with(prefix, &source, extra)
            .and_then(|program| step::output(&mut Command::new(program)).map(drop));
        results.push((name, result));
    }
    for (name, extra) in [("hello", &[] as &[&str]), ("hello, linked statically", STATIC)] {
        eprintln!("  {name}");
        results.push((name.to_owned(), run_hello(prefix, extra)));
    }
    Ok(results)
}

/// Whether the compiler has its sanitizers; their run-time library may be a package of its own.
fn can_watch() -> bool {
    let Ok(folder) = tempfile::tempdir() else { return false };
    let source = folder.path().join("empty.c");
    let mut compiler = compiler();
    compiler.args(WATCHED).arg("-o").arg(folder.path().join("empty")).arg(&source);
    let made = fs::write(&source, "int main(void) { return 0; }\n").is_ok();
    let works = made && step::output(&mut compiler).is_ok();
    if !works {
        step::left_out("C programs under AddressSanitizer", "the compiler has none");
    }
    works
}

fn compiler() -> Command {
    Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".into()))
}

fn run_hello(prefix: &Path, extra: &[&str]) -> Fallible {
    let folder = workspace::root().join("examples/01-hello");
    let program = compile_with(prefix, &folder.join("hello.c"), extra)?;
    let expected = fs::read_to_string(folder.join("expected.txt")).doing("expected.txt")?;
    let printed = step::output(&mut Command::new(program))?;
    if printed == expected {
        return Ok(());
    }
    Err(Fault::new(format!("hello printed\n{printed}\ninstead of\n{expected}")))
}
