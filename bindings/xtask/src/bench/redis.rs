//! Redis, Celery's broker: Debian's, with its default settings.

use crate::fault::Doing;
use crate::{Fallible, Fault, debian};
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SERVING_WITHIN: Duration = Duration::from_secs(30);

/// A server that runs; it ends with the value.
pub(super) struct Redis {
    pub(super) address: String,
    child: Child,
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Redis {
    /// The folder with its files.
    pub(super) fn installed() -> Fallible<PathBuf> {
        // redis-server is a link to a program of redis-tools; the rest are its libraries.
        let packages = ["redis-server", "redis-tools", "libjemalloc2", "liblzf1"];
        debian::unpacked("redis", &packages)
    }

    /// Starts it with its data in `folder`, and waits until it listens.
    pub(super) fn start(installed: &Path, folder: &Path) -> Fallible<Redis> {
        let program = installed.join("usr/bin/redis-server");
        let library = debian::find(&installed.join("usr/lib"), "libjemalloc.so.2");
        let library = library.ok_or_else(|| Fault::new("libjemalloc is not there"))?;
        let listener = TcpListener::bind("127.0.0.1:0").doing("finding a free port")?;
        let port = listener.local_addr().doing("finding a free port")?.port();
        drop(listener);
        let said = File::create(folder.join("redis-said")).doing("making a log")?;
        let mut command = Command::new(program);
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]).current_dir(folder);
        command.env("LD_LIBRARY_PATH", library.parent().unwrap_or(installed));
        command.stdin(Stdio::null()).stdout(said).stderr(Stdio::null());
        let child = command.spawn().doing("starting Redis")?;
        let redis = Redis { address: format!("127.0.0.1:{port}"), child };
        let begun = Instant::now();
        while TcpStream::connect(&redis.address).is_err() {
            if begun.elapsed() > SERVING_WITHIN {
                return Err(Fault::new("Redis did not start"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(redis)
    }
}
