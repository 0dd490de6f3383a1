//! What a session asked for, what it was answered, and what it may find after a crash.

use super::load::Random;
use pinfold_client::Stat;
use std::collections::{BTreeMap, VecDeque};

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
    asked: VecDeque<Change>,
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
        self.asked.push_back(change);
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
        let mut tree = std::mem::take(&mut self.settled);
        let asked = std::mem::take(&mut self.asked);
        let answers = std::mem::take(&mut self.answers);
        let mut open = VecDeque::new();
        let mut last_zxid = floor;
        for (change, answer) in asked.into_iter().zip(answers) {
            match answer {
                Answer::Done { zxid } if open.is_empty() => {
                    if zxid != 0 && zxid <= last_zxid {
                        return Err(format!("zxid {zxid:#x} was told after {last_zxid:#x}"));
                    }
                    last_zxid = last_zxid.max(zxid);
                    apply(&mut tree, &change);
                    counts.acknowledged += 1;
                }
                Answer::Done { .. } => {
                    return Err(format!("{change:?} was answered before one that came first"));
                }
                Answer::Unknown => open.push_back(change),
                Answer::NotSent => {}
                Answer::Refused(why) => return Err(format!("{change:?} was refused: {why}")),
            }
        }
        counts.highest_zxid = last_zxid;
        let stats = owned(found, session, &mut counts)?;
        // Of the unanswered ones in their order, some are done and the rest is not.
        let waiting = open.len() as u64;
        while tree != stats {
            let Some(change) = open.pop_front() else { return Err(difference(&tree, &stats)) };
            apply(&mut tree, &change);
            counts.present += 1;
        }
        counts.absent = waiting - counts.present;
        counts.nodes = stats.len() as u64;
        self.hoped = tree.clone();
        self.settled = tree;
        Ok(counts)
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
