//! One master's time as the leader: reads the tree, follows it, and has carried out what the
//! picture decides, with many requests in flight.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::StreamExt;
use pinfold_client::{AddWatchMode, Client, Error, SessionState, Stat, Watch, WatchEvent};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::election::Leadership;
use crate::errand::{Desk, InFlight, Reply, Rescue, present, worker_head};
use crate::feed::Feed;
use crate::layout::Layout;
use crate::master::MasterEvent;
use crate::picture::{Action, Miss, Picture, Reading, Seat};
use crate::record::{TaskHead, TaskId, decode};
use crate::retention::{Broom, Ended};
use crate::session::{BAD_VERSION, Fault, NO_NODE, connected, fault, pause};
use crate::strategy::Strategy;

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
    pub(crate) retention: Option<Duration>,
    pub(crate) dead_retention: Option<Duration>,
    pub(crate) strategy: &'a dyn Strategy,
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
            never = self.forget() => match never {},
        }
    }

    /// Removes what is old enough, as long as the reign lasts.
    async fn forget(&self) -> Infallible {
        let (client, layout) = (self.client.clone(), self.layout.clone());
        let broom = Broom { client, layout, check: Some(self.leadership.check()) };
        let sweep = async |ended, age: Option<Duration>| {
            if let Some(age) = age {
                broom.keep_sweeping(ended, age).await;
            }
        };
        tokio::join!(sweep(Ended::Done, self.retention), sweep(Ended::Dead, self.dead_retention));
        // Whatever ended it ends the reign, and is told there.
        std::future::pending().await
    }

    async fn lead(&self) -> End {
        let mut watch = None;
        let mut picture = Picture::new(Instant::now());
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
                *picture = Picture::begin(reading, picture, Instant::now(), &mut out);
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
        let paused = self.client.exists(&self.layout.paused());
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
        let desks = desks.await?.0;
        reading.is_paused = paused.await?.is_some();
        reading.assignments = self.read_desks(desks).await?;
        Ok(reading)
    }

    /// Worker, task, and what matters of every assignment.
    async fn read_desks(
        &self,
        desks: Vec<String>,
    ) -> Result<Vec<(String, TaskId, Option<Seat>)>, Error> {
        let lists: Vec<_> =
            desks.iter().map(|name| self.client.get_children(&self.layout.desk(name))).collect();
        let mut reads = Vec::new();
        for (worker, pending) in desks.into_iter().zip(lists) {
            let names = present(pending.await)?.map(|(names, _)| names).unwrap_or_default();
            for task in names.iter().filter_map(|name| TaskId::parse(name)) {
                let read = self.client.get(&self.layout.assignment(&worker, &task));
                reads.push((worker.clone(), task, read));
            }
        }
        let mut assignments = Vec::with_capacity(reads.len());
        for (worker, task, pending) in reads {
            let found = present(pending.await)?;
            assignments.push((worker, task, found.map(|(data, stat)| self.seat(&data, &stat))));
        }
        Ok(assignments)
    }

    fn seat(&self, data: &Bytes, stat: &Stat) -> Seat {
        let limits = decode::<TaskHead>(data).map(|(head, _)| head.limits).unwrap_or_default();
        let age = self.client.wall_ms().saturating_sub(stat.ctime);
        let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
        Seat { czxid: stat.czxid, limits, age }
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
                picture.plan(self.strategy, &mut out);
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
            let timer = picture.next_timer();
            let rung = async {
                match timer {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = states.changed(), if !broken => broken = true,
                event = watch.next(), if !broken => match event {
                    Some(event) => self.see(picture, &event, &mut out),
                    None => (broken, ended) = (true, true),
                },
                Some(one) = in_flight.next() => reply = Some(one),
                () = rung, if !broken => {}
            }
            picture.advance(Instant::now(), &mut out);
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
            Reply::AssignmentRead { worker, task, outcome } => {
                let (limits, broken) = self.judge(outcome, task.as_str())?;
                if let Some(limits) = limits.flatten() {
                    picture.assignment_read(&worker, &task, limits);
                }
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
