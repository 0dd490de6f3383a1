//! What an operator does to a queue: holding it, waiting for its end, and what was given up.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use pinfold_client::{Client, ErrorCode};
use pinfold_recipes::{Cause, DeadLetter, Latency, QueueMetrics, TaskId, TaskQueue};

use super::{print, task_id, written};
use crate::commands::Failure;
use crate::commands::session::Session;

/// Dead letters that are asked for at the same time.
const PART: usize = 256;

/// A queue, and nothing else.
#[derive(Debug, Args)]
pub(crate) struct Whole {
    /// Root znode of the queue.
    root: String,
    #[command(flatten)]
    session: Session,
}

/// What `queue drain` is given.
#[derive(Debug, Args)]
pub(crate) struct Drain {
    #[command(flatten)]
    queue: Whole,
    /// Gives up after so many milliseconds; status 124 then.
    #[arg(long, value_name = "MS")]
    wait_ms: Option<u64>,
}

/// What `queue metrics` and `queue dead` are given.
#[derive(Debug, Args)]
pub(crate) struct Told {
    #[command(flatten)]
    queue: Whole,
    /// Prints JSON: one object a line.
    #[arg(long)]
    json: bool,
}

/// What `queue cancel` is given.
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// Root znode of the queue.
    root: String,
    /// The tasks' ids.
    #[arg(required = true)]
    tasks: Vec<String>,
    #[command(flatten)]
    session: Session,
    /// What the dead letter says.
    #[arg(long, default_value = "cancelled from the command line")]
    reason: String,
}

/// What `queue replay` and `queue forget` are given.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Root znode of the queue.
    root: String,
    /// The tasks' ids.
    #[arg(required_unless_present = "all_dead")]
    tasks: Vec<String>,
    /// Every dead letter that there is now.
    #[arg(long, conflicts_with = "tasks")]
    all_dead: bool,
    #[command(flatten)]
    session: Session,
}

impl Whole {
    async fn open(&self) -> Result<(Client, TaskQueue), Failure> {
        open(&self.session, &self.root).await
    }
}

async fn open(session: &Session, root: &str) -> Result<(Client, TaskQueue), Failure> {
    let client = session.connect().await?;
    let queue = TaskQueue::new(client.clone(), root);
    Ok((client, queue))
}

/// Holds the queue, or lets it go on.
pub(crate) async fn hold(arguments: &Whole, held: bool) -> Result<u8, Failure> {
    let (client, queue) = arguments.open().await?;
    match held {
        true => queue.pause().await?,
        false => queue.resume().await?,
    }
    let _ = client.close().await;
    Ok(0)
}

pub(crate) async fn drain(arguments: &Drain) -> Result<u8, Failure> {
    let (client, queue) = arguments.queue.open().await?;
    let counts = match arguments.wait_ms {
        None => queue.drain().await?,
        Some(wait_ms) => {
            let drained = tokio::time::timeout(Duration::from_millis(wait_ms), queue.drain());
            drained.await.map_err(|_| {
                let root = &arguments.queue.root;
                Failure::Late(format!("{root} had tasks left after {wait_ms} ms"))
            })??
        }
    };
    print(written(&counts, false).as_bytes())?;
    let _ = client.close().await;
    Ok(0)
}

pub(crate) async fn metrics(arguments: &Told) -> Result<u8, Failure> {
    let (client, queue) = arguments.queue.open().await?;
    let metrics = queue.metrics().await?;
    let text = match arguments.json {
        true => json(&metrics),
        false => table(&metrics),
    };
    print(text.as_bytes())?;
    let _ = client.close().await;
    Ok(0)
}

fn json(metrics: &QueueMetrics) -> String {
    let latency = |latency: &Latency| {
        serde_json::json!({
            "count": latency.count,
            "mean_ms": latency.mean_ms,
            "median_ms": latency.median_ms,
            "p95_ms": latency.p95_ms,
            "max_ms": latency.max_ms,
        })
    };
    let line = serde_json::json!({
        "waiting": metrics.counts.waiting,
        "assigned": metrics.counts.assigned,
        "done": metrics.counts.done,
        "dead": metrics.counts.dead,
        "workers": metrics.counts.workers,
        "paused": metrics.is_paused,
        "oldest_waiting_ms": metrics.oldest_waiting_ms,
        "waited": latency(&metrics.waited),
        "worked": latency(&metrics.worked),
    });
    format!("{line}\n")
}

fn table(metrics: &QueueMetrics) -> String {
    let latency = |latency: &Latency| match latency.count {
        0 => "nothing known".to_owned(),
        count => format!(
            "median {} ms, 95% {} ms, at most {} ms, of {count}",
            latency.median_ms, latency.p95_ms, latency.max_ms
        ),
    };
    let oldest = metrics.oldest_waiting_ms.map_or("none".to_owned(), |age| format!("{age} ms"));
    format!(
        "{}paused    {}\noldest    {oldest}\nwaited    {}\nworked    {}\n",
        written(&metrics.counts, false),
        if metrics.is_paused { "yes" } else { "no" },
        latency(&metrics.waited),
        latency(&metrics.worked),
    )
}

pub(crate) async fn cancel(arguments: &Cancel) -> Result<u8, Failure> {
    let tasks = ids(&arguments.tasks)?;
    let (client, queue) = open(&arguments.session, &arguments.root).await?;
    let mut status = 0;
    for task in tasks {
        if !queue.cancel(&task, &arguments.reason).await? {
            eprintln!("pinfold: {task} has ended already, or is not there");
            status = 1;
        }
    }
    let _ = client.close().await;
    Ok(status)
}

/// Lists the dead letters.
pub(crate) async fn dead(arguments: &Told) -> Result<u8, Failure> {
    let (client, queue) = arguments.queue.open().await?;
    let mut last: Option<TaskId> = None;
    loop {
        let letters = queue.dead_letters(last.as_ref(), PART).await?;
        let Some(letter) = letters.last() else { break };
        last = Some(letter.task.clone());
        let lines: String = letters.iter().map(|letter| line(letter, arguments.json)).collect();
        print(lines.as_bytes())?;
    }
    let _ = client.close().await;
    Ok(0)
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Failed => "failed",
        Cause::Vanished => "vanished",
        Cause::Deadline => "deadline",
        Cause::Cancelled => "cancelled",
        Cause::Unreadable => "unreadable",
    }
}

fn line(letter: &DeadLetter, json: bool) -> String {
    let DeadLetter { task, attempt, worker, reason, ended_ms, payload, .. } = letter;
    let cause = cause(letter.cause);
    if !json {
        let worker = if worker.is_empty() { "-" } else { worker };
        return format!("{task}  {cause:<10}  attempt {attempt}  {worker}  {}\n", one_line(reason));
    }
    let (name, payload) = readable(payload);
    let line = serde_json::json!({
        "task": task.as_str(),
        "attempt": attempt,
        "worker": worker,
        "cause": cause,
        "reason": reason,
        "ended_ms": ended_ms,
        name: payload,
    });
    format!("{line}\n")
}

/// A reason may have several lines; a list has one for each letter.
fn one_line(reason: &str) -> String {
    reason.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn readable(payload: &Bytes) -> (&'static str, String) {
    match std::str::from_utf8(payload) {
        Ok(text) => ("payload", text.to_owned()),
        Err(_) => ("hex", payload.iter().map(|byte| format!("{byte:02x}")).collect()),
    }
}

/// Submits dead letters again; each line is the new task's id.
pub(crate) async fn replay(arguments: &Chosen) -> Result<u8, Failure> {
    let (client, queue) = open(&arguments.session, &arguments.root).await?;
    for task in chosen(arguments, &queue).await? {
        match queue.replay(&task).await {
            Ok(again) => print(format!("{again}\n").as_bytes())?,
            // Somebody else replayed it since it was listed.
            Err(error) if arguments.all_dead && error.is(ErrorCode::NoNode) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let _ = client.close().await;
    Ok(0)
}

/// Removes results and dead letters.
pub(crate) async fn forget(arguments: &Chosen) -> Result<u8, Failure> {
    let (client, queue) = open(&arguments.session, &arguments.root).await?;
    let mut status = 0;
    for task in chosen(arguments, &queue).await? {
        if !queue.forget(&task).await? && !arguments.all_dead {
            eprintln!("pinfold: {task} has neither result nor dead letter");
            status = 1;
        }
    }
    let _ = client.close().await;
    Ok(status)
}

/// Listed before the first of them is touched: what is given up meanwhile is not among them.
async fn chosen(arguments: &Chosen, queue: &TaskQueue) -> Result<Vec<TaskId>, Failure> {
    if !arguments.all_dead {
        return ids(&arguments.tasks);
    }
    let mut tasks: Vec<TaskId> = Vec::new();
    loop {
        let letters = queue.dead_letters(tasks.last(), PART).await?;
        if letters.is_empty() {
            return Ok(tasks);
        }
        tasks.extend(letters.into_iter().map(|letter| letter.task));
    }
}

fn ids(tasks: &[String]) -> Result<Vec<TaskId>, Failure> {
    tasks.iter().map(|task| task_id(task)).collect()
}
