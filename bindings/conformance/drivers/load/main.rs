//! `pinfold-load`: one run of the load generator; its figures as one line of JSON.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use pinfold_conformance::load::{self, Plan, Work};

/// Asks a server for one kind of work, and says what it cost.
#[derive(Parser)]
#[command(name = "pinfold-load")]
struct Arguments {
    /// get, set, create, mixed, churn, watch, idle or fill; or null: be a server that answers from
    /// a constant
    work: String,
    /// Servers, as HOST:PORT with numbers
    #[arg(long, value_delimiter = ',')]
    servers: Vec<SocketAddr>,
    /// Their processes
    #[arg(long, value_delimiter = ',')]
    pids: Vec<u32>,
    /// Sessions
    #[arg(long, default_value_t = 64)]
    sessions: usize,
    /// Requests of each that are on their way
    #[arg(long, default_value_t = 16)]
    window: usize,
    /// Bytes of data of each node
    #[arg(long, default_value_t = 1024)]
    bytes: usize,
    /// Seconds before it counts
    #[arg(long, default_value_t = 1.0)]
    warm: f64,
    /// Seconds that count
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Nodes of a fill
    #[arg(long, default_value_t = 0)]
    nodes: u64,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("pinfold-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<String, Box<dyn std::error::Error>> {
    if arguments.work == "null" {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let told = |address| println!("serving on {address}");
        runtime.block_on(load::null::serve(arguments.bytes, told))?;
        return Err("it ended".into());
    }
    if arguments.servers.is_empty() {
        return Err("--servers is missing".into());
    }
    let work: Work = serde_json::from_value(serde_json::Value::String(arguments.work))?;
    let plan = Plan {
        addresses: arguments.servers,
        servers: arguments.pids,
        work,
        sessions: arguments.sessions,
        window: arguments.window.max(1),
        bytes: arguments.bytes,
        warm: Duration::try_from_secs_f64(arguments.warm)?,
        time: Duration::try_from_secs_f64(arguments.seconds)?,
        nodes: arguments.nodes,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(serde_json::to_string(&runtime.block_on(load::run(&plan))?)?)
}
