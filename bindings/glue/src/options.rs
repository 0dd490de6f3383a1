//! Options of a client, with the table's defaults.

use std::time::Duration;

use bytes::Bytes;
use pinfold_client as client;

use crate::{Error, Security};

/// How to reach the servers. Defaults are those of [`crate::api`].
#[derive(Debug, Clone)]
pub struct Options {
    /// `host:port,host:port/chroot`.
    pub hosts: String,
    /// Session timeout to ask for, milliseconds.
    pub session_timeout_ms: u32,
    /// Time limit for the first connection, milliseconds.
    pub connect_timeout_ms: u32,
    /// Credentials as (scheme, bytes), given again at every reconnection.
    pub auth: Vec<(String, Vec<u8>)>,
    /// Whether a read-only server is accepted.
    pub read_only: bool,
    /// Requests that may wait for an answer.
    pub in_flight_limit: u32,
    /// TLS and SASL.
    pub security: Security,
}

impl Options {
    /// Options with every default.
    pub fn new(hosts: impl Into<String>) -> Options {
        Options {
            hosts: hosts.into(),
            session_timeout_ms: 10_000,
            connect_timeout_ms: 10_000,
            auth: Vec::new(),
            read_only: false,
            in_flight_limit: 16_384,
            security: Security::default(),
        }
    }

    pub(crate) fn into_client(self) -> Result<client::Options, Error> {
        if self.session_timeout_ms == 0 || self.session_timeout_ms > i32::MAX as u32 {
            return Err(Error::invalid_argument(format!(
                "session_timeout_ms is {}, and must be between 1 and {}",
                self.session_timeout_ms,
                i32::MAX
            )));
        }
        if self.in_flight_limit == 0 {
            return Err(Error::invalid_argument("in_flight_limit is 0, and must be at least 1"));
        }
        let mut options = client::Options::new(self.hosts);
        options.session_timeout = Duration::from_millis(self.session_timeout_ms.into());
        options.connect_timeout = Duration::from_millis(self.connect_timeout_ms.into());
        options.auth = self.auth.into_iter().map(|(s, bytes)| (s, Bytes::from(bytes))).collect();
        options.read_only = self.read_only;
        options.in_flight_limit = self.in_flight_limit as usize;
        options.tls = self.security.tls();
        options.sasl = self.security.sasl()?;
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{API, Default};

    #[test]
    fn defaults_are_the_tables() {
        let options = Options::new("h:1");
        let number = |name: &str| {
            let option = API.options.iter().find(|option| option.name == name);
            match option.and_then(|option| option.default) {
                Some(Default::Number(value)) => value,
                other => panic!("{name} has the default {other:?}"),
            }
        };
        assert_eq!(i64::from(options.session_timeout_ms), number("session_timeout_ms"));
        assert_eq!(i64::from(options.connect_timeout_ms), number("connect_timeout_ms"));
        assert_eq!(i64::from(options.in_flight_limit), number("in_flight_limit"));
    }
}
