//! The servers of an ensemble, as `server.N` lines name them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use pinfold_proto::Configuration;
pub use pinfold_proto::Member;
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

    /// What the node `/zookeeper/config` of a new ensemble of these servers says.
    pub fn configuration(&self) -> Configuration {
        Configuration { members: self.members.clone(), version: 0 }
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

/// The text of a small file.
fn read(fs: &dyn FileSystem, path: &Path) -> io::Result<String> {
    let file = fs.open_to_read(path)?;
    let mut bytes = vec![0; file.size()?.min(1024) as usize];
    file.read_at(&mut bytes, 0)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinfold_storage::OsFileSystem;

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
