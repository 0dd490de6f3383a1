//! A claim by an ephemeral znode whose name everybody knows: whoever makes it has what it stands
//! for.
//!
//! Its data say which attempt made it, so a create whose reply was lost is told from another's.

use bytes::Bytes;
use pinfold_client::{Acl, Client, CreateMode, Error, MultiOp, MultiResult, Stat};
use tokio::runtime::Handle;

use crate::errand::present;
use crate::session::{
    BAD_VERSION, Fault, NO_NODE, NODE_EXISTS, claim_lost, connected, fault, is_over, patiently,
    pause, unique,
};

/// Removed when dropped, wherever it got to.
#[derive(Debug)]
pub(crate) struct Stake {
    pub(crate) client: Client,
    pub(crate) path: String,
    /// The data: no other attempt's are the same.
    mark: Bytes,
    czxid: Option<i64>,
    withdrawn: bool,
    runtime: Handle,
}

/// How an attempt ended.
pub(crate) enum Attempt {
    Made(Stake),
    /// Another has it.
    Taken,
    /// What had to be there is not.
    Missing,
}

impl Stake {
    /// Makes the znode at `path`, provided that the one at `needed` is there. Its data are `owner`
    /// and what is unique to this attempt.
    pub(crate) async fn make(
        client: &Client,
        path: &str,
        needed: &str,
        owner: &str,
    ) -> Result<Attempt, Error> {
        let mut stake = Stake {
            client: client.clone(),
            path: path.to_owned(),
            mark: Bytes::from(format!("{owner}{}", unique(client))),
            czxid: None,
            withdrawn: false,
            runtime: Handle::current(),
        };
        let mut round = 0;
        loop {
            let error = match client.multi(stake.ops(needed)).await {
                Ok(results) => {
                    let stat = results.into_iter().find_map(|result| match result {
                        MultiResult::Created { stat, .. } => Some(stat),
                        _ => None,
                    });
                    return stake.adopt(stat).await;
                }
                Err(error) => error,
            };
            match (fault(&error), error.code(), error.op_index()) {
                (Fault::Connection, ..) => connected(client).await?,
                // Another's, or its own whose reply was lost.
                (Fault::Refused, NODE_EXISTS, Some(1)) => {
                    if let Some(stat) = stake.find().await? {
                        return stake.adopt(Some(stat)).await;
                    }
                    stake.spent();
                    return Ok(Attempt::Taken);
                }
                (Fault::Refused, NO_NODE, Some(0)) => return Ok(Attempt::Missing),
                _ => return Err(error),
            }
            pause(round).await;
            round += 1;
        }
    }

    fn ops(&self, needed: &str) -> Vec<MultiOp> {
        let (path, data, acl) = (self.path.clone(), Some(self.mark.clone()), Acl::open_unsafe());
        let mode = CreateMode::Ephemeral;
        vec![
            MultiOp::Check { path: needed.to_owned(), version: -1 },
            MultiOp::Create { path, data, mode, acl, ttl_ms: 0 },
        ]
    }

    /// Takes the znode for its own; nothing is held before it is known to be this session's.
    async fn adopt(mut self, stat: Option<Stat>) -> Result<Attempt, Error> {
        let own = self.client.session().map_or(0, |session| session.id);
        let is_own = |stat: &Stat| stat.ephemeral_owner == own && own != 0;
        let stat = match stat.filter(is_own) {
            Some(stat) => Some(stat),
            None => self.find().await?.filter(is_own),
        };
        let Some(stat) = stat else {
            return Err(claim_lost(&self.path, "its znode was removed"));
        };
        self.czxid = Some(stat.czxid);
        Ok(Attempt::Made(self))
    }

    /// The fencing token.
    pub(crate) fn token(&self) -> i64 {
        self.czxid.unwrap_or_default()
    }

    /// The znode, if it is there and this attempt's.
    async fn find(&self) -> Result<Option<Stat>, Error> {
        let found = patiently(&self.client, || async {
            let (synced, read) = (self.client.sync(&self.path), self.client.get(&self.path));
            synced.await?;
            read.await
        });
        let found = present(found.await)?;
        Ok(found.filter(|(data, _)| *data == self.mark).map(|(_, stat)| stat))
    }

    /// There is nothing to remove.
    pub(crate) fn spent(&mut self) {
        self.withdrawn = true;
    }

    /// Removes the znode, if it is still this attempt's. Goes on in the background when the future
    /// is dropped.
    pub(crate) async fn withdraw(&mut self) -> Result<(), Error> {
        while let Some(stat) = self.find().await? {
            match self.client.delete(&self.path, stat.version).await {
                Err(error) if fault(&error) == Fault::Connection => {}
                Err(error) if matches!(error.code(), NO_NODE | BAD_VERSION) => {}
                outcome => outcome?,
            }
        }
        self.withdrawn = true;
        Ok(())
    }
}

impl Drop for Stake {
    fn drop(&mut self) {
        if self.withdrawn || is_over(self.client.state()) {
            return;
        }
        let mut rest = Stake {
            client: self.client.clone(),
            path: std::mem::take(&mut self.path),
            mark: std::mem::take(&mut self.mark),
            czxid: self.czxid,
            withdrawn: true,
            runtime: self.runtime.clone(),
        };
        self.runtime.spawn(async move { rest.withdraw().await });
    }
}
