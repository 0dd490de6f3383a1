//! What came of it, beside what is to be shown.

use super::measure::Series;
use super::row::{Bound, Figure, Row, Target};
use pinfold_conformance::load::Figures;

/// One comparison.
#[derive(Debug, serde::Serialize)]
pub(super) struct Ratio {
    pub(super) against: &'static str,
    pub(super) figure: &'static str,
    /// Ours, of the round in the middle.
    pub(super) ours: f64,
    /// Theirs, likewise.
    pub(super) theirs: f64,
    /// Ours in parts of theirs: the rounds' median, smallest and largest.
    pub(super) ratio: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) target: String,
    pub(super) is_met: bool,
}

/// One row with everything that was measured.
#[derive(Debug, serde::Serialize)]
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    pub(super) series: Vec<Series>,
    pub(super) ratios: Vec<Ratio>,
}

fn value(figure: Figure, figures: &Figures) -> f64 {
    match figure {
        Figure::Throughput => figures.per_second,
        Figure::Median => figures.latency.p50,
        Figure::Tail => figures.latency.p99,
        Figure::Processor => figures.server_us,
        Figure::Client => figures.load_us,
        Figure::Resident => figures.resident_after as f64,
        Figure::Added => figures.resident_after.saturating_sub(figures.resident_before) as f64,
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> f64 {
    let (low, high) = ((sorted.len().saturating_sub(1)) / 2, sorted.len() / 2);
    let at = |at: usize| sorted.get(at).copied().unwrap_or_default();
    (at(low) + at(high)) / 2.0
}

impl Outcome {
    pub(super) fn new(row: &Row, series: Vec<Series>) -> Outcome {
        let ratios = row.targets.iter().filter_map(|target| compare(&series, *target)).collect();
        Outcome { name: row.name, says: row.says, series, ratios }
    }

    /// As lines for the terminal.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.name, self.says);
        for Series { who, rounds } in &self.series {
            let of = |figure| middle(&sorted(rounds.iter().map(|one| value(figure, one))));
            let columns = [
                (Figure::Throughput, 1.0, "op/s"),
                (Figure::Processor, 1.0, "us/op of the server"),
                (Figure::Client, 1.0, "us/op of the client"),
                (Figure::Median, 1.0, "us p50"),
                (Figure::Tail, 1.0, "us p99"),
                (Figure::Resident, f64::from(1 << 20), "MiB"),
            ];
            text.push_str(&format!("  {who:30}"));
            // What was not measured is 0.
            for (figure, unit, name) in columns {
                let value = of(figure) / unit;
                match value {
                    0.0 => {}
                    100.0.. => text.push_str(&format!(" {value:>9.0} {name}")),
                    _ => text.push_str(&format!(" {value:>9.2} {name}")),
                }
            }
            text.push('\n');
        }
        for ratio in &self.ratios {
            let Ratio { against, figure, least, most, target, .. } = ratio;
            let verdict = if ratio.is_met { "met" } else { "MISSED" };
            text.push_str(&format!(
                "  {figure} against {against}: {:.3} ({least:.3} to {most:.3}); {target}: \
                 {verdict}\n",
                ratio.ratio
            ));
        }
        text
    }

    /// As rows of the README's table.
    pub(super) fn markdown(&self) -> String {
        let mut text = String::new();
        for ratio in &self.ratios {
            let Ratio { against, figure, target, .. } = ratio;
            text.push_str(&format!(
                "| {} | {against} | {figure} | {} | {} | {} ({} to {}) | {target} | {} |\n",
                self.says,
                shown(figure, ratio.ours),
                shown(figure, ratio.theirs),
                ratio.shown(ratio.ratio),
                ratio.shown(ratio.least),
                ratio.shown(ratio.most),
                if ratio.is_met { "met" } else { "missed" },
            ));
        }
        text
    }
}

impl Ratio {
    /// A ratio, or microseconds where those were compared.
    fn shown(&self, ratio: f64) -> String {
        if self.target.ends_with("more") { format!("{ratio:.2} us") } else { times(ratio) }
    }
}

/// A ratio below one half as one part of so many.
fn times(ratio: f64) -> String {
    if ratio > 0.5 || ratio <= 0.0 {
        format!("{ratio:.2}")
    } else {
        format!("1/{:.1}", 1.0 / ratio)
    }
}

fn shown(figure: &str, value: f64) -> String {
    match figure {
        "operations/s" => format!("{value:.0}/s"),
        "processor/op" | "client's processor/op" => format!("{value:.2} us"),
        "resident memory" | "memory added" => format!("{:.0} MiB", value / f64::from(1 << 20)),
        _ if value >= 100_000.0 => format!("{:.0} ms", value / 1e3),
        _ => format!("{:.2} ms", value / 1e3),
    }
}

fn compare(series: &[Series], (against, figure, bound): Target) -> Option<Ratio> {
    let ours = series.first()?;
    let theirs = series.iter().find(|one| one.who == against.name())?;
    let of = |one: &Series| sorted(one.rounds.iter().map(|figures| value(figure, figures)));
    let pairs = ours.rounds.iter().zip(&theirs.rounds);
    let ratios = pairs.map(|(our, their)| match bound {
        Bound::Beyond(_) => value(figure, our) - value(figure, their),
        _ => value(figure, our) / value(figure, their).max(1e-9),
    });
    let ratios = sorted(ratios);
    let ratio = middle(&ratios);
    Some(Ratio {
        against: against.name(),
        figure: figure.name(),
        ours: middle(&of(ours)),
        theirs: middle(&of(theirs)),
        ratio,
        least: ratios.first().copied().unwrap_or_default(),
        most: ratios.last().copied().unwrap_or_default(),
        target: bound.to_string(),
        is_met: bound.holds(ratio),
    })
}

#[cfg(test)]
mod tests {
    use super::super::row::{Against, Bound, Figure, ROWS};
    use super::{Outcome, Series, compare, times};
    use pinfold_conformance::load::Figures;

    fn series(who: &str, rates: &[f64]) -> Series {
        let figures = |rate: &f64| Figures { per_second: *rate, ..Figures::default() };
        Series { who: who.to_owned(), rounds: rates.iter().map(figures).collect() }
    }

    #[test]
    fn rounds_are_compared_pair_by_pair() {
        let all = [
            series("Pinfold", &[10.0, 40.0, 30.0]),
            series(Against::ZooKeeper.name(), &[10.0, 10.0, 10.0]),
        ];
        let target = (Against::ZooKeeper, Figure::Throughput, Bound::AtLeast(3.0));
        let ratio = compare(&all, target).unwrap();
        assert_eq!((ratio.least, ratio.ratio, ratio.most), (1.0, 3.0, 4.0));
        assert!(ratio.is_met);
        let (against, figure, _) = target;
        assert!(!compare(&all, (against, figure, Bound::AtLeast(3.5))).unwrap().is_met);
        assert!(compare(&all[..1], target).is_none(), "a peer that is missing");
        assert_eq!((times(4.0).as_str(), times(0.2).as_str()), ("4.00", "1/5.0"));
    }

    #[test]
    fn what_is_missed_is_said() {
        let all = vec![series("Pinfold", &[1.0]), series(Against::ZooKeeper.name(), &[10.0])];
        let outcome = Outcome::new(&ROWS[0], all);
        assert!(outcome.text().contains("MISSED"), "{}", outcome.text());
        assert!(outcome.markdown().contains("| missed |"), "{}", outcome.markdown());
    }
}
