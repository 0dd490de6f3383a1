//! JKS, Java's own format before Java 9.
//!
//! No crate that is kept up reads it, and it is small: a list of entries, big-endian, with a SHA-1
//! of password and content behind it. Keys are hidden by XOR with a chain of SHA-1 hashes of the
//! password.

use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{self, Decode};
use sha1::{Digest, Sha1};

use super::{Contents, Identity, StoreError, refuse};

const HASH: usize = 20;
/// What Java mixes into the hash of the whole.
const WHITENER: &[u8] = b"Mighty Aphrodite";

pub(super) fn read(bytes: &[u8], password: &str) -> Result<Contents, StoreError> {
    let password = utf16(password);
    let Some((content, mark)) = bytes.split_last_chunk::<HASH>() else { return damaged() };
    let hash = Sha1::new().chain_update(&password).chain_update(WHITENER).chain_update(content);
    if hash.finalize().as_slice() != mark {
        return refuse("the password is wrong, or the store is damaged");
    }
    let mut input = Input(&content[4..]);
    let version = input.number()?;
    if !matches!(version, 1 | 2) {
        return refuse(format!("JKS version {version} is not known"));
    }
    let mut contents = Contents::default();
    for _ in 0..input.number()? {
        let tag = input.number()?;
        let alias_length = input.short()?;
        let alias = String::from_utf8_lossy(input.take(alias_length)?).into_owned();
        // When it was put in, milliseconds.
        input.take(8)?;
        match tag {
            1 => {
                let hidden = input.block()?;
                let count = input.number()?;
                let mut chain = Vec::new();
                for _ in 0..count {
                    chain.push(input.certificate(version)?);
                }
                let key = reveal(hidden, &password, &alias)?;
                contents.identities.push(Identity { chain, key });
            }
            2 => contents.trusted.push(input.certificate(version)?),
            _ => return refuse(format!("entry {alias:?} is of a kind that is not known")),
        }
    }
    Ok(contents)
}

fn damaged<T>() -> Result<T, StoreError> {
    refuse("the store is damaged: it ends too early")
}

/// Passwords are hashed as Java's characters.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], StoreError> {
        let Some((taken, rest)) = self.0.split_at_checked(length) else { return damaged() };
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, StoreError> {
        let Some((number, rest)) = self.0.split_first_chunk::<4>() else { return damaged() };
        self.0 = rest;
        Ok(u32::from_be_bytes(*number))
    }

    fn short(&mut self) -> Result<usize, StoreError> {
        let Some((number, rest)) = self.0.split_first_chunk::<2>() else { return damaged() };
        self.0 = rest;
        Ok(u16::from_be_bytes(*number).into())
    }

    fn block(&mut self) -> Result<&'a [u8], StoreError> {
        let length = self.number()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn certificate(&mut self, version: u32) -> Result<Vec<u8>, StoreError> {
        if version == 2 {
            let length = self.short()?;
            let kind = self.take(length)?;
            if kind != b"X.509" && kind != b"X509" {
                return refuse("it has a certificate that is not X.509");
            }
        }
        self.block().map(<[u8]>::to_vec)
    }
}

/// Undoes Sun's key protector: the first hash of the chain is that of password and salt.
fn reveal(hidden: &[u8], password: &[u8], alias: &str) -> Result<Vec<u8>, StoreError> {
    let Ok(hidden) = protected(hidden) else {
        return refuse(format!("key {alias:?} is protected in a way that is not known"));
    };
    let Some((salt, rest)) = hidden.split_first_chunk::<HASH>() else { return damaged() };
    let Some((body, check)) = rest.split_last_chunk::<HASH>() else { return damaged() };
    let mut link = *salt;
    let mut key = Vec::with_capacity(body.len());
    for block in body.chunks(HASH) {
        link = Sha1::new().chain_update(password).chain_update(link).finalize().into();
        key.extend(block.iter().zip(link).map(|(byte, mask)| byte ^ mask));
    }
    if Sha1::new().chain_update(password).chain_update(&key).finalize().as_slice() != check {
        return refuse(format!("key {alias:?} has another password than the store"));
    }
    Ok(key)
}

/// What is inside of an EncryptedPrivateKeyInfo.
fn protected(bytes: &[u8]) -> der::Result<&[u8]> {
    AnyRef::from_der(bytes)?.sequence(|reader| {
        AnyRef::decode(reader)?;
        Ok(<&OctetStringRef>::decode(reader)?.as_bytes())
    })
}
