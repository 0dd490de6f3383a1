//! Barriers: one that somebody sets and removes, and one that opens when enough have come.
//!
//! ```text
//! <path>                      barrier: persistent; there as long as nobody may pass
//!
//! <path>                      double barrier: persistent, data: who is in this round, by the names
//!                             of their znodes, one a line
//! <path>/<guid>-member-<seq>  ephemeral sequential: has come, and has not left
//! ```
//! Whoever sees that enough have come, and are in no round yet, writes their names: one write, of
//! the version that it read. So exactly this many are in a round, and nothing of a round that was
//! broken off can open the next one.

use bytes::Bytes;
use pinfold_client::{Acl, Client, CreateMode, Error, Watch};

use crate::contender::{Contender, Rule};
use crate::hold::Hold;
use crate::layout::create_all;
use crate::naming::{self, Mode};
use crate::session::{BAD_VERSION, NO_NODE, NODE_EXISTS, claim_lost, connected, patiently, refuse};

/// A barrier that holds back whoever waits, as long as it is set.
#[derive(Clone, Debug)]
pub struct Barrier {
    client: Client,
    path: String,
}

impl Barrier {
    /// A barrier at `path`; it is not set before [`Barrier::set`].
    pub fn new(client: Client, path: &str) -> Barrier {
        Barrier { client, path: path.to_owned() }
    }

    /// Sets the barrier, if it is not set. It stays when this session ends.
    ///
    /// # Errors
    /// What the session ends with, and what the server refuses. A broken connection is waited out.
    pub async fn set(&self) -> Result<(), Error> {
        let (client, path) = (&self.client, &self.path);
        patiently(client, || async {
            let parent = path.rfind('/').map_or("/", |at| &path[..at.max(1)]);
            create_all(client, parent).await?;
            let mode = CreateMode::Persistent;
            match client.create(path, Bytes::new(), mode, &Acl::open_unsafe()).await {
                Err(error) if error.code() == NODE_EXISTS => Ok(()),
                outcome => outcome.map(drop),
            }
        })
        .await
    }

    /// Removes the barrier, if it is set: all that wait may pass.
    ///
    /// # Errors
    /// Those of [`Barrier::set`].
    pub async fn remove(&self) -> Result<(), Error> {
        match patiently(&self.client, || self.client.delete(&self.path, -1)).await {
            Err(error) if error.code() == NO_NODE => Ok(()),
            outcome => outcome,
        }
    }

    /// Whether it is set.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    pub async fn is_set(&self) -> Result<bool, Error> {
        Ok(self.client.exists(&self.path).await?.is_some())
    }

    /// Waits, as long as it takes, until it is not set. Dropping the future waits no longer.
    ///
    /// # Errors
    /// Those of [`Barrier::set`].
    pub async fn wait(&self) -> Result<(), Error> {
        // get and not exists: it leaves no watch behind where there is no barrier.
        loop {
            match patiently(&self.client, || self.client.get_watch(&self.path)).await {
                Ok((_, _, watch)) => changed(&self.client, watch).await?,
                Err(error) if error.code() == NO_NODE => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Waits for a watch. One that ended without an event is one of a connection that comes back.
async fn changed(client: &Client, mut watch: Watch) -> Result<(), Error> {
    match watch.next().await {
        Some(_) => Ok(()),
        None => connected(client).await,
    }
}

/// A barrier for so many: nobody is in before all have come, nobody is out before all have left.
/// It can be used again, round after round.
#[derive(Clone, Debug)]
pub struct DoubleBarrier {
    client: Client,
    path: String,
    members: usize,
}

impl DoubleBarrier {
    /// A barrier for `members` at `path`, which is made where it is missing. All have to give the
    /// same number.
    pub fn new(client: Client, path: &str, members: u32) -> DoubleBarrier {
        DoubleBarrier { client, path: path.to_owned(), members: members as usize }
    }

    /// Waits, as long as it takes, until all have come. Dropping the future is not to have come.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a barrier for nobody; `CLAIM_LOST` when somebody removed the znode;
    /// what the session ends with, and what the server refuses. A broken connection is waited out.
    pub async fn enter(&self) -> Result<Round, Error> {
        if self.members == 0 {
            return Err(refuse("a double barrier is for at least one"));
        }
        let (client, path) = (&self.client, &self.path);
        let contender = Contender::enter(
            client.clone(),
            path,
            naming::MEMBER,
            Mode::Exclusive,
            Rule::First,
            Bytes::new(),
        )
        .await?;
        let own = contender.own().0.rsplit('/').next().unwrap_or_default().to_owned();
        loop {
            let looked = patiently(client, || self.look(&own)).await?;
            match looked {
                Look::Open(members) => {
                    let hold = Hold::begin(contender);
                    return Ok(Round { hold, client: client.clone(), path: path.clone(), members });
                }
                Look::Wait(watch) => changed(client, watch).await?,
                Look::Again => {}
            }
        }
    }

    /// Looks who is in the round, and opens it when enough have come.
    async fn look(&self, own: &str) -> Result<Look, Error> {
        let (record, stat, watch) = self.client.get_watch(&self.path).await?;
        let members = names(&record);
        if members.iter().any(|name| name == own) {
            return Ok(Look::Open(members));
        }
        let listed = self.client.get_children(&self.path).await?.0;
        let ranked = naming::MEMBER.ranked(&listed);
        let came = ranked.iter().map(|place| place.name);
        let came: Vec<&str> = came.filter(|name| !members.iter().any(|it| it == name)).collect();
        if !came.contains(&own) {
            let path = format!("{}/{own}", self.path);
            return Err(claim_lost(&path, "its znode was removed"));
        }
        let Some(round) = came.get(..self.members) else { return Ok(Look::Wait(watch)) };
        let record = round.join("\n");
        match self.client.set(&self.path, record, stat.version).await {
            // Ours or another's: the record says who is in.
            Ok(_) => Ok(Look::Again),
            Err(error) if error.code() == BAD_VERSION => Ok(Look::Again),
            Err(error) => Err(error),
        }
    }
}

enum Look {
    /// The round is open, with these.
    Open(Vec<String>),
    Wait(Watch),
    Again,
}

fn names(record: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(record).lines().map(str::to_owned).collect()
}

/// A round that this client is in.
#[derive(Debug)]
pub struct Round {
    hold: Hold,
    client: Client,
    path: String,
    members: Vec<String>,
}

impl Round {
    /// True while this client is taken for one that is in, by its monotonic clock.
    pub fn is_in(&self) -> bool {
        self.hold.is_held()
    }

    /// Resolves, with the reason, when the others may take this client for one that has left.
    /// Cancel-safe.
    pub async fn lost(&self) -> String {
        self.hold.lost().await
    }

    /// Leaves, and waits until all of the round have left. One whose session ends has left.
    ///
    /// # Errors
    /// What the session ends with, and what the server refuses. A broken connection is waited out.
    pub async fn leave(self) -> Result<(), Error> {
        let Round { hold, client, path, members } = self;
        let own = hold.path().rsplit('/').next().unwrap_or_default().to_owned();
        // The first in the line leaves last, so the others wait for it, and it for the last of
        // them: nobody wakes for each of those that leave.
        let mut own_hold = Some(hold);
        loop {
            let listed = patiently(&client, || client.get_children(&path)).await?.0;
            let ranked = naming::MEMBER.ranked(&listed);
            let names = ranked.iter().map(|place| place.name);
            let left: Vec<&str> =
                names.filter(|name| members.iter().any(|it| it == name)).collect();
            let is_first = left.first() == Some(&own.as_str());
            let others: Vec<&str> = left.into_iter().filter(|name| *name != own).collect();
            if (!is_first || others.is_empty())
                && let Some(hold) = own_hold.take()
            {
                hold.release().await?;
                continue;
            }
            let awaited = if is_first { others.last() } else { others.first() };
            let Some(awaited) = awaited else { return Ok(()) };
            let awaited = format!("{path}/{awaited}");
            match patiently(&client, || client.get_watch(&awaited)).await {
                Ok((_, _, watch)) => changed(&client, watch).await?,
                Err(error) if error.code() == NO_NODE => {}
                Err(error) => return Err(error),
            }
        }
    }
}
