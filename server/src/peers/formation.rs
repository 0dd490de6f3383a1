//! How new servers become an ensemble, and how one joins an ensemble that is there already.
//!
//! A server with an empty directory asks the others. Whoever belongs to an ensemble invites it.
//! Only when every voter of the configuration has been seen to be as new does the one with the
//! lowest number found an ensemble, which then invites the others. So servers with empty disks
//! never form an ensemble beside one that has lost sight of them.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use pinfold_replication::{Membership, NodeId, StoreError};
use pinfold_storage::{DataDir, Identity};
use tokio::time::{sleep, timeout};

use crate::config::{Ensemble, Member};
use crate::peers::Road;
use crate::peers::hello::{Answer, Hello};

const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);

/// An ensemble as it was founded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Formation {
    /// A random number that all its servers have in common.
    pub(crate) cluster: u64,
    /// Its members before the first change.
    pub(crate) founders: Membership,
}

impl Formation {
    /// As a data directory keeps it.
    pub(crate) fn identity(&self) -> Identity {
        let bytes = self.founders.encode();
        let note = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Identity { cluster: self.cluster, note }
    }

    /// The formation that a directory belongs to.
    ///
    /// # Errors
    /// When its note was written by something else.
    pub(crate) fn of(directory: &DataDir) -> Result<Formation, StoreError> {
        let note = directory.note();
        let digits = (0..note.len()).step_by(2).map(|at| note.get(at..at + 2));
        let bytes: Option<Vec<u8>> =
            digits.map(|digits| u8::from_str_radix(digits?, 16).ok()).collect();
        let founders = match note {
            // Of a server that was alone, before founders were noted.
            "" => Some(Membership::single(1)),
            _ => bytes.and_then(|bytes| Membership::decode(&bytes)),
        };
        let path = directory.path().display();
        let unreadable = || StoreError::message(format!("the founders in {path} are unreadable"));
        Ok(Formation { cluster: directory.cluster(), founders: founders.ok_or_else(unreadable)? })
    }
}

/// Asks around until this new server belongs to an ensemble. `lone` is the cluster that it founds
/// if it is the one to do so.
pub(crate) async fn form(road: &Road, ensemble: &Ensemble, id: NodeId, lone: u64) -> Formation {
    let founders = ensemble.founders();
    let others: Vec<&Member> = ensemble.members().filter(|member| member.id != id).collect();
    let is_founder = founders.voters.iter().min() == Some(&id);
    let mut told: BTreeSet<NodeId> = BTreeSet::new();
    loop {
        let mut as_new = BTreeSet::from([id]);
        for peer in &others {
            match ask(road, Hello { cluster: 0, from: id, to: peer.id }, peer).await {
                Ok(Answer::Formed(formation)) => return formation,
                Ok(Answer::New) => {
                    as_new.insert(peer.id);
                }
                Ok(other) => tracing::warn!(peer = peer.id, ?other, "an answer that fits nothing"),
                Err(error) if told.insert(peer.id) => {
                    tracing::info!(
                        "waiting for server {} at {}: {error}",
                        peer.id,
                        peer.peer_address()
                    );
                }
                Err(_) => {}
            }
        }
        if is_founder && founders.voters.iter().all(|voter| as_new.contains(voter)) {
            return Formation { cluster: lone, founders };
        }
        sleep(PAUSE).await;
    }
}

async fn ask(road: &Road, hello: Hello, peer: &Member) -> io::Result<Answer> {
    let ask = async {
        let mut socket = road.connect(peer).await?;
        hello.send(&mut socket).await?;
        Answer::receive(&mut socket).await
    };
    let silence = || Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"));
    timeout(PATIENCE, ask).await.unwrap_or_else(|_| silence())
}
