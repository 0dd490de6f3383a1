//! The embedded server: a real one, in this process, for tests and for small applications.

use std::sync::{Mutex, PoisonError};

use pinfold_server::embedded;

use crate::Error;
use crate::error::code;
use crate::fork::Owner;

/// Options of an embedded server; `Default` gives those of the table.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// `host:port`; none for a free port on loopback.
    pub listen: Option<String>,
    /// Data directory; none for a temporary one that goes with the server.
    pub data_dir: Option<String>,
    /// ZooKeeper's tick, milliseconds.
    pub tick_time_ms: u32,
    /// Settings of a zoo.cfg or Java's system properties, by name.
    pub properties: Vec<(String, String)>,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions { listen: None, data_dir: None, tick_time_ms: 2_000, properties: Vec::new() }
    }
}

/// A running embedded server. Dropping it stops it.
pub struct Server {
    address: String,
    owner: Owner,
    running: Mutex<Option<embedded::Server>>,
}

impl Server {
    /// Starts a server and returns once it serves. Blocks for as long as recovery takes.
    ///
    /// # Errors
    /// `SERVER` when the address is taken, the data directory is not usable, or its contents are
    /// damaged; the message names which.
    pub fn start(options: ServerOptions) -> Result<Server, Error> {
        let mut builder = embedded::Server::builder().tick_time_ms(options.tick_time_ms);
        if let Some(listen) = &options.listen {
            builder = builder.listen(listen);
        }
        if let Some(data_dir) = &options.data_dir {
            builder = builder.data_dir(data_dir);
        }
        let refused =
            |error: pinfold_server::ServerError| Error::new(code::SERVER, error.to_string());
        for (name, value) in &options.properties {
            builder = builder.property(name, value).map_err(refused)?;
        }
        let server = builder.start().map_err(refused)?;
        Ok(Server {
            address: server.address(),
            owner: Owner::this_process(),
            running: Mutex::new(Some(server)),
        })
    }

    /// `host:port` that it serves on.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Stops serving and returns when everything acknowledged is on disk. Idempotent. Blocks.
    ///
    /// # Errors
    /// `FORKED` in a forked child, which has none of the server's threads; `SERVER` when what was
    /// to be written last could not be.
    pub fn stop(&self) -> Result<(), Error> {
        self.owner.check()?;
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        match running {
            Some(server) => {
                server.stop().map_err(|error| Error::new(code::SERVER, error.to_string()))
            }
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.owner.check().is_err() {
            // Threads to be joined and files to be removed are the parent's.
            let slot = self.running.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(slot.take());
        }
    }
}
