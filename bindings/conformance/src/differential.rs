//! Two servers, the same program, and whatever differs between their answers.
//!
//! A [`Program`] is what several clients do, step by step; [`generate`] makes one from a seed.
//! [`play`] plays it on a server by the wire and writes down every answer, event and end of a
//! connection, in words that two servers have to share: session ids, times and zxids are told
//! relative to the program, and nothing else is touched. [`compare`] finds the first step that
//! differs, and [`shrink`] the smallest program that still does.

mod generator;
mod player;
mod program;
pub mod rules;
mod shrink;
mod words;

pub use generator::generate;
pub use player::{Played, play};
pub use program::{Field, Handshake, Program, Request, Step};
pub use shrink::shrink;

/// The first step at which two servers differ, and what each had to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Index of the step.
    pub step: usize,
    /// What the first server said.
    pub left: Vec<String>,
    /// What the second server said.
    pub right: Vec<String>,
}

/// The first difference between two plays of the same program.
pub fn compare(left: &Played, right: &Played) -> Option<Divergence> {
    let count = left.steps.len().max(right.steps.len());
    (0..count).find_map(|step| {
        let said = |played: &Played| played.steps.get(step).cloned().unwrap_or_default();
        let (left, right) = (said(left), said(right));
        (left != right).then_some(Divergence { step, left, right })
    })
}

/// Plays a program on both servers at the same time and compares. The second one is ZooKeeper,
/// which is asked by the [`rules`].
///
/// # Errors
/// A server cannot be reached at all.
pub fn differ(program: &Program, servers: [&str; 2]) -> Result<Option<Divergence>, String> {
    let (left, right) = std::thread::scope(|scope| {
        let left = scope.spawn(|| play(program, servers[0]));
        let right = play(&rules::for_zookeeper(program).0, servers[1]);
        (left.join(), right)
    });
    let left = left.map_err(|_| "the player panicked".to_owned())??;
    Ok(compare(&left, &right?))
}
