//! `cargo x suites`: the tests that a client of ZooKeeper ships for itself, with our server in
//! ZooKeeper's place.
//!
//! Whatever passes against Apache ZooKeeper has to pass against ours.

mod kazoo;
mod outcome;

use crate::fault::Doing;
use crate::{Fallible, Fault, oracle, step};
use outcome::{Comparison, Runs};
use std::collections::BTreeSet;
use std::fs;

/// Run kazoo's own tests against Pinfold and against Apache ZooKeeper, and compare test by test
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each server is tested; a test passes on Apache ZooKeeper if it does every time,
    /// and on Pinfold likewise
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Only our server, compared with the committed list of what passes on Apache ZooKeeper
    #[arg(long)]
    only_pinfold: bool,
    /// Only the tests whose part is not a repetition of others with another event loop, nor slow
    #[arg(long)]
    quick: bool,
    /// Take what passes on Apache ZooKeeper as the committed list
    #[arg(long, conflicts_with_all = ["only_pinfold", "quick", "select"])]
    accept: bool,
    /// Only the tests that pytest's `-k` selects by this expression
    #[arg(long, short = 'k')]
    select: Option<String>,
    /// Print the comparison as one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Fallible {
    let suite = kazoo::Suite::prepare(args.quick, args.select.clone())?;
    let (mut theirs, mut ours) = (Runs::default(), Runs::default());
    let against_apache = !args.only_pinfold && oracle::missing().is_none();
    if let (false, Some(why)) = (args.only_pinfold, oracle::missing()) {
        step::left_out("kazoo's own tests against Apache ZooKeeper", why);
    }
    for number in 1..=args.runs.max(1) {
        eprintln!("run {number} of {}", args.runs.max(1));
        // The two at once: most of the time the tests wait.
        let apache = if against_apache { Some(suite.start_on_zookeeper()?) } else { None };
        ours.add(suite.start_on_pinfold()?.finish()?);
        if let Some(apache) = apache {
            theirs.add(apache.finish()?);
        }
    }
    if args.accept {
        fs::write(kazoo::accepted(), theirs.passed_always()).doing("writing what passes")?;
    }
    if !against_apache {
        let path = kazoo::accepted();
        let accepted = fs::read_to_string(&path).doing(path.display())?;
        let names: BTreeSet<String> = accepted.lines().map(str::to_owned).collect();
        theirs.passing(names.into_iter().filter(|name| ours.has(name)));
    }
    let comparison = Comparison::new(&theirs, &ours);
    if args.json {
        println!("{}", serde_json::to_string(&comparison)?);
    } else {
        print!("{}", comparison.table());
    }
    let (passed, failed) = (comparison.agreed(), comparison.worse().len());
    step::count(passed, failed);
    // Nothing run is nothing shown.
    if passed == 0 {
        return Err(Fault::new("no test passed"));
    }
    match failed {
        0 => Ok(()),
        _ => Err(Fault::new(format!("worse than Apache ZooKeeper: {:?}", comparison.worse()))),
    }
}
