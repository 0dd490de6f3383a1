//! Leader election: one ephemeral sequential znode per candidate, the lowest number leads.
//!
//! ```text
//! <path>/c-<guid>-<seq>   ephemeral sequential, data of the candidate
//! ```
//! Each candidate watches only the one before it. The fencing token is the czxid of the leader's
//! znode: it grows with each leader.

use std::ops::Deref;

use bytes::Bytes;
use pinfold_client::{Client, Error};

use crate::hold::Hold;
use crate::line::{Line, Participant};
use crate::naming::{self, Mode, Naming};
use crate::observer::{Observer, observe};
use crate::session::NO_NODE;

/// An election among all that use the same path.
#[derive(Clone, Debug)]
pub struct LeaderElection(Line);

/// How the znodes of the candidates are named: that of the other programs in the election.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ElectionLayout {
    /// Pinfold's own.
    #[default]
    Pinfold,
    /// That of Curator's `LeaderLatch`.
    CuratorLatch,
    /// That of Curator's `LeaderSelector`.
    CuratorSelector,
    /// That of kazoo's `Election`.
    Kazoo,
}

impl ElectionLayout {
    fn naming(self) -> Naming {
        match self {
            ElectionLayout::Pinfold => naming::ELECTION,
            ElectionLayout::CuratorLatch => naming::CURATOR_LATCH,
            ElectionLayout::CuratorSelector => naming::CURATOR_MUTEX,
            ElectionLayout::Kazoo => naming::KAZOO,
        }
    }
}

/// Who leads, as the tree says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// What the leader gave to [`LeaderElection::campaign`].
    pub data: Bytes,
    /// The leader's fencing token.
    pub token: i64,
    /// The path of the leader's znode.
    pub candidate: String,
}

impl LeaderElection {
    /// An election at `path`, which is created by the first campaign.
    pub fn new(client: Client, path: &str) -> LeaderElection {
        LeaderElection(Line::new(client, path, naming::ELECTION))
    }

    /// The same election among programs that name their candidates in this way.
    #[must_use]
    pub fn with_layout(self, layout: ElectionLayout) -> LeaderElection {
        LeaderElection(Line { naming: layout.naming(), ..self.0 })
    }

    /// Becomes a candidate and waits, as long as it takes, until it leads.
    ///
    /// `data` is what others see of the leader. Dropping the future withdraws the candidate.
    ///
    /// # Errors
    /// What the session ends with, and what the server refuses (a path without permission).
    /// A broken connection is waited out. After the session's end campaign again on a new one.
    pub async fn campaign(&self, data: Bytes) -> Result<Leadership, Error> {
        self.0.acquire(Mode::Exclusive, data).await.map(Leadership)
    }

    /// Who leads now; `None` when there is no candidate.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    pub async fn leader(&self) -> Result<Option<Leader>, Error> {
        leader_of(&self.0).await
    }

    /// Who leads, now and after each change, until the session ends.
    pub fn observe(&self) -> Observer {
        observe(self.0.clone())
    }

    /// Who leads and who waits, in their order.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    pub async fn candidates(&self) -> Result<Vec<Participant>, Error> {
        self.0.participants().await
    }
}

/// Reads who leads.
pub(crate) async fn leader_of(line: &Line) -> Result<Option<Leader>, Error> {
    let Line { client, path, naming, .. } = line;
    loop {
        let names = match client.get_children(path).await {
            Ok((names, _)) => names,
            Err(error) if error.code() == NO_NODE => return Ok(None),
            Err(error) => return Err(error),
        };
        let first = naming.ranked(&names).first().map(|place| format!("{path}/{}", place.name));
        let Some(first) = first else { return Ok(None) };
        match client.get(&first).await {
            Ok((data, stat)) => {
                return Ok(Some(Leader { data, token: stat.czxid, candidate: first }));
            }
            // Gone between the two reads: look again for the next.
            Err(error) if error.code() == NO_NODE => {}
            Err(error) => return Err(error),
        }
    }
}

/// The scope in which this process leads. Ends when resigned, dropped, or lost.
#[derive(Debug)]
pub struct Leadership(Hold);

impl Leadership {
    /// Gives the lead to the next candidate; when this returns without an error, it has it.
    ///
    /// # Errors
    /// What the session ends with: then the lead is given away as well.
    pub async fn resign(self) -> Result<(), Error> {
        self.0.release().await
    }
}

impl Deref for Leadership {
    type Target = Hold;

    fn deref(&self) -> &Hold {
        &self.0
    }
}
