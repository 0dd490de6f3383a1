//! One node that every session watches.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use pinfold_proto::records::{GetDataRequest, SetDataRequest};
use pinfold_proto::{ErrorCode, OpCode};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::line::Line;
use super::meter::{self, Figures, Meter};
use super::pump::settled;
use super::{Failure, Plan, idle, stage};

/// How far the sessions are with what they all have to do.
struct Round {
    left: Cell<usize>,
    done: Notify,
}

impl Round {
    fn begin(&self, sessions: usize) {
        self.left.set(sessions);
    }

    fn one(&self) {
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            self.done.notify_one();
        }
    }

    async fn end(&self) {
        self.done.notified().await;
    }
}

/// What the watchers are told to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Wait,
    Arm,
    End,
}

async fn watcher(
    mut line: Line,
    round: Rc<Round>,
    mut steps: watch::Receiver<Step>,
) -> Result<(), Failure> {
    let get = GetDataRequest { path: stage::watched(), watch: true };
    loop {
        let step = *steps.borrow_and_update();
        match step {
            Step::Wait => {}
            Step::End => return line.close().await,
            Step::Arm => {
                line.call(OpCode::GetData, &get, "a watch is armed").await?;
                round.one();
                let event = line.wait("an event").await?;
                if !event.is_event() || event.error != ErrorCode::Ok {
                    return Err(Failure::Misplaced { wanted: -1, found: event.xid });
                }
                round.one();
            }
        }
        if steps.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// Operations are events; latency is from the set to the last event of each round.
pub(super) async fn run(plan: &Plan) -> Result<Figures, Failure> {
    let small = Plan { sessions: 0, ..plan.clone() };
    let mut setter = stage::set(&small).await?;
    let resident_before = meter::resident(plan)?;
    let lines = idle::open(plan).await?;
    let round = Rc::new(Round { left: Cell::new(0), done: Notify::new() });
    let (steps, heard) = watch::channel(Step::Wait);
    let mut running = JoinSet::new();
    for line in lines {
        running.spawn_local(watcher(line, round.clone(), heard.clone()));
    }
    let meter = Meter::new();
    let mut figures = {
        let rounds = rounds(plan, &mut setter, &round, &steps, &meter);
        tokio::pin!(rounds);
        loop {
            tokio::select! {
                figures = &mut rounds => break figures?,
                Some(ended) = running.join_next() => settled(ended)?,
            }
        }
    };
    let _ = steps.send(Step::End);
    while let Some(ended) = running.join_next().await {
        settled(ended)?;
    }
    setter.close().await?;
    figures.resident_before = resident_before;
    Ok(figures)
}

async fn rounds(
    plan: &Plan,
    setter: &mut Line,
    round: &Round,
    steps: &watch::Sender<Step>,
    meter: &Meter,
) -> Result<Figures, Failure> {
    let data = Some(stage::data(plan));
    let set = SetDataRequest { path: stage::watched(), data, version: -1 };
    let own = || meter::processor_time(std::process::id());
    let begun = Instant::now();
    let (mut server, mut load) = (Duration::ZERO, Duration::ZERO);
    let (mut events, mut passed) = (0, Duration::ZERO);
    while begun.elapsed() < plan.warm + plan.time || events == 0 {
        round.begin(plan.sessions);
        steps.send_replace(Step::Arm);
        round.end().await;
        round.begin(plan.sessions);
        // What the arming left to do is not to count.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let (server_before, load_before, sent) = (meter::spent(plan)?, own()?, Instant::now());
        let xid = setter.request(OpCode::SetData, &set);
        setter.flush().await?;
        round.end().await;
        let took = sent.elapsed();
        let error = setter.answer(xid, "a set").await?.error;
        if error != ErrorCode::Ok {
            return Err(Failure::Refused("a set", error));
        }
        if begun.elapsed() >= plan.warm {
            events += plan.sessions as u64;
            passed += took;
            server += meter::spent(plan)? - server_before;
            load += own()? - load_before;
            meter.record(took);
        }
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / events.max(1) as f64;
    Ok(Figures {
        operations: events,
        seconds: passed.as_secs_f64(),
        per_second: events as f64 / passed.as_secs_f64(),
        server_us: each(server),
        load_us: each(load),
        latency: meter.latency(),
        resident_before: 0,
        resident_after: meter::resident(plan)?,
    })
}
