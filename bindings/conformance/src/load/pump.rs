//! Sessions that each keep so many requests on their way.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use pinfold_proto::records::{CreateRequest, GetDataRequest, SetDataRequest};
use pinfold_proto::{ErrorCode, OpCode};
use tokio::task::JoinSet;

use super::line::Line;
use super::meter::{Figures, Meter};
use super::{Failure, Plan, Work, stage};

/// Writes the requests of one session.
struct Maker {
    work: Work,
    session: usize,
    made: usize,
    gets: Vec<GetDataRequest>,
    set: SetDataRequest,
    create: CreateRequest,
    parent: Rc<str>,
}

impl Maker {
    fn new(plan: &Plan, session: usize, parent: Rc<str>) -> Maker {
        let path = |number: usize| stage::readable(session * 17 + number * 31);
        let gets = (0..64).map(|number| GetDataRequest { path: path(number), watch: false });
        let data: Bytes = stage::data(plan);
        let set =
            SetDataRequest { path: stage::own(session), data: Some(data.clone()), version: -1 };
        Maker {
            work: plan.work,
            session,
            made: 0,
            gets: gets.collect(),
            set,
            create: stage::create(String::new(), data),
            parent,
        }
    }

    fn append(&mut self, line: &mut Line) -> i32 {
        self.made += 1;
        match self.work {
            Work::Create => {
                let (parent, session) = (&self.parent, self.session);
                self.create.path = format!("{parent}/n{session}-{}", self.made);
                line.request(OpCode::Create, &self.create)
            }
            Work::Set => line.request(OpCode::SetData, &self.set),
            Work::Mixed if self.made.is_multiple_of(10) => line.request(OpCode::SetData, &self.set),
            _ => line.request(OpCode::GetData, &self.gets[self.made % self.gets.len()]),
        }
    }
}

/// Runs until the meter says that it is over, and every reply has come.
async fn pump(
    mut line: Line,
    window: usize,
    mut maker: Maker,
    meter: Rc<Meter>,
) -> Result<(), Failure> {
    let mut due = VecDeque::with_capacity(window);
    let now = Instant::now();
    for _ in 0..window {
        due.push_back((maker.append(&mut line), now));
    }
    loop {
        line.flush().await?;
        if due.is_empty() {
            return line.close().await;
        }
        line.more("requests", due.len()).await?;
        let now = Instant::now();
        while let Some(reply) = line.next()? {
            let Some((wanted, sent)) = due.pop_front() else {
                return Err(Failure::Misplaced { wanted: 0, found: reply.xid });
            };
            if reply.xid != wanted {
                return Err(Failure::Misplaced { wanted, found: reply.xid });
            }
            if reply.error != ErrorCode::Ok {
                return Err(Failure::Refused("a request", reply.error));
            }
            meter.count(now - sent);
            if !meter.is_over() {
                due.push_back((maker.append(&mut line), now));
            }
        }
    }
}

pub(super) async fn run(plan: &Plan) -> Result<Figures, Failure> {
    let mut first = stage::set(plan).await?;
    let parent: Rc<str> = stage::parent(&mut first).await?.into();
    let meter = Rc::new(Meter::new());
    let mut lines = Vec::with_capacity(plan.sessions);
    for session in 0..plan.sessions {
        let server = plan.addresses[session % plan.addresses.len()];
        lines.push(Line::open(server, session).await?);
    }
    let mut running = JoinSet::new();
    for (session, line) in lines.into_iter().enumerate() {
        let maker = Maker::new(plan, session, parent.clone());
        running.spawn_local(pump(line, plan.window, maker, meter.clone()));
    }
    let timing = meter.time(plan);
    tokio::pin!(timing);
    let figures = loop {
        tokio::select! {
            figures = &mut timing => break figures?,
            // Before the time is over, a session can only fail.
            Some(ended) = running.join_next() => settled(ended)?,
        }
    };
    while let Some(ended) = running.join_next().await {
        settled(ended)?;
    }
    first.close().await?;
    Ok(figures)
}

/// What became of a session.
pub(super) fn settled(
    ended: Result<Result<(), Failure>, tokio::task::JoinError>,
) -> Result<(), Failure> {
    ended.map_err(|error| Failure::Broken(error.to_string()))?
}
