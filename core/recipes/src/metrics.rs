//! How a queue stands: how much is where, how long tasks wait, and how long they take.

use futures_util::future::join_all;
use pinfold_client::{Client, Error};

use crate::errand::present;
use crate::layout::Layout;
use crate::queue::QueueCounts;
use crate::record::{ResultHead, TaskHead, TaskId, decode};

/// Results that the latencies are taken from: the youngest.
const SAMPLE: usize = 1_000;
/// No more is read than this, in bytes of results.
const BUDGET: usize = 16 << 20;
/// Results read at the same time.
const WINDOW: usize = 64;

/// A look at a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueMetrics {
    /// How many tasks are where, and who is there to do them.
    pub counts: QueueCounts,
    /// Nothing is given out.
    pub is_paused: bool,
    /// For how long the oldest of the waiting tasks has been there, since it was submitted;
    /// milliseconds. `None` when none waits.
    pub oldest_waiting_ms: Option<u64>,
    /// From submission to the beginning of the attempt that brought the result.
    pub waited: Latency,
    /// From the beginning of that attempt to its result.
    pub worked: Latency,
}

/// How long it took, in milliseconds by the clocks of the machines that took part, for the last
/// tasks whose results are kept: up to 1,000, and fewer when the results are large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// So many tasks; 0: nothing is known.
    pub count: u64,
    /// The average.
    pub mean_ms: u64,
    /// Half of them took no longer.
    pub median_ms: u64,
    /// 95 of 100 took no longer.
    pub p95_ms: u64,
    /// None took longer.
    pub max_ms: u64,
}

impl Latency {
    fn of(mut spans: Vec<u64>) -> Latency {
        spans.sort_unstable();
        let Some(max_ms) = spans.last().copied() else { return Latency::default() };
        // The smallest that is not below so many of a hundred.
        let quantile = |percent: usize| {
            let rank = (spans.len() * percent).div_ceil(100).max(1);
            spans[rank - 1]
        };
        let sum: u128 = spans.iter().map(|span| u128::from(*span)).sum();
        Latency {
            count: spans.len() as u64,
            mean_ms: u64::try_from(sum / spans.len() as u128).unwrap_or(u64::MAX),
            median_ms: quantile(50),
            p95_ms: quantile(95),
            max_ms,
        }
    }
}

fn span(from_ms: i64, to_ms: i64) -> u64 {
    u64::try_from(to_ms.saturating_sub(from_ms)).unwrap_or(0)
}

fn by_age(names: &[String]) -> Vec<TaskId> {
    let mut tasks: Vec<TaskId> = names.iter().filter_map(|name| TaskId::parse(name)).collect();
    tasks.sort_unstable_by_key(TaskId::sequence);
    tasks
}

/// For how long the oldest waiting task has been there.
pub(crate) async fn oldest_waiting(client: &Client, layout: &Layout) -> Result<Option<u64>, Error> {
    let listed = present(client.get_children(&layout.tasks()).await)?.unwrap_or_default().0;
    for task in by_age(&listed) {
        // Gone meanwhile: then the next one is the oldest.
        let Some((data, stat)) = present(client.get(&layout.task(&task)).await)? else { continue };
        let submitted = decode::<TaskHead>(&data).map_or(0, |(head, _)| head.submitted);
        let since = if submitted > 0 { submitted } else { stat.ctime };
        return Ok(Some(span(since, client.wall_ms())));
    }
    Ok(None)
}

/// How long the last tasks waited, and how long they were worked on.
pub(crate) async fn latencies(
    client: &Client,
    layout: &Layout,
) -> Result<(Latency, Latency), Error> {
    let listed = present(client.get_children(&layout.results()).await)?.unwrap_or_default().0;
    let mut tasks = by_age(&listed);
    tasks.reverse();
    tasks.truncate(SAMPLE);
    let (mut waited, mut worked) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    for part in tasks.chunks(WINDOW) {
        if bytes > BUDGET {
            break;
        }
        let reads: Vec<_> = part.iter().map(|task| client.get(&layout.result(task))).collect();
        for read in join_all(reads).await {
            let Some((data, _)) = present(read)? else { continue };
            bytes += data.len();
            let Ok((head, _)) = decode::<ResultHead>(&data) else { continue };
            // Of an earlier version, which wrote no times.
            if head.submitted == 0 || head.started == 0 || head.ended == 0 {
                continue;
            }
            waited.push(span(head.submitted, head.started));
            worked.push(span(head.started, head.ended));
        }
    }
    Ok((Latency::of(waited), Latency::of(worked)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_says_what_is_usual_and_what_is_worst() {
        assert_eq!(Latency::of(Vec::new()), Latency::default());
        let one = Latency { count: 1, mean_ms: 7, median_ms: 7, p95_ms: 7, max_ms: 7 };
        assert_eq!(Latency::of(vec![7]), one);
        let spans: Vec<u64> = (1..=100).rev().collect();
        let hundred = Latency { count: 100, mean_ms: 50, median_ms: 50, p95_ms: 95, max_ms: 100 };
        assert_eq!(Latency::of(spans), hundred);
        assert_eq!(span(10, 7), 0);
    }
}
