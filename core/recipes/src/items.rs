//! The items of a queue: how they are named, put, and listed.
//!
//! ```text
//! <folder>/entry-<ppp>-<seq>   persistent sequential, data: the item; 000 is the first priority
//! <handles>/m-<guid>           ephemeral: one for each handle that changes the queue
//! <handles>/line               persistent: the line of those that wait for an item
//! ```
//! The names are kazoo's. An item is put, and taken, in one multi with the handle's own znode,
//! whose version tells what happened when a reply is lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use pinfold_client::{Acl, Client, CreateMode, Error, MultiOp, Stat};
use tokio::sync::MutexGuard;
use tokio::time::Instant;

use crate::errand::present;
use crate::layout::create_all;
use crate::marker::Marker;
use crate::record::check_size;
use crate::session::{CLAIM_LOST, NO_NODE, patiently, refuse};

/// The priority of items for which none is given; 0 comes first, [`LAST_PRIORITY`] last.
pub const DEFAULT_PRIORITY: u16 = 100;

/// The lowest priority.
pub const LAST_PRIORITY: u16 = 999;

/// How long a list of the items is gone by: what comes within this time with a higher priority may
/// be passed over.
const FRESH: Duration = Duration::from_millis(100);

/// What goes into one multi: so many items, of so many bytes together.
const GROUP: usize = 128;
const GROUP_BYTES: usize = 500_000;

/// An item of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueItem {
    /// What was put.
    pub data: Bytes,
    /// Its priority; 0 comes first.
    pub priority: u16,
    /// The path of the znode that it has, or had, in the queue.
    pub path: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Items {
    pub(crate) client: Client,
    pub(crate) folder: String,
    pub(crate) handles: String,
    /// Those with a claim in this folder are somebody's.
    pub(crate) taken: Option<String>,
    marker: Arc<tokio::sync::Mutex<Option<Marker>>>,
    known: Arc<Mutex<Known>>,
}

/// The names of items, as they were listed last.
#[derive(Debug, Default)]
struct Known {
    names: VecDeque<String>,
    until: Option<Instant>,
}

/// The priority in an item's name; `None` for what is no item.
pub(crate) fn priority(name: &str) -> Option<u16> {
    let rest = name.strip_prefix("entry-")?;
    let (digits, sequence) = (rest.get(..3)?, rest.get(3..)?.strip_prefix('-')?);
    let is_item = digits.bytes().all(|b| b.is_ascii_digit()) && !sequence.is_empty();
    if is_item { digits.parse().ok() } else { None }
}

impl Items {
    pub(crate) fn new(client: Client, folder: String, handles: String) -> Items {
        let (marker, known) = (Arc::default(), Arc::default());
        Items { client, folder, handles, taken: None, marker, known }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// Makes the folders where they are missing.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        let taken = self.taken.iter();
        for folder in [&self.folder, &self.handles].into_iter().chain(taken) {
            patiently(&self.client, || create_all(&self.client, folder)).await?;
        }
        Ok(())
    }

    /// Puts all of these, in their order.
    pub(crate) async fn put(&self, data: Vec<Bytes>, priority: u16) -> Result<(), Error> {
        if priority > LAST_PRIORITY {
            return Err(refuse(format!("priority {priority} is not between 0 and 999")));
        }
        data.iter().try_for_each(|data| check_size("an item", data))?;
        let path = self.path(&format!("entry-{priority:03}-"));
        let mut groups: Vec<Vec<MultiOp>> = Vec::new();
        let mut room = 0;
        for data in data {
            let size = data.len() + path.len() + 64;
            let (path, data, acl) = (path.clone(), Some(data), Acl::open_unsafe());
            let mode = CreateMode::PersistentSequential;
            let create = MultiOp::Create { path, data, mode, acl, ttl_ms: 0 };
            match groups.last_mut() {
                Some(group) if size <= room && group.len() < GROUP => group.push(create),
                _ => {
                    room = GROUP_BYTES;
                    groups.push(vec![create]);
                }
            }
            room = room.saturating_sub(size);
        }
        let outcome = self.commit_all(&groups).await;
        self.forget();
        outcome
    }

    /// Makes changes exactly once, each group in one multi.
    pub(crate) async fn commit_all(&self, groups: &[Vec<MultiOp>]) -> Result<(), Error> {
        let mut handle = self.marker().await?;
        let Some(marker) = handle.as_mut() else { return Ok(()) };
        let outcome = marker.commit_all(groups).await;
        if outcome.as_ref().is_err_and(|error| error.code() == CLAIM_LOST) {
            // The next change makes a new one.
            *handle = None;
        }
        outcome
    }

    /// This handle's own znode, made with the first change.
    async fn marker(&self) -> Result<MutexGuard<'_, Option<Marker>>, Error> {
        let mut marker = self.marker.lock().await;
        if marker.is_none() {
            self.prepare().await?;
            *marker = Some(Marker::make(&self.client, &self.handles).await?);
        }
        Ok(marker)
    }

    /// The next item to try; `None` when there is none, by a list that was asked just now.
    pub(crate) async fn next(&self) -> Result<Option<String>, Error> {
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.until.is_some_and(|until| Instant::now() < until)
                && let Some(name) = known.names.pop_front()
            {
                return Ok(Some(name));
            }
        }
        let mut names = VecDeque::from(self.list().await?);
        let first = names.pop_front();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Known { names, until: Some(Instant::now() + FRESH) };
        Ok(first)
    }

    /// The list is not gone by any more.
    pub(crate) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).until = None;
    }

    /// The names of the items that are nobody's, in their order.
    pub(crate) async fn list(&self) -> Result<Vec<String>, Error> {
        let (items, taken) = patiently(&self.client, || async {
            // Claims first: an item whose claim is gone by then may be gone as well, not the
            // other way round.
            let taken = self.taken.as_ref().map(|taken| self.client.get_children(taken));
            let items = self.client.get_children(&self.folder);
            let taken = match taken {
                Some(taken) => present(taken.await)?.map(|(names, _)| names).unwrap_or_default(),
                None => Vec::new(),
            };
            Ok((present(items.await)?.map(|(names, _)| names).unwrap_or_default(), taken))
        })
        .await?;
        Ok(self.free(items, taken))
    }

    fn free(&self, mut items: Vec<String>, taken: Vec<String>) -> Vec<String> {
        let taken: std::collections::HashSet<String> = taken.into_iter().collect();
        items.retain(|name| priority(name).is_some() && !taken.contains(name));
        items.sort_unstable();
        items
    }

    /// An item's data and stat; `None` when it is gone.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<(QueueItem, Stat)>, Error> {
        let path = self.path(name);
        let read = present(patiently(&self.client, || self.client.get(&path)).await)?;
        let priority = priority(name).unwrap_or(DEFAULT_PRIORITY);
        Ok(read.map(|(data, stat)| (QueueItem { data, priority, path }, stat)))
    }

    /// The first item, left where it is.
    pub(crate) async fn peek(&self) -> Result<Option<QueueItem>, Error> {
        loop {
            let Some(name) = self.list().await?.into_iter().next() else { return Ok(None) };
            if let Some((item, _)) = self.read(&name).await? {
                return Ok(Some(item));
            }
        }
    }

    /// How many there are.
    pub(crate) async fn len(&self) -> Result<usize, Error> {
        match self.client.get_children(&self.folder).await {
            Ok((names, _)) => Ok(names.iter().filter(|name| priority(name).is_some()).count()),
            Err(error) if error.code() == NO_NODE => Ok(0),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_priority() {
        assert_eq!(priority("entry-100-0000000007"), Some(100));
        assert_eq!(priority("entry-000-0000000007"), Some(0));
        for other in ["entry-", "entry-1-0000000007", "entry-100", "entry-100-", "x-100-1", "m-a"] {
            assert_eq!(priority(other), None, "{other}");
        }
    }
}
