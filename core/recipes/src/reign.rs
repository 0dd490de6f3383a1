//! One master's time as the leader: reads the tree, follows it, and has carried out what the
//! picture decides, with many requests in flight.

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::StreamExt;
use pinfold_client::{AddWatchMode, Client, Error, SessionState, Stat, Watch, WatchEvent};
use tokio::sync::watch;

use crate::election::Leadership;
use crate::errand::{Desk, InFlight, Reply, Rescue, present, worker_head};
use crate::feed::Feed;
use crate::layout::Layout;
use crate::master::MasterEvent;
use crate::picture::{Action, Miss, Picture, Reading};
use crate::record::TaskId;
use crate::session::{BAD_VERSION, Fault, NO_NODE, connected, fault, pause};

/// Why a reign ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The candidacy is gone, or can no longer be trusted.
    Deposed(String),
    /// The session's end, or what the server refuses a master.
    Failed(Error),
}

pub(crate) struct Reign<'a> {
    pub(crate) client: &'a Client,
    pub(crate) layout: &'a Layout,
    pub(crate) leadership: &'a Leadership,
    pub(crate) max_attempts: u32,
    pub(crate) feed: &'a Feed<MasterEvent>,
}

impl Reign<'_> {
    /// Leads until deposed or the session's end. Dropping it stops at once and harms nothing:
    /// whatever is in flight is checked by the server.
    pub(crate) async fn run(&self) -> End {
        tokio::select! {
            biased;
            reason = self.leadership.lost() => End::Deposed(reason),
            end = self.lead() => end,
        }
    }

    async fn lead(&self) -> End {
        let mut watch = None;
        let mut picture = Picture::default();
        let mut round = 0;
        loop {
            let mut states = self.client.states();
            states.mark_unchanged();
            match self.turn(&mut watch, &mut picture, &mut states).await {
                Ok(()) => round = 0,
                Err(End::Failed(error)) if fault(&error) == Fault::Connection => {}
                Err(end) => return end,
            }
            if let Err(error) = connected(self.client).await {
                return End::Failed(error);
            }
            pause(round).await;
            round += 1;
        }
    }

    /// From one reading of the tree to the next break of the connection.
    async fn turn(
        &self,
        watch: &mut Option<Watch>,
        picture: &mut Picture,
        states: &mut watch::Receiver<SessionState>,
    ) -> Result<(), End> {
        let mut armed = match watch.take() {
            Some(armed) => armed,
            // One watch for everything below the root; the client keeps it over reconnects.
            None => {
                let mode = AddWatchMode::PersistentRecursive;
                self.client.add_watch(self.layout.root(), mode).await.map_err(End::Failed)?
            }
        };
        let reading = self.read(&mut armed).await;
        let mut out = Vec::new();
        let ended = match reading {
            Ok(reading) => {
                *picture = Picture::begin(reading, picture, &mut out);
                self.follow(picture, &mut armed, states, out).await?
            }
            Err(error) if fault(&error) == Fault::Connection => false,
            Err(error) => return Err(End::Failed(error)),
        };
        if !ended {
            *watch = Some(armed);
        }
        Ok(())
    }

    /// Reads the tree. What the watch told before is covered by the reading; what it tells from
    /// now on stays queued and is applied on top, which gives the same picture however the
    /// events and the lists overlap: the last event of a path is at least as new as its list.
    async fn read(&self, watch: &mut Watch) -> Result<Reading, Error> {
        while let Some(Some(_)) = watch.next().now_or_never() {}
        let tasks = self.client.get_children(&self.layout.tasks());
        let workers = self.client.get_children(&self.layout.workers());
        let desks = self.client.get_children(&self.layout.assign());
        let mut reading = Reading {
            tasks: tasks.await?.0.iter().filter_map(|name| TaskId::parse(name)).collect(),
            ..Reading::default()
        };
        let workers = workers.await?.0;
        let read: Vec<_> =
            workers.iter().map(|name| self.client.get(&self.layout.worker(name))).collect();
        for (name, pending) in workers.into_iter().zip(read) {
            let found: Option<(Bytes, Stat)> = present(pending.await)?;
            if let Some((data, stat)) = found {
                reading.workers.insert(name, (stat.czxid, worker_head(&data)));
            }
        }
        reading.assignments = self.read_desks(desks.await?.0).await?;
        Ok(reading)
    }

    /// Worker, task and czxid of every assignment.
    async fn read_desks(
        &self,
        desks: Vec<String>,
    ) -> Result<Vec<(String, TaskId, Option<i64>)>, Error> {
        let lists: Vec<_> =
            desks.iter().map(|name| self.client.get_children(&self.layout.desk(name))).collect();
        let mut stats = Vec::new();
        for (worker, pending) in desks.into_iter().zip(lists) {
            let names = present(pending.await)?.map(|(names, _)| names).unwrap_or_default();
            for task in names.iter().filter_map(|name| TaskId::parse(name)) {
                let stat = self.client.exists(&self.layout.assignment(&worker, &task));
                stats.push((worker.clone(), task, stat));
            }
        }
        let mut assignments = Vec::with_capacity(stats.len());
        for (worker, task, pending) in stats {
            assignments.push((worker, task, pending.await?.map(|stat| stat.czxid)));
        }
        Ok(assignments)
    }

    /// Follows the tree until the connection breaks, and comes back with nothing in flight.
    /// True when the watch has ended too.
    async fn follow(
        &self,
        picture: &mut Picture,
        watch: &mut Watch,
        states: &mut watch::Receiver<SessionState>,
        mut out: Vec<Action>,
    ) -> Result<bool, End> {
        let desk = Desk {
            client: self.client,
            layout: self.layout,
            check: self.leadership.check(),
            max_attempts: self.max_attempts,
        };
        let mut in_flight = InFlight::new();
        let (mut broken, mut ended) = (false, false);
        loop {
            if !broken {
                picture.plan(&mut out);
            }
            for action in out.drain(..) {
                match action {
                    Action::Tell(notice) => self.feed.push(notice.into()),
                    _ if broken => {}
                    action => in_flight.extend(desk.send(action)),
                }
            }
            if broken && in_flight.is_empty() {
                return Ok(ended);
            }
            let mut reply = None;
            tokio::select! {
                biased;
                _ = states.changed(), if !broken => broken = true,
                event = watch.next(), if !broken => match event {
                    Some(event) => self.see(picture, &event, &mut out),
                    None => (broken, ended) = (true, true),
                },
                Some(one) = in_flight.next() => reply = Some(one),
            }
            // Every event that came before the reply is in the queue by now, and goes first.
            while let Some(Some(event)) = watch.next().now_or_never() {
                self.see(picture, &event, &mut out);
            }
            if let Some(reply) = reply {
                broken |= self.take(picture, reply, &mut out)?;
            }
        }
    }

    fn see(&self, picture: &mut Picture, event: &WatchEvent, out: &mut Vec<Action>) {
        if let Some(place) = self.layout.place(&event.path) {
            picture.event(place, event.kind, out);
        }
    }

    /// Takes a reply into the picture; true when the connection broke.
    fn take(
        &self,
        picture: &mut Picture,
        reply: Reply,
        out: &mut Vec<Action>,
    ) -> Result<bool, End> {
        match reply {
            Reply::Fetched { task, birth, outcome } => {
                let (ready, broken) = self.judge(outcome, task.as_str())?;
                picture.fetched(&task, birth, ready.flatten());
                Ok(broken)
            }
            Reply::Assigned { worker, ready, outcome: Ok(()) } => {
                picture.assign_ended(&worker, ready, None, out);
                Ok(false)
            }
            Reply::Assigned { worker, ready, outcome: Err(error) } => {
                let Some(miss) = self.missed(error)? else { return Ok(true) };
                picture.assign_ended(&worker, ready, Some(miss), out);
                Ok(false)
            }
            Reply::WorkerRead { worker, outcome } => {
                let (head, broken) = self.judge(outcome, &worker)?;
                picture.worker_read(&worker, head.flatten(), out);
                Ok(broken)
            }
            Reply::Rescued { worker, task, outcome } => {
                let (rescue, broken) = self.judge(outcome, task.as_str())?;
                match rescue {
                    Some(Rescue::Returned) => {
                        self.feed.push(MasterEvent::Reassigned { task, from: worker });
                    }
                    Some(Rescue::Alive) => picture.not_orphaned(worker, task),
                    Some(Rescue::Gone) | None => {}
                }
                Ok(broken)
            }
            Reply::Told(outcome) => {
                let (event, broken) = self.judge(outcome, "")?;
                if let Some(event) = event.flatten() {
                    self.feed.push(event);
                }
                Ok(broken)
            }
        }
    }

    /// Sorts a failure: the reign's end, a broken connection (true), or a refusal that concerns
    /// this one thing, which is put aside until the next reading.
    fn judge<T>(&self, outcome: Result<T, Error>, what: &str) -> Result<(Option<T>, bool), End> {
        let error = match outcome {
            Ok(value) => return Ok((Some(value), false)),
            Err(error) => error,
        };
        match fault(&error) {
            Fault::Session => Err(End::Failed(error)),
            Fault::Connection => Ok((None, true)),
            Fault::Refused if is_deposed(&error) => Err(deposed()),
            Fault::Refused => {
                tracing::warn!(%error, what, "the master leaves this alone");
                Ok((None, false))
            }
        }
    }

    /// Why an assignment was refused; `None` when the connection broke.
    fn missed(&self, error: Error) -> Result<Option<Miss>, End> {
        match fault(&error) {
            Fault::Session => return Err(End::Failed(error)),
            Fault::Connection => return Ok(None),
            Fault::Refused if is_deposed(&error) => return Err(deposed()),
            Fault::Refused => {}
        }
        Ok(Some(match (error.op_index(), error.code()) {
            (Some(1), NO_NODE) => Miss::Worker,
            (Some(2), NO_NODE) => Miss::Task,
            (Some(2), BAD_VERSION) => Miss::Changed,
            (Some(3), NO_NODE) => Miss::Desk,
            _ => {
                tracing::warn!(%error, "the master leaves this task alone");
                Miss::Task
            }
        }))
    }
}

fn is_deposed(error: &Error) -> bool {
    error.op_index() == Some(0) && matches!(error.code(), NO_NODE | BAD_VERSION)
}

fn deposed() -> End {
    End::Deposed("the candidate is gone".to_owned())
}
