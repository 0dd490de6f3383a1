//! The tests of kazoo, ZooKeeper's client for Python; they come with the package.
//!
//! They start the servers that they need themselves, by `java` with a zoo.cfg, stores of
//! certificates and a JAAS file that they write. For ours, another program of that name is first
//! on the PATH (`bindings/conformance/clients/suites/java`).

use super::pytest::{Run, folder};
use crate::fault::Doing;
use crate::{Fallible, Fault, cache, oracle, workspace};
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// kazoo, and what its tests import. pyOpenSSL 25 no longer has what they make certificates with.
const REQUIREMENTS: &[&str] = &[
    "kazoo==2.11.0",
    "pytest==9.2.0",
    "pytest-timeout==2.4.0",
    "pyOpenSSL==24.3.0",
    "cryptography==44.0.3",
    "pyjks==20.0.0",
    "gevent==26.9.0",
    "eventlet==0.41.3",
    "pure-sasl==0.6.2",
    "objgraph==3.7.0",
];

/// The modules of the short form: those that talk to a server, without the ones that say the same
/// with other event loops, and without those that mostly wait.
const QUICK: &[&str] =
    &["test_client", "test_connection", "test_sasl", "test_lock", "test_queue", "test_barrier"];

/// kazoo's tests, ready to run.
pub(crate) struct Suite {
    python: PathBuf,
    jars: Option<PathBuf>,
    server: PathBuf,
    selection: Vec<OsString>,
    /// How many servers make the ensemble of the tests.
    servers: u8,
}

impl Suite {
    pub(crate) fn prepare(quick: bool, servers: u8, select: Option<String>) -> Fallible<Suite> {
        let python = cache::venv("kazoo-suite", REQUIREMENTS)?;
        let jars = if oracle::missing().is_none() { Some(oracle::jars()?) } else { None };
        let mut selection: Vec<OsString> = Vec::new();
        if let Some(expression) = select {
            selection.extend(["-k".into(), expression.into()]);
        }
        if quick {
            selection.extend(QUICK.iter().map(|module| format!("kazoo.tests.{module}").into()));
        } else {
            selection.push("kazoo.tests".into());
        }
        Ok(Suite { python, jars, server: workspace::server_binary()?, selection, servers })
    }

    fn start(&self, servers: impl Fn(&mut Command) -> Fallible) -> Fallible<Run> {
        let folder = tempfile::tempdir().doing("making a temporary folder")?;
        Run::start("kazoo", &self.python, &self.selection, folder, None, |command| {
            let jars = self.jars.clone().unwrap_or_default();
            command.env("ZOOKEEPER_CLASSPATH", format!("{}/*", jars.display()));
            command.env("ZOOKEEPER_VERSION", "3.9.5");
            command.env("ZOOKEEPER_CLUSTER_SIZE", self.servers.to_string());
            command.env("ZOOKEEPER_PORT_OFFSET", free_ports(self.servers)?.to_string());
            // The tests would take another way through themselves.
            command.env_remove("CI").env_remove("ZOOKEEPER_PATH");
            servers(command)
        })
    }
}

impl super::Suite for Suite {
    fn start_on_zookeeper(&self) -> Fallible<Run> {
        self.start(|_| Ok(()))
    }

    fn start_on_pinfold(&self) -> Fallible<Run> {
        self.start(|command| {
            let mut path = OsString::from(folder());
            path.push(":");
            path.push(std::env::var_os("PATH").unwrap_or_default());
            command.env("PATH", path).env("PINFOLD", &self.server);
            Ok(())
        })
    }
}

/// The first of the ports that nobody listens on, five in a row for each server and ten from one
/// server to the next; the tests number them themselves. They are below those that the system gives
/// to outgoing connections, and other ones each time.
fn free_ports(servers: u8) -> Fallible<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let (servers, blocks) = (u32::from(servers), 1200 / u32::from(servers));
    for _ in 0..blocks {
        let number = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id());
        let first = u16::try_from(20_000 + number % blocks * servers * 10).doing("a port")?;
        let ports = (0..servers as u16).flat_map(|server| (0..5).map(move |at| server * 10 + at));
        let taken: Result<Vec<TcpListener>, _> =
            ports.map(|port| TcpListener::bind(("127.0.0.1", first + port))).collect();
        if taken.is_ok() {
            return Ok(first);
        }
    }
    Err(Fault::new("no ports in a row are free between 20000 and 32000"))
}
