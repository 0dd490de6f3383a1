//! Fewer faults that still show the same violation.

use crate::Scheduled;
use crate::world::{Setting, Violation, run_with, schedule};

/// Leaves out what is not needed for a violation, in at most `tries` runs; with what is left, and
/// what it still shows.
pub fn shrink(setting: &Setting, found: Violation, tries: usize) -> (Vec<Scheduled>, Violation) {
    let mut left: Vec<Scheduled> = schedule(setting);
    left.retain(|fault| fault.at_ms <= found.at_ms);
    let (mut best, mut tried, mut size) = (found, 0, left.len().div_ceil(2));
    while size > 0 && tried < tries {
        let mut at = 0;
        while at < left.len() && tried < tries {
            let mut fewer = left.clone();
            fewer.drain(at..(at + size).min(left.len()));
            tried += 1;
            match run_with(setting, &fewer) {
                Err(violation) => (left, best) = (fewer, violation),
                Ok(_) => at += size,
            }
        }
        size /= 2;
    }
    (left, best)
}
