//! Dead letters: what they say, and submitting one of them again.
//!
//! The task of a replay goes by the name of the letter, its czxid, where a submission has a name
//! of its own: so it is found again when the reply was lost, and two who replay the same letter
//! at the same time get the same task.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use pinfold_client::{Acl, Client, CreateMode, Error, ErrorCode, MultiOp, MultiResult, Stat};

use crate::errand::present;
use crate::layout::Layout;
use crate::options::SubmitOptions;
use crate::record::{Cause, DeadHead, KeyHead, TaskHead, TaskId, decode, encode};
use crate::session::{BAD_VERSION, Fault, NO_NODE, connected, fault, patiently, pause, refuse};
use crate::submission::{Key, find, named};

/// Letters read at the same time.
const WINDOW: usize = 64;

/// A task that was given up.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The task.
    pub task: TaskId,
    /// The attempt that was its last, from 1; 0 when it was never a task record.
    pub attempt: u32,
    /// Who had it; empty when nobody did.
    pub worker: String,
    /// Why, in one word.
    pub cause: Cause,
    /// The same in words.
    pub reason: String,
    /// When, by the clock of who gave it up; milliseconds since 1970, 0 when it is not known.
    pub ended_ms: i64,
    /// What was submitted; of what was no task record, the data as it was found.
    pub payload: Bytes,
    /// What was asked for it, less what passed with the first attempt: its delay. Those of a
    /// plain task where it is not known.
    pub options: SubmitOptions,
}

/// A letter as it was read.
struct Letter {
    task: TaskId,
    head: DeadHead,
    payload: Bytes,
    stat: Stat,
}

impl Letter {
    fn of(task: TaskId, data: Bytes, stat: Stat) -> Letter {
        let (head, payload) = match decode::<DeadHead>(&data) {
            Ok(record) => record,
            // Somebody else's znode.
            Err(reason) => {
                let cause = Cause::Unreadable;
                (DeadHead { reason, cause, ended: stat.ctime, ..DeadHead::default() }, data)
            }
        };
        Letter { task, head, payload, stat }
    }

    /// The task as it is submitted again.
    fn again(&self, client: &Client) -> TaskHead {
        let task = self.head.task.as_deref().cloned();
        let id = format!("replay-{:x}", self.stat.czxid);
        let submitted = client.wall_ms();
        let (turn, not_before, started) = (0, 0, 0);
        let task = task.unwrap_or_default();
        TaskHead { attempt: 1, id, submitted, turn, not_before, started, ..task }
    }

    fn told(self) -> DeadLetter {
        let options = self.head.task.as_deref().map(SubmitOptions::from).unwrap_or_default();
        let Letter { task, head, payload, .. } = self;
        let DeadHead { attempt, worker, cause, reason, ended, .. } = head;
        DeadLetter { task, attempt, worker, cause, reason, ended_ms: ended, payload, options }
    }
}

/// The dead letters with a higher number than `after`, at most `limit`, by number.
pub(crate) async fn letters(
    client: &Client,
    layout: &Layout,
    after: Option<&TaskId>,
    limit: usize,
) -> Result<Vec<DeadLetter>, Error> {
    let folder = layout.dead();
    let listed = patiently(client, || client.get_children(&folder)).await;
    let names = present(listed)?.unwrap_or_default().0;
    let floor = after.map_or(0, |task| task.sequence().saturating_add(1));
    let mut tasks: Vec<TaskId> = names
        .iter()
        .filter_map(|name| TaskId::parse(name))
        .filter(|task| task.sequence() >= floor)
        .collect();
    tasks.sort_unstable_by_key(TaskId::sequence);
    // What goes meanwhile leaves room for the next ones.
    let reads = stream::iter(tasks).map(|task| letter(client, layout, task)).buffered(WINDOW);
    reads.try_filter_map(async |found| Ok(found.map(Letter::told))).take(limit).try_collect().await
}

async fn letter(client: &Client, layout: &Layout, task: TaskId) -> Result<Option<Letter>, Error> {
    let path = layout.dead_letter(&task);
    let found = present(patiently(client, || client.get(&path)).await)?;
    Ok(found.map(|(data, stat)| Letter::of(task, data, stat)))
}

/// The dead letter of one task.
pub(crate) async fn letter_of(
    client: &Client,
    layout: &Layout,
    task: &TaskId,
) -> Result<Option<DeadLetter>, Error> {
    Ok(letter(client, layout, task.clone()).await?.map(Letter::told))
}

/// One call of replay.
pub(crate) struct Replay<'a> {
    pub(crate) client: &'a Client,
    pub(crate) layout: &'a Layout,
    pub(crate) task: &'a TaskId,
}

impl Replay<'_> {
    /// Submits the task of the letter once more, and deletes the letter in the same multi.
    pub(crate) async fn run(&self) -> Result<TaskId, Error> {
        let found = letter(self.client, self.layout, self.task.clone()).await?;
        let mut letter = found.ok_or_else(|| self.missing())?;
        let mut round = 0;
        loop {
            let head = letter.again(self.client);
            let error = match self.attempt(&letter, &head).await {
                Ok(task) => return Ok(task),
                Err(error) => error,
            };
            match fault(&error) {
                Fault::Session => return Err(error),
                Fault::Connection => connected(self.client).await?,
                Fault::Refused => match (error.op_index(), error.code()) {
                    (Some(0) | Some(2), NO_NODE | BAD_VERSION) => {}
                    (Some(1), NO_NODE) => self.layout.prepare(self.client).await?,
                    _ => return Err(error),
                },
            }
            match self.reread(&letter, &head).await? {
                Next::Again(next) => letter = *next,
                Next::Made(task) => return Ok(task),
            }
            pause(round).await;
            round += 1;
        }
    }

    /// Is the letter still there, or its task?
    async fn reread(&self, before: &Letter, head: &TaskHead) -> Result<Next, Error> {
        let path = self.layout.dead_letter(self.task);
        patiently(self.client, || self.client.sync(&path)).await?;
        let found = letter(self.client, self.layout, self.task.clone()).await?;
        if let Some(next) = found.filter(|next| next.stat.czxid == before.stat.czxid) {
            return Ok(Next::Again(Box::new(next)));
        }
        let wanted = HashSet::from([head.id.clone()]);
        // A task made of a letter is younger than the letter's task.
        let floor = self.task.sequence();
        let look = || find(self.client, self.layout, wanted.clone(), floor);
        let mut found = patiently(self.client, look).await?;
        // Its key, if it has one, is put right by the next one who asks.
        found.remove(&head.id).map(Next::Made).ok_or_else(|| self.missing())
    }

    async fn attempt(&self, letter: &Letter, head: &TaskHead) -> Result<TaskId, Error> {
        let (key, head) = self.key_of(letter, head).await?;
        let delete = MultiOp::Delete {
            path: self.layout.dead_letter(self.task),
            version: letter.stat.version,
        };
        let create = MultiOp::Create {
            path: format!("{}/t-", self.layout.tasks()),
            data: Some(encode(&head, &letter.payload)),
            mode: CreateMode::PersistentSequential,
            acl: Acl::open_unsafe().to_vec(),
            ttl_ms: 0,
        };
        let mut ops = vec![delete, create];
        if let Some((key, version)) = &key {
            let (path, data) = (key.path.clone(), Some(key.record("")));
            ops.push(MultiOp::SetData { path, data, version: *version });
        }
        let results = self.client.multi(ops).await?;
        let task = match results.get(1) {
            Some(MultiResult::Created { path, .. }) => named(path)?,
            other => return Err(refuse(format!("a create was answered by {other:?}"))),
        };
        if let Some((key, version)) = key {
            key.complete(self.client, &task, version.wrapping_add(1)).await;
        }
        Ok(task)
    }

    /// The idempotence key goes with the new task, unless another task has it by now.
    async fn key_of(
        &self,
        letter: &Letter,
        head: &TaskHead,
    ) -> Result<(Option<(Key, i32)>, TaskHead), Error> {
        let head = head.clone();
        if head.key.is_empty() {
            return Ok((None, head));
        }
        let path = self.layout.key(&head.key);
        let found = present(self.client.get(&path).await)?;
        let before = letter.head.id.as_str();
        let owner = found.and_then(|(data, stat)| {
            let (record, _) = decode::<KeyHead>(&data).ok()?;
            (record.id == before || record.task == self.task.as_str()).then_some(stat)
        });
        match owner {
            Some(stat) => Ok((Some((Key { path, id: head.id.clone() }, stat.version)), head)),
            None => Ok((None, TaskHead { key: String::new(), ..head })),
        }
    }

    fn missing(&self) -> Error {
        let why = format!("task {} has no dead letter", self.task);
        Error::new(ErrorCode::NoNode, why).with_path(self.layout.dead_letter(self.task))
    }
}

/// What a second look at a replay says.
enum Next {
    Again(Box<Letter>),
    Made(TaskId),
}
