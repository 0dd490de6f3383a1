//! Queues: items that each come to one taker, first in, first out, or by priority.
//!
//! ```text
//! <path>/entry-<ppp>-<seq>   persistent sequential, data: the item; 000 is the first priority
//! <path>-handles/m-<guid>    ephemeral: one for each handle that changes the queue
//! <path>-handles/line        persistent: the line of those that wait for an item
//! ```
//! The items are those of kazoo's `Queue`, so that programs of both kinds can share one; all else
//! is beside it, as kazoo takes everything in the folder for an item.
//!
//! **What is guaranteed.** An item is deleted in one multi with a change of the taker's own znode,
//! so when the reply is lost the taker finds out whether it has it. As long as its session lives,
//! an item comes to exactly one taker: no broken connection loses it, and one that came for a
//! future that was dropped is put back in its old place. A taker that dies, or whose session ends,
//! between taking an item and being done with it takes the item with it: where that must not be,
//! [`crate::LockingQueue`] keeps the item until it is done.

use bytes::Bytes;
use pinfold_client::{Acl, Client, CreateMode, Error, MultiOp, Stat};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::items::{DEFAULT_PRIORITY, Items, QueueItem};
use crate::session::{BAD_VERSION, NO_NODE, NODE_EXISTS, is_over, patiently, session_over};
use crate::standby;

/// A queue among all that use the same path: first in, first out. Clones share one handle, whose
/// changes are made one after the other.
///
/// ```no_run
/// # async fn doc(client: pinfold_client::Client) -> Result<(), pinfold_client::Error> {
/// let queue = pinfold_recipes::Queue::new(client, "/work");
/// queue.put("first").await?;
/// let item = queue.take().await?;
/// assert_eq!(item.data, "first");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Queue(Items);

/// A queue whose items have a priority: 0 comes first, 999 last; first in, first out among equals.
///
/// A taker goes by a list of the items that is up to a tenth of a second old: what comes within
/// this time may be passed over. See [`Queue`] for all else.
#[derive(Clone, Debug)]
pub struct PriorityQueue(Items);

fn items(client: Client, path: &str) -> Items {
    Items::new(client, path.to_owned(), format!("{path}-handles"))
}

impl Queue {
    /// A queue at `path`, which is made by the first change.
    pub fn new(client: Client, path: &str) -> Queue {
        Queue(items(client, path))
    }

    /// Puts an item at the end. Dropping the future leaves open whether it was put.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for data above [`crate::MAX_PAYLOAD`]; what the session ends with, after
    /// which it is open whether it was put; what the server refuses. A broken connection is waited
    /// out, and puts nothing twice.
    pub async fn put(&self, data: impl Into<Bytes>) -> Result<(), Error> {
        self.0.put(vec![data.into()], DEFAULT_PRIORITY).await
    }

    /// Puts many items, in their order, without waiting for each: all at once up to 128 of them
    /// with half a million bytes, one such group after the other beyond that.
    ///
    /// # Errors
    /// Those of [`Queue::put`]; the groups before the failed one were put.
    pub async fn put_many(&self, data: Vec<Bytes>) -> Result<(), Error> {
        self.0.put(data, DEFAULT_PRIORITY).await
    }

    /// Takes the first item, if there is one. Cancel-safe: an item that comes for a future that
    /// was dropped is put back.
    ///
    /// # Errors
    /// What the session ends with, after which it is open whether an item was taken; what the
    /// server refuses, as of an item with children. A broken connection is waited out.
    pub async fn try_take(&self) -> Result<Option<QueueItem>, Error> {
        try_take(&self.0).await
    }

    /// Takes the first item, waiting, as long as it takes, until there is one. Those that wait do
    /// so in a line, first come, first served. Cancel-safe as [`Queue::try_take`].
    ///
    /// # Errors
    /// Those of [`Queue::try_take`].
    pub async fn take(&self) -> Result<QueueItem, Error> {
        standby::until(&self.0, || try_take(&self.0)).await
    }

    /// The first item, left where it is.
    ///
    /// # Errors
    /// Those of reading: the session, permissions.
    pub async fn peek(&self) -> Result<Option<QueueItem>, Error> {
        self.0.peek().await
    }

    /// How many items there are.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    #[allow(clippy::len_without_is_empty)] // it asks the server
    pub async fn len(&self) -> Result<usize, Error> {
        self.0.len().await
    }
}

impl PriorityQueue {
    /// A queue at `path`, which is made by the first change.
    pub fn new(client: Client, path: &str) -> PriorityQueue {
        PriorityQueue(items(client, path))
    }

    /// Puts an item behind those of its priority. See [`Queue::put`].
    ///
    /// # Errors
    /// Those of [`Queue::put`]; `INVALID_ARGUMENT` for a priority above 999.
    pub async fn put(&self, data: impl Into<Bytes>, priority: u16) -> Result<(), Error> {
        self.0.put(vec![data.into()], priority).await
    }

    /// Puts many items of one priority. See [`Queue::put_many`].
    ///
    /// # Errors
    /// Those of [`Queue::put_many`]; `INVALID_ARGUMENT` for a priority above 999.
    pub async fn put_many(&self, data: Vec<Bytes>, priority: u16) -> Result<(), Error> {
        self.0.put(data, priority).await
    }

    /// Takes the first item, if there is one. See [`Queue::try_take`].
    ///
    /// # Errors
    /// Those of [`Queue::try_take`].
    pub async fn try_take(&self) -> Result<Option<QueueItem>, Error> {
        try_take(&self.0).await
    }

    /// Takes the first item, waiting until there is one. See [`Queue::take`].
    ///
    /// # Errors
    /// Those of [`Queue::try_take`].
    pub async fn take(&self) -> Result<QueueItem, Error> {
        standby::until(&self.0, || try_take(&self.0)).await
    }

    /// The first item, left where it is.
    ///
    /// # Errors
    /// Those of [`Queue::peek`].
    pub async fn peek(&self) -> Result<Option<QueueItem>, Error> {
        self.0.peek().await
    }

    /// How many items there are.
    ///
    /// # Errors
    /// Those of [`Queue::len`].
    #[allow(clippy::len_without_is_empty)] // it asks the server
    pub async fn len(&self) -> Result<usize, Error> {
        self.0.len().await
    }
}

/// Takes in a task of its own, which goes on when nobody waits for it any more.
async fn try_take(items: &Items) -> Result<Option<QueueItem>, Error> {
    let (give, given) = oneshot::channel();
    let own = items.clone();
    tokio::spawn(async move {
        let mut give = give;
        let taken = tokio::select! {
            biased;
            taken = first(&own) => taken,
            // Before it asks for an item there is nothing to lose.
            () = give.closed() => return,
        };
        drop(give.send(taken));
    });
    match given.await {
        Ok(taken) => Ok(taken?.and_then(Taken::accept)),
        // The runtime is shutting down.
        Err(_) => Err(session_over(items.client.state())),
    }
}

async fn first(items: &Items) -> Result<Option<Taken>, Error> {
    while let Some(name) = items.next().await? {
        while let Some((item, stat)) = items.read(&name).await? {
            match delete(items, &item, &stat).await {
                Ok(taken) => return Ok(Some(taken)),
                Err(error) if error.code() == NO_NODE => break,
                // Its data were set since.
                Err(error) if error.code() == BAD_VERSION => {}
                Err(error) => return Err(error.with_path(item.path)),
            }
        }
    }
    Ok(None)
}

/// Deletes the item for this taker alone. Goes on to its end when the future is dropped.
async fn delete(items: &Items, item: &QueueItem, stat: &Stat) -> Result<Taken, Error> {
    let (own, item, version) = (items.clone(), item.clone(), stat.version);
    let deleted = tokio::spawn(async move {
        let delete = MultiOp::Delete { path: item.path.clone(), version };
        own.commit_all(&[vec![delete]]).await?;
        Ok(Taken { client: own.client.clone(), runtime: Handle::current(), item: Some(item) })
    });
    match deleted.await {
        Ok(outcome) => outcome,
        Err(_) => Err(session_over(items.client.state())),
    }
}

/// An item that nobody has in hand yet: put back when it is dropped.
#[derive(Debug)]
struct Taken {
    client: Client,
    runtime: Handle,
    item: Option<QueueItem>,
}

impl Taken {
    fn accept(mut self) -> Option<QueueItem> {
        self.item.take()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some(item) = self.item.take() else { return };
        let client = self.client.clone();
        if is_over(client.state()) {
            tracing::warn!(path = item.path, "an item was taken by a session that is over");
            return;
        }
        self.runtime.spawn(async move {
            let (mode, acl) = (CreateMode::Persistent, Acl::open_unsafe());
            let create = || client.create(&item.path, item.data.clone(), mode, &acl);
            match patiently(&client, create).await {
                // Its reply was lost: nobody else makes one of this name.
                Err(error) if error.code() != NODE_EXISTS => {
                    tracing::warn!(%error, path = item.path, "an item could not be put back");
                }
                _ => {}
            }
        });
    }
}
