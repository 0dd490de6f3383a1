//! Which certificates of clients are trusted.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
};

use super::version1::{self, Version1};

/// Trusts what comes from the authorities of a store and, as Java does, the certificates
/// themselves that are in it: people put each other's self-signed ones there.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) authorities: Arc<dyn ClientCertVerifier>,
    pub(super) trusted: Vec<CertificateDer<'static>>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        self.authorities.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.authorities.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Java's clients would send nothing if their self-signed certificate is not named here,
        // and would offer all they have if nobody is.
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.authorities.verify_client_cert(certificate, others, now);
        match verified {
            // Its dates have been checked before it comes to these.
            Err(Error::InvalidCertificate(error))
                if is_about_issuers(&error) && self.trusted.iter().any(|t| t == certificate) =>
            {
                Ok(ClientCertVerified::assertion())
            }
            Err(error) if version1::is_refused_version(&error) => {
                let Some(certificate) = Version1::read(certificate) else { return Err(error) };
                certificate.verify(&self.trusted, now, &self.algorithms)?;
                Ok(ClientCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match Version1::read(certificate) {
            Some(certificate) => {
                certificate.verify_tls12_signature(message, signed, &self.algorithms)
            }
            None => self.authorities.verify_tls12_signature(message, certificate, signed),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match Version1::read(certificate) {
            Some(certificate) => {
                certificate.verify_tls13_signature(message, signed, &self.algorithms)
            }
            None => self.authorities.verify_tls13_signature(message, certificate, signed),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Nothing is wrong with the certificate but that no authority stands behind it, or that it could
/// be one itself.
fn is_about_issuers(error: &CertificateError) -> bool {
    match error {
        CertificateError::UnknownIssuer => true,
        CertificateError::Other(other) => {
            let error = other.0.downcast_ref::<webpki::Error>();
            matches!(error, Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}
