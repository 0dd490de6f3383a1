//! A line of contenders in one folder: how to join it, and who stands in it.

use bytes::Bytes;
use pinfold_client::{Client, Error};

use crate::contender::{Ahead, Contender, Rule};
use crate::hold::Hold;
use crate::naming::{Mode, Naming};
use crate::session::NO_NODE;

/// One that has what a line is for, or waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// What it gave when it joined.
    pub data: Bytes,
    /// Its fencing token, once it holds.
    pub token: i64,
    /// The path of its znode.
    pub path: String,
    /// True for those that have it; the others wait, in this order.
    pub holds: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) client: Client,
    pub(crate) path: String,
    pub(crate) naming: Naming,
    /// How many may have it at a time, where that is a number.
    pub(crate) permits: Option<usize>,
}

impl Line {
    pub(crate) fn new(client: Client, path: &str, naming: Naming) -> Line {
        Line { client, path: path.to_owned(), naming, permits: None }
    }

    /// Waits, as long as it takes. Dropping the future leaves the line.
    pub(crate) async fn acquire(&self, mode: Mode, data: Bytes) -> Result<Hold, Error> {
        let mut contender = self.enter(mode, data.clone()).await?;
        contender.served().await?;
        self.hold(contender, data).await
    }

    /// `None` when others have it; the line is left as it was.
    pub(crate) async fn try_acquire(&self, mode: Mode, data: Bytes) -> Result<Option<Hold>, Error> {
        let mut contender = self.enter(mode, data.clone()).await?;
        if contender.is_served().await? {
            return self.hold(contender, data).await.map(Some);
        }
        contender.withdraw().await?;
        Ok(None)
    }

    async fn enter(&self, mode: Mode, data: Bytes) -> Result<Contender, Error> {
        let rule = self.rule(mode == Mode::Shared);
        let client = self.client.clone();
        Contender::enter(client, &self.path, self.naming, mode, rule, data).await
    }

    async fn hold(&self, contender: Contender, data: Bytes) -> Result<Hold, Error> {
        if self.permits.is_some() {
            contender.mark(data).await?;
        }
        Ok(Hold::begin(contender))
    }

    fn rule(&self, is_shared: bool) -> Rule {
        match self.permits {
            Some(permits) => Rule::Among(permits),
            None if is_shared => Rule::NoExclusive,
            None => Rule::First,
        }
    }

    /// Who has it and who waits, in their order.
    pub(crate) async fn participants(&self) -> Result<Vec<Participant>, Error> {
        let names = match self.client.get_children(&self.path).await {
            Ok((names, _)) => names,
            Err(error) if error.code() == NO_NODE => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let ranked = self.naming.ranked(&names);
        let path = |name: &str| format!("{}/{name}", self.path);
        let reads: Vec<_> = ranked.iter().map(|one| self.client.get(&path(one.name))).collect();
        let mut participants = Vec::with_capacity(ranked.len());
        for (at, read) in reads.into_iter().enumerate() {
            let (data, stat) = match read.await {
                Ok(read) => read,
                // Gone between the two reads.
                Err(error) if error.code() == NO_NODE => continue,
                Err(error) => return Err(error),
            };
            let one = &ranked[at];
            let holds = self.rule(one.is_shared).ahead(&ranked, at) == Ahead::Nobody;
            let path = path(one.name);
            participants.push(Participant { data, token: stat.czxid, path, holds });
        }
        Ok(participants)
    }
}
