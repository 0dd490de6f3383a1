//! From the options of TLS to its sessions.

mod verifier;

use std::path::Path;
use std::sync::Arc;

use pinfold_proto::keystore::{self, Identity, StoreKind};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, Der, PrivateKeyDer, ServerName, TrustAnchor};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::{Error, ErrorKind, Tls, Verify};
use verifier::{Anybody, Verifier};

/// Makes the TLS side of connections.
pub(crate) struct Connector {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

impl Connector {
    /// Reads the files.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the option, the file and what is wrong with it.
    pub(crate) fn load(tls: &Tls) -> Result<Connector, Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier = verifier(tls, &provider)?;
        let refused = |reason: String| Error::new(ErrorKind::InvalidArgument, reason);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match own(tls)? {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key }) => {
                let file = tls.cert_file.as_deref().unwrap_or(Path::new(""));
                let bad = |reason: String| unusable("tls_cert_file", file, &reason);
                let key = PrivateKeyDer::try_from(key).map_err(|error| bad(error.to_owned()))?;
                let chain = chain.into_iter().map(CertificateDer::from).collect();
                builder.with_client_auth_cert(chain, key).map_err(|e| bad(e.to_string()))?
            }
        };
        let server_name = match &tls.server_name {
            Some(name) => Some(
                ServerName::try_from(name.clone())
                    .map_err(|error| refused(format!("tls_server_name {name:?}: {error}")))?,
            ),
            None => None,
        };
        Ok(Connector { config: Arc::new(config), server_name })
    }

    /// A session with the server at `host:port`.
    pub(crate) fn session(&self, address: &str) -> std::io::Result<ClientConnection> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => {
                let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                ServerName::try_from(host).map_err(std::io::Error::other)?
            }
        };
        ClientConnection::new(self.config.clone(), name).map_err(std::io::Error::other)
    }
}

fn verifier(
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    if tls.verify == Verify::None {
        return Ok(Arc::new(Anybody(provider.clone())));
    }
    let trusted = trusted(tls)?;
    let mut roots = RootCertStore::empty();
    // Among those of an operating system there are always some that are not understood.
    let authorities = trusted.iter().filter(|trusted| keystore::is_authority(trusted));
    roots.add_parsable_certificates(authorities.cloned());
    if roots.is_empty() && !trusted.is_empty() {
        // All that is trusted are certificates of servers, and rustls takes no empty list.
        roots.roots.push(nobody());
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| {
            let file = tls.ca_file.as_deref().unwrap_or(Path::new(""));
            unusable("tls_ca_file", file, &error.to_string())
        })?;
    let checks_name = tls.verify == Verify::Full;
    Ok(Arc::new(Verifier { authorities: verifier, trusted, checks_name }))
}

/// An authority without a name and without a key, so that nothing can come from it.
fn nobody() -> TrustAnchor<'static> {
    let nothing = Der::from_slice(&[]);
    TrustAnchor {
        subject: nothing.clone(),
        subject_public_key_info: nothing,
        name_constraints: None,
    }
}

/// The certificates to trust.
fn trusted(tls: &Tls) -> Result<Vec<CertificateDer<'static>>, Error> {
    let Some(file) = &tls.ca_file else {
        let native = rustls_native_certs::load_native_certs();
        if native.certs.is_empty() {
            let reason = "the operating system trusts nobody; give tls_ca_file";
            return Err(Error::new(ErrorKind::InvalidArgument, reason));
        }
        return Ok(native.certs);
    };
    let bytes = read("tls_ca_file", file)?;
    let password = tls.store_password.as_deref().unwrap_or("");
    let trusted = keystore::trusted(StoreKind::of(&bytes), &bytes, password)
        .map_err(|error| unusable("tls_ca_file", file, &error.to_string()))?;
    Ok(trusted.into_iter().map(CertificateDer::from).collect())
}

/// The client's own key and certificates, if it has any.
fn own(tls: &Tls) -> Result<Option<Identity>, Error> {
    let Some(file) = &tls.cert_file else {
        return match &tls.key_file {
            Some(key) => Err(unusable("tls_key_file", key, "there is no tls_cert_file")),
            None => Ok(None),
        };
    };
    let bytes = read("tls_cert_file", file)?;
    let password = tls.store_password.as_deref().unwrap_or("");
    let identity = match &tls.key_file {
        Some(key_file) => {
            keystore::identity_of_parts(&bytes, &read("tls_key_file", key_file)?, password)
        }
        None => keystore::identity(StoreKind::of(&bytes), &bytes, password),
    };
    identity.map(Some).map_err(|error| unusable("tls_cert_file", file, &error.to_string()))
}

fn read(option: &str, file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|error| unusable(option, file, &error.to_string()))
}

fn unusable(option: &str, file: &Path, reason: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{option} {}: {reason}", file.display()))
}
