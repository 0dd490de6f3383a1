//! The servers of an ensemble, as `server.N` lines name them: in `zoo.cfg`, in `reconfig` requests,
//! and in the node `/zookeeper/config`.

use std::collections::BTreeMap;
use std::fmt;

/// One server of an ensemble: `server.ID=HOST:PEER_PORT:ELECTION_PORT[:ROLE][;CLIENT_ADDRESS]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number, from 1 to 255.
    pub id: u64,
    /// Host name or address; without brackets.
    pub host: String,
    /// Where the other servers reach it.
    pub peer_port: u16,
    /// ZooKeeper's port for elections. Nothing of ours listens there.
    pub election_port: u16,
    /// It follows, but has no vote.
    pub is_observer: bool,
    /// `host:port` for clients, if it is told here.
    pub client: Option<String>,
}

/// The servers of an ensemble, and the transaction that made them so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// By number.
    pub members: BTreeMap<u64, Member>,
    /// The zxid of the change; 0 for the first configuration.
    pub version: i64,
}

impl Configuration {
    /// Reads lines of the form `server.N=...`, and `version=HEX`; other keys are passed over.
    ///
    /// # Errors
    /// The line that cannot be read, and why.
    pub fn parse(text: &str) -> Result<Configuration, String> {
        let mut configuration = Configuration::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let Some((key, value)) = line.split_once('=') else {
                return Err(format!("{line:?} has no ="));
            };
            if key == "version" {
                let version = i64::from_str_radix(value, 16);
                configuration.version = version.map_err(|error| format!("{line:?}: {error}"))?;
            } else if key.starts_with("server.") {
                let member = Member::line(line)?;
                if configuration.members.insert(member.id, member).is_some() {
                    return Err(format!("{key} is named twice"));
                }
            }
        }
        Ok(configuration)
    }

    /// The numbers of those with a vote.
    pub fn voters(&self) -> impl Iterator<Item = u64> {
        self.members.values().filter(|member| !member.is_observer).map(|member| member.id)
    }

    /// The numbers of those without one.
    pub fn observers(&self) -> impl Iterator<Item = u64> {
        self.members.values().filter(|member| member.is_observer).map(|member| member.id)
    }
}

/// As in the node `/zookeeper/config`.
impl fmt::Display for Configuration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, member) in &self.members {
            writeln!(out, "server.{id}={member}")?;
        }
        write!(out, "version={:x}", self.version)
    }
}

impl Member {
    /// Reads the value of a `server.N` line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(id: u64, value: &str) -> Result<Member, String> {
        const FORM: &str = "the form is HOST:PORT:PORT[:participant|:observer][;[HOST:]PORT]";
        if value.contains('|') {
            return Err("a server with several addresses is not possible".to_owned());
        }
        let (server, client) = match value.split_once(';') {
            Some((server, client)) => (server, Some(client)),
            None => (value, None),
        };
        let (host, rest) = split_host(server.trim()).ok_or(FORM)?;
        let mut parts = rest.split(':');
        let mut port = || parts.next().and_then(|port| port.parse::<u16>().ok());
        let (Some(peer_port), Some(election_port)) = (port(), port()) else {
            return Err(FORM.to_owned());
        };
        let is_observer = match parts.next() {
            None | Some("participant") => false,
            Some("observer") => true,
            Some(role) => return Err(format!("{role:?} is neither participant nor observer")),
        };
        if host.is_empty() || parts.next().is_some() {
            return Err(FORM.to_owned());
        }
        let client = client.map(|client| client_address(client.trim()).ok_or(FORM)).transpose()?;
        let host = host.to_owned();
        Ok(Member { id, host, peer_port, election_port, is_observer, client })
    }

    /// Reads a whole line, `server.N=...`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn line(line: &str) -> Result<Member, String> {
        let (key, value) = line.split_once('=').ok_or_else(|| format!("{line:?} has no ="))?;
        let number = key.trim().strip_prefix("server.").and_then(|number| number.parse().ok());
        match number {
            Some(id @ 1..=255) => Member::parse(id, value.trim()),
            _ => Err(format!("{key:?} is not server.N with a number from 1 to 255")),
        }
    }

    /// Whether both would listen at the same place.
    pub fn collides(&self, other: &Member) -> bool {
        let ports = |member: &Member| [member.peer_port, member.election_port];
        // Port 0 is none.
        let taken = |port: &u16| *port != 0 && ports(other).contains(port);
        let shares_port = ports(self).iter().any(taken);
        let is_any = |client: &str| client.starts_with("0.0.0.0:");
        let shares_client = self.client.is_some()
            && self.client == other.client
            && !self.client.as_deref().is_some_and(is_any);
        self.host == other.host && shares_port || shares_client
    }

    /// `host:port` where other servers reach it.
    pub fn peer_address(&self) -> String {
        join(&self.host, self.peer_port)
    }
}

/// As in a configuration, behind `server.N=`.
impl fmt::Display for Member {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.is_observer { "observer" } else { "participant" };
        write!(out, "{}:{}:{role}", self.peer_address(), self.election_port)?;
        match &self.client {
            Some(client) => write!(out, ";{client}"),
            None => Ok(()),
        }
    }
}

/// The host, without brackets, and what follows its colon.
fn split_host(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:"),
        None => text.split_once(':'),
    }
}

/// `[HOST:]PORT` as `HOST:PORT`.
fn client_address(text: &str) -> Option<String> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host.trim_start_matches('[').trim_end_matches(']'), port),
        None => ("0.0.0.0", text),
    };
    Some(join(host, port.parse().ok()?))
}

fn join(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_in_every_form() {
        let plain = Member::parse(1, "zoo1:2888:3888").unwrap();
        assert_eq!((plain.peer_address().as_str(), plain.election_port), ("zoo1:2888", 3888));
        assert_eq!((plain.is_observer, plain.client), (false, None));
        let full = Member::parse(2, "[::1]:2888:3888:observer;127.0.0.1:2182").unwrap();
        assert_eq!(full.peer_address(), "[::1]:2888");
        assert_eq!((full.is_observer, full.client.as_deref()), (true, Some("127.0.0.1:2182")));
        let port = Member::parse(3, "h:1:2:participant;2183").unwrap();
        assert_eq!(port.client.as_deref(), Some("0.0.0.0:2183"));
        for wrong in
            ["h", "h:1", "h:1:x", "h:1:2:boss", "h:1:2;", ":1:2", "h:1:2|g:1:2", "h:1:2:observer:3"]
        {
            assert!(Member::parse(1, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_configuration_is_written_as_it_is_read() {
        let text = "server.1=a:1:2:participant\nserver.10=[::1]:1:2:observer;0.0.0.0:3\nversion=1f";
        let read = Configuration::parse(text).unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!(read.version, 31);
        assert_eq!(read.voters().collect::<Vec<_>>(), [1]);
        assert_eq!(read.observers().collect::<Vec<_>>(), [10]);
        for wrong in ["server.1", "server.0=a:1:2", "server.1=a:1:2\nserver.1=b:1:2", "version=x"] {
            assert!(Configuration::parse(wrong).is_err(), "{wrong}");
        }
    }
}
