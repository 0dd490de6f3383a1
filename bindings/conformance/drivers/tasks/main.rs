//! `pinfold-tasks`: tasks to committed results by core/recipes, with four workers.
//! PROGRAM master|claims ADDRESS WINDOW BYTES WARM SECONDS, as the programs of `cargo x bench`.
//!
//! Every result is looked at; one that is wrong or an error ends the program without a figure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pinfold_client::{Client, Options};
use pinfold_conformance::load::processor_time;
use pinfold_recipes::{
    Assignment, Master, MasterOptions, TaskQueue, Worker, WorkerEvent, WorkerOptions,
};
use tokio::task::JoinSet;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const WORKERS: usize = 4;
/// Tasks that one worker has in its hands at a time under a master.
const CAPACITY: u32 = 32;
/// And without one.
const CLAIMS: usize = 8;
const ROOT: &str = "/rust-tasks";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [way, address, window, bytes, warm, seconds] = &arguments[..] else {
        return Err("usage: master|claims ADDRESS WINDOW BYTES WARM SECONDS".into());
    };
    let client = Client::connect(Options::new(address)).await?;
    let mut crew = JoinSet::new();
    let master = match way.as_str() {
        "master" => Some(Master::start(&client, ROOT, MasterOptions::new("m1")).await?),
        _ => None,
    };
    for number in 0..WORKERS {
        let (client, id) = (Client::connect(Options::new(address)).await?, format!("w{number}"));
        match &master {
            Some(_) => drop(crew.spawn(work(client, id))),
            None => drop(crew.spawn(claim(client, id))),
        }
    }
    let queue = TaskQueue::new(client.clone(), ROOT);
    let payload = Bytes::from(vec![b'x'; bytes.parse()?]);
    let window = window.parse()?;
    let time = |text: &str| Outcome::Ok(Duration::try_from_secs_f64(text.parse()?)?);
    batches(&queue, &mut crew, window, &payload, time(warm)?).await?;
    let spent = processor_time(std::process::id())?;
    let (operations, took) = batches(&queue, &mut crew, window, &payload, time(seconds)?).await?;
    let figures = serde_json::json!({
        "operations": operations,
        "seconds": took.as_secs_f64(),
        "processor": (processor_time(std::process::id())? - spent).as_secs_f64(),
    });
    println!("{figures}");
    // The sessions end with the process.
    std::process::exit(0)
}

/// Submits and waits for so long; how many, and how long it took.
async fn batches(
    queue: &TaskQueue,
    crew: &mut JoinSet<Outcome>,
    window: usize,
    payload: &Bytes,
    time: Duration,
) -> Outcome<(u64, Duration)> {
    let (begun, mut operations) = (Instant::now(), 0);
    while begun.elapsed() < time {
        let tasks = queue.submit_many(vec![payload.clone(); window]).await?;
        let mut results = JoinSet::new();
        for task in tasks {
            let queue = queue.clone();
            results.spawn(async move { queue.result(&task).await });
        }
        while let Some(result) = results.join_next().await {
            let result = result??.result?;
            if result.len() != payload.len() {
                return Err(format!("{} bytes instead of {}", result.len(), payload.len()).into());
            }
            operations += 1;
        }
        if let Some(ended) = crew.try_join_next() {
            ended??;
            return Err("a worker ended".into());
        }
    }
    Ok((operations, begun.elapsed()))
}

async fn work(client: Client, id: String) -> Outcome {
    let worker = Worker::start(&client, ROOT, WorkerOptions::new(id, CAPACITY)).await?;
    let worker = Arc::new(worker);
    let mut commits = JoinSet::new();
    while let Some(event) = worker.next().await {
        let WorkerEvent::Assigned(assignment) = event else { continue };
        commits.spawn(commit(Arc::clone(&worker), assignment));
        while let Some(committed) = commits.try_join_next() {
            committed??;
        }
    }
    Ok(())
}

async fn commit(worker: Arc<Worker>, assignment: Assignment) -> Outcome {
    let result = assignment.payload.to_ascii_uppercase();
    Ok(worker.complete(&assignment, result.into()).await?)
}

async fn claim(client: Client, id: String) -> Outcome {
    let queue = TaskQueue::new(client, ROOT);
    let mut claims: JoinSet<Outcome> = JoinSet::new();
    for _ in 0..CLAIMS {
        let (queue, id) = (queue.clone(), id.clone());
        claims.spawn(async move {
            loop {
                let claim = queue.claim(&id).await?;
                claim.complete(claim.payload.to_ascii_uppercase().into()).await?;
            }
        });
    }
    claims.join_next().await.transpose()?.unwrap_or(Ok(()))
}
