//! Leader election: one ephemeral sequential znode per candidate, the lowest number leads.
//!
//! ```text
//! <path>/c-<guid>-<seq>   ephemeral sequential, data of the candidate
//! ```
//! Each candidate watches only the one before it. The guid is new for each campaign: a create
//! whose reply was lost is found again by it, and an older campaign's znode is never mistaken for
//! this one's. The fencing token is the czxid of the leader's znode: it grows with each leader.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use pinfold_client::{Acl, Client, CreateMode, Error, MultiOp, Stat, Watch};
use tokio::sync::watch;

use crate::layout::create_all;
use crate::observer::{Observer, observe};
use crate::session::{self, Fault, NO_NODE, claim_lost, connected, fault, is_over, unique};

/// An election among all that use the same path.
#[derive(Clone, Debug)]
pub struct LeaderElection {
    client: Client,
    path: String,
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

/// The lowest of `names` and the one before `own`, by their numbers; names of others are ignored.
pub(crate) fn ranked(names: &[String]) -> Vec<&str> {
    let mut ranked: Vec<(&str, &str)> =
        names.iter().filter_map(|name| Some((sequence(name)?, name.as_str()))).collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, name)| name).collect()
}

/// The ten digits at the end, after a dash.
fn sequence(name: &str) -> Option<&str> {
    let at = name.len().checked_sub(10)?;
    let digits = name.get(at..)?;
    let sound = name.starts_with("c-") && name[..at].ends_with('-');
    (sound && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

impl LeaderElection {
    /// An election at `path`, which is created by the first campaign.
    pub fn new(client: Client, path: &str) -> LeaderElection {
        LeaderElection { client, path: path.to_owned() }
    }

    /// Becomes a candidate and waits, as long as it takes, until it leads.
    ///
    /// `data` is what others see of the leader. Dropping the future withdraws the candidate.
    ///
    /// # Errors
    /// What the session ends with, and what the server refuses (a path without permission).
    /// A broken connection is waited out. After the session's end campaign again on a new one.
    pub async fn campaign(&self, data: Bytes) -> Result<Leadership, Error> {
        let mut candidate = Candidate {
            client: self.client.clone(),
            folder: self.path.clone(),
            prefix: format!("c-{}-", unique()),
            withdrawn: false,
        };
        let (path, stat) = candidate.enter(data).await?;
        while let Some(mut ahead) = candidate.predecessor(&path).await? {
            wait_for(&mut ahead, &self.client).await?;
        }
        Ok(Leadership::begin(candidate, path, stat))
    }

    /// Who leads now; `None` when there is no candidate.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    pub async fn leader(&self) -> Result<Option<Leader>, Error> {
        leader_of(&self.client, &self.path).await
    }

    /// Who leads, now and after each change, until the session ends.
    pub fn observe(&self) -> Observer {
        observe(self.client.clone(), self.path.clone())
    }
}

/// Reads who leads at `path`.
pub(crate) async fn leader_of(client: &Client, path: &str) -> Result<Option<Leader>, Error> {
    loop {
        let names = match client.get_children(path).await {
            Ok((names, _)) => names,
            Err(error) if error.code() == NO_NODE => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(first) = ranked(&names).first().map(|name| format!("{path}/{name}")) else {
            return Ok(None);
        };
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

/// Waits for the event, or for the session's end as an error.
async fn wait_for(ahead: &mut Watch, client: &Client) -> Result<(), Error> {
    if ahead.next().await.is_some() {
        return Ok(());
    }
    // The watch ended without an event: its session did, or the connection is on its way back.
    connected(client).await
}

/// One campaign's znode; removed when dropped, wherever it got to.
#[derive(Debug)]
struct Candidate {
    client: Client,
    folder: String,
    prefix: String,
    withdrawn: bool,
}

impl Candidate {
    /// Creates the znode, or finds the one whose reply was lost.
    async fn enter(&mut self, data: Bytes) -> Result<(String, Stat), Error> {
        let template = format!("{}/{}", self.folder, self.prefix);
        let mut round = 0;
        loop {
            let mode = CreateMode::EphemeralSequential;
            let made = self.client.create(&template, data.clone(), mode, &Acl::open_unsafe());
            let error = match made.await {
                Ok(made) => return self.verify(made.path).await,
                Err(error) => error,
            };
            match fault(&error) {
                Fault::Connection => {
                    connected(&self.client).await?;
                    if let Some(path) = self.find().await?.into_iter().next() {
                        return self.verify(path).await;
                    }
                }
                Fault::Refused if error.code() == NO_NODE && round < 3 => {
                    self.patiently(
                        |client, folder| async move { create_all(&client, &folder).await },
                    )
                    .await?;
                }
                _ => return Err(error),
            }
            session::pause(round).await;
            round += 1;
        }
    }

    /// Nothing is held before the znode is known to be this session's.
    async fn verify(&self, path: String) -> Result<(String, Stat), Error> {
        let seen = self.patiently(|client, _| {
            let path = path.clone();
            async move { client.exists(&path).await }
        });
        let own = self.client.session().map_or(0, |session| session.id);
        match seen.await? {
            Some(stat) if stat.ephemeral_owner == own && own != 0 => Ok((path, stat)),
            Some(_) => Err(claim_lost(&path, "the candidate belongs to another session")),
            None => Err(claim_lost(&path, "the candidate was removed")),
        }
    }

    /// This campaign's znodes, lowest first. More than one when a create that was given up for
    /// lost arrived late.
    async fn find(&self) -> Result<Vec<String>, Error> {
        let names = self.patiently(|client, folder| async move {
            let synced = client.sync(&folder);
            let names = client.get_children(&folder);
            synced.await?;
            names.await
        });
        match names.await {
            Ok((names, _)) => Ok(ranked(&names)
                .into_iter()
                .filter(|name| name.starts_with(&self.prefix))
                .map(|name| format!("{}/{name}", self.folder))
                .collect()),
            Err(error) if error.code() == NO_NODE => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// A watch on the candidate before `own`, or `None` when `own` leads.
    async fn predecessor(&self, own: &str) -> Result<Option<Watch>, Error> {
        loop {
            let listed =
                self.patiently(|client, folder| async move { client.get_children(&folder).await });
            let names = listed.await?.0;
            let ranked = ranked(&names);
            let name = own.rsplit('/').next().unwrap_or(own);
            let Some(at) = ranked.iter().position(|other| *other == name) else {
                return Err(claim_lost(own, "the candidate was removed"));
            };
            if at == 0 {
                return Ok(None);
            }
            let ahead = format!("{}/{}", self.folder, ranked[at - 1]);
            let watched = self.patiently(|client, _| {
                let ahead = ahead.clone();
                // get and not exists: it leaves no watch behind on a znode that is gone.
                async move { client.get_watch(&ahead).await }
            });
            match watched.await {
                Ok((_, _, watch)) => return Ok(Some(watch)),
                Err(error) if error.code() == NO_NODE => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Runs a read again after each broken connection.
    async fn patiently<T, F, R>(&self, read: F) -> Result<T, Error>
    where
        F: Fn(Client, String) -> R,
        R: Future<Output = Result<T, Error>>,
    {
        let mut round = 0;
        loop {
            match read(self.client.clone(), self.folder.clone()).await {
                Err(error) if fault(&error) == Fault::Connection => {
                    connected(&self.client).await?;
                    session::pause(round).await;
                    round += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Removes every znode of this campaign, and comes back when none is left.
    async fn withdraw(&mut self) -> Result<(), Error> {
        self.withdrawn = true;
        loop {
            let own = self.find().await?;
            if own.is_empty() {
                return Ok(());
            }
            for path in own {
                match self.client.delete(&path, -1).await {
                    Err(error) if fault(&error) == Fault::Connection => break,
                    Err(error) if error.code() != NO_NODE => return Err(error),
                    _ => {}
                }
            }
        }
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        if self.withdrawn || is_over(self.client.state()) {
            return;
        }
        let mut rest = Candidate {
            client: self.client.clone(),
            folder: std::mem::take(&mut self.folder),
            prefix: std::mem::take(&mut self.prefix),
            withdrawn: true,
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { rest.withdraw().await });
        }
    }
}

/// The scope in which this process leads. Ends when resigned, dropped, or lost.
#[derive(Debug)]
pub struct Leadership {
    candidate: Option<Candidate>,
    client: Client,
    path: String,
    token: i64,
    lost: watch::Receiver<Option<String>>,
    released: Arc<AtomicBool>,
    guard: tokio::task::JoinHandle<()>,
}

impl Leadership {
    fn begin(candidate: Candidate, path: String, stat: Stat) -> Leadership {
        let (tell, lost) = watch::channel(None);
        let client = candidate.client.clone();
        let (guarded, own) = (client.clone(), path.clone());
        let guard = tokio::spawn(async move {
            let reason = tokio::select! {
                reason = session::lapsed(&guarded) => reason,
                () = session::removed(&guarded, &own, stat.czxid) => {
                    "the candidate was removed".to_owned()
                }
            };
            tell.send_replace(Some(reason));
        });
        let released = Arc::new(AtomicBool::new(false));
        let candidate = Some(candidate);
        Leadership { candidate, client, path, token: stat.czxid, lost, released, guard }
    }

    /// The fencing token: 64 bits, greater than that of every leader before.
    pub fn token(&self) -> i64 {
        self.token
    }

    /// The path of the candidate's znode.
    pub fn candidate(&self) -> &str {
        &self.path
    }

    /// The check to put into a multi: it is refused once this leadership is over, whatever this
    /// process believes.
    pub fn check(&self) -> MultiOp {
        MultiOp::Check { path: self.path.clone(), version: -1 }
    }

    /// True while work as the leader may go on, by this process's monotonic clock.
    pub fn is_held(&self) -> bool {
        !self.released.load(Ordering::Acquire)
            && self.lost.borrow().is_none()
            && session::is_alive(&self.client)
    }

    /// Resolves, with the reason, when leading has to stop: before the server could have given
    /// the lead to another. Cancel-safe; resolves again each time once lost.
    pub async fn lost(&self) -> String {
        let mut lost = self.lost.clone();
        let told = lost.wait_for(Option::is_some).await;
        match told.as_deref() {
            Ok(Some(reason)) => reason.clone(),
            _ => "resigned".to_owned(),
        }
    }

    /// Gives the lead to the next candidate; when this returns without an error, it has it.
    ///
    /// # Errors
    /// What the session ends with: then the lead is given away as well.
    pub async fn resign(mut self) -> Result<(), Error> {
        self.released.store(true, Ordering::Release);
        self.guard.abort();
        match self.candidate.take() {
            Some(mut candidate) => candidate.withdraw().await,
            None => Ok(()),
        }
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.guard.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_rank_by_number_not_by_name() {
        let names: Vec<String> = [
            "c-ffff-0000000001",
            "lock-0000000000",
            "c-0000-0000000003",
            "c-aaaa-0000000002",
            "c-short",
            "c-0000",
        ]
        .map(str::to_owned)
        .to_vec();
        let expected = ["c-ffff-0000000001", "c-aaaa-0000000002", "c-0000-0000000003"];
        assert_eq!(ranked(&names), expected);
    }
}
