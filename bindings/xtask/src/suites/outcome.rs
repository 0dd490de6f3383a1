//! What became of each test, and how two servers compare.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Outcomes by test, of one run.
pub(crate) type Outcomes = BTreeMap<String, String>;

/// Several runs against one server.
#[derive(Default)]
pub(crate) struct Runs {
    tests: BTreeMap<String, Vec<String>>,
}

impl Runs {
    pub(crate) fn add(&mut self, outcomes: Outcomes) {
        for (test, outcome) in outcomes {
            self.tests.entry(test).or_default().push(outcome);
        }
    }

    /// Stands for a run in which these passed.
    pub(crate) fn passing(&mut self, tests: impl Iterator<Item = String>) {
        self.add(tests.map(|test| (test, "passed".to_owned())).collect());
    }

    pub(crate) fn has(&self, test: &str) -> bool {
        self.tests.contains_key(test)
    }

    /// The tests that passed in every run, one a line.
    pub(crate) fn passed_always(&self) -> String {
        let passed = self.tests.keys().filter(|test| self.verdict(test) == "passed");
        passed.fold(String::new(), |text, test| text + test + "\n")
    }

    /// One word for all runs; `flaky` if they differ.
    fn verdict(&self, test: &str) -> &str {
        match self.tests.get(test).map(Vec::as_slice) {
            Some([first, others @ ..]) if others.iter().all(|other| other == first) => first,
            Some(_) => "flaky",
            None => "not run",
        }
    }
}

/// One test on both servers.
#[derive(Serialize)]
struct Row {
    test: String,
    zookeeper: String,
    pinfold: String,
}

/// Every test on both servers.
#[derive(Serialize)]
pub(crate) struct Comparison {
    tests: Vec<Row>,
}

impl Comparison {
    pub(crate) fn new(theirs: &Runs, ours: &Runs) -> Comparison {
        let mut names: Vec<&String> = theirs.tests.keys().chain(ours.tests.keys()).collect();
        names.sort();
        names.dedup();
        let row = |test: &String| Row {
            test: test.clone(),
            zookeeper: theirs.verdict(test).to_owned(),
            pinfold: ours.verdict(test).to_owned(),
        };
        Comparison { tests: names.into_iter().map(row).collect() }
    }

    /// How many pass on both.
    pub(crate) fn agreed(&self) -> usize {
        self.tests.iter().filter(|row| row.zookeeper == "passed" && row.pinfold == "passed").count()
    }

    /// The tests that pass on Apache ZooKeeper and not on Pinfold.
    pub(crate) fn worse(&self) -> Vec<&str> {
        let worse =
            self.tests.iter().filter(|row| row.zookeeper == "passed" && row.pinfold != "passed");
        worse.map(|row| row.test.as_str()).collect()
    }

    /// For people: a line a test, what does not pass on both once more, the sums.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{:9} {:9} test", "zookeeper", "pinfold");
        for row in &self.tests {
            let _ = writeln!(text, "{:9} {:9} {}", row.zookeeper, row.pinfold, row.test);
        }
        let _ = writeln!(text, "\nnot passed on both:");
        for row in
            self.tests.iter().filter(|row| row.zookeeper != "passed" || row.pinfold != "passed")
        {
            let _ = writeln!(text, "{:9} {:9} {}", row.zookeeper, row.pinfold, row.test);
        }
        let passed =
            |of: fn(&Row) -> &str| self.tests.iter().filter(|row| of(row) == "passed").count();
        let _ = writeln!(
            text,
            "\n{} tests: {} pass on Apache ZooKeeper, {} on Pinfold, {} pass there and not here",
            self.tests.len(),
            passed(|row| &row.zookeeper),
            passed(|row| &row.pinfold),
            self.worse().len()
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Outcomes, Runs};

    fn run(outcomes: &[(&str, &str)]) -> Outcomes {
        outcomes.iter().map(|(test, outcome)| (test.to_string(), outcome.to_string())).collect()
    }

    #[test]
    fn what_passes_there_and_not_here_is_worse() {
        let (mut theirs, mut ours) = (Runs::default(), Runs::default());
        theirs.add(run(&[("a", "passed"), ("b", "passed"), ("c", "failed"), ("d", "passed")]));
        ours.add(run(&[("a", "passed"), ("b", "skipped"), ("c", "failed"), ("e", "failed")]));
        let comparison = Comparison::new(&theirs, &ours);
        assert_eq!((comparison.worse(), comparison.agreed()), (vec!["b", "d"], 1));
        assert!(comparison.table().contains("passed    not run   d"), "{}", comparison.table());
    }

    #[test]
    fn what_passes_only_sometimes_does_not_pass() {
        let (mut theirs, mut ours) = (Runs::default(), Runs::default());
        for outcome in ["passed", "failed"] {
            theirs.add(run(&[("a", outcome), ("b", "passed")]));
            ours.add(run(&[("a", "failed"), ("b", outcome)]));
        }
        assert_eq!(Comparison::new(&theirs, &ours).worse(), ["b"]);
        assert_eq!(theirs.passed_always(), "b\n");
    }
}
