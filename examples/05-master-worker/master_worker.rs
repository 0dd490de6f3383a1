//! A master and workers that count lines, words and bytes.
//!
//! ```text
//! master_worker [HOSTS]                  the whole story in one process
//! master_worker master HOSTS ROOT ID     one master candidate, until SIGINT or SIGTERM
//! master_worker worker HOSTS ROOT ID     one worker: a task is the path of a file
//! ```

use bytes::Bytes;
use pinfold_client::{Client, Options};
use pinfold_recipes::{
    Assignment, Master, MasterEvent, MasterOptions, TaskQueue, Worker, WorkerEvent, WorkerOptions,
    submit,
};
use pinfold_server::Server;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinSet, block_in_place};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["master", hosts, root, id] => run_master(hosts, root, id).await,
        ["worker", hosts, root, id] => run_worker(hosts, root, id).await,
        [hosts] => run_story(hosts).await,
        [] => {
            let server = Server::start()?;
            run_story(&server.address()).await?;
            server.stop()?;
            Ok(())
        }
        _ => Err("usage: master_worker [HOSTS] | master|worker HOSTS ROOT ID".into()),
    }
}

/// Lines are newlines; words are runs of bytes other than space, \t, \n, \v, \f and \r.
fn count(data: &[u8]) -> Bytes {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let lines = data.iter().filter(|byte| **byte == b'\n').count();
    let words = data.split(blank).filter(|word| !word.is_empty()).count();
    let bytes = data.len();
    format!("{{\"lines\":{lines},\"words\":{words},\"bytes\":{bytes}}}").into()
}

async fn run_story(hosts: &str) -> Outcome {
    let root = "/app";
    let client = Client::connect(Options::new(hosts)).await?;
    let master = Master::start(&client, root, MasterOptions::new("m1")).await?;
    let mut workers = Vec::new();
    for id in ["w1", "w2"] {
        let worker = Arc::new(Worker::start(&client, root, WorkerOptions::new(id, 2)).await?);
        let working = tokio::spawn(work(worker.clone(), |payload| Ok(count(&payload)), None));
        workers.push((worker, working));
    }

    let texts = ["one", "two words", "three words here", "", "a b c d", "tab\tand newline\n"];
    let mut tasks = Vec::new();
    for text in texts {
        tasks.push(submit(&client, root, Bytes::from(text)).await?);
    }
    let queue = TaskQueue::new(client.clone(), root);
    for (number, task) in (1..).zip(&tasks) {
        let found: serde_json::Value = serde_json::from_slice(&queue.result(task).await?.result?)?;
        let (lines, words, bytes) = (&found["lines"], &found["words"], &found["bytes"]);
        println!("task {number}: {lines} lines, {words} words, {bytes} bytes");
    }
    println!("done: {} tasks, {} workers, 1 master", tasks.len(), workers.len());

    for (worker, working) in workers {
        working.abort();
        // Nobody else holds it once its task has ended, whichever way that was.
        let _ = working.await;
        if let Ok(worker) = Arc::try_unwrap(worker) {
            worker.stop().await?;
        }
    }
    master.stop().await?;
    client.close().await?;
    Ok(())
}

/// Handles what a worker is given until it ends. Results are committed while the next task is
/// being handled.
async fn work(
    worker: Arc<Worker>,
    handle: impl Fn(Bytes) -> Result<Bytes, String>,
    named: Option<String>,
) {
    let mut commits = JoinSet::new();
    while let Some(event) = worker.next().await {
        if let (WorkerEvent::Revoked { task, .. }, Some(id)) = (&event, &named) {
            println!("worker {id} lost {task}");
        }
        let WorkerEvent::Assigned(Assignment { task, payload, .. }) = event else { continue };
        if let Some(id) = &named {
            println!("worker {id} task {task}");
        }
        // The client shares the runtime's threads: it goes on while this one reads and counts.
        let (worker, handled) = (worker.clone(), block_in_place(|| handle(payload)));
        commits.spawn(async move {
            match handled {
                Ok(result) => worker.complete(&task, result).await,
                Err(reason) => worker.fail(&task, reason).await,
            }
        });
        // An error says that the task is not ours any more; then somebody else does it.
        while commits.try_join_next().is_some() {}
    }
}

async fn run_master(hosts: &str, root: &str, id: &str) -> Outcome {
    let client = Client::connect(Options::new(hosts)).await?;
    let master = Master::start(&client, root, MasterOptions::new(id)).await?;
    let events = async {
        while let Some(event) = master.next().await {
            if let MasterEvent::Elected { token } = event {
                println!("master {id} elected {token}");
            }
        }
    };
    tokio::select! {
        () = events => {}
        signal = ended() => signal?,
    }
    master.stop().await?;
    client.close().await?;
    Ok(())
}

async fn run_worker(hosts: &str, root: &str, id: &str) -> Outcome {
    let client = Client::connect(Options::new(hosts)).await?;
    let worker = Arc::new(Worker::start(&client, root, WorkerOptions::new(id, 32)).await?);
    println!("worker {id} ready");
    tokio::select! {
        () = work(worker.clone(), |path| count_file(&path), Some(id.to_owned())) => {}
        signal = ended() => signal?,
    }
    if let Ok(worker) = Arc::try_unwrap(worker) {
        worker.stop().await?;
    }
    client.close().await?;
    Ok(())
}

fn count_file(path: &[u8]) -> Result<Bytes, String> {
    let path = std::str::from_utf8(path).map_err(|error| error.to_string())?;
    let data = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(count(&data))
}

async fn ended() -> std::io::Result<()> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
