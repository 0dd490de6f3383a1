//! A queue whose items stay until they are done.
//!
//! ```text
//! <path>/entries/entry-<ppp>-<seq>   persistent sequential, data: the item
//! <path>/taken/entry-<ppp>-<seq>     ephemeral: the claim of the one that works on that item
//! <path>/handles/m-<guid>            ephemeral: one for each handle that changes the queue
//! <path>/handles/line                persistent: the line of those that wait for an item
//! ```
//! The first two are those of kazoo's `LockingQueue`, so that programs of both kinds can share one.
//!
//! **What is guaranteed.** One consumer at a time has an item, for as long as its claim's znode is
//! there, which is no longer than its session. Being done deletes the item and the claim in one
//! multi: it happens once, whoever comes late is told `CLAIM_LOST`, and a lost reply is cleared up
//! by the version of the handle's own znode. A consumer that dies leaves the item to the next: so
//! the work may begin more than once, and what has to happen exactly once goes into that multi
//! ([`Consumption::complete_with`]), or is written under the claim ([`Hold::write`]).

use std::ops::Deref;

use bytes::Bytes;
use pinfold_client::{Client, Error, MultiOp};

use crate::hold::Hold;
use crate::items::{DEFAULT_PRIORITY, Items, QueueItem};
use crate::session::{NO_NODE, claim_lost};
use crate::stake::{Attempt, Stake};
use crate::standby;

/// A queue whose items are worked on under a claim, and deleted when they are done. Clones share
/// one handle, whose changes are made one after the other.
///
/// ```no_run
/// # async fn doc(client: pinfold_client::Client) -> Result<(), pinfold_client::Error> {
/// let queue = pinfold_recipes::LockingQueue::new(client, "/work");
/// queue.put("resize 7.png").await?;
/// let item = queue.consume().await?;
/// println!("{:?} is ours, fencing token {}", item.item().data, item.token());
/// item.complete().await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LockingQueue(Items);

impl LockingQueue {
    /// A queue at `path`, which is made by the first change.
    pub fn new(client: Client, path: &str) -> LockingQueue {
        let mut items = Items::new(client, format!("{path}/entries"), format!("{path}/handles"));
        items.taken = Some(format!("{path}/taken"));
        LockingQueue(items)
    }

    /// Puts an item behind those of the usual priority, [`DEFAULT_PRIORITY`]. See
    /// [`crate::Queue::put`].
    ///
    /// # Errors
    /// Those of [`crate::Queue::put`].
    pub async fn put(&self, data: impl Into<Bytes>) -> Result<(), Error> {
        self.put_at(data, DEFAULT_PRIORITY).await
    }

    /// Puts an item behind those of its priority; 0 comes first, 999 last.
    ///
    /// # Errors
    /// Those of [`crate::PriorityQueue::put`].
    pub async fn put_at(&self, data: impl Into<Bytes>, priority: u16) -> Result<(), Error> {
        self.0.put(vec![data.into()], priority).await
    }

    /// Puts many items of one priority. See [`crate::Queue::put_many`].
    ///
    /// # Errors
    /// Those of [`crate::PriorityQueue::put_many`].
    pub async fn put_many(&self, data: Vec<Bytes>, priority: u16) -> Result<(), Error> {
        self.0.put(data, priority).await
    }

    /// The first item that nobody works on, if there is one. Cancel-safe: a claim of a future that
    /// was dropped is given up.
    ///
    /// # Errors
    /// What the session ends with; what the server refuses. A broken connection is waited out.
    pub async fn try_consume(&self) -> Result<Option<Consumption>, Error> {
        try_consume(&self.0).await
    }

    /// The first item that nobody works on, waiting, as long as it takes, until there is one.
    /// Those that wait do so in a line, first come, first served. Cancel-safe as
    /// [`LockingQueue::try_consume`].
    ///
    /// # Errors
    /// Those of [`LockingQueue::try_consume`].
    pub async fn consume(&self) -> Result<Consumption, Error> {
        standby::until(&self.0, || try_consume(&self.0)).await
    }

    /// The first item that nobody works on, left where it is.
    ///
    /// # Errors
    /// Those of reading: the session, permissions.
    pub async fn peek(&self) -> Result<Option<QueueItem>, Error> {
        self.0.peek().await
    }

    /// How many items there are, with those that somebody works on.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    #[allow(clippy::len_without_is_empty)] // it asks the server
    pub async fn len(&self) -> Result<usize, Error> {
        self.0.len().await
    }
}

async fn try_consume(items: &Items) -> Result<Option<Consumption>, Error> {
    let mut is_prepared = false;
    while let Some(name) = items.next().await? {
        let taken = items.taken.as_deref().unwrap_or_default();
        let path = format!("{taken}/{name}");
        let made = Stake::make(&items.client, &path, &items.path(&name), "").await;
        let stake = match made {
            Ok(Attempt::Made(stake)) => stake,
            Ok(Attempt::Taken | Attempt::Missing) => continue,
            // Items of others' in a queue that no handle of this kind has changed yet.
            Err(error) if error.code() == NO_NODE && !is_prepared => {
                items.prepare().await?;
                items.forget();
                is_prepared = true;
                continue;
            }
            Err(error) => return Err(error),
        };
        // Nobody deletes it now but in spite of the claim, which is given up then.
        if let Some((item, _)) = items.read(&name).await? {
            return Ok(Some(Consumption { hold: Hold::staked(stake), items: items.clone(), item }));
        }
    }
    Ok(None)
}

/// An item that this process works on. Given back when it is dropped, or lost.
#[derive(Debug)]
pub struct Consumption {
    hold: Hold,
    items: Items,
    item: QueueItem,
}

impl Consumption {
    /// The item.
    pub fn item(&self) -> &QueueItem {
        &self.item
    }

    /// The item is done: deletes it.
    ///
    /// # Errors
    /// `CLAIM_LOST` when it is another's by now, or gone: it is not done by this consumer. What
    /// the session ends with, after which it is open whether it is done; what the server refuses.
    pub async fn complete(self) -> Result<(), Error> {
        self.complete_with(Vec::new()).await
    }

    /// The item is done: deletes it and makes these changes, all in one multi. The index that an
    /// error tells is that in `ops`.
    ///
    /// # Errors
    /// Those of [`Consumption::complete`], and what the server refuses of `ops`: the item is given
    /// back.
    pub async fn complete_with(self, ops: Vec<MultiOp>) -> Result<(), Error> {
        let claim = self.hold.path().to_owned();
        if !self.hold.is_held() {
            return Err(claim_lost(&claim, "it is no longer held"));
        }
        let delete = |path: &str| MultiOp::Delete { path: path.to_owned(), version: -1 };
        let own = vec![delete(&claim), delete(&self.item.path)];
        let first = own.len();
        match self.items.commit_all(&[own.into_iter().chain(ops).collect()]).await {
            Ok(()) => {
                self.hold.spent();
                Ok(())
            }
            Err(error) => Err(match error.op_index() {
                Some(at) if at < first && error.code() == NO_NODE => {
                    claim_lost(&claim, "it has gone to another")
                }
                Some(at) => error.with_op_index(at.saturating_sub(first)),
                None => error,
            }),
        }
    }

    /// Gives the item back; when this returns without an error, the next may have it.
    ///
    /// # Errors
    /// What the session ends with: then it is given back as well.
    pub async fn release(self) -> Result<(), Error> {
        self.hold.release().await
    }
}

impl Deref for Consumption {
    type Target = Hold;

    fn deref(&self) -> &Hold {
        &self.hold
    }
}
