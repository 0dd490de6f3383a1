//! TLS to the servers.

use std::path::PathBuf;

/// How far a server's certificate is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// It has to come from a trusted authority, and to be for the server's name.
    #[default]
    Full,
    /// It has to come from a trusted authority, for whatever name: an authority of one's own that
    /// certifies nobody else.
    Ca,
    /// Anybody's will do. Whoever is on the way can read and change everything.
    None,
}

/// TLS on every connection of a client: version 1.2 or 1.3. Certificates have to be of X.509
/// version 3, with the server's names as alternative names; a common name alone is none. Files are
/// read when the client starts, and again by [`crate::Client::renew`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates to trust: PEM, PKCS12 or JKS. The operating system's when there is none.
    pub ca_file: Option<PathBuf>,
    /// The client's own certificate and those of its issuers: PEM, with or without the key; or
    /// PKCS12 or JKS, which have the key. A server that asks for none needs none.
    pub cert_file: Option<PathBuf>,
    /// The key in PEM, where it is not in `cert_file`.
    pub key_file: Option<PathBuf>,
    /// The password of the stores and of an encrypted key.
    pub store_password: Option<String>,
    /// How far a server's certificate is looked at.
    pub verify: Verify,
    /// The name to look for in the certificate; each server's host name when there is none.
    pub server_name: Option<String>,
}

impl std::fmt::Debug for Tls {
    /// Without the password, which must not get into a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("ca_file", &self.ca_file)
            .field("cert_file", &self.cert_file)
            .field("key_file", &self.key_file)
            .field("verify", &self.verify)
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}
