//! The servers of an ensemble, as `server.N` lines name them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use pinfold_replication::{Membership, NodeId};
use pinfold_storage::FileSystem;

use crate::config::setting::Setting;
use crate::error::ServerError;

/// Where a server has its number.
const MYID: &str = "myid";

/// The servers of an ensemble by number. Empty for a server that is alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ensemble {
    members: BTreeMap<NodeId, Member>,
}

/// One server of an ensemble: `server.ID=HOST:PEER_PORT:ELECTION_PORT[:ROLE][;CLIENT_ADDRESS]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number, from 1 to 255.
    pub id: NodeId,
    /// Host name or address; without brackets.
    pub host: String,
    /// Where the other servers reach it.
    pub peer_port: u16,
    /// ZooKeeper's port for elections. Nothing listens there.
    pub election_port: u16,
    /// It follows, but has no vote.
    pub is_observer: bool,
    /// `host:port` for clients, if it is told here.
    pub client: Option<String>,
}

impl Ensemble {
    /// All servers, by number.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// The server of this number.
    pub fn member(&self, id: NodeId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// True when there are other servers.
    pub fn has_peers(&self) -> bool {
        self.members.len() > 1
    }

    /// The members of a new ensemble of these servers.
    pub fn founders(&self) -> Membership {
        let ids = |observers: bool| {
            let chosen = self.members().filter(move |member| member.is_observer == observers);
            chosen.map(|member| member.id).collect()
        };
        Membership { voters: ids(false), learners: ids(true), ..Membership::default() }
    }

    /// This server's own number: that in the file `myid` of the data directory, the only one
    /// there is, or 1.
    ///
    /// # Errors
    /// No `myid` among several servers, one that is no number, or one that no server has.
    pub fn own_id(&self, fs: &dyn FileSystem, data_dir: &Path) -> Result<NodeId, ServerError> {
        let path = data_dir.join(MYID);
        let refused = |reason: String| Err(ServerError::Identity { path: path.clone(), reason });
        let id = match read(fs, &path) {
            Ok(text) => match text.trim().parse() {
                Ok(id @ 1..=255) => id,
                _ => return refused(format!("{:?} is no number from 1 to 255", text.trim())),
            },
            Err(_) if !self.has_peers() => self.members.keys().next().copied().unwrap_or(1),
            Err(error) => {
                return refused(format!("{error}; it has to hold the N of this server's server.N"));
            }
        };
        if self.has_peers() && !self.members.contains_key(&id) {
            return refused(format!("it says {id}, but the configuration has no server.{id}"));
        }
        Ok(id)
    }

    /// Takes the setting if it is one of these.
    ///
    /// # Errors
    /// A value that has no meaning, or a server that is named twice.
    pub(crate) fn set(&mut self, setting: &Setting) -> Result<bool, ServerError> {
        let Some(number) = setting.key.strip_prefix("server.") else { return Ok(false) };
        let id = match number.parse() {
            Ok(id @ 1..=255) => id,
            _ => return Err(setting.refused("a server's number is from 1 to 255")),
        };
        let member = Member::parse(id, setting.value).map_err(|reason| setting.refused(&reason))?;
        match self.members.insert(id, member) {
            None => Ok(true),
            Some(_) => Err(setting.refused("this server has been named before")),
        }
    }
}

impl Member {
    /// Reads the value of a `server.N` line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(id: NodeId, value: &str) -> Result<Member, String> {
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

    /// `host:port` where other servers reach it.
    pub fn peer_address(&self) -> String {
        join(&self.host, self.peer_port)
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.peer_address())
    }
}

/// The text of a small file.
fn read(fs: &dyn FileSystem, path: &Path) -> io::Result<String> {
    let file = fs.open_to_read(path)?;
    let mut bytes = vec![0; file.size()?.min(1024) as usize];
    file.read_at(&mut bytes, 0)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
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
    use pinfold_storage::OsFileSystem;

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
    fn the_own_number_comes_from_myid() {
        let folder = tempfile::tempdir().unwrap();
        let mut ensemble = Ensemble::default();
        assert_eq!(ensemble.own_id(&OsFileSystem, folder.path()).unwrap(), 1);
        for (key, value) in [("server.4", "a:1:2"), ("server.5", "b:1:2:observer")] {
            assert!(ensemble.set(&Setting { place: "test", key, value }).unwrap());
        }
        assert_eq!(ensemble.founders().voters, [4]);
        assert_eq!(ensemble.founders().learners, [5]);
        let missing = ensemble.own_id(&OsFileSystem, folder.path()).unwrap_err().to_string();
        assert!(missing.contains("myid"), "{missing}");
        for (text, id) in [("5\n", Some(5)), ("6", None), ("x", None)] {
            std::fs::write(folder.path().join(MYID), text).unwrap();
            assert_eq!(ensemble.own_id(&OsFileSystem, folder.path()).ok(), id, "{text}");
        }
        let twice = ensemble.set(&Setting { place: "test", key: "server.4", value: "a:1:2" });
        assert!(twice.unwrap_err().to_string().contains("before"));
    }
}
