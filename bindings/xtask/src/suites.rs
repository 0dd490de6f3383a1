//! `cargo x suites`: the tests that clients of ZooKeeper ship for themselves, with our server in
//! ZooKeeper's place.
//!
//! Whatever passes against Apache ZooKeeper has to pass against ours.

mod aiozk;
mod kazoo;
mod outcome;
mod pytest;

use crate::fault::Doing;
use crate::{Fallible, Fault, oracle, step};
use outcome::{Comparison, Runs};
use std::collections::BTreeSet;
use std::fs;

/// Run clients' own tests against Pinfold and against Apache ZooKeeper, and compare test by test
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Whose tests [default: all]
    clients: Vec<Client>,
    /// How often each server is tested; a test passes on Apache ZooKeeper if it does every time,
    /// and on Pinfold likewise
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Only our server, compared with the committed list of what passes on Apache ZooKeeper
    #[arg(long)]
    only_pinfold: bool,
    /// Of kazoo's tests those that neither repeat others with another event loop nor mostly wait
    #[arg(long)]
    quick: bool,
    /// Take what passes on Apache ZooKeeper as the committed list
    #[arg(long, conflicts_with_all = ["only_pinfold", "quick", "select"])]
    accept: bool,
    /// Kazoo's tests on an ensemble of this many servers
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    #[arg(conflicts_with = "accept")]
    servers: u8,
    /// Only the tests that pytest's `-k` selects by this expression
    #[arg(long, short = 'k')]
    select: Option<String>,
    /// Print the comparison as one line of JSON
    #[arg(long)]
    json: bool,
}

/// A client that brings its tests.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Client {
    Kazoo,
    Aiozk,
}

/// Tests of a client, ready to run.
trait Suite {
    /// Begins a run against Apache ZooKeeper.
    fn start_on_zookeeper(&self) -> Fallible<pytest::Run>;

    /// Begins a run against our server.
    fn start_on_pinfold(&self) -> Fallible<pytest::Run>;
}

pub(crate) fn run(args: Args) -> Fallible {
    if let (false, Some(why)) = (args.only_pinfold, oracle::missing()) {
        step::left_out("clients' own tests against Apache ZooKeeper", why);
    }
    let all = vec![Client::Kazoo, Client::Aiozk];
    let clients = if args.clients.is_empty() { all } else { args.clients.clone() };
    let (mut agreed, mut worse) = (0, Vec::new());
    for client in clients {
        let comparison = compare(client, &args)?;
        match args.json {
            true => println!("{}", serde_json::to_string(&comparison)?),
            false => print!("{}", comparison.table()),
        }
        // Nothing run is nothing shown.
        if comparison.agreed() == 0 {
            return Err(Fault::new("no test passed"));
        }
        agreed += comparison.agreed();
        worse.extend(comparison.worse().into_iter().map(str::to_owned));
    }
    step::count(agreed, worse.len());
    match worse.is_empty() {
        true => Ok(()),
        false => Err(Fault::new(format!("worse than Apache ZooKeeper: {worse:?}"))),
    }
}

fn compare(client: Client, args: &Args) -> Fallible<Comparison> {
    let select = args.select.clone();
    let (name, suite): (&str, Box<dyn Suite>) = match client {
        Client::Kazoo => {
            ("kazoo", Box::new(kazoo::Suite::prepare(args.quick, args.servers, select)?))
        }
        Client::Aiozk => ("aiozk", Box::new(aiozk::Suite::prepare(select)?)),
    };
    let (mut theirs, mut ours) = (Runs::default(), Runs::default());
    let against_apache = !args.only_pinfold && oracle::missing().is_none();
    for number in 1..=args.runs.max(1) {
        eprintln!("{name}: run {number} of {}", args.runs.max(1));
        // The two at once: most of the time the tests wait.
        let apache = if against_apache { Some(suite.start_on_zookeeper()?) } else { None };
        ours.add(suite.start_on_pinfold()?.finish()?);
        if let Some(apache) = apache {
            theirs.add(apache.finish()?);
        }
    }
    let path = pytest::accepted(name);
    if args.accept {
        fs::write(&path, theirs.passed_always()).doing("writing what passes")?;
    }
    if !against_apache {
        let accepted = fs::read_to_string(&path).doing(path.display())?;
        let names: BTreeSet<String> = accepted.lines().map(str::to_owned).collect();
        theirs.passing(names.into_iter().filter(|name| ours.has(name)));
    }
    Ok(Comparison::new(&theirs, &ours))
}
