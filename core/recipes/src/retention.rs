//! What came to its end is not kept for ever: forgetting one task, and all that are old enough.
//!
//! A result or a dead letter goes in one multi with its idempotence key. The age is that of its
//! znode, by the server's clock at its creation and this machine's now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use pinfold_client::{Client, Error, MultiOp, Stat};
use serde::Deserialize;
use tokio::time::sleep;

use crate::errand::present;
use crate::layout::Layout;
use crate::record::{KeyHead, TaskId, decode};
use crate::session::{BAD_VERSION, Fault, NO_NODE, connected, fault, patiently, pause};

/// Requests on their way at the same time.
const WINDOW: usize = 64;
/// A sweep rests at least, and at most, so long.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);

/// Where what came to its end is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    Dead,
}

impl Ended {
    fn folder(self, layout: &Layout) -> String {
        match self {
            Ended::Done => layout.results(),
            Ended::Dead => layout.dead(),
        }
    }
}

/// The parts of a result and of a dead letter that say which key goes with it.
#[derive(Default, Deserialize)]
struct Keyed {
    #[serde(default)]
    key: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    task: Option<KeyedTask>,
}

#[derive(Default, Deserialize)]
struct KeyedTask {
    #[serde(default)]
    key: String,
}

/// Forgets what came to its end, each write with `check` before it.
#[derive(Clone, Debug)]
pub(crate) struct Broom {
    pub(crate) client: Client,
    pub(crate) layout: Layout,
    /// The candidacy of a master; nothing for others.
    pub(crate) check: Option<MultiOp>,
}

impl Broom {
    /// Forgets one task; false when it is not there.
    pub(crate) async fn forget(&self, task: &TaskId, ended: Ended) -> Result<bool, Error> {
        let path = format!("{}/{task}", ended.folder(&self.layout));
        let own = usize::from(self.check.is_some());
        let mut lost = false;
        let mut round = 0;
        loop {
            // Gone after a lost reply: by this call, or as was wanted.
            let ops = patiently(&self.client, || self.ops(&path, task)).await?;
            let Some(ops) = ops else { return Ok(lost) };
            match self.client.multi(ops).await {
                Ok(_) => return Ok(true),
                Err(error) if fault(&error) == Fault::Connection => {
                    connected(&self.client).await?;
                    lost = true;
                }
                Err(error) if error.op_index() >= Some(own) && is_changed(&error) => {}
                Err(error) => return Err(error),
            }
            pause(round).await;
            round += 1;
        }
    }

    /// What removes the task and its key; `None` when it is not there.
    async fn ops(&self, path: &str, task: &TaskId) -> Result<Option<Vec<MultiOp>>, Error> {
        let Some((data, stat)) = present(self.client.get(path).await)? else { return Ok(None) };
        let mut ops: Vec<MultiOp> = self.check.iter().cloned().collect();
        ops.push(MultiOp::Delete { path: path.to_owned(), version: stat.version });
        if let Some((path, stat)) = self.key_of(&data, task).await? {
            ops.push(MultiOp::Delete { path, version: stat.version });
        }
        Ok(Some(ops))
    }

    /// The key that stands for this task, when it still does.
    async fn key_of(&self, data: &Bytes, task: &TaskId) -> Result<Option<(String, Stat)>, Error> {
        let record = decode::<Keyed>(data).map(|(record, _)| record).unwrap_or_default();
        let key = match record.task {
            Some(inner) if record.key.is_empty() => inner.key,
            _ => record.key,
        };
        if key.is_empty() {
            return Ok(None);
        }
        let path = self.layout.key(&key);
        let found = present(self.client.get(&path).await)?;
        Ok(found.and_then(|(data, stat)| {
            let (head, _) = decode::<KeyHead>(&data).ok()?;
            let is_own = head.task == task.as_str() || head.id == record.id;
            is_own.then_some((path, stat))
        }))
    }

    /// Forgets everything of one kind that is as old as `age`; how many that were.
    ///
    /// # Errors
    /// The first refusal, after the others were tried; the session's end.
    pub(crate) async fn sweep(&self, ended: Ended, age: Duration) -> Result<u64, Error> {
        let mut known = Known::default();
        known.read(self, ended).await?;
        let swept = self.remove(known.due(age, self.client.wall_ms()), ended).await?;
        swept.refused.map_or(Ok(swept.count), Err)
    }

    async fn remove(&self, due: Vec<TaskId>, ended: Ended) -> Result<Swept, Error> {
        let mut removals = stream::iter(due)
            .map(|task| async move { self.forget(&task, ended).await })
            .buffer_unordered(WINDOW);
        let mut swept = Swept::default();
        while let Some(removed) = removals.next().await {
            match removed {
                Ok(removed) => swept.count += u64::from(removed),
                Err(error) if fault(&error) == Fault::Refused => {
                    swept.refused.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(swept)
    }

    /// Forgets what is old enough, again and again, until the session or the candidacy is over.
    /// Dropping it is safe at any time.
    pub(crate) async fn keep_sweeping(&self, ended: Ended, age: Duration) {
        let mut known = Known::default();
        loop {
            let swept = async {
                known.read(self, ended).await?;
                let due = known.due(age, self.client.wall_ms());
                known.put_aside(&due);
                self.remove(due, ended).await
            };
            match swept.await {
                Ok(Swept { refused: Some(error), .. }) if error.op_index() == Some(0) => return,
                Ok(Swept { refused: Some(error), .. }) => {
                    tracing::warn!(%error, "what the server refuses to remove is kept");
                }
                Ok(_) => {}
                Err(error) if fault(&error) == Fault::Connection => {
                    known = Known::default();
                }
                Err(error) if fault(&error) == Fault::Session => return,
                Err(error) => tracing::warn!(%error, "nothing is forgotten for the time being"),
            }
            if connected(&self.client).await.is_err() {
                return;
            }
            sleep(known.rest(age, self.client.wall_ms())).await;
        }
    }
}

#[derive(Default)]
struct Swept {
    count: u64,
    refused: Option<Error>,
}

/// What is kept, with the time of its creation; milliseconds since 1970.
#[derive(Debug, Default)]
struct Known {
    created: BTreeMap<TaskId, i64>,
}

impl Known {
    /// Brings it up to date: what is there is listed, and what was not known is looked at.
    async fn read(&mut self, broom: &Broom, ended: Ended) -> Result<(), Error> {
        let (client, folder) = (&broom.client, ended.folder(&broom.layout));
        let listed = present(patiently(client, || client.get_children(&folder)).await)?;
        let listed = listed.unwrap_or_default().0;
        let there: BTreeSet<TaskId> = listed.iter().filter_map(|n| TaskId::parse(n)).collect();
        self.created.retain(|task, _| there.contains(task));
        let fresh: Vec<TaskId> =
            there.into_iter().filter(|task| !self.created.contains_key(task)).collect();
        let mut looks = stream::iter(fresh)
            .map(|task| {
                let path = format!("{folder}/{task}");
                async move { (task, patiently(client, || client.exists(&path)).await) }
            })
            .buffer_unordered(WINDOW);
        while let Some((task, found)) = looks.next().await {
            if let Some(stat) = found? {
                self.created.insert(task, stat.ctime);
            }
        }
        Ok(())
    }

    fn due(&self, age: Duration, now_ms: i64) -> Vec<TaskId> {
        let before = now_ms.saturating_sub(millis(age));
        let due = self.created.iter().filter(|(_, created)| **created <= before);
        due.map(|(task, _)| task.clone()).collect()
    }

    /// What the server refuses to remove is not asked for again.
    fn put_aside(&mut self, tasks: &[TaskId]) {
        for task in tasks {
            self.created.insert(task.clone(), i64::MAX);
        }
    }

    /// Until something is old enough, which what comes meanwhile is not before; not so short that
    /// the lists are read all the time.
    fn rest(&self, age: Duration, now_ms: i64) -> Duration {
        let oldest = self.created.values().min().copied().unwrap_or(i64::MAX);
        let left = oldest.saturating_add(millis(age)).saturating_sub(now_ms);
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(age);
        left.max(age / 20).clamp(SHORTEST, LONGEST)
    }
}

fn millis(age: Duration) -> i64 {
    i64::try_from(age.as_millis()).unwrap_or(i64::MAX)
}

fn is_changed(error: &Error) -> bool {
    matches!(error.code(), NO_NODE | BAD_VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_enough_is_due_and_a_sweep_rests_until_the_next() {
        let task = |n: u32| TaskId::parse(&format!("t-{n:010}")).expect("a task name");
        let mut known = Known::default();
        known.created.extend([(task(1), 1_000), (task(2), 5_000)]);
        let age = Duration::from_secs(10);
        assert_eq!(known.due(age, 10_999), []);
        assert_eq!(known.rest(age, 9_000), Duration::from_secs(2));
        assert_eq!(known.due(age, 11_000), [task(1)]);
        known.put_aside(&[task(1)]);
        assert_eq!(known.due(age, 11_000), []);
        assert_eq!(known.rest(age, 11_000), Duration::from_secs(4));
        assert_eq!(known.rest(age, 14_999), SHORTEST);
        assert_eq!(Known::default().rest(age, 0), age);
        assert_eq!(Known::default().rest(Duration::MAX, 0), LONGEST);
        assert_eq!(Known::default().due(Duration::MAX, 5), []);
    }
}
