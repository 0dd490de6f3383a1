//! From credentials to identities.

use std::net::IpAddr;

use pinfold_proto::records::AuthPacket;
use pinfold_proto::{ErrorCode, Id};
use pinfold_state::acl::{SUPER_SCHEME, digest_id};

use crate::config::Config;

/// What every connection is from the start.
pub(crate) fn initial(config: &Config, address: IpAddr) -> Vec<Id> {
    let mut ids = vec![Id::new("ip", address.to_canonical().to_string())];
    if config.authentication.skip_acl {
        ids.push(Id::new(SUPER_SCHEME, ""));
    }
    ids
}

/// What the owner of a certificate is.
pub(crate) fn of_certificate(config: &Config, subject: String) -> Vec<Id> {
    let is_super = config.tls.super_user.as_deref() == Some(&subject);
    let super_id = is_super.then(|| Id::new(SUPER_SCHEME, subject.clone()));
    super_id.into_iter().chain([Id::new("x509", subject)]).collect()
}

/// The identities that credentials prove, to somebody who is `known` already.
///
/// # Errors
/// `AuthFailed` for a scheme that is not offered, or no credentials.
pub(crate) fn check(
    config: &Config,
    packet: &AuthPacket,
    known: &[Id],
) -> Result<Vec<Id>, ErrorCode> {
    match packet.scheme.as_str() {
        "digest" if !config.authentication.digest_disabled => {
            let bytes = packet.auth.as_deref().ok_or(ErrorCode::AuthFailed)?;
            // As Java reads it: what is no UTF-8 becomes a character that stands for that.
            let id = digest_id(&String::from_utf8_lossy(bytes));
            let is_super = config.authentication.super_digest.as_deref() == Some(&id);
            let mut ids = Vec::new();
            if is_super {
                ids.push(Id::new(SUPER_SCHEME, ""));
            }
            ids.push(Id::new("digest", id));
            Ok(ids)
        }
        // The address is known already, and so is a certificate; proving it again changes nothing.
        "ip" => Ok(Vec::new()),
        "x509" if known.iter().any(|id| id.scheme == "x509") => Ok(Vec::new()),
        _ => Err(ErrorCode::AuthFailed),
    }
}

/// The name that whoAmI shows for an identity: without the password's hash.
pub(crate) fn user_name(id: &Id) -> String {
    match id.scheme.as_str() {
        "digest" => id.id.split(':').next().unwrap_or("").to_owned(),
        _ => id.id.clone(),
    }
}
