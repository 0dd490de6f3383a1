//! Java's keys of elliptic curves, completed.
//!
//! Java leaves the public half out of such a key, which the standard allows and the cryptography
//! underneath rustls does not take. The certificate has it.

use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{self, Decode, Encode, Reader};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use x509_cert::certificate::{CertificateInner, Raw};

const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// The tag of the public half.
const PUBLIC: u8 = 0xa1;

/// The key with its public half; as it is where it has one, or is of another kind.
pub(super) fn completed(key: Vec<u8>, certificate: &[u8]) -> Vec<u8> {
    match rebuilt(&key, certificate) {
        Ok(Some(whole)) => whole,
        // Whoever uses the key says what is wrong with it.
        Ok(None) | Err(_) => key,
    }
}

fn rebuilt(key: &[u8], certificate: &[u8]) -> der::Result<Option<Vec<u8>>> {
    let info = PrivateKeyInfoRef::from_der(key)?;
    if info.algorithm.oid != ELLIPTIC {
        return Ok(None);
    }
    let inner = AnyRef::from_der(info.private_key.as_bytes())?;
    let secret = inner.sequence(|reader| {
        AnyRef::decode(reader)?;
        let secret = <&OctetStringRef>::decode(reader)?.as_bytes();
        let mut is_whole = false;
        while !reader.is_finished() {
            is_whole |= reader.peek_byte() == Some(PUBLIC);
            AnyRef::decode(reader)?;
        }
        Ok::<_, der::Error>((!is_whole).then_some(secret))
    })?;
    let Some(secret) = secret else { return Ok(None) };
    let certificate = CertificateInner::<Raw>::from_der(certificate)?;
    let public = &certificate.tbs_certificate().subject_public_key_info().subject_public_key;
    // A bit string begins with the number of bits at its end that do not count.
    let public = block(BIT_STRING, &[&[0], public.raw_bytes()]);
    let inner = block(
        SEQUENCE,
        &[&block(INTEGER, &[&[1]]), &block(OCTET_STRING, &[secret]), &block(PUBLIC, &[&public])],
    );
    let algorithm = info.algorithm.to_der()?;
    let parts = [&block(INTEGER, &[&[0]])[..], &algorithm, &block(OCTET_STRING, &[&inner])];
    Ok(Some(block(SEQUENCE, &parts)))
}

/// Tag, length, content.
fn block(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let first = length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1);
    let length = &length[first..];
    let mut out = vec![tag];
    if content.len() > 0x7f {
        out.push(0x80 | length.len() as u8);
    }
    out.extend_from_slice(length);
    out.extend(content);
    out
}
