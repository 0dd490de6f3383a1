//! A few seeds of the whole ensemble, and proof that its checks can fail. `cargo x sim` runs more.

use pinfold_sim::{Bug, Setting, Violation, run, run_range, run_with, schedule, shrink};

fn setting(seed: u64, bug: Option<Bug>) -> Setting {
    Setting { seed, servers: 3, seconds: 30, bug }
}

#[test]
fn a_few_seeds_of_three_and_of_five_servers_show_no_violation() {
    for servers in [3, 5] {
        let setting = Setting { servers, ..setting(0, None) };
        let report = run_range(&setting, 0..2, |_| ()).unwrap_or_else(|shown| panic!("{shown}"));
        // A simulation in which nothing happens finds nothing.
        assert!(report.answers > 4000, "{report:?}");
        assert!(report.events > 100, "{report:?}");
        assert!(report.faults > 2, "{report:?}");
    }
}

#[test]
fn a_seed_gives_the_same_run_again_to_the_byte() {
    let first = run(&setting(3, None)).unwrap();
    assert_eq!(first, run(&setting(3, None)).unwrap());
    assert_ne!(first.trace, run(&setting(4, None)).unwrap().trace);
}

/// The first of 200 seeds that shows a planted fault.
fn caught(name: &str) -> Violation {
    let bug = Bug::named(name);
    assert!(bug.is_some(), "{name}");
    let found = run_range(&setting(0, bug), 0..200, |_| ());
    found.expect_err(name)
}

#[test]
fn planted_bugs_are_caught_by_what_they_break() {
    let read = caught("read-before-own-write").what;
    assert!(read.contains("came before that to"), "{read}");
    let watch = caught("watch-after-reply").what;
    assert!(watch.contains("but no event of"), "{watch}");
    let expiry = caught("deposed-expiry").what;
    assert!(expiry.contains("was expired at"), "{expiry}");
    caught("ack-before-fsync");
    caught("ack-before-persist");
    caught("truncate-committed");
}

#[test]
fn a_violation_is_shown_with_fewer_faults() {
    let setting = setting(0, Bug::named("watch-after-reply"));
    let found = run(&setting).unwrap_err();
    let (left, _) = shrink(&setting, found, 10);
    // This one needs none at all.
    assert!(left.is_empty() && !schedule(&setting).is_empty());
    assert!(run_with(&setting, &left).is_err());
}
