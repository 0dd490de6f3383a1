//! One session's writes.

use super::model::{Answer, Change, Found, Model};
use crate::fault::Doing;
use crate::random::Random;
use crate::{Fallible, Fault};
use pinfold_client::{Acl, Client, CreateMode, Error, MultiOp, MultiResult, Outcome, SessionState};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Writes that wait for an answer at a time.
const WINDOW: usize = 64;

/// Writes that a session still asks for when it knows that the connection broke.
const AFTER_BREAK: usize = 8;

/// Nodes below which a session rather creates, and over which it rather deletes.
const NODES: u64 = 200;

type Waiting = Pin<Box<dyn Future<Output = Result<i64, Error>> + Send>>;

/// A session that writes below its own node, and what it knows.
pub(super) struct Load {
    client: Client,
    session: i64,
    home: String,
    random: Random,
    model: Model,
}

impl Load {
    pub(super) fn new(client: Client, home: String, random: Random) -> Fallible<Load> {
        let session = client.session().ok_or_else(|| Fault::new("there is no session"))?.id;
        Ok(Load { client, session, home, random, model: Model::default() })
    }

    /// Writes until an answer is missing or the server was killed, and a little more; collects
    /// all answers to what was asked.
    ///
    /// What is asked after the connection broke waits for the next one: its answers come only
    /// when the server is there again. A whole window of such requests hides that anything broke,
    /// so `killed` has to be set before that.
    pub(super) async fn write_until(&mut self, killed: &AtomicBool) {
        let mut waiting: VecDeque<Waiting> = VecDeque::new();
        let mut broken = false;
        let mut more = AFTER_BREAK;
        loop {
            broken |= killed.load(Ordering::Relaxed);
            while (!broken || more > 0) && waiting.len() < WINDOW {
                more -= usize::from(broken);
                let change = self.model.next(&self.home, &mut self.random, NODES);
                waiting.push_back(self.ask(&change));
                self.model.asked(change);
            }
            let Some(next) = waiting.pop_front() else { return };
            let answer = match next.await {
                Ok(zxid) => Answer::Done { zxid },
                Err(error) => {
                    broken = true;
                    match error.outcome() {
                        Outcome::MaybeApplied => Answer::Unknown,
                        // Of the connection, not of the server: it was never sent.
                        _ if error.name() == "CONNECTION_LOSS" => Answer::NotSent,
                        _ if error.name() == "NO_NODE" => Answer::NoNode,
                        _ => Answer::Refused(error.to_string()),
                    }
                }
            };
            self.model.answered(answer);
        }
    }

    fn ask(&self, change: &Change) -> Waiting {
        let acl = Acl::open_unsafe();
        let client = &self.client;
        match change.clone() {
            Change::Create { path, data, ephemeral } => {
                let mode = if ephemeral { CreateMode::Ephemeral } else { CreateMode::Persistent };
                let created = client.create(&path, data, mode, &acl);
                Box::pin(async move { Ok(created.await?.stat.czxid) })
            }
            Change::Set { path, data } => {
                let set = client.set(&path, data, -1);
                Box::pin(async move { Ok(set.await?.mzxid) })
            }
            Change::Delete { path } => {
                let deleted = client.delete(&path, -1);
                // The answer to a delete carries no zxid.
                Box::pin(async move { deleted.await.map(|()| 0) })
            }
            Change::Pair { first, second, data } => {
                let create = |path: String| MultiOp::Create {
                    path,
                    data: Some(data.clone().into()),
                    mode: CreateMode::Persistent,
                    acl: acl.clone(),
                    ttl_ms: 0,
                };
                let both = client.multi(vec![create(first), create(second)]);
                Box::pin(async move {
                    Ok(both.await?.iter().fold(0, |zxid, result| match result {
                        MultiResult::Created { stat, .. } => zxid.max(stat.czxid),
                        _ => zxid,
                    }))
                })
            }
        }
    }

    /// Waits until the same session is served again.
    pub(super) async fn attached(&self, within: Duration) -> Fallible {
        match tokio::time::timeout(within, self.answered()).await {
            Ok(answered) => answered?,
            Err(_) => return Err(Fault::new("a session was not attached again in time")),
        }
        match self.client.session() {
            Some(token) if token.id == self.session => Ok(()),
            _ => Err(Fault::new("a session came back under another id")),
        }
    }

    /// Returns when the server has answered, which is more than the state says: a session with
    /// nothing under way may not have noticed yet that its connection is gone.
    async fn answered(&self) -> Fallible {
        let mut states = self.client.states();
        loop {
            let settled = states.wait_for(|state| state.is_connected() || state.is_final());
            let state = *settled.await.doing("waiting for the session")?;
            if state != SessionState::Connected {
                return Err(Fault::new(format!("a session was lost: {state:?}")));
            }
            match self.client.exists(&self.home).await {
                Ok(_) => return Ok(()),
                Err(error) if error.name() == "CONNECTION_LOSS" => {}
                Err(error) => return Err(error).doing("asking after the restart"),
            }
        }
    }

    /// Reads everything back and compares. `floor` is the highest zxid told before the kill.
    pub(super) async fn verify(&mut self, floor: i64) -> Fallible<Found> {
        let (names, _) = self.client.get_children(&self.home).await.doing("reading back")?;
        let asked: Vec<_> = names
            .into_iter()
            .map(|name| format!("{}/{name}", self.home))
            .map(|path| (self.client.get(&path), path))
            .collect();
        let mut tree = std::collections::BTreeMap::new();
        for (pending, path) in asked {
            let (data, stat) = pending.await.doing(format!("reading {path} back"))?;
            tree.insert(path, (String::from_utf8_lossy(&data).into_owned(), stat));
        }
        self.model.settle(&tree, self.session, floor).map_err(Fault::new)
    }
}
