//! TLS and SASL of the client, against the real server.

#[path = "../../../../server/tests/certificates/mod.rs"]
mod certificates;
mod sasl;
mod tls;

use std::time::Duration;

use pinfold_client::Options;

/// Options with more patience than a busy machine needs.
fn options(hosts: impl Into<String>) -> Options {
    Options { connect_timeout: Duration::from_secs(60), ..Options::new(hosts) }
}

/// Options for what is going to fail.
fn impatient(hosts: impl Into<String>) -> Options {
    Options { connect_timeout: Duration::from_secs(1), ..Options::new(hosts) }
}
