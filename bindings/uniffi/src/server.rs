//! The embedded server.

use crate::PinfoldError;
use pinfold_glue::{self as glue, ServerOptions};
use std::sync::Arc;

/// A real server in this process, for tests and small applications. Released, it stops.
#[derive(uniffi::Object)]
pub struct Server(glue::Server);

#[uniffi::export]
impl Server {
    /// Starts a server on a free port of loopback and returns when it serves. Without a data
    /// directory it has a temporary one, which goes with it. Blocks.
    #[uniffi::constructor]
    pub fn start(data_dir: Option<String>) -> Result<Arc<Server>, PinfoldError> {
        let options = ServerOptions { data_dir, ..ServerOptions::default() };
        Ok(Arc::new(Server(glue::Server::start(options)?)))
    }

    /// `host:port`, to be used as the hosts of a client.
    pub fn address(&self) -> String {
        self.0.address().to_owned()
    }

    /// Stops serving; returns when everything acknowledged is on disk. Idempotent. Blocks.
    pub fn stop(&self) -> Result<(), PinfoldError> {
        Ok(self.0.stop()?)
    }
}
