//! The client libraries that are compared, each with the program that asks it for gets.

use crate::fault::Doing;
use crate::{Fallible, Fault, cache, capi, clients, node, python, step, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One library, in one of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Library {
    Asyncio,
    Python,
    Kazoo,
    KazooOne,
    Aiozk,
    Node,
    NodeZookeeperClient,
    NpmZookeeper,
    C,
    ZookeeperMt,
    Rust,
    ZookeeperClient,
    RustTasks,
    RustClaims,
    PythonTasks,
    PythonClaims,
    LockingQueue,
    Celery,
}

/// A program that is ready to be run.
pub(super) struct Ready {
    program: PathBuf,
    /// What comes before the arguments that all have.
    first: Option<PathBuf>,
    /// Where Node finds packages.
    modules: Option<PathBuf>,
}

impl Ready {
    fn program(program: PathBuf) -> Ready {
        Ready { program, first: None, modules: None }
    }

    fn python(interpreter: PathBuf, script: &str) -> Ready {
        Ready { program: interpreter, first: Some(source(script)), modules: None }
    }

    fn node(modules: PathBuf, script: &str) -> Ready {
        Ready { program: "node".into(), first: Some(source(script)), modules: Some(modules) }
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.first).env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(modules) = &self.modules {
            command.env("NODE_PATH", modules);
        }
        command
    }
}

impl Library {
    pub(super) fn name(self) -> &'static str {
        match self {
            Library::Asyncio => "Pinfold, asyncio",
            Library::Python => "Pinfold, Python",
            Library::Kazoo | Library::KazooOne => "kazoo 2.11.0",
            Library::Aiozk => "aiozk 0.32.0",
            Library::Node => "Pinfold, Node",
            Library::NodeZookeeperClient => "node-zookeeper-client 1.1.3",
            Library::NpmZookeeper => "npm zookeeper 7.3.0",
            Library::C => "Pinfold, C",
            Library::ZookeeperMt => "libzookeeper_mt 3.8",
            Library::Rust => "Pinfold, Rust",
            Library::ZookeeperClient => "crate zookeeper-client 0.11.2",
            Library::RustTasks => "Pinfold, Rust, master",
            Library::RustClaims => "Pinfold, Rust, claims",
            Library::PythonTasks => "Pinfold, Python, master",
            Library::PythonClaims => "Pinfold, Python, claims",
            Library::LockingQueue => "kazoo 2.11.0 LockingQueue",
            Library::Celery => "Celery 5.7.0 with Redis 7",
        }
    }

    /// Whether it is a binding or the client of this repository.
    pub(super) fn is_ours(self) -> bool {
        use Library::{
            Aiozk, Celery, Kazoo, KazooOne, LockingQueue, NodeZookeeperClient, NpmZookeeper,
            ZookeeperClient, ZookeeperMt,
        };
        !matches!(
            self,
            Kazoo
                | KazooOne
                | Aiozk
                | NodeZookeeperClient
                | NpmZookeeper
                | ZookeeperMt
                | ZookeeperClient
                | LockingQueue
                | Celery
        )
    }

    /// Builds or fetches it. `quick`: without optimisations.
    pub(super) fn prepare(self, quick: bool) -> Fallible<Ready> {
        Ok(match self {
            Library::Asyncio => Ready::python(interpreter(quick)?, "pinfold_asyncio.py"),
            Library::Python => Ready::python(interpreter(quick)?, "pinfold_sync.py"),
            Library::Kazoo => Ready::python(kazoo()?, "kazoo_async.py"),
            Library::KazooOne => Ready::python(kazoo()?, "kazoo_sync.py"),
            Library::Aiozk => {
                Ready::python(cache::venv("aiozk", &["aiozk==0.32.0"])?, "aiozk_async.py")
            }
            Library::Node => {
                if quick { node::prepare() } else { node::prepare_optimised() }?;
                Ready::node(node::modules(), "pinfold.mjs")
            }
            Library::NodeZookeeperClient => {
                let modules = packages("node-zookeeper-client", "1.1.3")?;
                Ready::node(modules, "node_zookeeper_client.mjs")
            }
            Library::NpmZookeeper => Ready::node(packages("zookeeper", "7.3.0")?, "zookeeper.mjs"),
            Library::C if quick => Ready::program(capi::compile(&source("pinfold.c"))?),
            Library::C => Ready::program(capi::compile_optimised(&source("pinfold.c"))?),
            Library::ZookeeperMt => {
                Ready::program(clients::zookeeper_mt_program(&source("zookeeper_mt.c"))?)
            }
            Library::Rust => Ready::program(conformance("pinfold-gets", quick)?),
            Library::RustTasks => Ready {
                first: Some("master".into()),
                ..Ready::program(conformance("pinfold-tasks", quick)?)
            },
            Library::RustClaims => Ready {
                first: Some("claims".into()),
                ..Ready::program(conformance("pinfold-tasks", quick)?)
            },
            Library::PythonTasks => Ready::python(interpreter(quick)?, "tasks_pinfold.py"),
            Library::PythonClaims => Ready::python(interpreter(quick)?, "claims_pinfold.py"),
            Library::LockingQueue => Ready::python(kazoo()?, "tasks_kazoo.py"),
            Library::Celery => {
                Ready::python(cache::venv("celery", &["celery[redis]==5.7.0"])?, "tasks_celery.py")
            }
            Library::ZookeeperClient => Ready::program(zookeeper_client()?),
        })
    }
}

fn source(name: &str) -> PathBuf {
    workspace::root().join("bindings/xtask/src/bench/clients").join(name)
}

fn interpreter(quick: bool) -> Fallible<PathBuf> {
    if quick { python::interpreter() } else { python::optimised_interpreter() }
}

fn kazoo() -> Fallible<PathBuf> {
    cache::venv("kazoo", &["kazoo==2.11.0"])
}

/// The folder of packages with this one, which may build native code of its own.
fn packages(name: &str, version: &str) -> Fallible<PathBuf> {
    if let Some(why) = node::missing() {
        return Err(Fault::new(why));
    }
    let folder = cache::filled(&format!("npm-{name}"), version, |folder| {
        eprintln!("fetching {name} {version} from npm");
        fs::write(folder.join("package.json"), "{\"private\":true}\n").doing("package.json")?;
        let mut install = node::npm(folder)?;
        install.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]);
        step::output(install.arg(format!("{name}@{version}"))).map(drop)
    })?;
    Ok(folder.join("node_modules"))
}

/// A program of bindings/conformance.
fn conformance(name: &str, quick: bool) -> Fallible<PathBuf> {
    let development = workspace::built()?;
    if quick {
        workspace::build()?;
        return Ok(development.join(name));
    }
    let build = ["build", "--release", "-p", "pinfold-conformance", "--bin", name];
    step::run(&mut workspace::cargo(&build))?;
    Ok(development.with_file_name("release").join(name))
}

/// Built in the cache: it is a workspace of its own, with a crate that nothing else here needs.
fn zookeeper_client() -> Fallible<PathBuf> {
    let manifest = source("zookeeper-client/Cargo.toml");
    let target = cache::dir()?.join("zookeeper-client");
    eprintln!("building the crate zookeeper-client");
    let mut build = workspace::cargo(&["build", "--quiet", "--release", "--locked"]);
    build.arg("--manifest-path").arg(&manifest).arg("--target-dir").arg(&target);
    step::output(&mut build)?;
    Ok(Path::new(&target).join("release/zookeeper-client-gets"))
}
