//! TLS: the settings `ssl.` of a zoo.cfg, for clients, and `ssl.quorum.`, for other servers.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::setting::Setting;
use crate::error::ServerError;

/// Whether clients have to show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    None,
    /// They are asked, and may have none; one that is not trusted ends the connection.
    Want,
    /// Without one nobody is let in.
    Need,
}

/// One of the two files of certificates.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StoreFile {
    /// Where it is.
    pub location: Option<PathBuf>,
    /// JKS, PKCS12 or PEM; by the ending of the file's name when not set.
    pub kind: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// A file with its password in the first line, read before `password` is taken.
    pub password_path: Option<PathBuf>,
}

impl std::fmt::Debug for StoreFile {
    /// Without the password, which must not get into a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "StoreFile({:?}, {:?})", self.location, self.kind)
    }
}

/// Settings of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `host:port` of the port that takes TLS alone.
    pub listen: Option<String>,
    /// Whether the plain port takes TLS, too.
    pub port_unification: bool,
    /// The server's own key and certificates.
    pub key_store: StoreFile,
    /// Whose certificates clients may have.
    pub trust_store: StoreFile,
    /// Whether clients have to show a certificate.
    pub client_auth: ClientAuth,
    /// Whether a client's certificate has to name the address that it comes from.
    pub verify_client_address: bool,
    /// TLS versions to speak, as Java names them; all that are known when empty.
    pub protocols: Vec<String>,
    /// Cipher suites to use, as Java names them; all that are known when empty.
    pub cipher_suites: Vec<String>,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
    /// Most handshakes at the same time; 0 for any number.
    pub handshake_limit: usize,
    /// Whether changed stores are read again.
    pub reload: bool,
    /// The subject of the certificate whose owner may do everything.
    pub super_user: Option<String>,
    /// Whether a server's certificate has to be for the host that its `server.N` line names.
    pub host_verification: bool,
    /// What its settings begin with.
    pub(crate) prefix: &'static str,
}

/// Settings of TLS between servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTls {
    /// Whether they speak it (`sslQuorum`).
    pub enabled: bool,
    /// Whether they also let in servers that do not, or do already (`portUnification`).
    pub port_unification: bool,
    /// Keys and certificates.
    pub tls: Tls,
}

impl Default for PeerTls {
    fn default() -> PeerTls {
        let tls = Tls { prefix: "ssl.quorum.", ..Tls::default() };
        PeerTls { enabled: false, port_unification: false, tls }
    }
}

impl PeerTls {
    /// Takes the setting if it is one of these.
    ///
    /// # Errors
    /// A value that has no meaning, or that asks for what is not there.
    pub(crate) fn set(&mut self, setting: &Setting) -> Result<bool, ServerError> {
        match setting.name() {
            "sslQuorum" => self.enabled = setting.is_true(),
            "portUnification" => self.port_unification = setting.is_true(),
            "sslQuorumReloadCertFiles" => self.tls.reload = setting.is_true(),
            name => {
                let Some(part) = name.strip_prefix(self.tls.prefix) else { return Ok(false) };
                return match self.tls.set(&Setting { key: &format!("ssl.{part}"), ..*setting })? {
                    true => Ok(true),
                    false => Err(setting.refused("there is no such setting")),
                };
            }
        }
        Ok(true)
    }
}

impl Default for Tls {
    fn default() -> Tls {
        Tls {
            listen: None,
            port_unification: false,
            key_store: StoreFile::default(),
            trust_store: StoreFile::default(),
            client_auth: ClientAuth::Need,
            verify_client_address: false,
            protocols: Vec::new(),
            cipher_suites: Vec::new(),
            handshake_timeout: Duration::from_secs(10),
            handshake_limit: 0,
            reload: false,
            super_user: None,
            host_verification: true,
            prefix: "ssl.",
        }
    }
}

impl Tls {
    /// True when some port takes TLS.
    pub fn is_on(&self) -> bool {
        self.listen.is_some() || self.port_unification
    }

    /// True when a client's certificate has to name the address that it comes from.
    pub fn checks_addresses(&self) -> bool {
        self.host_verification && self.verify_client_address
    }

    /// Takes the setting if it is one of these.
    ///
    /// # Errors
    /// A value that has no meaning, or that asks for what is not there.
    pub(crate) fn set(&mut self, setting: &Setting) -> Result<bool, ServerError> {
        let name = setting.name();
        if let Some(part) = name.strip_prefix("ssl.keyStore.") {
            return Ok(self.key_store.set(part, setting));
        }
        if let Some(part) = name.strip_prefix("ssl.trustStore.") {
            return Ok(self.trust_store.set(part, setting));
        }
        match name {
            "client.portUnification" => self.port_unification = setting.is_true(),
            "client.certReload" => self.reload = setting.is_true(),
            "ssl.clientAuth" => self.client_auth = client_auth(setting)?,
            "ssl.hostnameVerification" => self.host_verification = setting.is_true(),
            "ssl.clientHostnameVerification" => self.verify_client_address = setting.is_true(),
            "ssl.protocol" => drop(protocols(setting)?),
            "ssl.enabledProtocols" => self.protocols = protocols(setting)?,
            "ssl.ciphersuites" => self.cipher_suites = words(setting.value),
            "ssl.handshakeDetectionTimeoutMillis" => {
                self.handshake_timeout = Duration::from_millis(setting.number::<u64>()?.max(1));
            }
            "netty.server.outstandingHandshake.limit" => {
                self.handshake_limit = usize::try_from(setting.number::<i64>()?).unwrap_or(0);
            }
            "X509AuthenticationProvider.superUser" => {
                self.super_user = Some(setting.value.to_owned());
            }
            "ssl.authProvider" if setting.value != "x509" => {
                return Err(setting.refused("only x509 is there"));
            }
            "ssl.crl" | "ssl.ocsp" | "ssl.allowReverseDnsLookup" if setting.is_true() => {
                let reason = "not supported; starting all the same would let in whom it keeps out";
                return Err(setting.refused(reason));
            }
            "ssl.context.supplier.class" => {
                return Err(setting.refused("Java classes cannot be loaded"));
            }
            "ssl.authProvider"
            | "ssl.crl"
            | "ssl.ocsp"
            | "ssl.allowReverseDnsLookup"
            | "ssl.sslProvider"
            // The only implementation there is does all that ZooKeeper's two do.
            | "serverCnxnFactory" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl StoreFile {
    fn set(&mut self, part: &str, setting: &Setting) -> bool {
        let value = setting.value;
        match part {
            "location" => self.location = Some(PathBuf::from(value)).filter(|_| !value.is_empty()),
            "type" => self.kind = Some(value.to_owned()).filter(|_| !value.is_empty()),
            "password" => self.password = Some(value.to_owned()),
            "passwordPath" => self.password_path = Some(PathBuf::from(value)),
            _ => return false,
        }
        true
    }
}

fn client_auth(setting: &Setting) -> Result<ClientAuth, ServerError> {
    match setting.value.to_ascii_lowercase().as_str() {
        "none" => Ok(ClientAuth::None),
        "want" => Ok(ClientAuth::Want),
        "need" | "" => Ok(ClientAuth::Need),
        _ => Err(setting.refused("none, want or need are possible")),
    }
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Those of the versions that are known; the old ones are known to be broken.
fn protocols(setting: &Setting) -> Result<Vec<String>, ServerError> {
    let (known, old): (Vec<String>, Vec<String>) = words(setting.value)
        .into_iter()
        .partition(|name| matches!(name.as_str(), "TLS" | "TLSv1.2" | "TLSv1.3"));
    if known.is_empty() {
        return Err(setting.refused("TLSv1.2 and TLSv1.3 are possible"));
    }
    if !old.is_empty() {
        let place = setting.place;
        tracing::warn!("{place}: {}: {} is not spoken", setting.key, old.join(", "));
    }
    Ok(known)
}
