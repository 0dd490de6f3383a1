//! Certificates and keys as the files of ZooKeeper's users hold them: PEM, PKCS#12, Java's JKS.
//!
//! Server and client take the same files, so the reader is in what both import. It works on bytes
//! in memory and knows nothing of TLS: certificates and keys come out as DER.

mod elliptic;
mod jks;
mod pem;
mod pkcs12;

use std::path::Path;

use x509_cert::Version;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::BasicConstraints;

/// The kind of a file, as ZooKeeper's `type` settings name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// A store of Java's: JKS, or PKCS#12, which Java's tools write by now whatever the name.
    Java,
    /// Text with certificates and keys.
    Pem,
}

impl StoreKind {
    /// Reads ZooKeeper's name of a kind.
    ///
    /// # Errors
    /// BCFKS, and names of nothing.
    pub fn from_name(name: &str) -> Result<StoreKind, StoreError> {
        match name.to_ascii_uppercase().as_str() {
            "JKS" | "PKCS12" => Ok(StoreKind::Java),
            "PEM" => Ok(StoreKind::Pem),
            "BCFKS" => refuse("BCFKS stores are not supported; keytool converts them to PKCS12"),
            _ => refuse(format!("{name:?} is no kind of a store: JKS, PKCS12 and PEM are")),
        }
    }

    /// Goes by what is in the file.
    pub fn of(bytes: &[u8]) -> StoreKind {
        let is_java =
            bytes.first() == Some(&0x30) || [JKS, JCEKS].iter().any(|m| bytes.starts_with(m));
        if is_java { StoreKind::Java } else { StoreKind::Pem }
    }

    /// Goes by the ending of a file's name: `.jks`, `.p12` or `.pfx`, `.pem`, `.crt` or `.key`.
    ///
    /// # Errors
    /// Any other ending.
    pub fn from_path(path: &Path) -> Result<StoreKind, StoreError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("jks" | "p12" | "pfx") => Ok(StoreKind::Java),
            Some("pem" | "crt" | "key") => Ok(StoreKind::Pem),
            Some("bcfks") => StoreKind::from_name("BCFKS"),
            _ => refuse("the name ends with none of .jks, .p12, .pem, and no type is given"),
        }
    }
}

/// Why a store cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(String);

fn refuse<T>(reason: impl Into<String>) -> Result<T, StoreError> {
    Err(StoreError(reason.into()))
}

/// A private key and the certificates that go with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// DER; one's own certificate first, then those of its issuers.
    pub chain: Vec<Vec<u8>>,
    /// DER: PKCS#8, PKCS#1 or SEC1.
    pub key: Vec<u8>,
}

impl Identity {
    fn completed(self) -> Identity {
        let Identity { chain, key } = self;
        let key = match chain.first() {
            Some(own) => elliptic::completed(key, own),
            None => key,
        };
        Identity { chain, key }
    }
}

impl std::fmt::Debug for Identity {
    /// Without the key, which must not get into a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Identity({} certificates)", self.chain.len())
    }
}

/// Everything in one file.
#[derive(Default)]
struct Contents {
    identities: Vec<Identity>,
    trusted: Vec<Vec<u8>>,
}

/// The magic numbers of Java's own formats.
const JKS: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
const JCEKS: [u8; 4] = [0xce, 0xce, 0xce, 0xce];

fn contents(kind: StoreKind, bytes: &[u8], password: &str) -> Result<Contents, StoreError> {
    match kind {
        StoreKind::Pem => pem::read(bytes, password),
        StoreKind::Java if bytes.starts_with(&JKS) => jks::read(bytes, password),
        StoreKind::Java if bytes.starts_with(&JCEKS) => {
            refuse("JCEKS stores are not supported; keytool converts them to PKCS12")
        }
        StoreKind::Java => pkcs12::read(bytes, password),
    }
}

/// Reads the key of a store, with its certificates.
///
/// # Errors
/// A damaged store, a wrong password, no key or no certificate in it.
pub fn identity(kind: StoreKind, bytes: &[u8], password: &str) -> Result<Identity, StoreError> {
    match contents(kind, bytes, password)?.identities.into_iter().next() {
        Some(identity) if identity.chain.is_empty() => refuse("it has a key, but no certificate"),
        Some(identity) => Ok(identity.completed()),
        None => refuse("it has no private key"),
    }
}

/// Puts a key from one PEM text and certificates from another together.
///
/// # Errors
/// As [`identity`].
pub fn identity_of_parts(
    certificates: &[u8],
    key: &[u8],
    password: &str,
) -> Result<Identity, StoreError> {
    let chain = pem::certificates(certificates)?;
    match pem::key(key, password)? {
        _ if chain.is_empty() => refuse("it has no certificate"),
        Some(key) => Ok(Identity { chain, key }.completed()),
        None => refuse("it has no private key"),
    }
}

/// Reads the certificates that a store trusts: all of a PEM text, the trusted entries of others.
///
/// # Errors
/// A damaged store, a wrong password, nothing trusted in it.
pub fn trusted(kind: StoreKind, bytes: &[u8], password: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let trusted = match kind {
        StoreKind::Pem => pem::certificates(bytes)?,
        StoreKind::Java => contents(kind, bytes, password)?.trusted,
    };
    if trusted.is_empty() {
        return refuse("it has no trusted certificate");
    }
    Ok(trusted)
}

/// Whether a certificate that is trusted may vouch for others: one of an authority, or one of
/// version 1, which cannot say. Java draws the same line. Without it, everybody whose own
/// certificate is in a store could make certificates for anybody else.
pub fn is_authority(certificate: &[u8]) -> bool {
    let Ok(certificate) = CertificateInner::<Raw>::from_der(certificate) else { return false };
    let body = certificate.tbs_certificate();
    let constraints = || body.get_extension::<BasicConstraints>().ok().flatten();
    body.version() == Version::V1 || constraints().is_some_and(|(_, constraints)| constraints.ca)
}
