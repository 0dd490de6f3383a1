//! Items spread over the live members of a group, each in one hand at a time.
//!
//! ```text
//! <path>/members/<id>    ephemeral: a member with its capacity, as of a group
//! <path>/claims/<item>   ephemeral, data: the member's id and what is unique to the claim
//! ```
//! Every member works out by itself, from the same list of members and by rendezvous hashing, which
//! items are its own: by capacity, and so that only what has to move does. It claims those, and
//! waits for the claims of others to go, each by a watch on that one znode. Members may for a
//! moment know different lists; the claim decides. The fencing token of an item is the czxid of
//! its claim.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use pinfold_client::{Client, Error, MultiOp, MultiResult};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::feed::Feed;
use crate::group::{Group, Members, Membership};
use crate::hold::Hold;
use crate::layout::create_all;
use crate::rendezvous::place;
use crate::session::{self, NO_NODE, claim_lost, connected, patiently, refuse};
use crate::stake::{Attempt, Stake};

/// What a member is told of its share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionEvent {
    /// The item is this member's: begin.
    Gained {
        /// The item.
        item: String,
        /// Its fencing token, greater than that of everyone who had it before.
        token: i64,
    },
    /// Another is to have the item: come to an end with it, then call [`Partitioner::release`].
    /// It is this member's until then.
    Revoked {
        /// The item.
        item: String,
    },
    /// The item is this member's no longer: stop at once.
    Lost {
        /// The item.
        item: String,
        /// Why.
        reason: String,
    },
}

/// A member's part in spreading items. Dropping it gives up all items and leaves the group.
///
/// All members have to name the same items. It ends with the session, after a
/// [`PartitionEvent::Lost`] for every item that it had; go on with a new one on a new session.
///
/// ```no_run
/// # async fn doc(client: pinfold_client::Client) -> Result<(), pinfold_client::Error> {
/// use pinfold_recipes::{PartitionEvent, Partitioner};
///
/// let items = (0..64).map(|i| format!("shard-{i}"));
/// let mine = Partitioner::start(&client, "/shards", "server-1", items, 1).await?;
/// while let Some(event) = mine.next().await {
///     match event {
///         PartitionEvent::Gained { item, token } => println!("begin {item} with {token}"),
///         PartitionEvent::Revoked { item } => mine.release(&item).await?,
///         PartitionEvent::Lost { item, reason } => println!("stop {item}: {reason}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Partitioner {
    feed: Arc<Feed<PartitionEvent>>,
    share: Arc<Share>,
    released: mpsc::UnboundedSender<()>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<Result<(), Error>>>,
}

/// The items of this member.
#[derive(Debug, Default)]
struct Share(Mutex<BTreeMap<String, Part>>);

#[derive(Debug)]
struct Part {
    hold: Arc<Hold>,
    /// Its owner was told to release it.
    revoked: bool,
}

impl Share {
    fn parts(&self) -> MutexGuard<'_, BTreeMap<String, Part>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Partitioner {
    /// Joins as `id` and begins to claim this member's share of `items`; `capacity` is how much it
    /// can take, compared with the others, and 0 takes nothing. When another session has the id,
    /// it waits until that is over. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an id or an item that cannot be the name of a znode; those of
    /// [`Group::join`].
    pub async fn start(
        client: &Client,
        path: &str,
        id: &str,
        items: impl IntoIterator<Item = String>,
        capacity: u32,
    ) -> Result<Partitioner, Error> {
        let mut items: Vec<String> = items.into_iter().collect();
        items.sort_unstable();
        items.dedup();
        let claims = format!("{path}/claims");
        for item in &items {
            let sound = !item.contains('/')
                && pinfold_client::path::validate(&format!("{claims}/{item}")).is_ok();
            if !sound {
                return Err(refuse(format!("item {item:?} cannot name a znode")));
            }
        }
        patiently(client, || create_all(client, &claims)).await?;
        let group = Group::new(client.clone(), &format!("{path}/members"));
        let membership = group.join(id, Bytes::new(), capacity).await?;
        let (feed, share) = (Arc::new(Feed::new()), Arc::new(Share::default()));
        let (released, inbox) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let spread = Spread {
            client: client.clone(),
            claims,
            id: id.to_owned(),
            items,
            members: group.watch(),
            feed: Arc::clone(&feed),
            share: Arc::clone(&share),
            wanted: BTreeMap::new(),
            claiming: FuturesUnordered::new(),
            losing: FuturesUnordered::new(),
        };
        let task = Some(tokio::spawn(spread.run(membership, inbox, stopped)));
        Ok(Partitioner { feed, share, released, stop, task })
    }

    /// The next event; `None` after the last one, when this member has no part any more.
    /// Cancel-safe.
    pub async fn next(&self) -> Option<PartitionEvent> {
        self.feed.next().await
    }

    /// The items that this member has, and their fencing tokens.
    pub fn held(&self) -> Vec<(String, i64)> {
        let parts = self.share.parts();
        let held = parts.iter().filter(|(_, part)| part.hold.is_held());
        held.map(|(item, part)| (item.clone(), part.hold.token())).collect()
    }

    /// Gives the item up; when this returns without an error, another may have it. To be called
    /// after [`PartitionEvent::Revoked`]; an item that is still this member's share comes back.
    /// Nothing happens when it is not this member's.
    ///
    /// # Errors
    /// What the session ends with: then it is given up as well.
    pub async fn release(&self, item: &str) -> Result<(), Error> {
        let part = self.share.parts().remove(item);
        let Some(part) = part else { return Ok(()) };
        // Refused only when everything has ended.
        let _ = self.released.send(());
        match Arc::into_inner(part.hold) {
            Some(hold) => hold.release().await,
            // It goes with the write that is under way.
            None => Ok(()),
        }
    }

    /// Writes all of this, or nothing when the item is not this member's: see [`Hold::write`].
    ///
    /// # Errors
    /// Those of [`Hold::write`].
    pub async fn write(&self, item: &str, ops: Vec<MultiOp>) -> Result<Vec<MultiResult>, Error> {
        let hold = self.share.parts().get(item).map(|part| Arc::clone(&part.hold));
        match hold {
            Some(hold) => hold.write(ops).await,
            None => Err(claim_lost(item, "the item is not this member's")),
        }
    }

    /// Gives up all items and leaves the group; the work on them has to be over. When this returns
    /// without an error, others may have them.
    ///
    /// # Errors
    /// What it ended with, if it did by itself: the session's end, a removed member.
    pub async fn close(mut self) -> Result<(), Error> {
        self.stop.send_replace(true);
        match self.task.take() {
            Some(task) => task.await.unwrap_or(Ok(())),
            None => Ok(()),
        }
    }
}

impl Drop for Partitioner {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// An item and the claim to it; no claim when it is wanted no longer.
type Claimed = (String, Option<Result<Hold, Error>>);
/// An item, the token of the claim that was lost, and why.
type LostPart = (String, i64, String);
type Tasks<T> = FuturesUnordered<Pin<Box<dyn Future<Output = T> + Send>>>;

struct Spread {
    client: Client,
    claims: String,
    id: String,
    items: Vec<String>,
    members: Members,
    feed: Arc<Feed<PartitionEvent>>,
    share: Arc<Share>,
    /// What is being claimed, until its sender is dropped.
    wanted: BTreeMap<String, oneshot::Sender<()>>,
    claiming: Tasks<Claimed>,
    losing: Tasks<LostPart>,
}

impl Spread {
    async fn run(
        mut self,
        membership: Membership,
        mut released: mpsc::UnboundedReceiver<()>,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), Error> {
        let own = membership.path().to_owned();
        let outcome = loop {
            tokio::select! {
                biased;
                () = session::halted(&mut stopped) => break Ok(()),
                reason = membership.lost() => break Err(claim_lost(&own, reason)),
                Some((item, token, reason)) = self.losing.next() => {
                    self.lose(&item, token, reason);
                }
                Some(_) = released.recv() => {}
                Some((item, claimed)) = self.claiming.next() => match claimed {
                    Some(Ok(hold)) => self.gain(item, hold),
                    Some(Err(error)) => break Err(error),
                    None => continue,
                },
                event = self.members.next() => {
                    if event.is_none() {
                        break Err(claim_lost(&own, "the session is over"));
                    }
                    while let Some(Some(_)) = self.members.next().now_or_never() {}
                }
            }
            self.rebalance(&own);
        };
        self.end(membership, outcome).await
    }

    /// Claims what is to be this member's, and asks back what is not.
    fn rebalance(&mut self, own: &str) {
        let members = self.members.now();
        if !members.iter().any(|member| member.id == self.id) {
            // Not everything is known yet.
            return;
        }
        let mut parts = self.share.parts();
        for item in &self.items {
            let weighed = members.iter().map(|member| (member.id.as_str(), member.capacity));
            let is_own = place(item, weighed) == Some(self.id.as_str());
            let part = parts.get_mut(item);
            if !is_own {
                self.wanted.remove(item);
                if let Some(part) = part.filter(|part| !part.revoked) {
                    part.revoked = true;
                    self.feed.push(PartitionEvent::Revoked { item: item.clone() });
                }
            } else if part.is_none() && !self.wanted.contains_key(item) {
                let (wanted, unwanted) = oneshot::channel::<()>();
                self.wanted.insert(item.clone(), wanted);
                let (client, owner) = (self.client.clone(), format!("{}\n", self.id));
                let (path, own) = (format!("{}/{item}", self.claims), own.to_owned());
                let item = item.clone();
                self.claiming.push(Box::pin(async move {
                    tokio::select! {
                        biased;
                        _ = unwanted => (item, None),
                        claimed = claim(&client, &path, &own, &owner) => (item, Some(claimed)),
                    }
                }));
            }
        }
    }

    fn gain(&mut self, item: String, hold: Hold) {
        if self.wanted.remove(&item).is_none() {
            return;
        }
        let (token, lost) = (hold.token(), hold.losing());
        let losing = item.clone();
        self.losing.push(Box::pin(async move { (losing, token, lost.await) }));
        let part = Part { hold: Arc::new(hold), revoked: false };
        self.share.parts().insert(item.clone(), part);
        self.feed.push(PartitionEvent::Gained { item, token });
    }

    fn lose(&self, item: &str, token: i64, reason: String) {
        let mut parts = self.share.parts();
        // Released meanwhile, or another claim to it.
        if parts.get(item).is_none_or(|part| part.hold.token() != token) {
            return;
        }
        parts.remove(item);
        self.feed.push(PartitionEvent::Lost { item: item.to_owned(), reason });
    }

    async fn end(
        mut self,
        membership: Membership,
        outcome: Result<(), Error>,
    ) -> Result<(), Error> {
        self.wanted.clear();
        self.claiming.clear();
        let parts = std::mem::take(&mut *self.share.parts());
        let mut releases = FuturesUnordered::new();
        for (item, part) in parts {
            if let Err(error) = &outcome {
                self.feed.push(PartitionEvent::Lost { item, reason: error.to_string() });
            }
            releases.extend(Arc::into_inner(part.hold).map(Hold::release));
        }
        self.feed.end();
        // After an error the rest goes in the background, or with the session.
        outcome?;
        while let Some(released) = releases.next().await {
            released?;
        }
        membership.leave().await
    }
}

/// Claims an item, waiting until nobody else has it.
async fn claim(client: &Client, path: &str, member: &str, owner: &str) -> Result<Hold, Error> {
    loop {
        match Stake::make(client, path, member, owner).await? {
            Attempt::Made(stake) => return Ok(Hold::staked(stake)),
            Attempt::Missing => return Err(claim_lost(member, "it is a member no longer")),
            Attempt::Taken => {}
        }
        match patiently(client, || client.get_watch(path)).await {
            Ok((_, _, mut watch)) => {
                if watch.next().await.is_none() {
                    connected(client).await?;
                }
            }
            Err(error) if error.code() == NO_NODE => {}
            Err(error) => return Err(error),
        }
    }
}
