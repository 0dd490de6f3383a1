//! The client against the real server, over connections that are cut and held.

mod ensemble;
mod operations;
mod order;
mod proxy;
mod read_only;
mod reconnection;
mod recorder;
mod refusals;
mod requests;
mod rolling;
mod watches;

use std::time::Duration;

use pinfold_client::{Client, Options};
use pinfold_server::embedded::Server;

fn server() -> Server {
    Server::start().expect("a server on a free port")
}

/// Options with more patience than a busy machine needs.
fn options(hosts: impl Into<String>) -> Options {
    Options { connect_timeout: Duration::from_secs(60), ..Options::new(hosts) }
}

/// A client with its own connection to the server.
async fn client(server: &Server) -> Client {
    Client::connect(options(server.address())).await.expect("a session")
}
