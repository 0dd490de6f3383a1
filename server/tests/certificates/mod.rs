//! Certificates made for a test, and files of them in a folder that goes with the test.
#![allow(dead_code, unreachable_pub)] // every test uses another part of it

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, DnValue, IsCa, Issuer, KeyPair, date_time_ymd,
};

/// Somebody who signs others' certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// A certificate and its key.
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

fn parameters(name: &str) -> CertificateParams {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut parameters = CertificateParams::new(names).unwrap();
    let name = DnValue::Utf8String(name.to_owned());
    parameters.distinguished_name.remove(DnType::CommonName);
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut parameters = parameters(name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(parameters, key), pem }
    }

    /// One that is signed by itself and says nowhere that it may sign others.
    pub fn without_rights(name: &str) -> Authority {
        let parameters = parameters(name);
        let key = KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(parameters, key), pem }
    }

    /// For localhost and 127.0.0.1, valid for a long time.
    pub fn issue(&self, name: &str) -> Issued {
        self.sign(&parameters(name))
    }

    /// For another host.
    pub fn issue_for(&self, name: &str, host: &str) -> Issued {
        let mut given = CertificateParams::new(vec![host.to_owned()]).unwrap();
        given.distinguished_name = parameters(name).distinguished_name;
        self.sign(&given)
    }

    /// Was valid until the year 2001.
    pub fn issue_expired(&self, name: &str) -> Issued {
        let mut parameters = parameters(name);
        parameters.not_before = date_time_ymd(2000, 1, 1);
        parameters.not_after = date_time_ymd(2001, 1, 1);
        self.sign(&parameters)
    }

    fn sign(&self, parameters: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap().pem();
        Issued { certificate, key: key.serialize_pem() }
    }
}

/// Signed by itself; with the right to sign others if `is_authority`, as openssl makes them.
pub fn self_signed(name: &str, is_authority: bool) -> Issued {
    let mut parameters = parameters(name);
    if is_authority {
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap().pem();
    Issued { certificate, key: key.serialize_pem() }
}

impl Issued {
    pub fn pem(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }
}

/// Writes a file and gives its path.
pub fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A store that keytool or openssl made; its password is `pinfold`.
pub fn store(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/proto/tests/stores");
    let folder = if folder.exists() {
        folder
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/tests/stores")
    };
    folder.join(name)
}
