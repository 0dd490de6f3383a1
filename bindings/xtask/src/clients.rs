//! `cargo x clients`: ZooKeeper clients that nobody here wrote, against our server.
//!
//! Each tells its story (`bindings/conformance/clients`) to Pinfold and to Apache ZooKeeper, and
//! what it prints has to be the committed text both times.

mod line;
mod secured;

use crate::fault::Doing;
use crate::{Fallible, Fault, cache, debian, maven, oracle, step, workspace};
use pinfold_conformance::process::ServerProcess;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Run kazoo, libzookeeper_mt, zkCli, clients with TLS and SASL, and locks that are shared with
/// kazoo and Curator, against both servers
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Take what they print against Apache ZooKeeper as the expected text
    #[arg(long)]
    accept: bool,
    /// Only against Apache ZooKeeper (oracle) or only against our server (pinfold)
    #[arg(long, value_parser = ["pinfold", "oracle"])]
    only: Option<String>,
}

/// Makes the command that tells the story to the server of that address.
type Launcher = Box<dyn Fn(&str) -> Fallible<Command>>;

/// A client: how to make the command that tells its story to the server of that address.
struct Story {
    name: &'static str,
    command: Launcher,
    tidied: fn(&str) -> String,
}

pub(crate) fn run(args: Args) -> Fallible {
    let stories = stories();
    let data = tempfile::tempdir().doing("making a temporary folder")?;
    let mut failed = Vec::new();
    if args.only.as_deref() != Some("pinfold") {
        match oracle::missing() {
            Some(why) => step::left_out("real clients against Apache ZooKeeper", why),
            None => {
                let oracle = oracle::start()?;
                tell_all(&stories, "zookeeper", oracle.server.address(), args.accept, &mut failed);
            }
        }
    }
    if args.only.as_deref() != Some("oracle") {
        let binary = workspace::server_binary()?;
        let server =
            ServerProcess::pinfold_with(&binary, data.path(), 0, &settings(), Stdio::inherit())
                .map_err(Fault::new)?;
        tell_all(&stories, "pinfold", server.address(), false, &mut failed);
    }
    secured::tell_all(args.only.as_deref(), args.accept, &mut failed);
    line::tell_all(args.only.as_deref(), &mut failed);
    if failed.is_empty() { Ok(()) } else { Err(Fault::new(failed.join("\n"))) }
}

/// What `ServerProcess::zookeeper` sets, too.
fn settings() -> Vec<OsString> {
    let superuser = "zookeeper.DigestAuthenticationProvider.superDigest=super:\
                     xQJmxLMiHGwaqBvst5y6rkB6HQs=";
    [format!("-D{superuser}"), "-Dzookeeper.extendedTypesEnabled=true".to_owned()]
        .map(OsString::from)
        .to_vec()
}

fn stories() -> Vec<Story> {
    let mut stories = Vec::new();
    let mut add = |name, made: Fallible<Launcher>, tidied| match made {
        Ok(command) => stories.push(Story { name, command, tidied }),
        Err(why) => step::left_out(format!("the client {name}"), why),
    };
    add("kazoo", kazoo(), |text| text.to_owned());
    add("zookeeper_mt", zookeeper_mt(), |text| text.to_owned());
    add("zkcli", zkcli(), tidied_zkcli);
    add("java", java("ClientStory"), |text| text.to_owned());
    add("curator", java("CuratorStory"), |text| text.to_owned());
    stories
}

fn tell_all(
    stories: &[Story],
    server: &str,
    address: &str,
    accept: bool,
    failed: &mut Vec<String>,
) {
    for story in stories {
        match tell(story, address, accept) {
            Ok(()) => {
                println!("{} against {server}: ok", story.name);
                step::count(1, 0);
            }
            Err(fault) => {
                println!("{} against {server}: FAILED", story.name);
                step::count(0, 1);
                failed.push(format!("{} against {server}: {fault}", story.name));
            }
        }
    }
}

fn tell(story: &Story, address: &str, accept: bool) -> Fallible {
    let printed = step::output(&mut (story.command)(address)?)?;
    let printed = (story.tidied)(&printed);
    let expected = folder().join(format!("{}.expected", story.name));
    if accept {
        return fs::write(&expected, printed).doing(expected.display());
    }
    let wanted = fs::read_to_string(&expected).doing(expected.display())?;
    difference(&wanted, &printed).map_or(Ok(()), |text| Err(Fault::new(text)))
}

/// The first line in which two texts differ.
pub(crate) fn difference(wanted: &str, printed: &str) -> Option<String> {
    if wanted == printed {
        return None;
    }
    let mut lines = printed.lines();
    for (index, want) in wanted.lines().enumerate() {
        let got = lines.next().unwrap_or("(nothing more)");
        if want != got {
            return Some(format!("line {}: wanted {want:?}, got {got:?}\n{printed}", index + 1));
        }
    }
    Some(format!("more than expected: {:?}\n{printed}", lines.next().unwrap_or_default()))
}

fn folder() -> PathBuf {
    workspace::root().join("bindings/conformance/clients")
}

fn kazoo() -> Fallible<Launcher> {
    kazoo_with("kazoo_story.py")
}

/// A program of kazoo.
fn kazoo_with(script: &'static str) -> Fallible<Launcher> {
    let python = cache::venv("kazoo", &["kazoo==2.11.0"])?;
    Ok(Box::new(move |address| {
        let mut command = Command::new(&python);
        command.arg(folder().join(script)).arg(address);
        Ok(command)
    }))
}

fn zookeeper_mt() -> Fallible<Launcher> {
    let program = zookeeper_mt_program(&folder().join("zookeeper_mt_story.c"))?;
    Ok(Box::new(move |address| {
        let mut command = Command::new(&program);
        command.arg(address);
        Ok(command)
    }))
}

/// Compiles a source against Debian's build of ZooKeeper's C client.
pub(crate) fn zookeeper_mt_program(source: &Path) -> Fallible<PathBuf> {
    if !step::available("gcc") {
        return Err(Fault::new("gcc is not on the PATH"));
    }
    let packages = ["libzookeeper-mt-dev", "libzookeeper-mt2"];
    let usr = debian::unpacked("libzookeeper-mt", &packages)?.join("usr");
    let library = debian::find(&usr.join("lib"), "libzookeeper_mt.so.2")
        .ok_or_else(|| Fault::new("the Debian package has no libzookeeper_mt.so.2"))?;
    let libraries = library.parent().unwrap_or(&usr);
    let program = workspace::built()?.join("c").join(source.file_stem().unwrap_or_default());
    fs::create_dir_all(program.parent().unwrap_or(&usr)).doing("making a folder")?;
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-Wall", "-Wextra", "-Werror", "-DTHREADED", "-I"]).arg(usr.join("include"));
    gcc.arg("-o").arg(&program).arg(source).arg(&library);
    gcc.arg("-lpthread").arg(format!("-Wl,-rpath,{}", libraries.display()));
    step::run(&mut gcc)?;
    Ok(program)
}

fn zkcli() -> Fallible<Launcher> {
    let jars = oracle::jars()?;
    Ok(Box::new(move |address| {
        let story = folder().join("zkcli_story.txt");
        // One stream, so that errors stay between the results; the shell only redirects.
        let mut command = Command::new("sh");
        command.arg("-c").arg("exec java -cp \"$0/*\" \"$1\" -server \"$2\" 2>&1").arg(&jars);
        command.args(["org.apache.zookeeper.ZooKeeperMain", address]);
        command.stdin(Stdio::from(fs::File::open(&story).doing(story.display())?));
        Ok(command)
    }))
}

/// A program of Apache's client for Java, or of Apache Curator on top of it.
fn java(class: &'static str) -> Fallible<Launcher> {
    let mut jars = oracle::JARS.to_vec();
    jars.push(("org.apache.curator", "curator-recipes", "5.9.0"));
    let jars = maven::jars("curator-5.9.0", &jars)?;
    let source = folder().join(format!("java/{class}.java"));
    let classes = maven::compiled(&format!("java-{class}"), &[source], &jars)?;
    Ok(Box::new(move |address| {
        let mut command = Command::new("java");
        command.arg("-cp").arg(format!("{}/*:{}", jars.display(), classes.display()));
        command.args(["-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", class, address]);
        Ok(command)
    }))
}

/// What zkCli prints without what differs from run to run: addresses, zxids and times, and the
/// order of what is printed out of a hash table. Events are printed by a thread of their own, so
/// they are moved to the end; those of the connection are left out, since the last one may come
/// too late to be printed.
fn tidied_zkcli(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut events = Vec::new();
    let mut identities = None;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let varying = ["cZxid", "mZxid", "pZxid", "ctime", "mtime"];
        let name = line.split(" = ").next().unwrap_or(line);
        if line.starts_with("WatchedEvent") {
            let event = line.split(" zxid").next().unwrap_or(line);
            if !event.contains("type:None") {
                events.push(event.to_owned());
            }
        } else if varying.contains(&name) {
            lines.push(format!("{name} = .."));
        } else if !line.starts_with("Connecting") && !line.starts_with("WATCHER") {
            lines.push(sorted_list(line));
        }
        // The lines after whoAmI's heading, as long as they are identities.
        if line == "Auth scheme: User" {
            identities = Some(lines.len());
        } else if let Some(first) = identities
            && ["digest: ", "ip: ", "super: "].iter().any(|scheme| line.starts_with(scheme))
        {
            lines[first..].sort();
        } else {
            identities = None;
        }
    }
    lines.extend(events);
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

/// `[b, a]` as `[a, b]`; any other line as it is.
fn sorted_list(line: &str) -> String {
    let inside = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
    let Some(inside) = inside else { return line.to_owned() };
    let mut names: Vec<&str> = inside.split(", ").collect();
    names.sort_unstable();
    format!("[{}]", names.join(", "))
}
