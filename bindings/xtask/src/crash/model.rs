//! What a session asked for, what it was answered, and what it may find after a crash.

use crate::random::Random;
use pinfold_client::Stat;
use std::collections::BTreeMap;

/// A write that a session asks for. Every one of them succeeds if those before it did.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Create {
        path: String,
        data: String,
        ephemeral: bool,
    },
    Set {
        path: String,
        data: String,
    },
    Delete {
        path: String,
    },
    /// Two creates in one multi.
    Pair {
        first: String,
        second: String,
        data: String,
    },
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// Done; the zxid, or 0 where the answer has none.
    Done { zxid: i64 },
    /// The connection broke: done or not.
    Unknown,
    /// The connection was broken before it was sent.
    NotSent,
    /// There was no node to change. Only what was asked after the break deserves this: the node
    /// is one whose create was lost.
    NoNode,
    /// The server said no, which none of these deserves.
    Refused(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    data: String,
    version: i32,
    ephemeral: bool,
}

type Tree = BTreeMap<String, Node>;

/// What a comparison counted.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) acknowledged: u64,
    /// Of the acknowledged ones, those that waited for the restart.
    pub(super) late: u64,
    pub(super) present: u64,
    pub(super) absent: u64,
    pub(super) nodes: u64,
    pub(super) ephemerals: u64,
    pub(super) highest_zxid: i64,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    // As last read back.
    settled: Tree,
    // As it will be if everything asked for is done.
    hoped: Tree,
    asked: Vec<Change>,
    answers: Vec<Answer>,
    counter: u64,
}

impl Model {
    /// Makes up the next write.
    pub(super) fn next(&mut self, home: &str, random: &mut Random, nodes: u64) -> Change {
        self.counter += 1;
        let count = self.hoped.len() as u64;
        let data = format!("{}-{}", self.counter, "x".repeat(random.below(200) as usize));
        let path = format!("{home}/n{}", self.counter);
        let wants_more = random.below(nodes * 2) >= count;
        match random.below(10) {
            0..=3 => match self.any(random) {
                Some(path) => Change::Set { path, data },
                None => Change::Create { path, data, ephemeral: false },
            },
            4 if wants_more => {
                let second = format!("{path}-twin");
                Change::Pair { first: path, second, data }
            }
            5 if wants_more => Change::Create { path, data, ephemeral: true },
            _ if wants_more => Change::Create { path, data, ephemeral: false },
            _ => match self.any(random) {
                Some(path) => Change::Delete { path },
                None => Change::Create { path, data, ephemeral: false },
            },
        }
    }

    fn any(&self, random: &mut Random) -> Option<String> {
        let count = self.hoped.len() as u64;
        let at = if count == 0 { return None } else { random.below(count) as usize };
        self.hoped.keys().nth(at).cloned()
    }

    pub(super) fn asked(&mut self, change: Change) {
        apply(&mut self.hoped, &change);
        self.asked.push(change);
    }

    pub(super) fn answered(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// Compares what was found with what was asked and answered, and goes on from there.
    pub(super) fn settle(
        &mut self,
        found: &BTreeMap<String, (String, Stat)>,
        session: i64,
        floor: i64,
    ) -> Result<Found, String> {
        let mut counts = Found { highest_zxid: floor, ..Found::default() };
        let tree = std::mem::take(&mut self.settled);
        let asked = std::mem::take(&mut self.asked);
        let answers = std::mem::take(&mut self.answers);
        let history = History::of(tree, asked.into_iter().zip(answers), &mut counts)?;
        let stats = owned(found, session, &mut counts)?;
        counts.present = history.explain(&stats)? as u64;
        counts.absent = history.open.len() as u64 - counts.present;
        counts.nodes = stats.len() as u64;
        self.hoped = stats.clone();
        self.settled = stats;
        Ok(counts)
    }
}

/// A round as the session saw it.
struct History {
    /// With everything that was acknowledged before the break.
    tree: Tree,
    /// Not answered: of these, in their order, some are done and the rest is not.
    open: Vec<Change>,
    /// Asked after the break and answered by the server that came back: done, or there was no
    /// node.
    late: Vec<(Change, bool)>,
}

impl History {
    fn of(
        tree: Tree,
        round: impl Iterator<Item = (Change, Answer)>,
        counts: &mut Found,
    ) -> Result<History, String> {
        let mut history = History { tree, open: Vec::new(), late: Vec::new() };
        let mut broken = false;
        for (change, answer) in round {
            match answer {
                Answer::Done { zxid } => {
                    let last = counts.highest_zxid;
                    if zxid != 0 && zxid <= last {
                        return Err(format!("zxid {zxid:#x} was told after {last:#x}"));
                    }
                    counts.highest_zxid = last.max(zxid);
                    counts.acknowledged += 1;
                    if broken {
                        counts.late += 1;
                        history.late.push((change, true));
                    } else {
                        apply(&mut history.tree, &change);
                    }
                }
                Answer::Unknown if history.late.is_empty() => {
                    broken = true;
                    history.open.push(change);
                }
                Answer::Unknown => {
                    return Err(format!("{change:?} broke off after the server had come back"));
                }
                Answer::NotSent => broken = true,
                Answer::NoNode if broken => history.late.push((change, false)),
                Answer::NoNode => return Err(format!("{change:?} was refused: there is no node")),
                Answer::Refused(why) => return Err(format!("{change:?} was refused: {why}")),
            }
        }
        Ok(history)
    }

    /// How many of the unanswered ones must have been done for what was found.
    fn explain(&self, found: &Tree) -> Result<usize, String> {
        let mut tree = self.tree.clone();
        let mut closest = None;
        for done in 0..=self.open.len() {
            if done > 0 {
                apply(&mut tree, &self.open[done - 1]);
            }
            match self.then_late(&tree) {
                Some(outcome) if outcome == *found => return Ok(done),
                Some(outcome) => closest = Some(outcome),
                None => {}
            }
        }
        Err(match closest {
            Some(expected) => difference(&expected, found),
            None => "no unanswered write explains the answers after the restart".into(),
        })
    }

    /// The tree with the late ones; nothing if their answers do not fit it.
    fn then_late(&self, tree: &Tree) -> Option<Tree> {
        let mut tree = tree.clone();
        for (change, done) in &self.late {
            let possible = match change {
                Change::Set { path, .. } | Change::Delete { path } => tree.contains_key(path),
                Change::Create { .. } | Change::Pair { .. } => true,
            };
            if possible != *done {
                return None;
            }
            if *done {
                apply(&mut tree, change);
            }
        }
        Some(tree)
    }
}

fn apply(tree: &mut Tree, change: &Change) {
    let node = |data: &String, ephemeral| Node { data: data.clone(), version: 0, ephemeral };
    match change {
        Change::Create { path, data, ephemeral } => {
            tree.insert(path.clone(), node(data, *ephemeral));
        }
        Change::Set { path, data } => {
            if let Some(node) = tree.get_mut(path) {
                node.data.clone_from(data);
                node.version += 1;
            }
        }
        Change::Delete { path } => {
            tree.remove(path);
        }
        Change::Pair { first, second, data } => {
            tree.insert(first.clone(), node(data, false));
            tree.insert(second.clone(), node(data, false));
        }
    }
}

/// The tree as found, with its Stats checked: owners, and zxids that fit together.
fn owned(
    found: &BTreeMap<String, (String, Stat)>,
    session: i64,
    counts: &mut Found,
) -> Result<Tree, String> {
    let mut tree = Tree::new();
    for (path, (data, stat)) in found {
        let ephemeral = stat.ephemeral_owner != 0;
        if ephemeral && stat.ephemeral_owner != session {
            return Err(format!("{path} belongs to session {:#x}", stat.ephemeral_owner));
        }
        if stat.czxid > stat.mzxid || stat.data_length as usize != data.len() {
            return Err(format!("the Stat of {path} does not fit it: {stat:?}"));
        }
        counts.ephemerals += u64::from(ephemeral);
        counts.highest_zxid = counts.highest_zxid.max(stat.mzxid);
        let node = Node { data: data.clone(), version: stat.version, ephemeral };
        tree.insert(path.clone(), node);
    }
    Ok(tree)
}

fn difference(expected: &Tree, found: &Tree) -> String {
    let paths: std::collections::BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differing = paths.into_iter().find(|path| expected.get(*path) != found.get(*path));
    match differing {
        Some(path) => format!(
            "{path} must be {:?} but is {:?}, and no unanswered write explains it",
            expected.get(path),
            found.get(path)
        ),
        None => "the trees are the same".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOST: Answer = Answer::Unknown;

    fn create(path: &str) -> Change {
        Change::Create { path: path.into(), data: path.into(), ephemeral: false }
    }

    fn set(path: &str) -> Change {
        Change::Set { path: path.into(), data: "new".into() }
    }

    fn tree(changes: &[Change]) -> Tree {
        let mut tree = Tree::new();
        changes.iter().for_each(|change| apply(&mut tree, change));
        tree
    }

    fn explained(round: &[(Change, Answer)], found: &[Change]) -> Result<usize, String> {
        let round = round.iter().cloned();
        History::of(Tree::new(), round, &mut Found::default())?.explain(&tree(found))
    }

    #[test]
    fn of_the_unanswered_writes_the_first_ones_may_be_done() {
        let done = Answer::Done { zxid: 1 };
        let round = [(create("/a"), done), (create("/b"), LOST), (create("/c"), LOST)];
        assert_eq!(explained(&round, &[create("/a")]), Ok(0));
        assert_eq!(explained(&round, &[create("/a"), create("/b")]), Ok(1));
        assert!(explained(&round, &[create("/a"), create("/c")]).is_err());
        assert!(explained(&round, &[create("/b")]).is_err(), "an acknowledged write is lost");
    }

    #[test]
    fn writes_that_waited_for_the_restart_come_on_top() {
        let done = Answer::Done { zxid: 1 };
        let round = [(create("/a"), LOST), (set("/a"), done.clone()), (create("/b"), done.clone())];
        assert!(explained(&round, &[create("/a"), set("/a")]).is_err());
        let round = [(create("/a"), LOST), (set("/a"), done)];
        assert_eq!(explained(&round, &[create("/a"), set("/a")]), Ok(1));
        assert!(explained(&round, &[]).is_err(), "what was set must have been created");
        let round = [(create("/a"), LOST), (set("/a"), Answer::NoNode)];
        assert_eq!(explained(&round, &[]), Ok(0));
        assert!(explained(&round, &[create("/a")]).is_err(), "the node was there");
        assert!(explained(&[(set("/a"), Answer::NoNode)], &[]).is_err(), "nothing was lost");
    }
}
