//! Submitting tasks: pipelined creates, and the search for those whose reply was lost.
//!
//! A task with an idempotence key is created by one multi with the key's znode, which holds the
//! name of the submission; then the task's name is written there. Who finds a key without the
//! name of a task searches the task by the submission, and puts the key right.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use pinfold_client::{Acl, Client, CreateMode, Error, MultiOp, MultiResult, Outcome};

use crate::commit::persistent;
use crate::errand::present;
use crate::layout::Layout;
use crate::options::SubmitOptions;
use crate::queue::Inner;
use crate::record::{IdHead, KeyHead, TaskHead, TaskId, check_size, decode, encode};
use crate::session::{Fault, NO_NODE, NODE_EXISTS, connected, fault, pause, refuse, unique};

/// Creates on their way at the same time.
const WINDOW: usize = 1_024;
/// Bytes of payload on their way at the same time; one task may have more.
const WINDOW_BYTES: usize = 8 << 20;
/// Records read at the same time in a search.
const SEARCH_WINDOW: usize = 256;
/// Looks at a key whose task is not written yet, before the task is searched.
const KEY_LOOKS: u32 = 3;

/// A task that is on its way, by its index.
type Arrival = Pin<Box<dyn Future<Output = (usize, Result<TaskId, Error>)> + Send>>;

/// One call of submit.
pub(crate) struct Submission<'a> {
    inner: &'a Inner,
    /// Heads with the id of each, and payloads.
    items: Vec<(TaskHead, Bytes)>,
    tasks: Vec<Option<TaskId>>,
    /// Indices to be sent.
    todo: VecDeque<usize>,
    /// Indices whose reply was lost.
    lost: Vec<usize>,
    /// Indices whose key is taken.
    taken: Vec<usize>,
    /// Tasks of this call have at least this number.
    floor: u64,
}

impl<'a> Submission<'a> {
    pub(crate) fn new(
        inner: &'a Inner,
        batch: Vec<(Bytes, SubmitOptions)>,
    ) -> Result<Submission<'a>, Error> {
        // The same for all tasks of this call; the number behind it tells them apart.
        let guid = unique(&inner.client);
        let count = batch.len();
        let mut items = Vec::with_capacity(count);
        for (index, (payload, options)) in batch.into_iter().enumerate() {
            let what = match count {
                1 => "the payload".to_owned(),
                _ => format!("payload {} of {count}", index + 1),
            };
            check_size(&what, &payload)?;
            let id = format!("{guid}-{index}");
            items.push((TaskHead { id, ..options.head(&inner.client)? }, payload));
        }
        Ok(Submission {
            inner,
            tasks: vec![None; items.len()],
            todo: (0..items.len()).collect(),
            items,
            lost: Vec::new(),
            taken: Vec::new(),
            floor: inner.floor.load(Ordering::Relaxed),
        })
    }

    /// The ids in the order of the payloads.
    pub(crate) async fn run(mut self) -> Result<Vec<TaskId>, Error> {
        let mut round = 0;
        while !(self.todo.is_empty() && self.lost.is_empty() && self.taken.is_empty()) {
            let whole = self.send().await?;
            if !whole {
                connected(&self.inner.client).await?;
                pause(round).await;
                round += 1;
            }
            let resolved = async {
                self.search().await?;
                self.ask_keys().await
            };
            match resolved.await {
                Err(error) if fault(&error) == Fault::Connection => {}
                outcome => outcome?,
            }
        }
        Ok(self.tasks.into_iter().flatten().collect())
    }

    /// Sends what is to be sent until all of it is there or the connection breaks (false), and
    /// comes back with nothing on its way.
    async fn send(&mut self) -> Result<bool, Error> {
        // While replies are lost it is not known what is to be sent.
        if !self.lost.is_empty() {
            return Ok(true);
        }
        let mut creating = FuturesUnordered::new();
        let mut bytes = 0;
        let mut whole = true;
        loop {
            while whole && creating.len() < WINDOW && (bytes < WINDOW_BYTES || bytes == 0) {
                let Some(index) = self.todo.pop_front() else { break };
                bytes += self.items[index].1.len();
                creating.push(self.create(index));
            }
            let Some((index, outcome)) = creating.next().await else { return Ok(whole) };
            bytes -= self.items[index].1.len();
            match outcome {
                Ok(task) => self.arrived(index, task),
                Err(error) if fault(&error) == Fault::Connection => {
                    whole = false;
                    if error.outcome() == Outcome::MaybeApplied {
                        self.lost.push(index);
                    } else {
                        self.todo.push_back(index);
                    }
                }
                Err(error) if error.code() == NO_NODE => {
                    self.todo.push_back(index);
                    match self.inner.layout.prepare(&self.inner.client).await {
                        Err(error) if fault(&error) == Fault::Connection => whole = false,
                        outcome => outcome?,
                    }
                }
                Err(error) if error.code() == NODE_EXISTS && error.op_index() == Some(0) => {
                    self.taken.push(index);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The request takes its place in the session's order here.
    fn create(&self, index: usize) -> Arrival {
        let (head, payload) = &self.items[index];
        let record = encode(head, payload);
        let path = format!("{}/t-", self.inner.layout.tasks());
        let mode = CreateMode::PersistentSequential;
        let client = self.inner.client.clone();
        if head.key.is_empty() {
            let pending = client.create(&path, record, mode, &Acl::open_unsafe());
            return Box::pin(async move {
                (index, pending.await.and_then(|created| named(&created.path)))
            });
        }
        let key = Key { path: self.inner.layout.key(&head.key), id: head.id.clone() };
        let acl = Acl::open_unsafe().to_vec();
        let task = MultiOp::Create { path, data: Some(record), mode, acl, ttl_ms: 0 };
        let pending = client.multi(vec![persistent(key.path.clone(), key.record("")), task]);
        Box::pin(async move {
            let task = match pending.await {
                Ok(results) => match results.get(1) {
                    Some(MultiResult::Created { path, .. }) => named(path),
                    other => Err(refuse(format!("a create was answered by {other:?}"))),
                },
                Err(error) => Err(error),
            };
            if let Ok(task) = &task {
                key.complete(&client, task, 0).await;
            }
            (index, task)
        })
    }

    fn arrived(&mut self, index: usize, task: TaskId) {
        self.inner.floor.fetch_max(task.sequence(), Ordering::Relaxed);
        self.tasks[index] = Some(task);
    }

    /// Finds the tasks whose reply was lost; those that are nowhere are to be sent again.
    async fn search(&mut self) -> Result<(), Error> {
        if self.lost.is_empty() {
            return Ok(());
        }
        let ids = self.lost.iter().map(|index| self.items[*index].0.id.clone()).collect();
        let mut found = find(&self.inner.client, &self.inner.layout, ids, self.floor).await?;
        let mut lost = std::mem::take(&mut self.lost);
        lost.sort_unstable();
        for index in lost.into_iter().rev() {
            let head = &self.items[index].0;
            let Some(task) = found.remove(&head.id) else {
                self.todo.push_front(index);
                continue;
            };
            if !head.key.is_empty() {
                let path = self.inner.layout.key(&head.key);
                let key = Key { path, id: head.id.clone() };
                key.complete(&self.inner.client, &task, 0).await;
            }
            self.arrived(index, task);
        }
        Ok(())
    }

    /// Learns which task a key stands for, where it was taken.
    async fn ask_keys(&mut self) -> Result<(), Error> {
        while let Some(index) = self.taken.last().copied() {
            let path = self.inner.layout.key(&self.items[index].0.key);
            match task_of(&self.inner.client, &self.inner.layout, &path).await? {
                Some(task) => self.tasks[index] = Some(task),
                // The key went meanwhile: it is free again.
                None => self.todo.push_back(index),
            }
            self.taken.pop();
        }
        Ok(())
    }
}

/// The znode of an idempotence key, and the submission that holds it.
pub(crate) struct Key {
    pub(crate) path: String,
    pub(crate) id: String,
}

impl Key {
    pub(crate) fn record(&self, task: &str) -> Bytes {
        encode(&KeyHead { id: self.id.clone(), task: task.to_owned() }, b"")
    }

    /// Writes down which task it is. When that does not come about, the next one who asks does
    /// it.
    pub(crate) async fn complete(&self, client: &Client, task: &TaskId, version: i32) {
        if let Err(error) = client.set(&self.path, self.record(task.as_str()), version).await {
            tracing::debug!(%error, path = self.path, "the key is left for another to put right");
        }
    }
}

/// The task that the key at `path` stands for; `None` when the key is free.
async fn task_of(client: &Client, layout: &Layout, path: &str) -> Result<Option<TaskId>, Error> {
    let mut looks = 0;
    loop {
        client.sync(path).await?;
        let Some((data, stat)) = present(client.get(path).await)? else { return Ok(None) };
        let record = decode::<KeyHead>(&data).ok().map(|(head, _)| head);
        if let Some(task) = record.as_ref().and_then(|head| TaskId::parse(&head.task)) {
            return Ok(Some(task));
        }
        looks += 1;
        if looks < KEY_LOOKS {
            // Most likely it is being written.
            pause(looks).await;
            continue;
        }
        let id = record.map(|head| head.id).unwrap_or_default();
        let mut found = find(client, layout, HashSet::from([id.clone()]), 0).await?;
        if let Some(task) = found.remove(&id).filter(|_| !id.is_empty()) {
            Key { path: path.to_owned(), id }.complete(client, &task, stat.version).await;
            return Ok(Some(task));
        }
        // Its task was forgotten before anybody wrote its name here, or it is none of ours.
        match present(client.delete(path, stat.version).await) {
            Err(error) if error.code() != crate::session::BAD_VERSION => return Err(error),
            _ => {}
        }
    }
}

/// The name in the path that the server gave.
pub(crate) fn named(path: &str) -> Result<TaskId, Error> {
    let name = path.rsplit('/').next().unwrap_or_default();
    TaskId::parse(name).ok_or_else(|| refuse(format!("the server named a task {path:?}")))
}

/// Searches tasks by their submission, from the number `floor` on.
pub(crate) async fn find(
    client: &Client,
    layout: &Layout,
    mut wanted: HashSet<String>,
    floor: u64,
) -> Result<HashMap<String, TaskId>, Error> {
    client.sync(layout.root()).await?;
    let (mut seen, mut found) = (HashSet::new(), HashMap::new());
    // In the direction that tasks move, twice: a task that went back is met again.
    for _ in 0..2 {
        for folder in folders(client, layout).await? {
            let listed = present(client.get_children(&folder).await)?;
            let names: Vec<TaskId> = listed
                .iter()
                .flat_map(|(names, _)| names)
                .filter_map(|name| TaskId::parse(name))
                .filter(|task| task.sequence() >= floor && !seen.contains(task))
                .collect();
            let mut reads = stream::iter(names)
                .map(|task| async {
                    let data = client.get(&format!("{folder}/{task}")).await;
                    (task, data)
                })
                .buffer_unordered(SEARCH_WINDOW);
            while let Some((task, data)) = reads.next().await {
                let Some((data, _)) = present(data)? else { continue };
                seen.insert(task.clone());
                if let Ok((head, _)) = decode::<IdHead>(&data)
                    && wanted.remove(&head.id)
                {
                    found.insert(head.id, task);
                }
            }
            if wanted.is_empty() {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

async fn folders(client: &Client, layout: &Layout) -> Result<Vec<String>, Error> {
    let desks = present(client.get_children(&layout.assign()).await)?;
    let mut folders = vec![layout.tasks()];
    folders.extend(desks.iter().flat_map(|(names, _)| names).map(|name| layout.desk(name)));
    folders.extend([layout.results(), layout.dead()]);
    Ok(folders)
}
