//! The `pinfold` program.

mod commands;
mod offline;

use std::io::{IsTerminal, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use pinfold_server::{Config, Server, ServerError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

// Many small things of many sizes live for very different times here, on several threads: with
// the C library's allocator a fifth of a write's processor time went there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where Java programs take their system properties from; ours takes them too.
const FLAG_VARIABLES: [&str; 2] = ["SERVER_JVMFLAGS", "JVMFLAGS"];

/// Pinfold: a coordination service that speaks ZooKeeper's protocol.
#[derive(Debug, Parser)]
#[command(name = "pinfold", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a server until it gets SIGINT or SIGTERM.
    ///
    /// Prints `pinfold: serving on HOST:PORT` on standard output as soon as it can be connected
    /// to; everything else goes to standard error (set PINFOLD_LOG=debug for more).
    #[command(after_help = SERVE_HELP)]
    Serve(Serve),
    /// Has another server of an ensemble lead.
    ///
    /// Asks the leader, and says what came of it. Clients keep their sessions and connections.
    /// Its four-letter word `hand` has to be named in 4lw.commands.whitelist; `*` does not mean
    /// it. A leader that is stopped by SIGTERM does the same by itself.
    HandOver {
        /// Where the leader takes clients, as HOST:PORT, without TLS.
        leader: String,
    },
    /// Runs a program while it has a lock.
    ///
    /// The program is stopped (SIGTERM, then SIGKILL) when the lock is lost, before the servers
    /// could give it to another. What it writes elsewhere is safe only with the fencing token: a
    /// process of ours that is itself halted cannot stop its program.
    #[command(after_help = commands::STATUS_HELP)]
    Lock(commands::Lock),
    /// Runs a program while it leads an election.
    ///
    /// The program is stopped (SIGTERM, then SIGKILL) when the lead is lost, before the servers
    /// could let another lead; then this is a candidate again. It ends when the program ends by
    /// itself.
    #[command(after_help = commands::STATUS_HELP)]
    Elect(commands::Elect),
    /// Submits tasks, does them and shows what became of them.
    #[command(subcommand)]
    Queue(commands::QueueCommand),
    /// Becomes a program that ends with us.
    #[command(hide = true)]
    Guarded(commands::Guarded),
    /// Reads the log of a data directory.
    #[command(subcommand)]
    Log(offline::LogCommand),
    /// Reads the snapshots of a data directory, and compares states.
    #[command(subcommand)]
    Snapshot(offline::SnapshotCommand),
}

const SERVE_HELP: &str = "\
Settings come from, each over the one before:
  the configuration file (zoo.cfg, the keys of ZooKeeper; unknown ones are logged)
  -Dname=value in the variables SERVER_JVMFLAGS and JVMFLAGS
  -Dname=value on the command line (zookeeper.DigestAuthenticationProvider.superDigest, ...)
  --listen and --data-dir

Settings that ZooKeeper does not have, among others:
  pinfold.digestEvery             records of the log after which the servers of an ensemble compare
                                  their states; one that is wrong stops [1000; 0: never]
  pinfold.snapshotBytesPerSecond  pace of a snapshot on its way to another server, in bytes
                                  [104857600; 0: as fast as it goes]
  pinfold.diskFaults              for tests: a file that is read before every write and sync. It
                                  may say `slow MS` or `full`, and the disk is as it says [none]

Examples:
  pinfold serve
  pinfold serve --listen 0.0.0.0:2181 --data-dir /var/lib/pinfold
  pinfold serve --config /etc/zookeeper/zoo.cfg -Djute.maxbuffer=4194304
  pinfold serve --listen-secure 0.0.0.0:2281 -Dssl.keyStore.location=server.pem \\
      -Dssl.trustStore.location=clients.pem
  pinfold serve -Djava.security.auth.login.config=jaas.conf";

#[derive(Debug, Args)]
struct Serve {
    /// Address to listen on, as HOST:PORT; port 0 takes a free one [default: 127.0.0.1:2181].
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Address that takes TLS alone, as HOST:PORT; needs -Dssl.keyStore.location=FILE.
    #[arg(long, value_name = "ADDR")]
    listen_secure: Option<String>,
    /// Directory of the log and the snapshots; made if it is not there [default: ./pinfold-data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A zoo.cfg of ZooKeeper.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Java's way to set a property: -Dname=value, any number of times.
    #[arg(short = 'D', value_name = "NAME=VALUE")]
    properties: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("PINFOLD_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let serve = match arguments.command {
        Command::Serve(serve) => serve,
        Command::HandOver { leader } => return hand_over(&leader),
        Command::Lock(lock) => return commands::run(commands::lock(&lock)),
        Command::Elect(elect) => return commands::run(commands::elect(&elect)),
        Command::Queue(queue) => return commands::run(commands::queue(&queue)),
        Command::Guarded(guarded) => return commands::guarded(&guarded),
        Command::Log(command) => return offline::run_log(&command),
        Command::Snapshot(command) => return offline::run_snapshot(&command),
    };
    match run(&serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pinfold: {error}");
            ExitCode::FAILURE
        }
    }
}

fn hand_over(leader: &str) -> ExitCode {
    let mut answer = String::new();
    let asked = TcpStream::connect(leader).and_then(|mut stream| {
        stream.write_all(b"hand")?;
        stream.read_to_string(&mut answer)
    });
    match asked {
        Ok(_) if answer.starts_with("handed over") => {
            print!("pinfold: {answer}");
            ExitCode::SUCCESS
        }
        Ok(_) if answer.is_empty() => failed(leader, "no answer; it may take TLS alone"),
        Ok(_) => failed(leader, answer.trim_end()),
        Err(error) => failed(leader, &error.to_string()),
    }
}

fn failed(leader: &str, reason: &str) -> ExitCode {
    eprintln!("pinfold: {leader}: {reason}");
    ExitCode::FAILURE
}

fn settings(serve: &Serve) -> Result<Config, ServerError> {
    let mut config = match &serve.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    for variable in FLAG_VARIABLES {
        if let Ok(flags) = std::env::var(variable) {
            config.properties(variable, &flags)?;
        }
    }
    for property in &serve.properties {
        let (name, value) = property.split_once('=').unwrap_or((property, ""));
        config.property("command line", name, value)?;
    }
    if let Some(listen) = &serve.listen {
        config.listen = listen.clone();
    }
    if let Some(listen) = &serve.listen_secure {
        config.tls.listen = Some(listen.clone());
    }
    if let Some(data_dir) = &serve.data_dir {
        config.data_dir = data_dir.clone();
    }
    Ok(config)
}

/// Starts the server; `None` when a signal came first. A server of a new ensemble waits for the
/// others until then.
async fn start(
    config: Config,
    interrupt: &mut Signal,
    terminate: &mut Signal,
) -> Result<Option<Server>, ServerError> {
    let starting = tokio::task::spawn_blocking(|| Server::builder().config(config).start());
    tokio::select! {
        started = starting => started.map_err(|_| ServerError::Panicked)?.map(Some),
        _ = interrupt.recv() => Ok(None),
        _ = terminate.recv() => Ok(None),
    }
}

fn run(serve: &Serve) -> Result<(), ServerError> {
    let config = settings(serve)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServerError::Thread)?;
    // Before the server starts, so that an early signal is not lost.
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        (
            signal(SignalKind::interrupt()).map_err(ServerError::Thread)?,
            signal(SignalKind::terminate()).map_err(ServerError::Thread)?,
        )
    };
    let Some(server) = runtime.block_on(start(config, &mut interrupt, &mut terminate))? else {
        // The start may still wait for other servers on its own thread.
        runtime.shutdown_background();
        return Ok(());
    };
    // Whoever started us may have gone; that is no reason to stop.
    let mut stdout = std::io::stdout();
    let _ = writeln!(stdout, "pinfold: serving on {}", server.address());
    if let Some(secure) = server.secure_address() {
        let _ = writeln!(stdout, "pinfold: serving TLS on {secure}");
    }
    let _ = stdout.flush();
    runtime.block_on(async {
        tokio::select! {
            _ = interrupt.recv() => tracing::info!("interrupted, stopping"),
            _ = terminate.recv() => tracing::info!("terminated, stopping"),
            () = server.failed() => {}
        }
    });
    server.stop()
}
