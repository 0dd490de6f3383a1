//! Certificates of the first version of X.509, which old tools and tests still make.
//!
//! They have no extensions: no alternative names, nothing that says what they are for. Java and
//! OpenSSL take them as certificates of a server or a client; webpki, which checks all others,
//! does not read them. Here they are trusted when an authority of the store itself has signed
//! them; with something in between they are refused.

use pinfold_proto::keystore::is_authority;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms;
use tokio_rustls::rustls::crypto::verify_tls13_signature_with_raw_key;
use tokio_rustls::rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error};
use webpki::RawPublicKeyEntity;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::{Decode, Encode, Header, SliceReader};

/// A certificate of version 1.
pub(super) struct Version1 {
    certificate: CertificateInner<Raw>,
    key: SubjectPublicKeyInfoDer<'static>,
}

/// Whether this is the error with which webpki turns version 1 away.
pub(super) fn is_refused_version(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    let error = other.0.downcast_ref::<webpki::Error>();
    matches!(error, Some(webpki::Error::UnsupportedCertVersion))
}

impl Version1 {
    /// Reads one; `None` for another version and for what is no certificate.
    pub(super) fn read(certificate: &CertificateDer<'_>) -> Option<Version1> {
        let certificate = CertificateInner::<Raw>::from_der(certificate).ok()?;
        if certificate.tbs_certificate().version() != x509_cert::Version::V1 {
            return None;
        }
        let key = certificate.tbs_certificate().subject_public_key_info().to_der().ok()?;
        Some(Version1 { certificate, key: key.into() })
    }

    /// Its public key.
    pub(super) fn key(&self) -> &SubjectPublicKeyInfoDer<'static> {
        &self.key
    }

    /// Whether it holds at this time, and one of these has signed it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn verify(
        &self,
        trusted: &[CertificateDer<'_>],
        now: UnixTime,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), CertificateError> {
        let body = self.certificate.tbs_certificate();
        let validity = body.validity();
        if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
            return Err(CertificateError::NotValidYet);
        }
        if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
            return Err(CertificateError::Expired);
        }
        let signed = body.to_der().map_err(|_| CertificateError::BadEncoding)?;
        let algorithm = self.certificate.signature_algorithm().to_der();
        let algorithm = algorithm.map_err(|_| CertificateError::BadEncoding)?;
        let algorithm = inside(&algorithm).ok_or(CertificateError::BadEncoding)?;
        let signature = self.certificate.signature().raw_bytes();
        let named = trusted.iter().filter_map(|authority| {
            if !is_authority(authority) {
                return None;
            }
            let authority = CertificateInner::<Raw>::from_der(authority).ok()?;
            let authority = authority.tbs_certificate();
            let key = authority.subject_public_key_info().to_der().ok()?;
            (authority.subject() == body.issuer()).then(|| SubjectPublicKeyInfoDer::from(key))
        });
        let mut outcome = Err(CertificateError::UnknownIssuer);
        for key in named {
            let fitting = algorithms.all.iter().filter(|known| {
                let id: &[u8] = &known.signature_alg_id();
                id == algorithm
            });
            for known in fitting {
                let entity = RawPublicKeyEntity::try_from(&key);
                let entity = entity.map_err(|_| CertificateError::BadEncoding)?;
                if entity.verify_signature(*known, &signed, signature).is_ok() {
                    return Ok(());
                }
            }
            outcome = Err(CertificateError::BadSignature);
        }
        outcome
    }

    /// Checks what a client has signed in a handshake of TLS 1.2.
    ///
    /// # Errors
    /// The signature is not that of this key, or of a kind that was not offered.
    pub(super) fn verify_tls12_signature(
        &self,
        message: &[u8],
        signed: &DigitallySignedStruct,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<HandshakeSignatureValid, Error> {
        let entity = RawPublicKeyEntity::try_from(&self.key);
        let entity = entity.map_err(|_| Error::from(CertificateError::BadEncoding))?;
        let offered = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
        for algorithm in offered.flat_map(|(_, algorithms)| algorithms.iter()) {
            if entity.verify_signature(*algorithm, message, signed.signature()).is_ok() {
                return Ok(HandshakeSignatureValid::assertion());
            }
        }
        Err(CertificateError::BadSignature.into())
    }

    /// Checks what a client has signed in a handshake of TLS 1.3.
    ///
    /// # Errors
    /// The signature is not that of this key, or of a kind that was not offered.
    pub(super) fn verify_tls13_signature(
        &self,
        message: &[u8],
        signed: &DigitallySignedStruct,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(message, &self.key, signed, algorithms)
    }
}

/// What a value of DER holds, without its tag and length.
fn inside(value: &[u8]) -> Option<&[u8]> {
    let mut reader = SliceReader::new(value).ok()?;
    let header = Header::decode(&mut reader).ok()?;
    let length = usize::try_from(u32::from(header.length())).ok()?;
    value.len().checked_sub(length).map(|start| &value[start..])
}
