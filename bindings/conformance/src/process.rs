//! Server processes for tests: Pinfold's and Apache ZooKeeper's, on loopback, ended with the value.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start.
const START: Duration = Duration::from_secs(60);

/// A running server process. Dropping it kills the process.
pub struct ServerProcess {
    child: Child,
    address: String,
}

impl ServerProcess {
    /// Starts `pinfold serve` on a free port (or on `port`) and waits until it serves.
    ///
    /// # Errors
    /// It did not start; the text has its last output.
    pub fn pinfold(binary: &Path, data_dir: &Path, port: u16) -> Result<ServerProcess, String> {
        ServerProcess::pinfold_with(binary, data_dir, port, &[], Stdio::inherit())
    }

    /// The same with further arguments of `pinfold serve`, and a place for its log.
    ///
    /// # Errors
    /// It did not start; the text has its last output.
    pub fn pinfold_with(
        binary: &Path,
        data_dir: &Path,
        port: u16,
        arguments: &[OsString],
        log: Stdio,
    ) -> Result<ServerProcess, String> {
        let mut child = Command::new(binary)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(data_dir)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(Ok(line)) = lines.next() {
            if let Some(address) = line.strip_prefix("pinfold: serving on ") {
                let address = address.trim().to_owned();
                // Keep reading, or the server would block once the pipe is full.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(ServerProcess { child, address });
            }
        }
        let status = child.wait().map_err(|error| error.to_string())?;
        Err(format!("pinfold serve ended with {status} before it served"))
    }

    /// Starts Apache ZooKeeper from a folder of jars, with all four-letter words on, container and
    /// TTL nodes on, and `super:admin` as its superuser; waits until it serves.
    ///
    /// # Errors
    /// It did not start.
    pub fn zookeeper(jars: &Path, folder: &Path, port: u16) -> Result<ServerProcess, String> {
        ServerProcess::zookeeper_with(jars, folder, port, "", &[])
    }

    /// Settings for a comparison of two servers: nothing happens by itself, sessions can be made
    /// to expire soon, and quotas count. For both servers.
    pub const DIFFERENTIAL: &'static [(&'static str, &'static str)] = &[
        ("tickTime", "200"),
        ("minSessionTimeout", "300"),
        ("maxSessionTimeout", "700000"),
        ("znode.container.checkIntervalMs", "1000000000"),
        ("zookeeper.extendedTypesEnabled", "true"),
        ("zookeeper.enforceQuota", "true"),
        ("zookeeper.DigestAuthenticationProvider.superDigest", SUPER),
    ];

    /// The same with further lines of its zoo.cfg and arguments of Java.
    ///
    /// # Errors
    /// It did not start.
    pub fn zookeeper_with(
        jars: &Path,
        folder: &Path,
        port: u16,
        settings: &str,
        java: &[OsString],
    ) -> Result<ServerProcess, String> {
        let port = if port == 0 { free_port()? } else { port };
        let config = write_config(folder, port, settings)?;
        let log = std::fs::File::create(folder.join("server.log")).map_err(|e| e.to_string())?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let mut child = Command::new("java")
            .args(["-Xmx512m", "-cp", &format!("{}/*", jars.display())])
            .arg("-Dzookeeper.extendedTypesEnabled=true")
            .arg("-Dzookeeper.enforceQuota=true")
            .arg("-Dzookeeper.DigestAuthenticationProvider.superDigest=".to_owned() + SUPER)
            .args(java)
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("java: {error}"))?;
        let address = format!("127.0.0.1:{port}");
        let deadline = Instant::now() + START;
        while !answers(&address) {
            let ended = child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || Instant::now() > deadline {
                // Already gone, or being given up: either way nothing more can be done about it.
                let _ = child.kill();
                let _ = child.wait();
                let log = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
                return Err(format!("Apache ZooKeeper did not start:\n{log}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(ServerProcess { child, address })
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server ends by itself.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn wait(&mut self) -> Result<std::process::ExitStatus, String> {
        self.child.wait().map_err(|error| error.to_string())
    }

    /// Kills it at once (SIGKILL), as a power cut would.
    pub fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Digest of `super:admin`.
const SUPER: &str = "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=";

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

fn write_config(folder: &Path, port: u16, settings: &str) -> Result<PathBuf, String> {
    let write = || {
        std::fs::create_dir_all(folder.join("data"))?;
        let path = folder.join("zoo.cfg");
        let text = format!(
            "tickTime=2000\ndataDir={}/data\nclientPort={port}\nclientPortAddress=127.0.0.1\n\
             admin.enableServer=false\n4lw.commands.whitelist=*\nmaxClientCnxns=0\n\
             extendedTypesEnabled=true\n{settings}",
            folder.display()
        );
        std::fs::write(&path, text)?;
        Ok(path)
    };
    write().map_err(|error: std::io::Error| format!("{}: {error}", folder.display()))
}

fn answers(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    // A server that is about to start may take the connection and never answer on it.
    let patience = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let mut text = String::new();
    // It says "imok" before it serves anybody.
    let asked = patience.and_then(|()| stream.write_all(b"isro"));
    asked.and_then(|()| stream.read_to_string(&mut text)).is_ok() && text == "rw"
}
