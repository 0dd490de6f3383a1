//! TLS, to let in clients and other servers, and to get to those.

mod connector;
mod socket;
mod subject;
mod verifier;
mod version1;

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use pinfold_proto::keystore::{self, StoreKind};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, Der, PrivateKeyDer, ServerName, TrustAnchor,
};
use tokio_rustls::rustls::server::{NoClientAuth, ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{
    Error as RustlsError, InconsistentKeys, InvalidMessage, RootCertStore, ServerConfig,
    SupportedProtocolVersion, client::verify_server_name, server::danger::ClientCertVerifier,
    version,
};
use tokio_rustls::server::TlsStream;

use crate::config::{ClientAuth, StoreFile, Tls as Settings};
use crate::error::ServerError;
use crate::shared::lock;
pub(crate) use connector::shake_hands;
use socket::Socket;
use verifier::Verifier;
use version1::Version1;

/// What sockets become that speak TLS.
#[derive(Debug)]
pub(crate) struct Tls {
    settings: Settings,
    loaded: Mutex<Loaded>,
    handshakes: AtomicUsize,
}

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    /// What the stores looked like when they were read.
    stamps: Stamps,
}

type Stamps = [Option<(SystemTime, u64)>; 2];

/// A client whose TLS handshake has succeeded.
pub(crate) struct Secured {
    pub(crate) stream: TlsStream<Socket>,
    /// The subject of its certificate, if it has shown one.
    pub(crate) subject: Option<String>,
}

/// Why there was no handshake.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There are as many at the moment as there may be.
    TooMany,
    /// For this reason.
    Failed(String),
}

impl Tls {
    /// Reads the stores; nothing when no port takes TLS.
    ///
    /// # Errors
    /// The setting, the file and what is wrong with it.
    pub(crate) fn load(settings: &Settings) -> Result<Option<Tls>, ServerError> {
        settings.is_on().then(|| Tls::open(settings)).transpose()
    }

    /// Reads the stores.
    ///
    /// # Errors
    /// The setting, the file and what is wrong with it.
    pub(crate) fn open(settings: &Settings) -> Result<Tls, ServerError> {
        let stamps = stamps(settings);
        let loaded = Mutex::new(Loaded { config: Arc::new(config(settings)?), stamps });
        let handshakes = AtomicUsize::new(0);
        Ok(Tls { settings: settings.clone(), loaded, handshakes })
    }

    /// Handshakes that are under way.
    pub(crate) fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::Relaxed)
    }

    /// Shakes hands.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Result<Secured, Failure> {
        let limit = self.settings.handshake_limit;
        let _counted = Handshake::begin(&self.handshakes);
        if limit > 0 && self.handshakes.load(Ordering::Relaxed) > limit {
            return Err(Failure::TooMany);
        }
        let patience = self.settings.handshake_timeout;
        let address = stream.peer_addr().map(|peer| peer.ip());
        let handshake = TlsAcceptor::from(self.config()).accept(Socket(stream));
        let stream = match timeout(patience, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Failure::Failed(explained(&error))),
            Err(_) => return Err(Failure::Failed(format!("not done within {patience:?}"))),
        };
        let subject = match stream.get_ref().1.peer_certificates().and_then(<[_]>::first) {
            Some(certificate) => {
                if self.settings.checks_addresses() {
                    is_for_address(certificate, address).map_err(Failure::Failed)?;
                }
                let subject = subject::of(certificate);
                Some(subject.map_err(|error| Failure::Failed(format!("its subject: {error}")))?)
            }
            None => None,
        };
        Ok(Secured { stream, subject })
    }

    /// The newest stores that could be read.
    fn config(&self) -> Arc<ServerConfig> {
        let mut loaded = lock(&self.loaded);
        if self.settings.reload {
            let stamps = stamps(&self.settings);
            if stamps != loaded.stamps {
                loaded.stamps = stamps;
                match config(&self.settings) {
                    Ok(config) => {
                        tracing::info!("certificates have changed and were read again");
                        loaded.config = Arc::new(config);
                    }
                    Err(error) => tracing::error!(%error, "the old certificates stay in use"),
                }
            }
        }
        loaded.config.clone()
    }
}

/// Counts itself for as long as it is there.
struct Handshake<'a>(&'a AtomicUsize);

impl<'a> Handshake<'a> {
    fn begin(count: &'a AtomicUsize) -> Handshake<'a> {
        count.fetch_add(1, Ordering::Relaxed);
        Handshake(count)
    }
}

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn explained(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|error| error.downcast_ref::<RustlsError>());
    match tls {
        Some(RustlsError::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "what came is no TLS; is the client meant for the plain port?".to_owned()
        }
        _ => error.to_string(),
    }
}

fn is_for_address(
    certificate: &CertificateDer<'_>,
    address: io::Result<IpAddr>,
) -> Result<(), String> {
    let address = address.map_err(|error| error.to_string())?.to_canonical();
    let parsed = ParsedCertificate::try_from(certificate).map_err(|error| error.to_string())?;
    verify_server_name(&parsed, &ServerName::IpAddress(address.into()))
        .map_err(|_| format!("the certificate is not for {address}"))
}

fn stamps(settings: &Settings) -> Stamps {
    [&settings.key_store, &settings.trust_store].map(|store| {
        let metadata = std::fs::metadata(store.location.as_ref()?).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn config(settings: &Settings) -> Result<ServerConfig, ServerError> {
    let provider = Arc::new(provider(settings)?);
    let identity = identity(settings, &provider)?;
    let verifier: Arc<dyn ClientCertVerifier> = match settings.client_auth {
        ClientAuth::None => Arc::new(NoClientAuth),
        _ => verifier(settings, &provider)?,
    };
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(settings))
        .map_err(|error| unusable(settings, &error))?
        .with_client_cert_verifier(verifier);
    Ok(builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity))))
}

/// Why the server's own key cannot be used with the other settings.
fn unusable(settings: &Settings, error: &RustlsError) -> ServerError {
    let location = settings.key_store.location.as_deref().unwrap_or(Path::new(""));
    store_error(&format!("{}keyStore", settings.prefix), location, error.to_string())
}

/// The server's own key and certificates.
fn identity(settings: &Settings, provider: &CryptoProvider) -> Result<CertifiedKey, ServerError> {
    let setting = &format!("{}keyStore", settings.prefix);
    let Some(location) = &settings.key_store.location else {
        let reason = "not set; TLS needs the server's certificate";
        return Err(store_error(setting, Path::new(""), reason));
    };
    let refused = |reason: String| store_error(setting, location, reason);
    let read = read(setting, &settings.key_store, location)?;
    let identity = keystore::identity(read.kind, &read.bytes, &read.password)
        .map_err(|error| refused(error.to_string()))?;
    let key = PrivateKeyDer::try_from(identity.key).map_err(|error| refused(error.to_owned()))?;
    let chain = identity.chain.into_iter().map(CertificateDer::from).collect();
    let key =
        provider.key_provider.load_private_key(key).map_err(|error| refused(error.to_string()))?;
    let identity = CertifiedKey::new(chain, key);
    belong_together(&identity).map_err(|error| refused(error.to_string()))?;
    Ok(identity)
}

/// Whether the key is that of the certificate.
fn belong_together(identity: &CertifiedKey) -> Result<(), RustlsError> {
    match identity.keys_match() {
        Err(error) if version1::is_refused_version(&error) => {
            let certificate = Version1::read(identity.end_entity_cert()?).ok_or(error)?;
            match identity.key.public_key() {
                Some(key) if key != *certificate.key() => Err(InconsistentKeys::KeyMismatch.into()),
                _ => Ok(()),
            }
        }
        // Keys that cannot tell: the first handshake will.
        Err(RustlsError::InconsistentKeys(InconsistentKeys::Unknown)) | Ok(()) => Ok(()),
        refused => refused,
    }
}

/// Who trusts whom the trust store names.
fn verifier(
    settings: &Settings,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<Verifier>, ServerError> {
    let setting = &format!("{}trustStore", settings.prefix);
    let Some(location) = &settings.trust_store.location else {
        let prefix = settings.prefix;
        let reason = format!(
            "not set; without it nobody's certificate is trusted. Set it, or {prefix}clientAuth \
             to none for clients"
        );
        return Err(store_error(setting, Path::new(""), reason));
    };
    let refused = |reason: String| store_error(setting, location, reason);
    let read = read(setting, &settings.trust_store, location)?;
    let trusted = keystore::trusted(read.kind, &read.bytes, &read.password)
        .map_err(|error| refused(error.to_string()))?;
    let trusted: Vec<_> = trusted.into_iter().map(CertificateDer::from).collect();
    let mut roots = RootCertStore::empty();
    for certificate in trusted.iter().filter(|trusted| keystore::is_authority(trusted)) {
        roots.add(certificate.clone()).map_err(|error| refused(error.to_string()))?;
    }
    if roots.is_empty() {
        // All that is trusted are certificates of clients, and rustls takes no empty list.
        roots.roots.push(nobody());
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = match settings.client_auth {
        ClientAuth::Want => builder.allow_unauthenticated(),
        _ => builder,
    };
    let authorities = builder.build().map_err(|error| refused(error.to_string()))?;
    let algorithms = provider.signature_verification_algorithms;
    Ok(Arc::new(Verifier { authorities, trusted, algorithms }))
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

fn versions(settings: &Settings) -> Vec<&'static SupportedProtocolVersion> {
    let wanted = |name: &str| {
        let named = |known: &String| known == name || known == "TLS";
        settings.protocols.is_empty() || settings.protocols.iter().any(named)
    };
    let all = [("TLSv1.3", &version::TLS13), ("TLSv1.2", &version::TLS12)];
    all.into_iter().filter(|(name, _)| wanted(name)).map(|(_, version)| version).collect()
}

/// The cipher suites that are wanted. Those of TLS 1.3 are called `TLS13_` here, and `TLS_` by
/// Java.
fn provider(settings: &Settings) -> Result<CryptoProvider, ServerError> {
    let mut provider = ring::default_provider();
    if settings.cipher_suites.is_empty() {
        return Ok(provider);
    }
    let wanted = &settings.cipher_suites;
    provider.cipher_suites.retain(|suite| {
        let name = format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
        wanted.contains(&name)
    });
    if provider.cipher_suites.is_empty() {
        let all: Vec<String> = ring::default_provider()
            .cipher_suites
            .iter()
            .map(|suite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_"))
            .collect();
        return Err(ServerError::Setting {
            place: "settings".to_owned(),
            key: "ssl.ciphersuites".to_owned(),
            value: wanted.join(","),
            reason: format!("none of them is there; these are: {}", all.join(",")),
        });
    }
    Ok(provider)
}

/// A store as it is on the disk.
struct Read {
    kind: StoreKind,
    bytes: Vec<u8>,
    password: String,
}

fn read(setting: &str, file: &StoreFile, location: &Path) -> Result<Read, ServerError> {
    let kind = match &file.kind {
        Some(name) => StoreKind::from_name(name),
        None => StoreKind::from_path(location),
    };
    let kind = kind.map_err(|error| store_error(setting, location, error.to_string()))?;
    let bytes = std::fs::read(location)
        .map_err(|error| store_error(setting, location, error.to_string()))?;
    let password = match &file.password_path {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| store_error(setting, path, format!("passwordPath: {error}")))?;
            text.lines().next().unwrap_or("").to_owned()
        }
        None => file.password.clone().unwrap_or_default(),
    };
    Ok(Read { kind, bytes, password })
}

fn store_error(setting: &str, path: &Path, reason: impl Into<String>) -> ServerError {
    let setting = format!("{setting}.location");
    ServerError::KeyStore { setting, path: path.to_owned(), reason: reason.into() }
}
