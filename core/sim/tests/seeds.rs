//! A short, fixed set of seeds, and proof that the checks can fail.

use pinfold_sim::storage::{Bug, run};

#[test]
fn a_hundred_seeds_run_without_a_violation() {
    let (mut acknowledged, mut unanswered, mut failed_syncs) = (0, 0, 0);
    for seed in 0..100 {
        let report = run(seed, None).unwrap_or_else(|violation| panic!("{violation}"));
        acknowledged += report.acknowledged;
        unanswered += report.unanswered;
        failed_syncs += report.failed_syncs;
    }
    // A simulation in which nothing happens finds nothing.
    assert!(acknowledged > 10_000, "{acknowledged}");
    assert!(unanswered > 100, "{unanswered}");
    assert!(failed_syncs > 10, "{failed_syncs}");
}

#[test]
fn a_seed_gives_the_same_run_again() {
    assert_eq!(run(7, None).unwrap(), run(7, None).unwrap());
}

#[test]
fn every_planted_bug_is_caught() {
    for bug in Bug::ALL {
        let caught = (0..200).find_map(|seed| run(seed, Some(bug)).err());
        assert!(caught.is_some(), "{} went unseen", bug.name());
    }
}
