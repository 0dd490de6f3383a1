//! Many figures in few: how many, their sum, the smallest, the largest, and where most lie.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Values below this have a place of their own in the histogram.
const EXACT: u64 = 128;
/// Above, the values between two powers of two share this many places.
const STEPS: u64 = 16;
const PLACES: usize = (EXACT + (64 - 7) * STEPS) as usize;

/// Count, sum, smallest and largest of some figures.
#[derive(Debug)]
pub(crate) struct Summary {
    count: AtomicU64,
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
}

impl Default for Summary {
    fn default() -> Summary {
        let zero = AtomicU64::default;
        Summary { count: zero(), sum: zero(), min: AtomicU64::new(u64::MAX), max: zero() }
    }
}

impl Summary {
    pub(crate) fn add(&self, value: u64) {
        self.add_times(value, 1);
    }

    /// Adds the same value several times.
    pub(crate) fn add_times(&self, value: u64, times: u64) {
        self.count.fetch_add(times, Relaxed);
        // Most answers take less than a millisecond, and extremes are seldom: then nothing more
        // has to be written.
        if value > 0 {
            self.sum.fetch_add(value.saturating_mul(times), Relaxed);
        }
        if value < self.min.load(Relaxed) {
            self.min.fetch_min(value, Relaxed);
        }
        if value > self.max.load(Relaxed) {
            self.max.fetch_max(value, Relaxed);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    pub(crate) fn sum(&self) -> u64 {
        self.sum.load(Relaxed)
    }

    /// 0 when there is none.
    pub(crate) fn average(&self) -> f64 {
        self.sum() as f64 / self.count().max(1) as f64
    }

    /// 0 when there is none.
    pub(crate) fn min(&self) -> u64 {
        match self.min.load(Relaxed) {
            u64::MAX => 0,
            min => min,
        }
    }

    /// 0 when there is none.
    pub(crate) fn max(&self) -> u64 {
        self.max.load(Relaxed)
    }

    pub(crate) fn reset(&self) {
        for figure in [&self.count, &self.sum, &self.max] {
            figure.store(0, Relaxed);
        }
        self.min.store(u64::MAX, Relaxed);
    }
}

/// A summary that also tells below which value a given part of all figures lie: exactly below
/// 128, within a sixteenth above.
#[derive(Debug)]
pub(crate) struct Quantiles {
    pub(crate) summary: Summary,
    places: Box<[AtomicU64; PLACES]>,
}

impl Default for Quantiles {
    fn default() -> Quantiles {
        let places = Box::new(array::from_fn(|_| AtomicU64::default()));
        Quantiles { summary: Summary::default(), places }
    }
}

impl Quantiles {
    pub(crate) fn add(&self, value: u64) {
        self.add_times(value, 1);
    }

    /// Adds the same value several times.
    pub(crate) fn add_times(&self, value: u64, times: u64) {
        self.summary.add_times(value, times);
        self.places[place(value)].fetch_add(times, Relaxed);
    }

    /// The smallest value that at least this part of all figures do not exceed; 0 when there are
    /// none. `part` is between 0 and 1.
    pub(crate) fn at(&self, part: f64) -> u64 {
        let counts: Vec<u64> = self.places.iter().map(|place| place.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let wanted = (total as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (place, count) in counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= wanted {
                return largest(place).min(self.summary.max());
            }
        }
        0
    }

    pub(crate) fn reset(&self) {
        self.summary.reset();
        self.places.iter().for_each(|place| place.store(0, Relaxed));
    }
}

fn place(value: u64) -> usize {
    if value < EXACT {
        return value as usize;
    }
    let power = u64::from(value.ilog2());
    let step = (value >> (power - STEPS.ilog2() as u64)) & (STEPS - 1);
    (EXACT + (power - 7) * STEPS + step) as usize
}

/// The largest value that has this place.
fn largest(place: usize) -> u64 {
    let place = place as u64;
    if place < EXACT {
        return place;
    }
    let (power, step) = ((place - EXACT) / STEPS + 7, (place - EXACT) % STEPS);
    let width = 1_u64 << (power - STEPS.ilog2() as u64);
    (1_u64 << power) + step * width + (width - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_place_that_is_near() {
        for value in (0..70).map(|bit| 1_u64.checked_shl(bit).unwrap_or(u64::MAX)) {
            for value in [value - 1, value, value.saturating_add(value / 3)] {
                let top = largest(place(value));
                assert!(top >= value && top - value <= value / 16, "{value} {top}");
            }
        }
        assert_eq!(place(u64::MAX), PLACES - 1);
    }

    #[test]
    fn quantiles_are_those_of_the_figures() {
        let quantiles = Quantiles::default();
        assert_eq!((quantiles.at(0.5), quantiles.summary.min()), (0, 0));
        (1..=100).for_each(|value| quantiles.add(value));
        quantiles.add_times(5_000, 2);
        assert_eq!((quantiles.at(0.5), quantiles.at(0.95), quantiles.at(0.999)), (51, 97, 5_000));
        let summary = &quantiles.summary;
        assert_eq!((summary.count(), summary.sum()), (102, 15_050));
        assert_eq!((summary.min(), summary.max()), (1, 5_000));
        quantiles.reset();
        assert_eq!((quantiles.at(0.5), quantiles.summary.max()), (0, 0));
    }
}
