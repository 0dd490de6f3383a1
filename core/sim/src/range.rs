//! Many seeds, on all cores.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::world::{Report, Setting, Violation, run};

/// Runs a setting with each of the seeds until one shows a violation; with several at the same
/// time, that of the lowest seed. `tell` hears about twice a second how many are done.
///
/// # Errors
/// The violation.
pub fn run_range(
    setting: &Setting,
    seeds: Range<u64>,
    mut tell: impl FnMut(u64),
) -> Result<Report, Violation> {
    let (next, done) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let is_over = AtomicBool::new(false);
    let total = Mutex::new(Report::default());
    let first: Mutex<Option<Violation>> = Mutex::new(None);
    let work = || {
        while !is_over.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            match run(&Setting { seed, ..setting.clone() }) {
                Ok(report) => total.lock().unwrap_or_else(PoisonError::into_inner).add(&report),
                Err(violation) => {
                    is_over.store(true, Ordering::Relaxed);
                    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                    if first.as_ref().is_none_or(|known| known.seed > violation.seed) {
                        *first = Some(violation);
                    }
                }
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let threads = thread::available_parallelism().map_or(2, |count| count.get());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut told = Instant::now();
        while !workers.iter().all(|worker| worker.is_finished()) {
            thread::sleep(Duration::from_millis(20));
            if told.elapsed() >= Duration::from_millis(500) {
                told = Instant::now();
                tell(done.load(Ordering::Relaxed));
            }
        }
    });
    match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(violation) => Err(violation),
        None => Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}
