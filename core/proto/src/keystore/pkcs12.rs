//! PKCS#12, what Java's keytool writes since Java 9 and openssl ever did.

use p12_keystore::{Certificate, Pkcs12Archive};

use super::{Contents, Identity, StoreError, refuse};

pub(super) fn read(bytes: &[u8], password: &str) -> Result<Contents, StoreError> {
    if bytes.first() != Some(&0x30) {
        return refuse("it is neither a JKS nor a PKCS12 store");
    }
    let archive = match Pkcs12Archive::from_pkcs12(bytes, password) {
        Ok(archive) => archive,
        Err(error) => {
            let text = format!("it cannot be read, is the password right? ({error})");
            return refuse(text);
        }
    };
    let all: Vec<&Certificate> = archive.certs.iter().map(|bag| &bag.cert).collect();
    let identities = archive.keys.iter().map(|bag| {
        let id = bag.local_key_id.as_ref().map(|id| id.0.as_slice());
        let own = archive.certs.iter().find(|c| id.is_some() && c.local_key_id.as_deref() == id);
        // Without ids there is nothing to tell them apart by but their number.
        let own = own.or_else(|| archive.certs.first().filter(|_| id.is_none()));
        let chain = own.map(|own| chain(&own.cert, &all)).unwrap_or_default();
        Identity { chain, key: bag.key.as_der().to_vec() }
    });
    let trusted = archive.certs.iter().filter(|bag| bag.trusted);
    Ok(Contents {
        identities: identities.collect(),
        trusted: trusted.map(|bag| bag.cert.as_der().to_vec()).collect(),
    })
}

/// A certificate and, one after the other, its issuers, as far as they are there.
fn chain(own: &Certificate, all: &[&Certificate]) -> Vec<Vec<u8>> {
    let mut chain = vec![own];
    let mut last = own;
    while let Some(issuer) = all.iter().find(|c| c.subject() == last.issuer())
        && !chain.iter().any(|known| known.as_der() == issuer.as_der())
    {
        chain.push(issuer);
        last = issuer;
    }
    chain.into_iter().map(|certificate| certificate.as_der().to_vec()).collect()
}
