//! Submitting tasks: pipelined creates, and the search for those whose reply was lost.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use pinfold_client::{Acl, CreateMode, Created, Error, Outcome};

use crate::errand::present;
use crate::queue::{Inner, SubmitOptions};
use crate::record::{IdHead, TaskHead, TaskId, check_size, decode, encode};
use crate::session::{Fault, NO_NODE, connected, fault, pause, refuse, unique};

/// Creates on their way at the same time.
const WINDOW: usize = 1_024;
/// Bytes of payload on their way at the same time; one task may have more.
const WINDOW_BYTES: usize = 8 << 20;
/// Records read at the same time in a search.
const SEARCH_WINDOW: usize = 256;

type Creating<'a> =
    FuturesUnordered<Pin<Box<dyn Future<Output = (usize, Result<Created, Error>)> + Send + 'a>>>;

/// One call of submit.
pub(crate) struct Submission<'a> {
    inner: &'a Inner,
    /// The same for all tasks of this call; the number behind it tells them apart.
    guid: String,
    payloads: Vec<Bytes>,
    max: Option<u32>,
    tasks: Vec<Option<TaskId>>,
    /// Indices to be sent.
    todo: VecDeque<usize>,
    /// Indices whose reply was lost.
    lost: Vec<usize>,
    /// Tasks of this call have at least this number.
    floor: u64,
}

impl<'a> Submission<'a> {
    pub(crate) fn new(
        inner: &'a Inner,
        payloads: Vec<Bytes>,
        options: &SubmitOptions,
    ) -> Result<Submission<'a>, Error> {
        for payload in &payloads {
            check_size("the payload", payload)?;
        }
        if options.max_attempts == Some(0) {
            return Err(refuse("max_attempts must be at least 1"));
        }
        Ok(Submission {
            inner,
            guid: unique(),
            tasks: vec![None; payloads.len()],
            todo: (0..payloads.len()).collect(),
            payloads,
            max: options.max_attempts,
            lost: Vec::new(),
            floor: inner.floor.load(Ordering::Relaxed),
        })
    }

    /// The ids in the order of the payloads.
    pub(crate) async fn run(mut self) -> Result<Vec<TaskId>, Error> {
        let mut round = 0;
        while !(self.todo.is_empty() && self.lost.is_empty()) {
            let whole = self.send().await?;
            if !whole {
                connected(&self.inner.client).await?;
                pause(round).await;
                round += 1;
            }
            match self.search().await {
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
        let mut creating = Creating::new();
        let mut bytes = 0;
        let mut whole = true;
        loop {
            while whole && creating.len() < WINDOW && (bytes < WINDOW_BYTES || bytes == 0) {
                let Some(index) = self.todo.pop_front() else { break };
                bytes += self.payloads[index].len();
                let pending = self.create(index);
                creating.push(Box::pin(async move { (index, pending.await) }));
            }
            let Some((index, outcome)) = creating.next().await else { return Ok(whole) };
            bytes -= self.payloads[index].len();
            match outcome {
                Ok(created) => self.arrived(index, &created)?,
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
                Err(error) => return Err(error),
            }
        }
    }

    fn create(&self, index: usize) -> pinfold_client::Pending<Created> {
        let head = TaskHead { attempt: 1, id: self.id(index), max: self.max };
        let record = encode(&head, &self.payloads[index]);
        let path = format!("{}/t-", self.inner.layout.tasks());
        let mode = CreateMode::PersistentSequential;
        self.inner.client.create(&path, record, mode, &Acl::open_unsafe())
    }

    fn id(&self, index: usize) -> String {
        format!("{}-{index}", self.guid)
    }

    fn arrived(&mut self, index: usize, created: &Created) -> Result<(), Error> {
        let name = created.path.rsplit('/').next().unwrap_or_default();
        let task = TaskId::parse(name)
            .ok_or_else(|| refuse(format!("the server named a task {:?}", created.path)))?;
        self.inner.floor.fetch_max(task.sequence(), Ordering::Relaxed);
        self.tasks[index] = Some(task);
        Ok(())
    }

    /// Finds the tasks whose reply was lost; those that are nowhere are to be sent again.
    async fn search(&mut self) -> Result<(), Error> {
        if self.lost.is_empty() {
            return Ok(());
        }
        let mut wanted: HashMap<String, usize> =
            self.lost.iter().map(|index| (self.id(*index), *index)).collect();
        self.inner.client.sync(self.inner.layout.root()).await?;
        let mut seen = HashSet::new();
        // In the direction that tasks move, twice: a task that went back is met again.
        for _ in 0..2 {
            for folder in self.folders().await? {
                self.search_in(&folder, &mut wanted, &mut seen).await?;
                if wanted.is_empty() {
                    break;
                }
            }
        }
        self.lost.clear();
        let mut rest: Vec<usize> = wanted.into_values().collect();
        rest.sort_unstable();
        for index in rest.into_iter().rev() {
            self.todo.push_front(index);
        }
        Ok(())
    }

    async fn folders(&self) -> Result<Vec<String>, Error> {
        let layout = &self.inner.layout;
        let desks = present(self.inner.client.get_children(&layout.assign()).await)?;
        let mut folders = vec![layout.tasks()];
        folders.extend(desks.iter().flat_map(|(names, _)| names).map(|name| layout.desk(name)));
        folders.extend([layout.results(), layout.dead()]);
        Ok(folders)
    }

    async fn search_in(
        &mut self,
        folder: &str,
        wanted: &mut HashMap<String, usize>,
        seen: &mut HashSet<TaskId>,
    ) -> Result<(), Error> {
        let listed = present(self.inner.client.get_children(folder).await)?;
        let names: Vec<TaskId> = listed
            .iter()
            .flat_map(|(names, _)| names)
            .filter_map(|name| TaskId::parse(name))
            .filter(|task| task.sequence() >= self.floor && !seen.contains(task))
            .collect();
        let client = &self.inner.client;
        let mut reads = stream::iter(names)
            .map(|task| async move {
                let data = client.get(&format!("{folder}/{task}")).await;
                (task, data)
            })
            .buffer_unordered(SEARCH_WINDOW);
        let mut found = Vec::new();
        while let Some((task, data)) = reads.next().await {
            let Some((data, _)) = present(data)? else { continue };
            seen.insert(task.clone());
            if let Ok((head, _)) = decode::<IdHead>(&data)
                && let Some(index) = wanted.remove(&head.id)
            {
                found.push((index, task));
            }
        }
        drop(reads);
        for (index, task) in found {
            self.inner.floor.fetch_max(task.sequence(), Ordering::Relaxed);
            self.tasks[index] = Some(task);
            self.lost.retain(|lost| *lost != index);
        }
        Ok(())
    }
}
