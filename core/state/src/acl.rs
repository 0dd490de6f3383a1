//! Access lists: which are legal, how they are stored once, and whom they let in.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pinfold_proto::acl::{Acl, Id, Perms};
use pinfold_proto::error::ErrorCode;
use sha1::{Digest, Sha1};

use crate::principal;

/// An access list as nodes hold it.
pub type AclList = Vec<Acl>;

/// The identity that passes every check. Only the server gives it, never a client.
pub const SUPER_SCHEME: &str = "super";
/// The schemes whose identities were proved, which `auth` stands for.
const PROVED: [&str; 3] = ["digest", "x509", "sasl"];

/// Holds each distinct access list once.
#[derive(Debug, Default)]
pub(crate) struct AclPool {
    lists: HashSet<Arc<AclList>>,
    sweep_at: usize,
}

impl AclPool {
    /// The shared copy of a list.
    pub(crate) fn intern(&mut self, list: AclList) -> Arc<AclList> {
        if let Some(known) = self.lists.get(&list) {
            return known.clone();
        }
        if self.lists.len() >= self.sweep_at.max(64) {
            self.lists.retain(|l| Arc::strong_count(l) > 1);
            self.sweep_at = self.lists.len() * 2;
        }
        let list = Arc::new(list);
        self.lists.insert(list.clone());
        list
    }
}

/// The `digest` identity of a `user:password` text: `user:base64(sha1(user:password))`.
pub fn digest_id(user_password: &str) -> String {
    let user = user_password.split(':').next().unwrap_or("");
    let hash = STANDARD.encode(Sha1::digest(user_password.as_bytes()));
    format!("{user}:{hash}")
}

/// True when one of the identities holds one of the wanted permissions.
pub fn allows(list: &[Acl], wanted: i32, ids: &[Id]) -> bool {
    if list.is_empty() || ids.iter().any(|id| id.scheme == SUPER_SCHEME) {
        return true;
    }
    list.iter().filter(|acl| acl.perms & wanted != 0).any(|acl| {
        (acl.id.scheme == "world" && acl.id.id == "anyone")
            || ids.iter().any(|id| id.scheme == acl.id.scheme && matches(id, &acl.id))
    })
}

fn matches(caller: &Id, entry: &Id) -> bool {
    match entry.scheme.as_str() {
        "ip" => ip_matches(&caller.id, &entry.id),
        "digest" | "x509" => caller.id == entry.id,
        // ZooKeeper's SASL user of this name passes wherever any SASL user does.
        "sasl" => caller.id == entry.id || caller.id == "super",
        _ => false,
    }
}

/// What a client's list becomes before it is stored: duplicates dropped, `auth` replaced by the
/// caller's own identities.
///
/// # Errors
/// `InvalidAcl` for an empty list, an unknown scheme, an identity its scheme does not accept, or
/// `auth` from a caller who is not authenticated.
pub fn resolve(list: &[Acl], ids: &[Id]) -> Result<AclList, ErrorCode> {
    // As many as fit into a frame: looking each one up among all others would stop the server.
    let mut seen = HashSet::new();
    let mut resolved = AclList::new();
    for acl in list.iter().filter(|acl| seen.insert(*acl)) {
        match acl.id.scheme.as_str() {
            "world" if acl.id.id == "anyone" => resolved.push(acl.clone()),
            "auth" => {
                let before = resolved.len();
                let own = ids.iter().filter(|id| PROVED.contains(&id.scheme.as_str()));
                resolved.extend(own.map(|id| Acl { perms: acl.perms, id: id.clone() }));
                if resolved.len() == before {
                    return Err(ErrorCode::InvalidAcl);
                }
            }
            "digest" if digest_is_valid(&acl.id.id) => resolved.push(acl.clone()),
            "ip" if ip_network(&acl.id.id).is_some() => resolved.push(acl.clone()),
            "x509" if principal::is_subject(&acl.id.id) => resolved.push(acl.clone()),
            "sasl" if principal::is_sasl_user(&acl.id.id) => resolved.push(acl.clone()),
            _ => return Err(ErrorCode::InvalidAcl),
        }
    }
    if resolved.is_empty() { Err(ErrorCode::InvalidAcl) } else { Ok(resolved) }
}

/// The list as getACL shows it: without ADMIN the password hashes are hidden.
pub(crate) fn visible(list: &[Acl], ids: &[Id]) -> AclList {
    let mut shown = list.to_vec();
    if !allows(list, Perms::ADMIN, ids) {
        for acl in shown.iter_mut().filter(|acl| acl.id.scheme == "digest") {
            let user = acl.id.id.split(':').next().unwrap_or("");
            acl.id.id = format!("{user}:x");
        }
    }
    shown
}

/// Exactly two parts, where empty parts at the end do not count (as Java's split has it).
fn digest_is_valid(id: &str) -> bool {
    let trimmed = id.trim_end_matches(':');
    !trimmed.is_empty() && trimmed.split(':').count() == 2
}

/// An address and the number of leading bits that count.
fn ip_network(text: &str) -> Option<(Vec<u8>, usize)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let bytes = ip_bytes(address)?;
    let all = bytes.len() * 8;
    let bits = match bits {
        Some(bits) => bits.parse().ok().filter(|b| *b <= all)?,
        None => all,
    };
    Some((bytes, bits))
}

fn ip_bytes(address: &str) -> Option<Vec<u8>> {
    match address.parse::<IpAddr>().ok()? {
        IpAddr::V4(v4) => Some(v4.octets().to_vec()),
        IpAddr::V6(v6) => Some(v6.octets().to_vec()),
    }
}

fn ip_matches(caller: &str, entry: &str) -> bool {
    let (Some(caller), Some((network, bits))) = (ip_bytes(caller), ip_network(entry)) else {
        return false;
    };
    caller.len() == network.len()
        && (0..bits).all(|bit| {
            let mask = 0x80 >> (bit % 8);
            caller[bit / 8] & mask == network[bit / 8] & mask
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(perms: i32, scheme: &str, id: &str) -> Acl {
        Acl { perms, id: Id { scheme: scheme.into(), id: id.into() } }
    }

    fn id(scheme: &str, id: &str) -> Id {
        Id { scheme: scheme.into(), id: id.into() }
    }

    #[test]
    fn digest_ids_are_those_of_zookeeper() {
        assert_eq!(digest_id("super:test"), "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
        assert!(digest_is_valid("u:h") && digest_is_valid("u:h:") && digest_is_valid(":h"));
        assert!(!digest_is_valid("u") && !digest_is_valid("u:") && !digest_is_valid("a:b:c"));
    }

    #[test]
    fn networks_match_on_their_leading_bits() {
        let list = [acl(31, "ip", "10.1.0.0/16")];
        assert!(allows(&list, 1, &[id("ip", "10.1.2.3")]));
        assert!(!allows(&list, 1, &[id("ip", "10.2.2.3")]));
        assert!(!allows(&list, 1, &[id("ip", "::1")]));
        assert!(ip_network("1.2.3.4/33").is_none() && ip_network("1.2.3").is_none());
    }

    #[test]
    fn auth_becomes_the_callers_identities() {
        let me = id("digest", "me:hash");
        let list = resolve(&[acl(31, "auth", "")], &[id("ip", "127.0.0.1"), me.clone()]);
        assert_eq!(list, Ok(vec![Acl { perms: 31, id: me }]));
        let none = resolve(&[acl(31, "auth", "")], &[id("ip", "127.0.0.1")]);
        assert_eq!(none, Err(ErrorCode::InvalidAcl));
        assert_eq!(resolve(&[], &[]), Err(ErrorCode::InvalidAcl));
        assert_eq!(resolve(&[acl(1, "world", "me")], &[]), Err(ErrorCode::InvalidAcl));
        assert_eq!(resolve(&[acl(1, "sasl", "a@b@c")], &[]), Err(ErrorCode::InvalidAcl));
        assert_eq!(resolve(&[acl(1, "x509", "me")], &[]), Err(ErrorCode::InvalidAcl));
        assert_eq!(resolve(&[acl(1, "kerberos", "me")], &[]), Err(ErrorCode::InvalidAcl));
        let twice = resolve(&[acl(1, "world", "anyone"), acl(1, "world", "anyone")], &[]);
        assert_eq!(twice.map(|l| l.len()), Ok(1));
    }

    #[test]
    fn certificates_and_sasl_users_match_by_name() {
        let list = [acl(1, "x509", "CN=a"), acl(2, "sasl", "bob")];
        assert!(allows(&list, 1, &[id("x509", "CN=a")]));
        assert!(!allows(&list, 1, &[id("x509", "CN=b"), id("sasl", "CN=a")]));
        assert!(allows(&list, 2, &[id("sasl", "bob")]) && allows(&list, 2, &[id("sasl", "super")]));
        assert!(!allows(&list, 2, &[id("sasl", "eve")]) && !allows(&list, 1, &[id("sasl", "bob")]));
        let mine = [id("ip", "::1"), id("x509", "CN=a"), id("sasl", "bob")];
        assert_eq!(resolve(&[acl(31, "auth", "")], &mine).map(|list| list.len()), Ok(2));
    }

    #[test]
    fn super_passes_and_perms_select() {
        let list = [acl(Perms::READ, "digest", "a:b")];
        assert!(allows(&list, Perms::WRITE, &[id(SUPER_SCHEME, "")]));
        assert!(!allows(&list, Perms::WRITE, &[id("digest", "a:b")]));
        assert!(allows(&list, Perms::READ | Perms::ADMIN, &[id("digest", "a:b")]));
        assert_eq!(visible(&list, &[])[0].id.id, "a:x");
    }
}
