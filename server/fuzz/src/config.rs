//! What an operator gives: zoo.cfg, Java properties, stores of certificates, JAAS files; and the
//! credentials of DIGEST-MD5, which come from a client.

use pinfold_proto::digest_md5;
use pinfold_proto::keystore::{self, StoreKind};
use pinfold_server::{Config, probe};

/// The first byte chooses.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    match choice % 5 {
        0 => {
            if let Ok(config) = Config::parse(&text, "zoo.cfg") {
                let (min, max) = config.session_timeouts_ms();
                assert!(0 < min && min <= max, "a session can have a timeout");
            }
        }
        1 => {
            let _ = Config::default().properties("flags", &text);
        }
        2 => store(rest),
        3 => {
            let _ = probe::jaas_users(&text);
        }
        _ => credentials(rest),
    }
}

/// Whoever knows the password gets in, under whatever name; nothing else matters.
fn credentials(rest: &[u8]) {
    const URI: &str = "zookeeper/zk-sasl-md5";
    let password = |_: &str| Some("secret".to_owned());
    let _ = digest_md5::verify(rest, "realm", "nonce", URI, password);
    let _ = digest_md5::Answer::new(rest, "user", "secret", URI, "cnonce");
    // A longer name makes a message that is refused for its length.
    let Ok(user) = std::str::from_utf8(&rest[..rest.len().min(1024)]) else { return };
    let challenge = digest_md5::challenge("realm", "nonce");
    let answer = digest_md5::Answer::new(challenge.as_bytes(), user, "secret", URI, "cnonce");
    let answer = answer.expect("our own challenge can be answered");
    let verified = digest_md5::verify(answer.response.as_bytes(), "realm", "nonce", URI, password);
    let verified = verified.expect("the right password is known");
    assert_eq!(verified.user, user);
    answer.check(verified.proof.as_bytes()).expect("the server knows it, too");
}

fn store(rest: &[u8]) {
    let Some((kind, bytes)) = rest.split_first() else { return };
    let names = ["JKS", "PEM", "PKCS12"];
    let kind = StoreKind::from_name(names[usize::from(*kind) % names.len()]);
    let Ok(kind) = kind else { return };
    let _ = keystore::identity(kind, bytes, "changeit");
    let _ = keystore::trusted(kind, bytes, "changeit");
}
