//! A copy of a part of the tree, kept up to date, that tells what changes.
//!
//! One lasting watch covers the part. What it tells is read, many reads at a time, and put into
//! the copy. A watch tells nothing of the time without a connection, so after each reconnection
//! the part is read again and compared, znode by znode, with the copy: what differs is told as if
//! it had happened now. Nothing is missed, though a znode that came and went meanwhile is not
//! told, and changes that follow each other faster than they are fetched are told as one.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use pinfold_client::{
    AddWatchMode, Client, Error, EventKind, SessionState, Stat, Watch, WatchEvent,
};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::errand::present;
use crate::session::{Fault, connected, fault, patiently, pause};

/// Reads on their way at the same time.
const WINDOW: usize = 256;

/// A znode as it was when it was read last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedNode {
    /// Its data.
    pub data: Bytes,
    /// Its stat. The number of children is that of then; [`TreeCache::children`] knows them.
    pub stat: Stat,
}

/// What a cache tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheEvent {
    /// A znode is there that was not.
    Added {
        /// Its path.
        path: String,
        /// What it is.
        node: CachedNode,
    },
    /// Its data have been set, or it was deleted and made again.
    Changed {
        /// Its path.
        path: String,
        /// What it is now.
        node: CachedNode,
    },
    /// A znode is gone.
    Removed {
        /// Its path.
        path: String,
    },
    /// Everything that was there at the beginning has been told.
    Initialized,
}

/// A znode and what is below it.
#[derive(Debug)]
pub struct TreeCache {
    copy: Arc<Copy>,
    task: JoinHandle<()>,
}

impl TreeCache {
    /// Begins to follow `path`, which need not be there, and what is below it, down to
    /// `max_depth`: 0 is the znode alone, 1 its children too, `None` everything.
    ///
    /// It goes on until it is dropped or the session ends. Must be called within a tokio runtime.
    pub fn start(client: Client, path: &str, max_depth: Option<usize>) -> TreeCache {
        let copy = Arc::new(Copy::default());
        let follower = Follower {
            states: client.states(),
            client,
            root: path.to_owned(),
            max_depth,
            copy: Arc::clone(&copy),
            reading: HashMap::new(),
            reads: Reads::new(),
            waiting: VecDeque::new(),
            count: 0,
        };
        TreeCache { copy, task: tokio::spawn(follower.run()) }
    }

    /// The next change, the initial znodes first; `None` after the session's end. Cancel-safe.
    pub async fn next(&self) -> Option<CacheEvent> {
        self.copy.next().await
    }

    /// A znode of the copy.
    pub fn get(&self, path: &str) -> Option<CachedNode> {
        self.copy.state().nodes.get(path).cloned()
    }

    /// The names of a znode's children in the copy, sorted.
    pub fn children(&self, path: &str) -> Vec<String> {
        let state = self.copy.state();
        state.children.get(path).map(|names| names.iter().cloned().collect()).unwrap_or_default()
    }
}

impl Drop for TreeCache {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One znode.
#[derive(Debug)]
pub struct NodeCache {
    tree: TreeCache,
    path: String,
}

impl NodeCache {
    /// Begins to follow the znode at `path`, which need not be there. See [`TreeCache::start`].
    pub fn start(client: Client, path: &str) -> NodeCache {
        NodeCache { tree: TreeCache::start(client, path, Some(0)), path: path.to_owned() }
    }

    /// The next change; the first call gives what is there now. `None` inside for no znode, and
    /// `None` after the session's end. Cancel-safe.
    pub async fn next(&self) -> Option<Option<CachedNode>> {
        loop {
            match self.tree.next().await? {
                CacheEvent::Added { node, .. } | CacheEvent::Changed { node, .. } => {
                    return Some(Some(node));
                }
                CacheEvent::Removed { .. } => return Some(None),
                // Told with the znode itself, unless there is none.
                CacheEvent::Initialized if self.get().is_none() => return Some(None),
                CacheEvent::Initialized => {}
            }
        }
    }

    /// The znode as it was read last.
    pub fn get(&self) -> Option<CachedNode> {
        self.tree.get(&self.path)
    }
}

/// The copy, and what its owner has not been told of it yet.
#[derive(Debug, Default)]
struct Copy {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    nodes: HashMap<String, CachedNode>,
    children: HashMap<String, BTreeSet<String>>,
    /// czxid and mzxid of what was told last of each znode.
    told: HashMap<String, (i64, i64)>,
    /// What to look at for the next event; each path once.
    news: VecDeque<News>,
    queued: HashSet<String>,
    initialized: bool,
    ended: bool,
}

#[derive(Debug)]
enum News {
    Path(String),
    Initialized,
}

impl Copy {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, path: &str, node: CachedNode) {
        let mut state = self.state();
        let version = (node.stat.czxid, node.stat.mzxid);
        let before = state.nodes.insert(path.to_owned(), node);
        if before.is_some_and(|before| (before.stat.czxid, before.stat.mzxid) == version) {
            return;
        }
        if let Some((parent, name)) = split(path) {
            state.children.entry(parent.to_owned()).or_default().insert(name.to_owned());
        }
        state.queue(path);
        drop(state);
        self.changed.notify_one();
    }

    fn remove(&self, path: &str) {
        let mut state = self.state();
        if state.nodes.remove(path).is_none() {
            return;
        }
        if let Some((parent, name)) = split(path)
            && let Some(names) = state.children.get_mut(parent)
        {
            names.remove(name);
            if names.is_empty() {
                state.children.remove(parent);
            }
        }
        state.queue(path);
        drop(state);
        self.changed.notify_one();
    }

    /// Removes what a whole reading did not find, children before their parents.
    fn retain(&self, found: &HashSet<String>) {
        let state = self.state();
        let mut gone: Vec<String> =
            state.nodes.keys().filter(|path| !found.contains(*path)).cloned().collect();
        drop(state);
        gone.sort_unstable_by(|a, b| b.cmp(a));
        gone.iter().for_each(|path| self.remove(path));
    }

    fn initialized(&self) {
        let mut state = self.state();
        if !state.initialized {
            state.initialized = true;
            state.news.push_back(News::Initialized);
        }
        drop(state);
        self.changed.notify_one();
    }

    fn end(&self) {
        self.state().ended = true;
        self.changed.notify_one();
    }

    async fn next(&self) -> Option<CacheEvent> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                if let Some(event) = state.take() {
                    // notify_one keeps a single permit: hand it on for another caller.
                    self.changed.notify_one();
                    return Some(event);
                }
                if state.ended {
                    self.changed.notify_one();
                    return None;
                }
            }
            changed.await;
        }
    }
}

impl State {
    fn queue(&mut self, path: &str) {
        if self.queued.insert(path.to_owned()) {
            self.news.push_back(News::Path(path.to_owned()));
        }
    }

    /// The next event that tells something: what changed and changed back is none.
    fn take(&mut self) -> Option<CacheEvent> {
        while let Some(news) = self.news.pop_front() {
            let News::Path(path) = news else { return Some(CacheEvent::Initialized) };
            self.queued.remove(&path);
            let told = self.told.get(&path).copied();
            let Some(node) = self.nodes.get(&path).cloned() else {
                if self.told.remove(&path).is_some() {
                    return Some(CacheEvent::Removed { path });
                }
                continue;
            };
            let version = (node.stat.czxid, node.stat.mzxid);
            if told == Some(version) {
                continue;
            }
            self.told.insert(path.clone(), version);
            return Some(match told {
                None => CacheEvent::Added { path, node },
                Some(_) => CacheEvent::Changed { path, node },
            });
        }
        None
    }
}

/// A path's parent and its own name; the root has neither.
fn split(path: &str) -> Option<(&str, &str)> {
    let (parent, name) = path.rsplit_once('/')?;
    if name.is_empty() {
        return None;
    }
    Some((if parent.is_empty() { "/" } else { parent }, name))
}

/// A znode that was read, and the count of what had it read.
type Read = (String, u64, Result<Option<(Bytes, Stat)>, Error>);
type Reads = FuturesUnordered<Pin<Box<dyn Future<Output = Read> + Send>>>;

struct Follower {
    client: Client,
    states: watch::Receiver<SessionState>,
    root: String,
    max_depth: Option<usize>,
    copy: Arc<Copy>,
    /// Znodes to be read because of an event, with the count of the latest: an answer to an
    /// earlier one may be older than what is known by now.
    reading: HashMap<String, u64>,
    reads: Reads,
    waiting: VecDeque<(String, u64)>,
    count: u64,
}

impl Follower {
    async fn run(mut self) {
        let mut round = 0;
        while let Err(error) = self.follow().await {
            if fault(&error) != Fault::Connection || connected(&self.client).await.is_err() {
                tracing::debug!(%error, path = self.root, "the cache ends");
                break;
            }
            pause(round.min(3)).await;
            round += 1;
        }
        self.copy.end();
    }

    /// Follows until the session ends (an error), with a new reading for each connection.
    async fn follow(&mut self) -> Result<(), Error> {
        let mode = match self.max_depth {
            Some(0) => AddWatchMode::Persistent,
            _ => AddWatchMode::PersistentRecursive,
        };
        let mut watch = patiently(&self.client, || self.client.add_watch(&self.root, mode)).await?;
        loop {
            self.states.mark_unchanged();
            // Covered by the reading that follows; what comes from now on goes on top of it.
            while let Some(Some(_)) = watch.next().now_or_never() {}
            self.read_all().await?;
            self.copy.initialized();
            self.attend(&mut watch).await?;
            connected(&self.client).await?;
        }
    }

    /// Takes events and what they have read, until the connection breaks.
    async fn attend(&mut self, watch: &mut Watch) -> Result<(), Error> {
        self.reading.clear();
        self.waiting.clear();
        self.reads = Reads::new();
        loop {
            while self.reads.len() < WINDOW
                && let Some((path, count)) = self.waiting.pop_front()
            {
                let pending = self.client.get(&path);
                self.reads.push(Box::pin(async move { (path, count, present(pending.await)) }));
            }
            let mut read = None;
            tokio::select! {
                biased;
                changed = self.states.changed() => {
                    return changed.map_err(|_| over());
                }
                event = watch.next() => match event {
                    Some(event) => self.see(&event),
                    None => return Err(over()),
                },
                Some(one) = self.reads.next() => read = Some(one),
            }
            // Every event that came before the answer is in the queue by now, and goes first.
            while let Some(Some(event)) = watch.next().now_or_never() {
                self.see(&event);
            }
            if let Some((path, count, outcome)) = read {
                self.take(&path, count, outcome)?;
            }
        }
    }

    fn see(&mut self, event: &WatchEvent) {
        if !self.covers(&event.path) {
            return;
        }
        match event.kind {
            EventKind::Deleted => {
                self.reading.remove(&event.path);
                self.copy.remove(&event.path);
            }
            EventKind::Created | EventKind::DataChanged => {
                self.count += 1;
                self.reading.insert(event.path.clone(), self.count);
                self.waiting.push_back((event.path.clone(), self.count));
            }
            _ => {}
        }
    }

    fn take(
        &mut self,
        path: &str,
        count: u64,
        outcome: Result<Option<(Bytes, Stat)>, Error>,
    ) -> Result<(), Error> {
        let found = self.allowed(path, outcome)?;
        if self.reading.get(path) != Some(&count) {
            return Ok(());
        }
        self.reading.remove(path);
        // One that is gone: the event that says so is on its way.
        if let Some((data, stat)) = found {
            self.copy.put(path, CachedNode { data, stat });
        }
        Ok(())
    }

    /// Whether the path is of the part that is followed.
    fn covers(&self, path: &str) -> bool {
        let below = match path.strip_prefix(self.root.as_str()) {
            Some("") => return true,
            Some(below) if self.root == "/" => below,
            Some(below) => match below.strip_prefix('/') {
                Some(below) => below,
                None => return false,
            },
            None => return false,
        };
        self.max_depth.is_none_or(|depth| below.split('/').count() <= depth)
    }

    /// Reads everything, and brings the copy in line with it.
    async fn read_all(&mut self) -> Result<(), Error> {
        let mut found = HashSet::new();
        let mut todo = VecDeque::from([self.root.clone()]);
        let mut reads = FuturesUnordered::new();
        loop {
            while reads.len() < WINDOW
                && let Some(path) = todo.pop_front()
            {
                let node = self.client.get(&path);
                let listed = self.has_room_below(&path).then(|| self.client.get_children(&path));
                reads.push(async move {
                    let node = present(node.await);
                    let names = match listed {
                        Some(listed) => present(listed.await),
                        None => Ok(None),
                    };
                    (path, node, names)
                });
            }
            let Some((path, node, names)) = reads.next().await else { break };
            let node = self.allowed(&path, node)?;
            let names = self.allowed(&path, names)?;
            let Some((data, stat)) = node else { continue };
            self.copy.put(&path, CachedNode { data, stat });
            let parent = if path == "/" { "" } else { &path };
            let children = names.into_iter().flat_map(|(names, _)| names);
            todo.extend(children.map(|name| format!("{parent}/{name}")));
            found.insert(path);
        }
        self.copy.retain(&found);
        Ok(())
    }

    fn has_room_below(&self, path: &str) -> bool {
        self.max_depth != Some(0) && self.covers(&format!("{}/x", path.trim_end_matches('/')))
    }

    /// A znode that we may not read is none.
    fn allowed<T>(
        &self,
        path: &str,
        outcome: Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        match outcome {
            Err(error) if fault(&error) == Fault::Refused => {
                tracing::warn!(%error, path, "the cache leaves this out");
                Ok(None)
            }
            outcome => outcome,
        }
    }
}

/// The client is gone, and with it the session.
fn over() -> Error {
    crate::session::session_over(SessionState::Closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(czxid: i64, mzxid: i64) -> CachedNode {
        CachedNode { data: Bytes::new(), stat: Stat { czxid, mzxid, ..Stat::default() } }
    }

    fn events(copy: &Copy) -> Vec<String> {
        let mut state = copy.state();
        let mut events = Vec::new();
        while let Some(event) = state.take() {
            events.push(match event {
                CacheEvent::Added { path, .. } => format!("+{path}"),
                CacheEvent::Changed { path, .. } => format!("~{path}"),
                CacheEvent::Removed { path } => format!("-{path}"),
                CacheEvent::Initialized => "!".to_owned(),
            });
        }
        events
    }

    #[test]
    fn what_nobody_fetches_is_told_as_one_difference() {
        let copy = Copy::default();
        copy.put("/a", node(1, 1));
        copy.put("/a/b", node(2, 2));
        copy.initialized();
        copy.put("/a/b", node(2, 3));
        assert_eq!(events(&copy), ["+/a", "+/a/b", "!"]);
        copy.put("/a/b", node(2, 3));
        copy.put("/a/c", node(4, 4));
        copy.remove("/a/c");
        assert_eq!(events(&copy), Vec::<String>::new());
        copy.remove("/a/b");
        copy.put("/a/b", node(5, 5));
        assert_eq!(events(&copy), ["~/a/b"]);
    }

    #[test]
    fn a_reading_removes_what_it_did_not_find() {
        let copy = Copy::default();
        for path in ["/a", "/a/b", "/a/b/c", "/d"] {
            copy.put(path, node(1, 1));
        }
        events(&copy);
        copy.retain(&HashSet::from(["/a".to_owned()]));
        assert_eq!(events(&copy), ["-/d", "-/a/b/c", "-/a/b"]);
        assert!(!copy.state().children.contains_key("/a"));
    }
}
