//! One attempt to get something that others want too: an ephemeral sequential znode in a folder.
//!
//! ```text
//! <folder>/<before><guid><mark><seq>   ephemeral sequential, data of the contender
//! ```
//! Each waits for as few others as it can, so that nobody wakes who has nothing to do. The guid is
//! new for each attempt: a create whose reply was lost is found again by it, and an older
//! attempt's znode is never mistaken for this one's.

use bytes::Bytes;
use pinfold_client::{Acl, Client, CreateMode, Error, Watch};
use tokio::runtime::Handle;

use crate::layout::create_all;
use crate::naming::{Mode, Naming, Place};
use crate::session::{self, Fault, NO_NODE, claim_lost, connected, fault, is_over, patiently};

/// What has to be so before a contender has what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nobody is before it.
    First,
    /// Nobody that wants to be alone is before it.
    NoExclusive,
    /// Fewer than this many are before it.
    Among(usize),
}

/// Whom a contender waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ahead {
    Nobody,
    /// This znode has to change.
    Znode(String),
    /// Any of those that have what it wants has to go.
    Anybody,
}

impl Rule {
    /// Whom the one at `place` waits for.
    pub(crate) fn ahead(self, ranked: &[Place<'_>], place: usize) -> Ahead {
        let before = &ranked[..place];
        let other = match self {
            Rule::First => before.last(),
            Rule::NoExclusive => before.iter().rfind(|other| !other.is_shared),
            Rule::Among(permits) if place < permits => None,
            // Whichever of them goes, one wakes: the first of those that wait.
            Rule::Among(permits) if place == permits => return Ahead::Anybody,
            Rule::Among(_) => before.last(),
        };
        other.map_or(Ahead::Nobody, |other| Ahead::Znode(other.name.to_owned()))
    }
}

/// Removed when dropped, wherever it got to.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) client: Client,
    folder: String,
    naming: Naming,
    /// What the name begins with.
    attempt: String,
    rule: Rule,
    /// Its znode's path and czxid, once they are known.
    own: Option<(String, i64)>,
    withdrawn: bool,
    runtime: Handle,
}

impl Contender {
    /// Stands in the queue in `folder`, which is made where it is missing.
    pub(crate) async fn enter(
        client: Client,
        folder: &str,
        naming: Naming,
        mode: Mode,
        rule: Rule,
        data: Bytes,
    ) -> Result<Contender, Error> {
        let attempt = naming.attempt(mode, session::unique(&client));
        let mut contender = Contender {
            client,
            folder: folder.to_owned(),
            naming,
            attempt,
            rule,
            own: None,
            withdrawn: false,
            runtime: Handle::current(),
        };
        let path = contender.create(data).await?;
        contender.adopt(path).await?;
        Ok(contender)
    }

    /// Its znode's path, and the czxid of it: the fencing token.
    pub(crate) fn own(&self) -> (&str, i64) {
        self.own.as_ref().map_or(("", 0), |(path, czxid)| (path, *czxid))
    }

    /// Creates the znode, or finds the one whose reply was lost.
    async fn create(&self, data: Bytes) -> Result<String, Error> {
        let template = format!("{}/{}", self.folder, self.attempt);
        let mut round = 0;
        loop {
            let mode = CreateMode::EphemeralSequential;
            let made = self.client.create(&template, data.clone(), mode, &Acl::open_unsafe());
            let error = match made.await {
                Ok(made) => return Ok(made.path),
                Err(error) => error,
            };
            match fault(&error) {
                Fault::Connection => {
                    connected(&self.client).await?;
                    if let Some(path) = self.find().await?.into_iter().next() {
                        return Ok(path);
                    }
                }
                Fault::Refused if error.code() == NO_NODE && round < 3 => {
                    patiently(&self.client, || create_all(&self.client, &self.folder)).await?;
                }
                _ => return Err(error),
            }
            session::pause(round).await;
            round += 1;
        }
    }

    /// Takes the znode for its own; nothing is held before it is known to be this session's.
    async fn adopt(&mut self, path: String) -> Result<(), Error> {
        let seen = patiently(&self.client, || self.client.exists(&path)).await?;
        let session = self.client.session().map_or(0, |session| session.id);
        match seen {
            Some(stat) if stat.ephemeral_owner == session && session != 0 => {
                self.own = Some((path, stat.czxid));
                Ok(())
            }
            Some(_) => Err(claim_lost(&path, "its znode belongs to another session")),
            None => Err(claim_lost(&path, "its znode was removed")),
        }
    }

    /// This attempt's znodes, lowest first. More than one when a create that was given up for
    /// lost arrived late.
    async fn find(&self) -> Result<Vec<String>, Error> {
        let (client, folder) = (&self.client, &self.folder);
        let names = patiently(client, || async {
            let (synced, names) = (client.sync(folder), client.get_children(folder));
            synced.await?;
            names.await
        });
        match names.await {
            Ok((names, _)) => {
                let ranked = self.naming.ranked(&names).into_iter();
                let own = ranked.filter(|place| place.name.starts_with(&self.attempt));
                Ok(own.map(|place| self.path(place.name)).collect())
            }
            Err(error) if error.code() == NO_NODE => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// True once it has what it wants, without waiting for anybody.
    pub(crate) async fn is_served(&mut self) -> Result<bool, Error> {
        Ok(self.ahead().await? == Ahead::Nobody)
    }

    /// Waits until it has what it wants.
    pub(crate) async fn served(&mut self) -> Result<(), Error> {
        loop {
            let watched = match self.ahead().await? {
                Ahead::Nobody => return Ok(()),
                Ahead::Znode(name) => self.watch_znode(self.path(&name)).await,
                Ahead::Anybody => self.watch_folder().await,
            };
            let mut watch = match watched {
                Ok(Some(watch)) => watch,
                // Gone already, or what it waits for is so by now.
                Ok(None) => continue,
                Err(error) if error.code() == NO_NODE => continue,
                Err(error) => return Err(error),
            };
            if watch.next().await.is_none() {
                // It ended without an event: the session did, or the connection is on its way back.
                connected(&self.client).await?;
            }
        }
    }

    /// Whom it waits for, by the tree as it is now.
    async fn ahead(&mut self) -> Result<Ahead, Error> {
        let listed = patiently(&self.client, || self.client.get_children(&self.folder));
        let names = listed.await?.0;
        self.ahead_in(&names).await
    }

    async fn ahead_in(&mut self, names: &[String]) -> Result<Ahead, Error> {
        let ranked = self.naming.ranked(names);
        // The lowest of its own, so that it never waits for itself.
        let place = ranked.iter().position(|other| other.name.starts_with(&self.attempt));
        let Some(place) = place else {
            return Err(claim_lost(self.own().0, "its znode was removed"));
        };
        let path = self.path(ranked[place].name);
        if path != self.own().0 {
            self.adopt(path).await?;
        }
        Ok(self.rule.ahead(&ranked, place))
    }

    /// A watch on the one ahead, unless it has been marked since it was asked.
    async fn watch_znode(&self, path: String) -> Result<Option<Watch>, Error> {
        // get and not exists: it leaves no watch behind on a znode that is gone.
        let watched = patiently(&self.client, || self.client.get_watch(&path));
        let (_, stat, watch) = watched.await?;
        let is_marked = matches!(self.rule, Rule::Among(_)) && stat.version > 0;
        Ok((!is_marked).then_some(watch))
    }

    /// A watch on who is there, unless that has changed since it was asked.
    async fn watch_folder(&mut self) -> Result<Option<Watch>, Error> {
        let watched = patiently(&self.client, || self.client.get_children_watch(&self.folder));
        let (names, _, watch) = watched.await?;
        let is_so = self.ahead_in(&names).await? == Ahead::Anybody;
        Ok(is_so.then_some(watch))
    }

    /// Tells the one behind that this one waits no longer.
    pub(crate) async fn mark(&self, data: Bytes) -> Result<(), Error> {
        let path = self.own().0.to_owned();
        let marked = patiently(&self.client, || self.client.set(&path, data.clone(), -1));
        match marked.await {
            Err(error) if error.code() == NO_NODE => {
                Err(claim_lost(&path, "its znode was removed"))
            }
            outcome => outcome.map(drop),
        }
    }

    /// Removes every znode of this attempt, and comes back when none is left. Goes on in the
    /// background when the future is dropped.
    pub(crate) async fn withdraw(&mut self) -> Result<(), Error> {
        loop {
            let own = self.find().await?;
            if own.is_empty() {
                self.withdrawn = true;
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

impl Drop for Contender {
    fn drop(&mut self) {
        if self.withdrawn || is_over(self.client.state()) {
            return;
        }
        let mut rest = Contender {
            client: self.client.clone(),
            folder: std::mem::take(&mut self.folder),
            naming: self.naming,
            attempt: std::mem::take(&mut self.attempt),
            rule: self.rule,
            own: None,
            withdrawn: true,
            runtime: self.runtime.clone(),
        };
        self.runtime.spawn(async move { rest.withdraw().await });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naming::LOCK;

    #[test]
    fn each_waits_for_as_few_as_it_can() {
        let names = ["a-read-", "b-read-", "c-write-", "d-read-", "e-write-"];
        let names: Vec<String> =
            names.iter().enumerate().map(|(at, name)| format!("{name}{at:010}")).collect();
        let ranked = LOCK.ranked(&names);
        let ahead = |rule: Rule, place: usize| match rule.ahead(&ranked, place) {
            Ahead::Nobody => "nobody",
            Ahead::Anybody => "anybody",
            Ahead::Znode(name) => {
                let at = names.iter().position(|other| *other == name).unwrap_or_default();
                ["a", "b", "c", "d", "e"][at]
            }
        };
        let all = |rule| [0, 1, 2, 3, 4].map(|place| ahead(rule, place));
        assert_eq!(all(Rule::First), ["nobody", "a", "b", "c", "d"]);
        assert_eq!(all(Rule::NoExclusive), ["nobody", "nobody", "nobody", "c", "c"]);
        assert_eq!(all(Rule::Among(2)), ["nobody", "nobody", "anybody", "c", "d"]);
    }
}
