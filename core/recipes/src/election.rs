//! Leader election: one ephemeral sequential znode per candidate, the lowest number leads.
//!
//! ```text
//! <path>/c-<guid>-<seq>   ephemeral sequential, data of the candidate
//!
//! <path>/waiting/<guid>-waiting-<ppp>-<seq>   the same, of one with a priority
//! ```
//! Each candidate watches only the one before it. The fencing token is the czxid of the leader's
//! znode: it grows with each leader.
//!
//! Candidates with a priority wait in a room of their own, where a higher one stands before a
//! lower one that came earlier. The first of the room watches whoever leads, and stands for the
//! lead when there is none: a znode in the election's own line, whose first leads, as ever. One
//! that finds itself behind another there goes back to the room.

use std::ops::Deref;

use bytes::Bytes;
use pinfold_client::{Client, Error};

use crate::contender::{Contender, Rule};
use crate::errand::present;
use crate::hold::Hold;
use crate::line::{Line, Participant};
use crate::naming::{self, Mode, Naming};
use crate::observer::{Observer, observe};
use crate::session::{NO_NODE, connected, patiently, refuse};

/// The highest priority of a candidate.
const TOP_PRIORITY: u16 = 999;

/// An election among all that use the same path.
#[derive(Clone, Debug)]
pub struct LeaderElection {
    pub(crate) line: Line,
    priority: Option<u16>,
}

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
        LeaderElection { line: Line::new(client, path, naming::ELECTION), priority: None }
    }

    /// The same election among programs that name their candidates in this way.
    #[must_use]
    pub fn with_layout(self, layout: ElectionLayout) -> LeaderElection {
        LeaderElection { line: Line { naming: layout.naming(), ..self.line }, ..self }
    }

    /// The same election for a candidate of this priority, 0 to 999: whenever the lead is free it
    /// goes to the highest of those that wait, and to the first among equals. Nobody is deposed.
    ///
    /// In Pinfold's own layout only, and all candidates have to have one: those without are
    /// before all that have.
    #[must_use]
    pub fn with_priority(self, priority: u16) -> LeaderElection {
        LeaderElection { priority: Some(priority), ..self }
    }

    /// Becomes a candidate and waits, as long as it takes, until it leads.
    ///
    /// `data` is what others see of the leader. Dropping the future withdraws the candidate.
    ///
    /// # Errors
    /// What the session ends with, and what the server refuses (a path without permission).
    /// A broken connection is waited out. After the session's end campaign again on a new one, or
    /// let [`LeaderElection::terms`] do that. `INVALID_ARGUMENT` for a priority above 999, or in
    /// another layout than Pinfold's own.
    pub async fn campaign(&self, data: Bytes) -> Result<Leadership, Error> {
        match self.priority {
            Some(priority) => self.campaign_at(priority, data).await,
            None => self.line.acquire(Mode::Exclusive, data).await.map(Leadership),
        }
    }

    async fn campaign_at(&self, priority: u16, data: Bytes) -> Result<Leadership, Error> {
        if priority > TOP_PRIORITY {
            return Err(refuse(format!("priority {priority} is not between 0 and 999")));
        }
        if self.line.naming != naming::ELECTION {
            return Err(refuse("other libraries know no priorities"));
        }
        let Line { client, mut naming, path: room, .. } = self.room();
        naming.rank = Some(priority);
        let (mode, own) = (Mode::Exclusive, data.clone());
        let entered = Contender::enter(client.clone(), &room, naming, mode, Rule::First, own);
        let mut waiting = entered.await?;
        loop {
            waiting.served().await?;
            if let Some(leader) = patiently(&client, || leader_of(&self.line)).await? {
                let gone = patiently(&client, || client.get_watch(&leader.candidate)).await;
                match present(gone)? {
                    Some((_, _, mut watch)) => drop(watch.next().await),
                    None => continue,
                }
                connected(&client).await?;
            } else if let Some(hold) = self.line.try_acquire(mode, data.clone()).await? {
                waiting.withdraw().await?;
                return Ok(Leadership(hold));
            }
        }
    }

    /// Where candidates with a priority wait.
    fn room(&self) -> Line {
        Line::new(self.line.client.clone(), &format!("{}/waiting", self.line.path), naming::WAITING)
    }

    /// Who leads now; `None` when there is no candidate.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    pub async fn leader(&self) -> Result<Option<Leader>, Error> {
        leader_of(&self.line).await
    }

    /// Who leads, now and after each change, until the session ends.
    pub fn observe(&self) -> Observer {
        observe(self.line.clone())
    }

    /// Who leads and who waits, in their order.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    pub async fn candidates(&self) -> Result<Vec<Participant>, Error> {
        let mut candidates = self.line.participants().await?;
        let waiting = self.room().participants().await?;
        candidates.extend(waiting.into_iter().map(|one| Participant { holds: false, ..one }));
        Ok(candidates)
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

impl From<Leadership> for Hold {
    /// The same scope, for those who treat every kind alike.
    fn from(leadership: Leadership) -> Hold {
        leadership.0
    }
}

impl Deref for Leadership {
    type Target = Hold;

    fn deref(&self) -> &Hold {
        &self.0
    }
}
