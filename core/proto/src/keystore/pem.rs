//! PEM: Base64 between lines that say what it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkcs8::EncryptedPrivateKeyInfoRef;

use super::{Contents, Identity, StoreError, refuse};

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// A key and its chain in one text, in any order.
pub(super) fn read(bytes: &[u8], password: &str) -> Result<Contents, StoreError> {
    let key = key(bytes, password)?;
    let chain = certificates(bytes)?;
    let identities = key.map(|key| Identity { chain, key }).into_iter().collect();
    Ok(Contents { identities, trusted: Vec::new() })
}

pub(super) fn certificates(bytes: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
    let is_certificate =
        |label: &str| matches!(label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE");
    let mut found = Vec::new();
    for section in sections(bytes)? {
        if is_certificate(section.label) {
            found.push(section.decode()?);
        }
    }
    Ok(found)
}

/// The first private key.
pub(super) fn key(bytes: &[u8], password: &str) -> Result<Option<Vec<u8>>, StoreError> {
    for section in sections(bytes)? {
        match section.label {
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
                return section.decode().map(Some);
            }
            "ENCRYPTED PRIVATE KEY" => return decrypted(&section.decode()?, password).map(Some),
            _ => {}
        }
    }
    Ok(None)
}

fn decrypted(der: &[u8], password: &str) -> Result<Vec<u8>, StoreError> {
    if password.is_empty() {
        return refuse("its key is encrypted, and no password is given");
    }
    let Ok(encrypted) = EncryptedPrivateKeyInfoRef::try_from(der) else {
        return refuse("its key is encrypted in a way that is not known: PBES2 is");
    };
    match encrypted.decrypt(password) {
        Ok(key) => Ok(key.as_bytes().to_vec()),
        Err(error) => {
            refuse(format!("its key cannot be decrypted, is the password right? {error}"))
        }
    }
}

struct Section<'a> {
    label: &'a str,
    body: &'a str,
}

impl Section<'_> {
    fn decode(&self) -> Result<Vec<u8>, StoreError> {
        if self.body.contains("Proc-Type:") {
            return refuse("OpenSSL's old encryption of keys is not supported; use openssl pkcs8");
        }
        let text: String = self.body.split_ascii_whitespace().collect();
        match STANDARD.decode(text) {
            Ok(bytes) => Ok(bytes),
            Err(error) => refuse(format!("its {} is damaged: {error}", self.label)),
        }
    }
}

fn sections(bytes: &[u8]) -> Result<Vec<Section<'_>>, StoreError> {
    let Ok(mut rest) = std::str::from_utf8(bytes) else { return refuse("it is no PEM text") };
    let mut found = Vec::new();
    while let Some(begin) = rest.find(BEGIN) {
        rest = &rest[begin + BEGIN.len()..];
        let Some((label, behind)) = rest.split_once(DASHES) else {
            return refuse("a BEGIN line has no end");
        };
        let Some(end) = behind.find(&format!("-----END {label}-----")) else {
            return refuse(format!("BEGIN {label} has no END"));
        };
        found.push(Section { label, body: &behind[..end] });
        rest = &behind[end + DASHES.len()..];
    }
    if found.is_empty() {
        return refuse("it is no PEM text: there is no BEGIN line in it");
    }
    Ok(found)
}
