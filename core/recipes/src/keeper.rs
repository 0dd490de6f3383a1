//! A znode that is kept in being.
//!
//! ```text
//! <path>              persistent, or ephemeral of the session that keeps it
//! <path><guid>-<seq>  ephemeral sequential: the guid is new for each keeper
//! ```
//! Whoever removes it, and however the session ends, it is made again. An ephemeral one is this
//! keeper's when its `ephemeralOwner` is this session and it was this keeper that asked for it; a
//! sequential one is found by its guid. Another's znode at the path is waited for, never taken.

use std::sync::Arc;

use bytes::Bytes;
use pinfold_client::{Acl, Client, CreateMode, Error, SessionState};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::feed::Feed;
use crate::group::remove_own;
use crate::layout::create_all;
use crate::master::renew;
use crate::record::check_size;
use crate::session::{
    self, BAD_VERSION, Fault, NO_NODE, NODE_EXISTS, claim_lost, connected, fault, is_over,
    patiently, refuse, session_over,
};

/// What kind of znode is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeMode {
    /// Goes with the session, and with the keeper.
    #[default]
    Ephemeral,
    /// The same, with a unique id and the server's number behind the path.
    EphemeralSequential,
    /// Stays, also after its keeper. It has no owner: a persistent znode that is there is kept as
    /// it is, with its data, and any number may keep the same.
    Persistent,
}

/// What happens to a znode that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEvent {
    /// It is there.
    Kept {
        /// Its path.
        path: String,
        /// Its czxid: greater each time that it had to be made again.
        token: i64,
    },
    /// It is not there, or others may soon see it gone. It is being made again.
    Gone {
        /// Why.
        reason: String,
    },
    /// A znode that is not this keeper's is at the path: it waits until that is gone.
    Waiting {
        /// The session that has it; 0 for a persistent one.
        owner: i64,
    },
}

/// A znode that is kept in being, until it is closed.
///
/// It uses the client's session until that ends, then sessions of its own. One path is for one
/// keeper of a session.
///
/// ```no_run
/// # async fn doc(client: pinfold_client::Client) -> Result<(), pinfold_client::Error> {
/// use pinfold_recipes::{NodeMode, PersistentNode};
///
/// let node = PersistentNode::start(&client, "/up/web-1", "10.0.0.7", NodeMode::Ephemeral)?;
/// node.kept().await?;
/// node.set("10.0.0.8").await?;
/// node.close().await
/// # }
/// ```
#[derive(Debug)]
pub struct PersistentNode {
    path: String,
    feed: Arc<Feed<NodeEvent>>,
    place: watch::Receiver<Option<Own>>,
    orders: mpsc::UnboundedSender<Order>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<Result<(), Error>>>,
}

/// The znode, as it was when it was made or found.
#[derive(Clone, Debug)]
struct Own {
    path: String,
    czxid: i64,
}

/// New data, and whom to tell how that went.
struct Order {
    data: Bytes,
    done: oneshot::Sender<Result<(), Error>>,
}

impl PersistentNode {
    /// Begins to keep a znode at `path`, made with `data`; missing parents are made, persistent.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for data above [`crate::MAX_PAYLOAD`], and for a path that no znode can
    /// have. What the server refuses is told by [`PersistentNode::kept`].
    pub fn start(
        client: &Client,
        path: &str,
        data: impl Into<Bytes>,
        mode: NodeMode,
    ) -> Result<PersistentNode, Error> {
        let data = data.into();
        check_size("the data", &data)?;
        if pinfold_client::path::validate(path).is_err() || path == "/" {
            return Err(refuse(format!("{path:?} cannot be the path of a znode to keep")));
        }
        let feed = Arc::new(Feed::new());
        let (tell, place) = watch::channel(None);
        let (orders, inbox) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let attempt = match mode {
            NodeMode::EphemeralSequential => format!("{path}{}-", session::unique(client)),
            NodeMode::Ephemeral | NodeMode::Persistent => path.to_owned(),
        };
        let keeper = Keeper {
            client: client.clone(),
            own_session: false,
            attempt,
            mode,
            data,
            unsure: false,
            feed: Arc::clone(&feed),
            place: tell,
            inbox,
            owed: Vec::new(),
        };
        let task = Some(tokio::spawn(keeper.run(stopped)));
        Ok(PersistentNode { path: path.to_owned(), feed, place, orders, stop, task })
    }

    /// The next event; `None` after the last one, when nothing is kept any more. Cancel-safe.
    pub async fn next(&self) -> Option<NodeEvent> {
        self.feed.next().await
    }

    /// Waits until the znode is there, and gives its path. Cancel-safe.
    ///
    /// # Errors
    /// `CLAIM_LOST` when nothing is kept any more: [`PersistentNode::close`] tells why.
    pub async fn kept(&self) -> Result<String, Error> {
        let mut place = self.place.clone();
        let kept = place.wait_for(Option::is_some).await;
        let own = kept.ok().and_then(|own| own.clone());
        own.map(|own| own.path).ok_or_else(|| self.ended())
    }

    /// The znode's path and czxid, while it is there as far as is known.
    pub fn now(&self) -> Option<(String, i64)> {
        self.place.borrow().clone().map(|own| (own.path, own.czxid))
    }

    /// Sets the data, waiting until the znode is there; it is made again with these from now on.
    /// What others write to it is left until then. Dropping the future leaves open when they are
    /// set.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for data above [`crate::MAX_PAYLOAD`]; what the server refuses;
    /// `CLAIM_LOST` when nothing is kept any more.
    pub async fn set(&self, data: impl Into<Bytes>) -> Result<(), Error> {
        let data = data.into();
        check_size("the data", &data)?;
        let (done, outcome) = oneshot::channel();
        if self.orders.send(Order { data, done }).is_err() {
            return Err(self.ended());
        }
        outcome.await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// Keeps it no longer; an ephemeral one is gone when this returns without an error, a
    /// persistent one stays.
    ///
    /// # Errors
    /// The reason when nothing was kept any more: the client was closed, or the server refuses.
    pub async fn close(mut self) -> Result<(), Error> {
        self.stop.send_replace(true);
        match self.task.take() {
            Some(task) => task.await.unwrap_or(Ok(())),
            None => Ok(()),
        }
    }

    fn ended(&self) -> Error {
        claim_lost(&self.path, "it is kept no longer")
    }
}

impl Drop for PersistentNode {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

struct Keeper {
    client: Client,
    /// The session is the keeper's own, to be closed at its end.
    own_session: bool,
    /// The path; of a sequential one all but the number.
    attempt: String,
    mode: NodeMode,
    data: Bytes,
    /// A create was sent on this session whose reply did not come: a znode of this session at the
    /// path may be this keeper's.
    unsure: bool,
    feed: Arc<Feed<NodeEvent>>,
    place: watch::Sender<Option<Own>>,
    inbox: mpsc::UnboundedReceiver<Order>,
    /// Those whose data are set once it is made again.
    owed: Vec<oneshot::Sender<Result<(), Error>>>,
}

impl Keeper {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) -> Result<(), Error> {
        let outcome = loop {
            let kept = tokio::select! {
                biased;
                () = session::halted(&mut stopped) => break self.leave().await,
                kept = self.keep() => kept,
            };
            let Err(error) = kept;
            self.gone(error.to_string());
            if self.client.state() != SessionState::Expired {
                // Closed by its owner, or refused: a new session would fare no better.
                break Err(error);
            }
            tokio::select! {
                biased;
                () = session::halted(&mut stopped) => break Ok(()),
                next = renew(&self.client) => match next {
                    Ok(next) => self.client = next,
                    Err(error) => break Err(error),
                }
            }
            self.own_session = true;
            self.unsure = false;
        };
        if self.own_session {
            drop(self.client.close().await);
        }
        self.feed.end();
        outcome
    }

    /// Keeps it while the session lasts.
    async fn keep(&mut self) -> Result<std::convert::Infallible, Error> {
        loop {
            let own = self.obtain().await?;
            let kept = NodeEvent::Kept { path: own.path.clone(), token: own.czxid };
            self.place.send_replace(Some(own.clone()));
            self.feed.push(kept);
            for done in self.owed.drain(..) {
                drop(done.send(Ok(())));
            }
            let reason = self.attend(&own).await?;
            self.gone(reason);
            connected(&self.client).await?;
        }
    }

    fn gone(&mut self, reason: String) {
        if self.place.send_replace(None).is_some() {
            self.feed.push(NodeEvent::Gone { reason });
        }
    }

    /// Makes the znode, or finds the one that it made.
    async fn obtain(&mut self) -> Result<Own, Error> {
        let mut round = 0;
        let mut told = None;
        loop {
            if self.unsure
                && let Some(own) = self.find().await?
            {
                return Ok(own);
            }
            let earlier = std::mem::replace(&mut self.unsure, true);
            let (mode, acl) = (self.create_mode(), Acl::open_unsafe());
            let made = self.client.create(&self.attempt, self.data.clone(), mode, &acl).await;
            let error = match made {
                Ok(made) => return Ok(Own { path: made.path, czxid: made.stat.czxid }),
                Err(error) => error,
            };
            match (fault(&error), error.code()) {
                (Fault::Connection, _) => connected(&self.client).await?,
                (Fault::Refused, NODE_EXISTS) => {
                    self.unsure = earlier;
                    if let Some(own) = self.wait(&mut told).await? {
                        return Ok(own);
                    }
                    continue;
                }
                (Fault::Refused, NO_NODE) if round < 3 => {
                    self.unsure = earlier;
                    let at = self.attempt.rfind('/').unwrap_or_default();
                    let parent = self.attempt[..at.max(1)].to_owned();
                    patiently(&self.client, || create_all(&self.client, &parent)).await?;
                }
                _ => return Err(error),
            }
            session::pause(round).await;
            round += 1;
        }
    }

    /// Something is at the path: takes it if that is right, else waits until it is gone.
    async fn wait(&self, told: &mut Option<i64>) -> Result<Option<Own>, Error> {
        // get and not exists: it leaves no watch behind where there is nothing.
        let watched = patiently(&self.client, || self.client.get_watch(&self.attempt));
        let (_, stat, mut watch) = match watched.await {
            Err(error) if error.code() == NO_NODE => return Ok(None),
            outcome => outcome?,
        };
        if self.is_own(stat.ephemeral_owner) {
            return Ok(Some(Own { path: self.attempt.clone(), czxid: stat.czxid }));
        }
        if told.replace(stat.czxid) != Some(stat.czxid) {
            self.feed.push(NodeEvent::Waiting { owner: stat.ephemeral_owner });
        }
        if watch.next().await.is_none() {
            connected(&self.client).await?;
        }
        Ok(None)
    }

    fn create_mode(&self) -> CreateMode {
        match self.mode {
            NodeMode::Ephemeral => CreateMode::Ephemeral,
            NodeMode::EphemeralSequential => CreateMode::EphemeralSequential,
            NodeMode::Persistent => CreateMode::Persistent,
        }
    }

    fn is_own(&self, owner: i64) -> bool {
        match self.mode {
            NodeMode::Persistent => owner == 0,
            _ => self.unsure && self.client.session().is_some_and(|own| own.id == owner),
        }
    }

    /// The znode that it made on this session, if that is there.
    async fn find(&self) -> Result<Option<Own>, Error> {
        let (client, attempt) = (&self.client, &self.attempt);
        let path = match self.mode {
            NodeMode::Ephemeral | NodeMode::Persistent => Some(attempt.clone()),
            NodeMode::EphemeralSequential => {
                let at = attempt.rfind('/').unwrap_or_default();
                let (parent, mark) = (&attempt[..at.max(1)], &attempt[at + 1..]);
                let listed = patiently(client, || async {
                    let (synced, names) = (client.sync(parent), client.get_children(parent));
                    synced.await?;
                    names.await
                });
                let names = match listed.await {
                    Ok((names, _)) => names,
                    Err(error) if error.code() == NO_NODE => return Ok(None),
                    Err(error) => return Err(error),
                };
                let name = names.into_iter().filter(|name| name.starts_with(mark)).min();
                name.map(|name| format!("{}/{name}", &attempt[..at]))
            }
        };
        let Some(path) = path else { return Ok(None) };
        let found = patiently(client, || async {
            let (synced, stat) = (client.sync(&path), client.exists(&path));
            synced.await?;
            stat.await
        });
        let found = found.await?.filter(|stat| self.is_own(stat.ephemeral_owner));
        Ok(found.map(|stat| Own { path, czxid: stat.czxid }))
    }

    /// Until it is gone, with the reason, or the session is over.
    async fn attend(&mut self, own: &Own) -> Result<String, Error> {
        loop {
            let order = tokio::select! {
                () = session::removed(&self.client, &own.path, own.czxid) => {
                    return Ok(format!("{} was removed", own.path));
                }
                reason = outlived(&self.client, self.mode) => return Ok(reason),
                order = self.inbox.recv() => match order {
                    Some(order) => order,
                    // Its owner is gone, and stops it.
                    None => std::future::pending().await,
                },
            };
            let Order { data, done } = order;
            let before = std::mem::replace(&mut self.data, data);
            match self.write(own).await {
                Ok(true) => drop(done.send(Ok(()))),
                Ok(false) => {
                    self.owed.push(done);
                    return Ok(format!("{} was removed", own.path));
                }
                Err(error) if fault(&error) == Fault::Refused => {
                    self.data = before;
                    drop(done.send(Err(error)));
                }
                Err(error) => {
                    self.owed.push(done);
                    return Err(error);
                }
            }
        }
    }

    /// Writes the data; false when the znode is not there.
    async fn write(&self, own: &Own) -> Result<bool, Error> {
        loop {
            let seen = patiently(&self.client, || self.client.exists(&own.path)).await?;
            let Some(stat) = seen.filter(|stat| stat.czxid == own.czxid) else { return Ok(false) };
            let set = || self.client.set(&own.path, self.data.clone(), stat.version);
            match patiently(&self.client, set).await {
                // Another's write, or its own whose reply was lost.
                Err(error) if error.code() == BAD_VERSION => {}
                Err(error) if error.code() == NO_NODE => return Ok(false),
                outcome => return outcome.map(|_| true),
            }
        }
    }

    /// Leaves nothing behind that goes with the keeper.
    async fn leave(&mut self) -> Result<(), Error> {
        if self.mode == NodeMode::Persistent || is_over(self.client.state()) {
            return Ok(());
        }
        let outcome = match self.find().await {
            Ok(Some(own)) => {
                let (client, own) = (&self.client, &own);
                patiently(client, || remove_own(client, &own.path, own.czxid)).await
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        match outcome {
            // It went with the session.
            Err(error) if fault(&error) == Fault::Session => Ok(()),
            outcome => outcome,
        }
    }
}

/// Resolves, with the reason, when the session's end may have taken the znode with it.
async fn outlived(client: &Client, mode: NodeMode) -> String {
    if mode != NodeMode::Persistent {
        return session::lapsed(client).await;
    }
    let mut states = client.states();
    let over = states.wait_for(|state| is_over(*state)).await.map(|state| *state);
    session_over(over.unwrap_or(SessionState::Closed)).to_string()
}
