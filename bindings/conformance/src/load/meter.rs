//! What is measured: replies, how long they took, and what the servers spent.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::{Failure, Plan};

/// What came of a run. Bytes are those of all servers together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Replies that counted; of a fan-out, events.
    pub operations: u64,
    /// For how long they were counted, in seconds.
    pub seconds: f64,
    /// Operations in a second.
    pub per_second: f64,
    /// Processor time of the servers for each operation, in microseconds.
    pub server_us: f64,
    /// Processor time of the load generator for each operation, in microseconds.
    pub load_us: f64,
    /// How long operations took; of a fan-out, from the set to the last event of a round.
    pub latency: Latency,
    /// Resident memory of the servers before the sessions or nodes came.
    pub resident_before: u64,
    /// And afterwards.
    pub resident_after: u64,
}

/// Times, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Half were no longer.
    pub p50: f64,
    /// 99 of 100 were no longer.
    pub p99: f64,
    /// 999 of 1,000 were no longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

/// The time that a process has spent on processors since its start, with all its threads.
///
/// # Errors
/// There is no such process.
pub fn processor_time(process: u32) -> Result<Duration, Failure> {
    let read = || {
        let clock = clock_getcpuclockid(Pid::from_raw(process as i32))?;
        nix::time::clock_gettime(clock)
    };
    let time = read().map_err(|errno| Failure::System {
        doing: "reading the processor time of a server",
        error: errno.into(),
    })?;
    Ok(Duration::from(time))
}

/// The memory of a process that is in main memory now, in bytes.
///
/// # Errors
/// There is no such process.
pub fn resident_bytes(process: u32) -> Result<u64, Failure> {
    let path = format!("/proc/{process}/status");
    let text = std::fs::read_to_string(path).map_err(Failure::system("reading a server's size"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| Failure::Broken("VmRSS is not there".to_owned()))
}

/// All servers together.
pub(super) fn spent(plan: &Plan) -> Result<Duration, Failure> {
    plan.servers.iter().map(|server| processor_time(*server)).sum()
}

/// All servers together.
pub(super) fn resident(plan: &Plan) -> Result<u64, Failure> {
    plan.servers.iter().map(|server| resident_bytes(*server)).sum()
}

/// Where the sessions of one run count. They all live on one thread.
pub(super) struct Meter {
    latency: RefCell<Histogram<u64>>,
    operations: Cell<u64>,
    counts: Cell<bool>,
    over: Cell<bool>,
}

/// A point in time.
struct Mark {
    at: Instant,
    operations: u64,
    server: Duration,
    own: Duration,
}

impl Meter {
    pub(super) fn new() -> Meter {
        // Up to ten minutes, to three digits: bounds that cannot be wrong.
        let histogram = Histogram::new_with_bounds(1, 600_000_000_000, 3)
            .unwrap_or_else(|error| unreachable!("{error}"));
        Meter {
            latency: RefCell::new(histogram),
            operations: Cell::new(0),
            counts: Cell::new(false),
            over: Cell::new(false),
        }
    }

    /// Whether no further request is to be sent.
    pub(super) fn is_over(&self) -> bool {
        self.over.get()
    }

    /// A reply has come that took so long.
    pub(super) fn count(&self, took: Duration) {
        if self.counts.get() {
            self.operations.set(self.operations.get() + 1);
            self.latency.borrow_mut().saturating_record(took.as_nanos() as u64);
        }
    }

    fn mark(&self, plan: &Plan) -> Result<Mark, Failure> {
        Ok(Mark {
            at: Instant::now(),
            operations: self.operations.get(),
            server: spent(plan)?,
            own: processor_time(std::process::id())?,
        })
    }

    /// Warms up, counts for the plan's time, and tells the sessions to end.
    pub(super) async fn time(&self, plan: &Plan) -> Result<Figures, Failure> {
        tokio::time::sleep(plan.warm).await;
        self.counts.set(true);
        let begin = self.mark(plan)?;
        tokio::time::sleep(plan.time).await;
        let end = self.mark(plan)?;
        self.counts.set(false);
        self.over.set(true);
        let operations = end.operations - begin.operations;
        let seconds = (end.at - begin.at).as_secs_f64();
        let each = |time: Duration| time.as_secs_f64() * 1e6 / operations.max(1) as f64;
        Ok(Figures {
            operations,
            seconds,
            per_second: operations as f64 / seconds,
            server_us: each(end.server - begin.server),
            load_us: each(end.own - begin.own),
            latency: self.latency(),
            resident_before: 0,
            resident_after: resident(plan)?,
        })
    }

    /// What was counted so far.
    pub(super) fn latency(&self) -> Latency {
        let histogram = self.latency.borrow();
        let at = |part| histogram.value_at_quantile(part) as f64 / 1e3;
        let (p50, p99, p999) = (at(0.5), at(0.99), at(0.999));
        Latency { p50, p99, p999, max: histogram.max() as f64 / 1e3 }
    }

    /// Counts a round whatever the time.
    pub(super) fn record(&self, took: Duration) {
        self.latency.borrow_mut().saturating_record(took.as_nanos() as u64);
    }
}
