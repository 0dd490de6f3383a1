//! `cargo x failover`: how long writes wait when the leader is killed, and what clients notice.

use crate::fault::Doing;
use crate::fleet::{Choice, Fleet, Plan};
use crate::{Fallible, Fault};
use pinfold_client::{Acl, Client, CreateMode, Options};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

const SERVING_WITHIN: Duration = Duration::from_secs(90);
/// One write is tried for this long.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);
/// Between two rounds, so that no fault falls into the end of the one before.
const CALM: Duration = Duration::from_secs(1);

/// Kill the leader again and again, at default timeouts, and time the first accepted write
///
/// Clients with a session on every server wait meanwhile. Then followers are killed, and clients
/// of the other servers must notice nothing. Exit status 1 when a session was lost, or a client
/// noticed more than the loss of its own connection.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often the leader is killed
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// How often a follower is killed
    #[arg(long, default_value_t = 5)]
    followers: u32,
    /// How many servers
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=9))]
    nodes: u8,
    #[command(flatten)]
    choice: Choice,
    /// The figures as one line of JSON
    #[arg(long)]
    json: bool,
}

/// What came of it. Times are from the kill to the first write that was accepted after it.
#[derive(Debug, Default, serde::Serialize)]
struct Figures {
    kills: u32,
    times_ms: Vec<u64>,
    shortest_ms: u64,
    median_ms: u64,
    ninetieth_ms: u64,
    longest_ms: u64,
    sessions: usize,
    sessions_kept: usize,
    followers_killed: u32,
    writes_beside_killed_followers: u64,
    errors_beside_killed_followers: u64,
}

pub(crate) fn run(args: Args) -> Fallible {
    let binary = args.choice.binary()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let folder = tempfile::tempdir().doing("making a temporary folder")?;
    let figures = runtime.doing("starting the runtime")?.block_on(interruptible(
        &args,
        &binary,
        folder.path(),
    ));
    figures.and_then(|figures| tell(&figures, args.json))
}

async fn interruptible(args: &Args, binary: &Path, folder: &Path) -> Fallible<Figures> {
    let mut interrupt = signal(SignalKind::interrupt()).doing("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).doing("listening for SIGTERM")?;
    tokio::select! {
        figures = measure(args, binary, folder) => figures,
        _ = interrupt.recv() => Err(Fault::new("interrupted")),
        _ = terminate.recv() => Err(Fault::new("terminated")),
    }
}

/// A session with an ephemeral node, by which it can be told whether it was kept.
pub(crate) struct Witness {
    client: Client,
    session: i64,
    ephemeral: String,
}

impl Witness {
    async fn new(hosts: &str, name: &str) -> Fallible<Witness> {
        let mut options = Options::new(hosts);
        options.connect_timeout = SERVING_WITHIN;
        let client = Client::connect(options).await?;
        let session = client.session().ok_or_else(|| Fault::new("there is no session"))?.id;
        let ephemeral = format!("/failover/{name}");
        client.create(&ephemeral, "", CreateMode::Ephemeral, &Acl::open_unsafe()).await?;
        Ok(Witness { client, session, ephemeral })
    }

    async fn is_kept(&self) -> bool {
        let found = tokio::time::timeout(WRITTEN_WITHIN, async {
            loop {
                match self.client.exists(&self.ephemeral).await {
                    Ok(found) => return found.map(|stat| stat.ephemeral_owner),
                    Err(_) if self.client.state().is_final() => return None,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        found.await.is_ok_and(|owner| owner == Some(self.session))
    }
}

/// A session on each of these servers.
pub(crate) async fn witnesses(hosts: &[&str]) -> Fallible<Vec<Witness>> {
    let mut options = Options::new(hosts.join(","));
    options.connect_timeout = SERVING_WITHIN;
    let first = Client::connect(options).await?;
    first.create("/failover", "", CreateMode::Persistent, &Acl::open_unsafe()).await?;
    first.close().await?;
    let mut witnesses = Vec::new();
    for node in 0..hosts.len() {
        // The first address is where it goes while that server runs.
        let mut hosts = hosts.to_vec();
        hosts.rotate_left(node);
        witnesses.push(Witness::new(&hosts.join(","), &format!("w{node}")).await?);
    }
    Ok(witnesses)
}

/// Writes until one is accepted that was sent after `since`.
async fn written(client: &Client, since: Instant) -> Fallible<Duration> {
    while since.elapsed() < WRITTEN_WITHIN {
        match client.set("/failover", "", -1).await {
            Ok(_) => return Ok(since.elapsed()),
            Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
    Err(Fault::new(format!("no write was accepted within {} s", WRITTEN_WITHIN.as_secs())))
}

async fn measure(args: &Args, binary: &Path, folder: &Path) -> Fallible<Figures> {
    // Nothing but the timeouts that a zoo.cfg without any setting has.
    let plan = Plan { servers: args.nodes.into(), ..Plan::default() };
    let mut fleet = Fleet::start(binary, folder, &plan).await?;
    fleet.serving(SERVING_WITHIN).await?;
    let hosts: Vec<&str> = (0..fleet.len()).map(|node| fleet.address(node)).collect();
    let witnesses = witnesses(&hosts).await?;
    let mut figures = Figures { kills: args.kills, ..Figures::default() };
    for round in 1..=args.kills {
        tokio::time::sleep(CALM).await;
        let leader = fleet.leader(SERVING_WITHIN).await?;
        let killed = Instant::now();
        fleet.kill(leader).await?;
        let took = accepted(&witnesses, killed).await?;
        eprintln!("[{round}/{}] server {} killed, {} ms", args.kills, leader + 1, took.as_millis());
        figures.times_ms.push(took.as_millis() as u64);
        fleet.launch(leader)?;
        fleet.serving(SERVING_WITHIN).await?;
    }
    figures.sessions = witnesses.len();
    for witness in &witnesses {
        figures.sessions_kept += usize::from(witness.is_kept().await);
    }
    for _ in 0..args.followers {
        spare_others(&mut fleet, &mut figures).await?;
    }
    fleet.stop().await;
    figures.summarise();
    Ok(figures)
}

/// The first write of anybody.
pub(crate) async fn accepted(witnesses: &[Witness], killed: Instant) -> Fallible<Duration> {
    let mut trying = tokio::task::JoinSet::new();
    for witness in witnesses {
        let client = witness.client.clone();
        trying.spawn(async move { written(&client, killed).await });
    }
    match trying.join_next().await {
        Some(first) => first?,
        None => Err(Fault::new("there is no session")),
    }
}

/// Kills a follower while clients of the other servers write.
async fn spare_others(fleet: &mut Fleet, figures: &mut Figures) -> Fallible {
    tokio::time::sleep(CALM).await;
    let leader = fleet.leader(SERVING_WITHIN).await?;
    let killed = (leader + 1) % fleet.len();
    let mut clients = Vec::new();
    for node in (0..fleet.len()).filter(|node| *node != killed) {
        clients.push(Client::connect(Options::new(fleet.address(node))).await?);
    }
    fleet.kill(killed).await?;
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        for client in &clients {
            match client.set("/failover", "", -1).await {
                Ok(_) => figures.writes_beside_killed_followers += 1,
                Err(error) => {
                    eprintln!("beside a killed follower: {error}");
                    figures.errors_beside_killed_followers += 1;
                }
            }
        }
    }
    figures.followers_killed += 1;
    fleet.launch(killed)?;
    fleet.serving(SERVING_WITHIN).await
}

impl Figures {
    fn summarise(&mut self) {
        let mut sorted = self.times_ms.clone();
        sorted.sort_unstable();
        let at = |part: usize| sorted.get(sorted.len().saturating_sub(1) * part / 100).copied();
        self.shortest_ms = at(0).unwrap_or_default();
        self.median_ms = at(50).unwrap_or_default();
        self.ninetieth_ms = at(90).unwrap_or_default();
        self.longest_ms = at(100).unwrap_or_default();
    }
}

fn tell(figures: &Figures, json: bool) -> Fallible {
    if json {
        println!("{}", serde_json::to_string(figures)?);
    } else {
        println!(
            "leader killed {} times: first accepted write after {} ms at the median ({} to {} ms, \
             nine of ten within {} ms); {} of {} sessions kept",
            figures.kills,
            figures.median_ms,
            figures.shortest_ms,
            figures.longest_ms,
            figures.ninetieth_ms,
            figures.sessions_kept,
            figures.sessions
        );
        println!(
            "follower killed {} times: {} writes of clients of the other servers, {} errors",
            figures.followers_killed,
            figures.writes_beside_killed_followers,
            figures.errors_beside_killed_followers
        );
    }
    if figures.sessions_kept < figures.sessions {
        return Err(Fault::new("a session was lost"));
    }
    match figures.errors_beside_killed_followers {
        0 => Ok(()),
        errors => Err(Fault::new(format!("{errors} errors of clients of other servers"))),
    }
}
