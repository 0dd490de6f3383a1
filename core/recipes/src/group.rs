//! Group membership: who is there, with data and capacity.
//!
//! ```text
//! <path>/<id>   ephemeral: a line of JSON with the capacity, then the member's data
//! ```
//! The fencing token of a member is the czxid of its znode.

use bytes::Bytes;
use pinfold_client::{Client, Error};
use serde::{Deserialize, Serialize};

use crate::cache::{CacheEvent, CachedNode, TreeCache};
use crate::errand::present;
use crate::guard::Guard;
use crate::layout::create_all;
use crate::record::{check_size, check_worker, decode, encode};
use crate::session::{BAD_VERSION, NO_NODE, claim_lost, patiently};
use crate::shift::register;

/// A group among all that use the same path.
#[derive(Clone, Debug)]
pub struct Group {
    client: Client,
    path: String,
}

/// One of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name, unique in the group.
    pub id: String,
    /// What it says of itself.
    pub data: Bytes,
    /// How much it can take, compared with the others.
    pub capacity: u32,
    /// czxid of its znode: grows with each time that somebody joins.
    pub token: i64,
}

/// First line of a member's znode.
#[derive(Serialize, Deserialize)]
struct MemberHead {
    capacity: u32,
}

impl Group {
    /// A group at `path`, which the first to join makes.
    pub fn new(client: Client, path: &str) -> Group {
        Group { client, path: path.to_owned() }
    }

    /// Joins as `id`. When another session has that name, as after a crash of an earlier life, it
    /// waits until that session is over.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an id that cannot be, or that this session has joined as already,
    /// and for data above [`crate::MAX_PAYLOAD`]; what the session ends with, and what the server
    /// refuses. A broken connection is waited out.
    pub async fn join(&self, id: &str, data: Bytes, capacity: u32) -> Result<Membership, Error> {
        check_worker(id)?;
        check_size("the data", &data)?;
        patiently(&self.client, || create_all(&self.client, &self.path)).await?;
        let path = format!("{}/{id}", self.path);
        let record = encode(&MemberHead { capacity }, &data);
        let token = register(&self.client, &path, record, false).await?;
        let guard = Guard::over(&self.client, &path, token);
        Ok(Membership { client: self.client.clone(), path, capacity, token, guard })
    }

    /// Who is there, by name.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    pub async fn members(&self) -> Result<Vec<Member>, Error> {
        let mut names = match self.client.get_children(&self.path).await {
            Ok((names, _)) => names,
            Err(error) if error.code() == NO_NODE => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        names.sort_unstable();
        let read = |name: &String| self.client.get(&format!("{}/{name}", self.path));
        let reads: Vec<_> = names.iter().map(read).collect();
        let mut members = Vec::with_capacity(names.len());
        for (id, read) in names.into_iter().zip(reads) {
            // Gone between the two reads.
            let Some((data, stat)) = present(read.await)? else { continue };
            members.push(member(id, &CachedNode { data, stat }));
        }
        Ok(members)
    }

    /// Follows who is there. Nobody's coming and going is missed, also not over a broken
    /// connection; see [`TreeCache`]. Must be called within a tokio runtime.
    pub fn watch(&self) -> Members {
        Members {
            cache: TreeCache::start(self.client.clone(), &self.path, Some(1)),
            path: self.path.clone(),
        }
    }
}

/// A znode of somebody else's in the group's folder is a member of capacity 1 with that data, as
/// other libraries make theirs.
fn member(id: String, node: &CachedNode) -> Member {
    let token = node.stat.czxid;
    match decode::<MemberHead>(&node.data) {
        Ok((head, data)) => Member { id, data, capacity: head.capacity, token },
        Err(_) => Member { id, data: node.data.clone(), capacity: 1, token },
    }
}

/// What happens in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEvent {
    /// Somebody is there that was not, or another of the same name.
    Joined(Member),
    /// A member's data have changed.
    Updated(Member),
    /// A member is gone.
    Left {
        /// Its name.
        id: String,
    },
    /// Everybody who was there at the beginning has been told.
    Initialized,
}

/// The members of a group, followed until it is dropped or the session ends.
#[derive(Debug)]
pub struct Members {
    cache: TreeCache,
    path: String,
}

impl Members {
    /// The next change; those that are there come first. `None` after the session's end.
    /// Cancel-safe.
    pub async fn next(&self) -> Option<GroupEvent> {
        loop {
            let event = match self.cache.next().await? {
                CacheEvent::Added { path, node } => {
                    self.member(&path, &node).map(GroupEvent::Joined)
                }
                CacheEvent::Changed { path, node } => {
                    self.member(&path, &node).map(GroupEvent::Updated)
                }
                CacheEvent::Removed { path } => {
                    self.id(&path).map(|id| GroupEvent::Left { id: id.to_owned() })
                }
                CacheEvent::Initialized => Some(GroupEvent::Initialized),
            };
            // The group's own znode is nobody.
            if let Some(event) = event {
                return Some(event);
            }
        }
    }

    /// Who is there, by name, as far as is known now.
    pub fn now(&self) -> Vec<Member> {
        let known = |id: String| {
            let node = self.cache.get(&format!("{}/{id}", self.path))?;
            Some(member(id, &node))
        };
        self.cache.children(&self.path).into_iter().filter_map(known).collect()
    }

    fn id<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(self.path.as_str())?.strip_prefix('/')
    }

    fn member(&self, path: &str, node: &CachedNode) -> Option<Member> {
        self.id(path).map(|id| member(id.to_owned(), node))
    }
}

/// The time in which this client is a member. Ends when it leaves, is dropped, or is lost.
#[derive(Debug)]
pub struct Membership {
    client: Client,
    path: String,
    capacity: u32,
    token: i64,
    guard: Guard,
}

impl Membership {
    /// The fencing token: 64 bits, greater than that of everyone who had this name before.
    pub fn token(&self) -> i64 {
        self.token
    }

    /// The path of the member's znode.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// True while others may take this client for a member, by its monotonic clock.
    pub fn is_member(&self) -> bool {
        self.guard.is_held()
    }

    /// Resolves, with the reason, when it is a member no longer. Cancel-safe.
    pub async fn lost(&self) -> String {
        self.guard.lost().await
    }

    /// Changes what the member says of itself.
    ///
    /// # Errors
    /// `CLAIM_LOST` when it is a member no longer; `INVALID_ARGUMENT` for data above
    /// [`crate::MAX_PAYLOAD`]; the session's end. A broken connection is waited out.
    pub async fn update(&self, data: Bytes) -> Result<(), Error> {
        check_size("the data", &data)?;
        if !self.is_member() {
            return Err(claim_lost(&self.path, "it is a member no longer"));
        }
        let record = encode(&MemberHead { capacity: self.capacity }, &data);
        match patiently(&self.client, || self.client.set(&self.path, record.clone(), -1)).await {
            Err(error) if error.code() == NO_NODE => {
                Err(claim_lost(&self.path, "it is a member no longer"))
            }
            outcome => outcome.map(drop),
        }
    }

    /// Leaves; when this returns without an error, nobody takes this client for a member.
    ///
    /// # Errors
    /// What the session ends with: then it has left as well.
    pub async fn leave(self) -> Result<(), Error> {
        self.guard.end();
        patiently(&self.client, || remove_own(&self.client, &self.path, self.token)).await
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if self.guard.is_held() {
            let (client, path, token) = (self.client.clone(), self.path.clone(), self.token);
            // What cannot be deleted goes with the session.
            self.guard.runtime().spawn(async move { remove_own(&client, &path, token).await });
        }
    }
}

/// Deletes the znode that was made at this czxid. Another may have joined under its name since, or
/// this session again.
pub(crate) async fn remove_own(client: &Client, path: &str, czxid: i64) -> Result<(), Error> {
    let found = client.exists(path).await?.filter(|stat| stat.czxid == czxid);
    let Some(stat) = found else { return Ok(()) };
    match client.delete(path, stat.version).await {
        Err(error) if matches!(error.code(), NO_NODE | BAD_VERSION) => Ok(()),
        outcome => outcome,
    }
}
