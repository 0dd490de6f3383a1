//! Client libraries, and task queues, in turn, each in a process of its own, against the same
//! server.

use super::library::{Library, Ready};
use super::measure::{Effort, Series};
use super::peer::{Kind, Peer, Programs};
use super::redis::Redis;
use super::row::Row;
use crate::fault::Doing;
use crate::{Fallible, Fault, step};
use pinfold_client::{Acl, Client, CreateMode, Options};
use pinfold_conformance::load::Figures;
use std::path::Path;

/// How long interpreters and virtual machines are warmed up.
const WARM: f64 = 1.0;

/// What a program prints.
#[derive(serde::Deserialize)]
struct Told {
    operations: u64,
    seconds: f64,
    /// Seconds that its process spent on processors meanwhile.
    processor: f64,
}

/// Everybody's figures; ours are the first.
pub(super) fn measure(
    programs: &Programs,
    row: &Row,
    libraries: &[Library],
    effort: Effort,
    folder: &Path,
) -> Fallible<Vec<Series>> {
    let mut taking_part: Vec<(Library, Ready)> = Vec::new();
    for library in libraries.iter().filter(|library| !effort.quick || library.is_ours()) {
        match library.prepare(effort.quick) {
            Ok(ready) => taking_part.push((*library, ready)),
            Err(why) if library.is_ours() => return Err(why),
            Err(why) => step::left_out(format!("{} as a peer", library.name()), why),
        }
    }
    // Celery's, if it takes part.
    let redis = start_redis(&mut taking_part, folder)?;
    let server = Peer::start(programs, Kind::Pinfold, 1, folder)?;
    prepare(&server.addresses[0], row.bytes)?;
    let named = |(library, _): &(Library, Ready)| Series::new(library.name());
    let mut all: Vec<Series> = taking_part.iter().map(named).collect();
    for _ in 0..effort.rounds {
        for ((library, ready), series) in taking_part.iter().zip(&mut all) {
            let address = match (library, &redis) {
                (Library::Celery, Some(redis)) => &redis.address,
                _ => &server.addresses[0],
            };
            series.rounds.push(run(ready, address, row, effort).doing(library.name())?);
        }
    }
    Ok(all)
}

/// Starts Redis if Celery takes part; without Redis, Celery does not.
fn start_redis(taking_part: &mut Vec<(Library, Ready)>, folder: &Path) -> Fallible<Option<Redis>> {
    if !taking_part.iter().any(|(library, _)| *library == Library::Celery) {
        return Ok(None);
    }
    match Redis::installed() {
        Ok(program) => Redis::start(&program, folder).map(Some),
        Err(why) => {
            step::left_out("Celery as a peer: Redis", why);
            taking_part.retain(|(library, _)| *library != Library::Celery);
            Ok(None)
        }
    }
}

/// Makes what is read.
fn prepare(address: &str, bytes: usize) -> Fallible {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let prepare = async {
        let client = Client::connect(Options::new(address)).await?;
        let (mode, acl) = (CreateMode::Persistent, Acl::open_unsafe());
        client.create("/bench", vec![b'x'; bytes], mode, &acl).await?;
        client.close().await
    };
    let prepared = runtime.doing("starting the runtime")?.block_on(prepare);
    prepared.map_err(|error| Fault::new(error.to_string()))
}

fn run(ready: &Ready, address: &str, row: &Row, effort: Effort) -> Fallible<Figures> {
    let mut command = ready.command();
    let warm = if effort.quick { 0.0 } else { WARM };
    let numbers = [row.window as f64, row.bytes as f64, warm, effort.seconds];
    command.arg(address).args(numbers.map(|number| number.to_string()));
    let text = step::output(&mut command)?;
    let told: Told = serde_json::from_str(text.trim()).doing("reading the figures")?;
    if told.operations == 0 {
        return Err(Fault::new("nothing was answered"));
    }
    let operations = told.operations as f64;
    Ok(Figures {
        operations: told.operations,
        seconds: told.seconds,
        per_second: operations / told.seconds,
        load_us: told.processor * 1e6 / operations,
        ..Figures::default()
    })
}
