//! How a command reaches the servers.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use pinfold_client::{Client, Options, Sasl, Tls};

use super::Failure;

/// Options that every command has.
#[derive(Debug, Args)]
pub(crate) struct Session {
    /// Servers, as HOST:PORT,HOST:PORT/chroot.
    #[arg(long, env = "PINFOLD_HOSTS", default_value = "127.0.0.1:2181", value_name = "HOSTS")]
    hosts: String,
    /// Session timeout to ask for, in milliseconds.
    #[arg(long, default_value_t = 10_000, value_name = "MS")]
    session_timeout_ms: u32,
    /// Credentials, such as digest:user:password; any number of times.
    #[arg(long, value_name = "SCHEME:CREDENTIALS")]
    auth: Vec<String>,
    /// Authorities that the servers' certificates come from (PEM, PKCS#12 or JKS); turns TLS on.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Our own certificate.
    #[arg(long, value_name = "FILE", requires = "tls_ca")]
    tls_cert: Option<PathBuf>,
    /// Its key, where that is in another file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Who we are; the password is that of the variable PINFOLD_SASL_PASSWORD.
    #[arg(long, value_name = "USER")]
    sasl_user: Option<String>,
}

impl Session {
    /// A connected client.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        Ok(Client::connect(self.options()?).await?)
    }

    fn options(&self) -> Result<Options, Failure> {
        let mut options = Options::new(&self.hosts);
        options.session_timeout = Duration::from_millis(self.session_timeout_ms.into());
        for given in &self.auth {
            let (scheme, credentials) = given.split_once(':').ok_or_else(|| {
                Failure::System(format!("--auth {given}: it begins with a scheme and a colon"))
            })?;
            let credentials = Bytes::copy_from_slice(credentials.as_bytes());
            options.auth.push((scheme.to_owned(), credentials));
        }
        options.tls = self.tls_ca.clone().map(|ca_file| Tls {
            ca_file: Some(ca_file),
            cert_file: self.tls_cert.clone(),
            key_file: self.tls_key.clone(),
            ..Tls::default()
        });
        if let Some(user) = &self.sasl_user {
            let password = std::env::var("PINFOLD_SASL_PASSWORD").map_err(|_| {
                Failure::System("--sasl-user needs the variable PINFOLD_SASL_PASSWORD".to_owned())
            })?;
            options.sasl = Some(Sasl::digest_md5(user, password));
        }
        Ok(options)
    }
}
