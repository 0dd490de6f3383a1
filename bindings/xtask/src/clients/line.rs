//! One lock, and one election, shared with kazoo and with Curator: whoever is inside is alone.
//!
//! Everybody who gets in makes a znode that nobody else may have made, and adds a letter to a
//! record by a read and a write, of which one would be lost if two were inside.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pinfold_client::{Acl, Client, CreateMode, Options};
use pinfold_conformance::process::ServerProcess;
use pinfold_recipes::{ElectionLayout, LeaderElection, Lock, LockLayout};

use super::{Launcher, java, kazoo_with};
use crate::fault::Doing;
use crate::{Fallible, Fault, oracle, step, workspace};

/// How often each gets in.
const ROUNDS: usize = 25;
/// Clients of ours in the line, beside the one of the other library.
const OURS: usize = 2;

/// A library that shares a line with us.
struct Other {
    name: &'static str,
    letter: char,
    launcher: Launcher,
    lock: LockLayout,
    election: ElectionLayout,
}

/// Shares lines on both servers.
pub(super) fn tell_all(only: Option<&str>, failed: &mut Vec<String>) {
    let others = others();
    for server in ["zookeeper", "pinfold"] {
        let named = if server == "zookeeper" { "oracle" } else { server };
        if only.is_some_and(|only| only != named) {
            continue;
        }
        if server == "zookeeper"
            && let Some(why) = oracle::missing()
        {
            step::left_out("lines with kazoo and Curator on Apache ZooKeeper", why);
            continue;
        }
        for other in &others {
            for kind in ["lock", "election"] {
                let what = format!("{kind} with {} on {server}", other.name);
                match share(server, other, kind) {
                    Ok(()) => {
                        println!("{what}: ok");
                        step::count(1, 0);
                    }
                    Err(fault) => {
                        println!("{what}: FAILED");
                        step::count(0, 1);
                        failed.push(format!("{what}: {fault}"));
                    }
                }
            }
        }
    }
}

fn others() -> Vec<Other> {
    let mut others = Vec::new();
    match kazoo_with("kazoo_line.py") {
        Ok(launcher) => others.push(Other {
            name: "kazoo",
            letter: 'k',
            launcher,
            lock: LockLayout::Kazoo,
            election: ElectionLayout::Kazoo,
        }),
        Err(why) => step::left_out("lines with kazoo", why),
    }
    match java("CuratorLine") {
        Ok(launcher) => others.push(Other {
            name: "Curator",
            letter: 'c',
            launcher,
            lock: LockLayout::Curator,
            election: ElectionLayout::CuratorLatch,
        }),
        Err(why) => step::left_out("lines with Curator", why),
    }
    others
}

fn share(server: &str, other: &Other, kind: &str) -> Fallible {
    let place = tempfile::tempdir().doing("making a temporary folder")?;
    let process = match server {
        "zookeeper" => ServerProcess::zookeeper(&oracle::jars()?, place.path(), 0),
        _ => {
            let binary = workspace::server_binary()?;
            ServerProcess::pinfold_with(&binary, place.path(), 0, &[], Stdio::inherit())
        }
    };
    let process = process.map_err(Fault::new)?;
    let address = process.address();
    let runtime = tokio::runtime::Runtime::new().doing("starting a runtime")?;
    let client = runtime.block_on(prepare(address)).map_err(refused)?;
    let mut command: Command = (other.launcher)(address)?;
    command.args([kind, &ROUNDS.to_string()]);
    let mut theirs = Running(command.spawn().doing(other.name)?);
    let ours = (0..OURS).map(|_| {
        runtime.spawn(take_part(address.to_owned(), kind == "lock", other.lock, other.election))
    });
    let ours: Vec<_> = ours.collect();
    for one in ours {
        let ended = runtime.block_on(one).map_err(|error| Fault::new(error.to_string()))?;
        ended.map_err(refused)?;
    }
    let status = theirs.0.wait().doing(other.name)?;
    if !status.success() {
        return Err(Fault::new(format!("{}: {status}", other.name)));
    }
    let (record, _) = runtime.block_on(client.get("/mixed/record")).map_err(refused)?;
    let left = runtime.block_on(client.get_children("/mixed/line")).map_err(refused)?.0;
    check(&String::from_utf8_lossy(&record), other.letter, &left)
}

/// The program of the other library, killed if we give up before it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn refused(error: pinfold_client::Error) -> Fault {
    Fault::new(error.to_string())
}

async fn prepare(address: &str) -> Result<Client, pinfold_client::Error> {
    let client = Client::connect(Options::new(address)).await?;
    for path in ["/mixed", "/mixed/line", "/mixed/record"] {
        client.create(path, "", CreateMode::Persistent, &Acl::open_unsafe()).await?;
    }
    Ok(client)
}

async fn take_part(
    address: String,
    is_lock: bool,
    lock: LockLayout,
    election: ElectionLayout,
) -> Result<(), pinfold_client::Error> {
    let client = Client::connect(Options::new(address)).await?;
    let lock = Lock::new(client.clone(), "/mixed/line").with_layout(lock);
    let election = LeaderElection::new(client.clone(), "/mixed/line").with_layout(election);
    // The other library's program takes a while to start: nobody is alone in the line.
    while client.get_children("/mixed/line").await?.0.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..ROUNDS {
        let hold = match is_lock {
            true => lock.acquire("pinfold".into()).await?,
            false => election.campaign("pinfold".into()).await?.into(),
        };
        let mode = CreateMode::Ephemeral;
        client.create("/mixed/inside", "", mode, &Acl::open_unsafe()).await?;
        let (record, _) = client.get("/mixed/record").await?;
        let record = [&record[..], b"p"].concat();
        client.set("/mixed/record", record, -1).await?;
        client.delete("/mixed/inside", -1).await?;
        hold.release().await?;
    }
    client.close().await
}

/// Whether everybody was in as often as asked, and in turns.
fn check(record: &str, letter: char, left: &[String]) -> Fallible {
    let count = |wanted: char| record.chars().filter(|one| *one == wanted).count();
    let (ours, theirs) = (count('p'), count(letter));
    if (ours, theirs) != (ROUNDS * OURS, ROUNDS) {
        let message = format!("{ours} of ours and {theirs} of theirs are in the record {record}");
        return Err(Fault::new(message));
    }
    let turns = record.as_bytes().windows(2).filter(|pair| pair[0] != pair[1]).count();
    if turns < ROUNDS / 2 {
        return Err(Fault::new(format!("they did not take turns: {record}")));
    }
    if !left.is_empty() {
        return Err(Fault::new(format!("left in the line: {}", left.join(", "))));
    }
    Ok(())
}
