//! The end: is what the workers found the same as the direct count, and was each task done once?

use super::chaos::Damage;
use super::corpus::{Corpus, Count};
use super::stage::Stage;
use super::submitter::ROOT;
use crate::Fallible;
use crate::fault::Doing;
use pinfold_recipes::{TaskId, TaskQueue};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// How many results are asked for in one go.
const PORTION: usize = 1_000;

/// What the run came to.
#[derive(Default)]
pub(super) struct Verdict {
    counted: Count,
    direct: Count,
    files: usize,
    results: usize,
    distinct: usize,
    dead: usize,
    left: usize,
    reassigned: usize,
    by_worker: BTreeMap<String, usize>,
    wrong: Vec<String>,
    damage: Option<Damage>,
    elapsed: Duration,
}

impl Verdict {
    /// Reads every result from the tree and compares it with the direct count.
    pub(super) async fn reach(
        stage: &Stage,
        corpus: &Corpus,
        damage: Option<Damage>,
    ) -> Fallible<Verdict> {
        let elapsed = stage.progress.elapsed();
        let mut verdict = Verdict {
            direct: corpus.total,
            files: corpus.files.len(),
            dead: stage.reading.dead,
            left: stage.reading.waiting + stage.reading.assigned,
            damage,
            elapsed,
            ..Verdict::default()
        };
        let (names, _) =
            stage.client.get_children(&format!("{ROOT}/results")).await.doing("the results")?;
        verdict.results = names.len();
        let tasks = stage.tasks();
        verdict.distinct = tasks.iter().collect::<HashSet<_>>().len();
        let queue = TaskQueue::new(stage.client.clone(), ROOT);
        for (portion, tasks) in tasks.chunks(PORTION).enumerate() {
            // Each in a task of its own, so that the questions are pipelined.
            let ask = |task: &TaskId| {
                let (queue, task) = (queue.clone(), task.clone());
                tokio::spawn(async move { queue.result(&task).await })
            };
            let results: Vec<_> = tasks.iter().map(ask).collect();
            for (index, (result, task)) in results.into_iter().zip(tasks).enumerate() {
                let result = result.await?.doing(format!("the result of {task}"))?;
                let index = portion * PORTION + index;
                *verdict.by_worker.entry(result.worker.clone()).or_default() += 1;
                verdict.reassigned += usize::from(result.attempt > 1);
                verdict.compare(task, corpus, index, &result.result);
            }
        }
        Ok(verdict)
    }

    fn compare(
        &mut self,
        task: &TaskId,
        corpus: &Corpus,
        index: usize,
        result: &Result<bytes::Bytes, String>,
    ) {
        let found = match result {
            Ok(json) => serde_json::from_slice::<Count>(json).map_err(|error| error.to_string()),
            Err(reason) => Err(reason.clone()),
        };
        let file = &corpus.files[index];
        match found {
            Ok(count) => {
                self.counted += count;
                if count != corpus.counts[index] {
                    let direct = corpus.counts[index];
                    self.wrong.push(format!("{task} {file}: {count:?}, directly {direct:?}"));
                }
            }
            Err(reason) => self.wrong.push(format!("{task} {file}: {reason}")),
        }
    }

    /// Whether everything is as it has to be.
    pub(super) fn holds(&self) -> bool {
        self.counted == self.direct
            && self.wrong.is_empty()
            && self.once()
            && self.dead == 0
            && self.left == 0
    }

    /// Each task was committed exactly once: as many results as tasks, all of different tasks.
    fn once(&self) -> bool {
        self.results == self.files && self.distinct == self.files
    }

    /// The table for people.
    pub(super) fn table(&self) -> String {
        let mark = |holds: bool| if holds { "equal" } else { "DIFFERENT" };
        let mut rows = Vec::new();
        let mut sum = |name: &str, counted: u64, direct: u64| {
            rows.push((name.to_owned(), format!("{counted:>14}"), format!("{direct:>14}")));
            rows.last().map(|_| counted == direct).unwrap_or_default()
        };
        let equal = sum("lines", self.counted.lines, self.direct.lines)
            & sum("words", self.counted.words, self.direct.words)
            & sum("bytes", self.counted.bytes, self.direct.bytes);
        let mut text = format!("\n{:20}{:>14}  {:>14}\n", "", "by the workers", "direct");
        for (name, counted, direct) in rows {
            text.push_str(&format!("{name:20}{counted}  {direct}\n"));
        }
        let mut say = |name: &str, value: String| text.push_str(&format!("{name:24}{value}\n"));
        say("totals", mark(equal).into());
        let once = if self.once() { "exactly once" } else { "NOT EXACTLY ONCE" };
        say("tasks", format!("{} files, {} results: {once}", self.files, self.results));
        say("dead, left over", format!("{}, {}", self.dead, self.left));
        say("re-assigned", format!("{} tasks", self.reassigned));
        if let Some(damage) = &self.damage {
            self.say_damage(damage, &mut say);
        }
        for (worker, tasks) in &self.by_worker {
            say(worker, format!("{tasks} tasks"));
        }
        let seconds = self.elapsed.as_secs_f64();
        say("time", format!("{seconds:.1} s, {:.0} tasks/s", self.files as f64 / seconds));
        for wrong in self.wrong.iter().take(20) {
            text.push_str(&format!("wrong: {wrong}\n"));
        }
        text
    }

    fn say_damage(&self, damage: &Damage, say: &mut impl FnMut(&str, String)) {
        let Damage { master, successor, worker, in_hand, .. } = damage;
        let seconds = |gap: Duration| format!("{:.1} s", gap.as_secs_f64());
        let gap = seconds(damage.master_gap);
        say("master killed", format!("{master}; {successor} took over after {gap}"));
        let gap = seconds(damage.worker_gap);
        say("worker killed", format!("{worker} with {in_hand} tasks, taken back after {gap}"));
        say("server killed", format!("work went on after {}", seconds(damage.server_gap)));
    }

    /// The same as one line of JSON.
    pub(super) fn json(&self) -> String {
        let damage = self.damage.as_ref().map(|damage| {
            serde_json::json!({
                "master": damage.master, "successor": damage.successor,
                "master_gap_ms": milliseconds(damage.master_gap),
                "worker": damage.worker, "worker_in_hand": damage.in_hand,
                "worker_gap_ms": milliseconds(damage.worker_gap),
                "server_gap_ms": milliseconds(damage.server_gap),
            })
        });
        let value = serde_json::json!({
            "holds": self.holds(), "counted": self.counted, "direct": self.direct,
            "files": self.files, "results": self.results, "dead": self.dead, "left": self.left,
            "reassigned": self.reassigned, "by_worker": self.by_worker, "wrong": self.wrong,
            "chaos": damage, "elapsed_ms": milliseconds(self.elapsed),
        });
        value.to_string()
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Count, Verdict};

    fn good() -> Verdict {
        let count = Count { lines: 1, words: 2, bytes: 3 };
        let (counted, direct) = (count, count);
        Verdict { counted, direct, files: 2, results: 2, distinct: 2, ..Verdict::default() }
    }

    #[test]
    fn any_difference_is_a_failure() {
        assert!(good().holds());
        let different = Count { lines: 1, words: 2, bytes: 4 };
        for bad in [
            Verdict { counted: different, ..good() },
            Verdict { results: 3, ..good() },
            Verdict { results: 1, ..good() },
            Verdict { distinct: 1, ..good() },
            Verdict { dead: 1, ..good() },
            Verdict { left: 1, ..good() },
            Verdict { wrong: vec!["a task".into()], ..good() },
        ] {
            assert!(!bad.holds(), "{}", bad.table());
        }
    }
}
