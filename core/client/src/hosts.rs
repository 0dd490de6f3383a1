//! The host list and the chroot of a connect string.

use std::borrow::Cow;

use pinfold_proto::{CreateMode, ErrorCode, path};

use crate::Error;

const DEFAULT_PORT: u16 = 2181;

/// A parsed connect string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hosts {
    /// `host:port` each; names are resolved at each attempt.
    pub(crate) addresses: Vec<String>,
    /// Empty, or a path without a slash at its end.
    pub(crate) chroot: String,
}

impl Hosts {
    pub(crate) fn parse(text: &str) -> Result<Hosts, Error> {
        let refuse = |reason: String| {
            Error::new(ErrorCode::BadArguments, format!("connect string {text:?}: {reason}"))
        };
        let (list, chroot) = match text.find('/') {
            Some(slash) => text.split_at(slash),
            None => (text, ""),
        };
        let chroot = if chroot == "/" { "" } else { chroot };
        if !chroot.is_empty() {
            path::validate(chroot).map_err(|error| refuse(error.to_string()))?;
        }
        let mut addresses = Vec::new();
        for host in list.split(',').map(str::trim).filter(|host| !host.is_empty()) {
            addresses.push(with_port(host).ok_or_else(|| refuse(format!("{host:?} has no port")))?);
        }
        if addresses.is_empty() {
            return Err(refuse("it names no host".to_owned()));
        }
        Ok(Hosts { addresses, chroot: chroot.to_owned() })
    }
}

/// Adds the default port where there is none; none if what stands there is no port.
fn with_port(host: &str) -> Option<String> {
    let bracket = host.rfind(']').unwrap_or(0);
    match host[bracket..].rfind(':') {
        None => Some(format!("{host}:{DEFAULT_PORT}")),
        Some(colon) => {
            let port: u16 = host[bracket + colon + 1..].parse().ok()?;
            (port > 0 && bracket + colon > 0).then(|| host.to_owned())
        }
    }
}

/// The path that the server knows. `/zookeeper/config` is the ensemble's and has no chroot.
pub(crate) fn to_server<'a>(chroot: &'a str, path: &'a str) -> Cow<'a, str> {
    if chroot.is_empty() || path == "/zookeeper/config" {
        Cow::Borrowed(path)
    } else if path == "/" {
        Cow::Borrowed(chroot)
    } else {
        Cow::Owned(format!("{chroot}{path}"))
    }
}

/// The path of a create. That of a sequential child of the root may be `/` alone: the counter
/// goes behind it, so it must keep its slash behind the chroot.
pub(crate) fn to_server_create<'a>(
    chroot: &'a str,
    path: &'a str,
    mode: CreateMode,
) -> Cow<'a, str> {
    match path {
        "/" if mode.is_sequential() => Cow::Owned(format!("{chroot}/")),
        _ => to_server(chroot, path),
    }
}

/// Whether a path of the server is the chroot or below it.
pub(crate) fn is_inside(chroot: &str, path: &str) -> bool {
    let rest = path.strip_prefix(chroot);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path that the caller knows.
pub(crate) fn to_caller(chroot: &str, path: String) -> String {
    match path.strip_prefix(chroot) {
        _ if chroot.is_empty() => path,
        Some("") => "/".to_owned(),
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_strings() {
        let hosts = Hosts::parse("a:1, b,[::1]:3/app/x").unwrap();
        assert_eq!(hosts.addresses, ["a:1", "b:2181", "[::1]:3"]);
        assert_eq!(hosts.chroot, "/app/x");
        assert_eq!(Hosts::parse("a:1/").unwrap().chroot, "");
        for text in ["", "/app", "a:x", "a:0", "a:1/app/", ":1"] {
            assert!(Hosts::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn chroot_goes_on_and_off() {
        assert_eq!(to_server("/app", "/"), "/app");
        assert_eq!(to_server("/app", "/x"), "/app/x");
        let sequential = CreateMode::EphemeralSequential;
        assert_eq!(to_server_create("/app", "/", sequential), "/app/");
        assert_eq!(to_server_create("", "/", sequential), "/");
        assert_eq!(to_server_create("/app", "/", CreateMode::Persistent), "/app");
        assert_eq!(to_server("/app", "/zookeeper/config"), "/zookeeper/config");
        assert!(is_inside("/app", "/app") && is_inside("/app", "/app/x") && is_inside("", "/x"));
        assert!(!is_inside("/app", "/apple") && !is_inside("/app", "/x/app"));
        // ZOOKEEPER-4565: a chroot that begins like the path of the configuration.
        assert_eq!(to_caller("/zoo", "/zookeeper/config".into()), "/zookeeper/config");
        assert_eq!(to_caller("/app", "/app".into()), "/");
        assert_eq!(to_caller("/app", "/app/x".into()), "/x");
        assert_eq!(to_caller("/app", "/apple".into()), "/apple");
        assert_eq!(to_caller("", "/x".into()), "/x");
    }
}
