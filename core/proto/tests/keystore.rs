//! Stores that Java's keytool and openssl wrote, see `stores/make.sh`.
#![cfg(feature = "security")]

use std::path::{Path, PathBuf};

use pinfold_proto::keystore::{StoreKind, identity, identity_of_parts, trusted};

const PASSWORD: &str = "pinfold";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn kind(name: &str) -> StoreKind {
    StoreKind::from_path(&path(name)).unwrap()
}

#[test]
fn every_kind_of_store_gives_the_same_key_and_chain() {
    for owner in ["server", "client"] {
        let of = |ending: &str| {
            let name = format!("{owner}.{ending}");
            assert_eq!(StoreKind::of(&bytes(&name)), kind(&name));
            identity(kind(&name), &bytes(&name), PASSWORD).unwrap()
        };
        let (p12, jks, pem) = (of("p12"), of("jks"), of("pem"));
        assert_eq!(p12.chain.len(), 2, "its own and the authority's");
        assert_eq!(p12, jks);
        assert_eq!(p12.chain, pem.chain);
        assert!(!format!("{p12:?}").contains(&format!("{:?}", p12.key)));
    }
    let client = identity(StoreKind::Java, &bytes("client.p12"), PASSWORD).unwrap();
    for name in ["openssl.p12", "legacy.p12"] {
        let same = identity(StoreKind::Java, &bytes(name), PASSWORD).unwrap();
        assert_eq!(same.chain, client.chain, "{name}");
    }
}

#[test]
fn trusted_certificates_come_out_of_every_kind() {
    let pem = trusted(StoreKind::Pem, &bytes("ca.pem"), "").unwrap();
    assert_eq!(pem.len(), 1);
    for name in ["trust.p12", "trust.jks"] {
        assert_eq!(trusted(kind(name), &bytes(name), PASSWORD).unwrap(), pem, "{name}");
    }
    // A key's own certificates are not trusted because of the key.
    for name in ["client.p12", "client.jks"] {
        let error = trusted(kind(name), &bytes(name), PASSWORD).unwrap_err();
        assert!(error.to_string().contains("no trusted certificate"), "{error}");
    }
}

#[test]
fn a_key_may_have_a_file_of_its_own() {
    let both = bytes("client.pem");
    let whole = identity(StoreKind::Pem, &both, PASSWORD).unwrap();
    assert_eq!(identity_of_parts(&both, &both, PASSWORD).unwrap(), whole);
    assert!(identity_of_parts(&both, &bytes("ca.pem"), PASSWORD).is_err());
    assert!(identity(StoreKind::Pem, &bytes("ca.pem"), "").is_err());
}

#[test]
fn wrong_passwords_are_told() {
    for name in ["client.p12", "client.jks", "client.pem", "legacy.p12"] {
        for password in ["wrong", ""] {
            let error = identity(kind(name), &bytes(name), password).unwrap_err().to_string();
            assert!(error.contains("password"), "{name}: {error}");
        }
    }
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    for name in ["client.p12", "client.jks", "client.pem", "trust.p12", "trust.jks", "ca.pem"] {
        let whole = bytes(name);
        for kind in [StoreKind::Java, StoreKind::Pem] {
            for length in (0..whole.len()).step_by(37) {
                let _ = trusted(kind, &whole[..length], PASSWORD);
                assert!(identity(kind, &whole[..length], PASSWORD).is_err(), "{name} {length}");
            }
        }
        for at in (0..whole.len()).step_by(61) {
            let mut bent = whole.clone();
            bent[at] ^= 0x55;
            let _ = (identity(kind(name), &bent, PASSWORD), trusted(kind(name), &bent, PASSWORD));
        }
    }
    let jceks = trusted(StoreKind::Java, &bytes("trust.jceks"), PASSWORD).unwrap_err();
    assert!(jceks.to_string().contains("JCEKS"));
}

#[test]
fn kinds_go_by_name_and_by_ending() {
    assert_eq!(StoreKind::from_name("jks"), Ok(StoreKind::Java));
    assert_eq!(StoreKind::from_name("PEM"), Ok(StoreKind::Pem));
    assert!(StoreKind::from_name("BCFKS").is_err() && StoreKind::from_name("").is_err());
    assert!(StoreKind::from_path(Path::new("a.bcfks")).is_err());
    assert!(StoreKind::from_path(Path::new("a")).is_err());
}
