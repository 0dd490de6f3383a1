//! `pinfold queue`: tasks from a shell.

use std::ffi::OsString;
use std::io::{IsTerminal, Read, Write};
use std::time::Duration;

use bytes::Bytes;
use clap::{Args, Subcommand};
use pinfold_client::SessionState;
use pinfold_recipes::{Claim, QueueCounts, SubmitOptions, TaskId, TaskQueue, TaskResult};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Failure;
use super::child::Program;
use super::session::Session;

mod operator;

use operator::{Cancel, Chosen, Drain, Told, Whole};

/// What a program has for its farewell.
const FAREWELL: Duration = Duration::from_secs(1);
/// How much of what a failed program said is kept as the reason.
const REASON: usize = 1_000;

/// Commands about a task queue.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Submits a task and prints its id.
    Submit(Submit),
    /// Does tasks: runs a program for each, with the task as its input; what it prints is the
    /// result.
    ///
    /// A program that fails fails the attempt: the task is tried again, and is given up with what
    /// the program said after the last attempt. Works with and without a master. SIGINT and
    /// SIGTERM end it after the task in hand.
    Work(Work),
    /// Says how many tasks are where, and who is there.
    Ls(Show),
    /// Shows a task's result, once there is one.
    Show(ShowTask),
    /// Says how many tasks are where, how long they wait and how long they take.
    Metrics(Told),
    /// Gives nothing out until `resume`; what is in hand goes on.
    Pause(Whole),
    /// Lets the queue go on.
    Resume(Whole),
    /// Waits until no task waits and none is in hand.
    Drain(Drain),
    /// Makes tasks dead letters, wherever they are; a program that works on one is stopped. Status
    /// 1 when it was too late for one of them.
    Cancel(Cancel),
    /// Lists the tasks that were given up, with the reasons.
    Dead(Told),
    /// Submits tasks that were given up again, and prints their new ids.
    Replay(Chosen),
    /// Removes results and dead letters, with their idempotence keys.
    Forget(Chosen),
}

/// What `queue submit` is given.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// Root znode of the queue; made where it is missing.
    root: String,
    /// The task; standard input if it is not given.
    payload: Option<String>,
    #[command(flatten)]
    session: Session,
    /// Attempts before it is given up [default: what the master says].
    #[arg(long, value_name = "NUMBER")]
    max_attempts: Option<u32>,
    /// Higher first.
    #[arg(long, default_value_t = 0, value_name = "NUMBER", allow_negative_numbers = true)]
    priority: i32,
    /// Not to be given to anybody for so long.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    delay_ms: u64,
    /// Idempotence key: the same task again while its record is there.
    #[arg(long)]
    key: Option<String>,
    /// Waits for the result and prints it instead of the id.
    #[arg(long)]
    wait: bool,
}

/// What `queue work` is given.
#[derive(Debug, Args)]
pub(crate) struct Work {
    /// Root znode of the queue; made where it is missing.
    root: String,
    #[command(flatten)]
    session: Session,
    /// Name of this worker [default: the host's name and the process's number].
    #[arg(long)]
    id: Option<String>,
    /// Ends after so many tasks.
    #[arg(long, value_name = "NUMBER")]
    tasks: Option<u64>,
    /// The program and its arguments. PINFOLD_TASK in its environment is the task's id,
    /// PINFOLD_ATTEMPT counts from 1, PINFOLD_TOKEN is the fencing token.
    #[arg(last = true, required = true, value_name = "CMD")]
    program: Vec<OsString>,
}

/// What `queue ls` is given.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Root znode of the queue.
    root: String,
    #[command(flatten)]
    session: Session,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `queue show` is given.
#[derive(Debug, Args)]
pub(crate) struct ShowTask {
    /// Root znode of the queue.
    root: String,
    /// The task's id.
    task: String,
    #[command(flatten)]
    session: Session,
    /// Prints one JSON object; a result that is no text is told in hexadecimal digits.
    #[arg(long)]
    json: bool,
}

/// Carries a command out.
pub(crate) async fn run(command: &QueueCommand) -> Result<u8, Failure> {
    match command {
        QueueCommand::Submit(submit) => self::submit(submit).await,
        QueueCommand::Work(work) => self::work(work).await,
        QueueCommand::Ls(show) => ls(show).await,
        QueueCommand::Show(show) => self::show(show).await,
        QueueCommand::Metrics(told) => operator::metrics(told).await,
        QueueCommand::Pause(whole) => operator::hold(whole, true).await,
        QueueCommand::Resume(whole) => operator::hold(whole, false).await,
        QueueCommand::Drain(drain) => operator::drain(drain).await,
        QueueCommand::Cancel(cancel) => operator::cancel(cancel).await,
        QueueCommand::Dead(told) => operator::dead(told).await,
        QueueCommand::Replay(chosen) => operator::replay(chosen).await,
        QueueCommand::Forget(chosen) => operator::forget(chosen).await,
    }
}

async fn submit(arguments: &Submit) -> Result<u8, Failure> {
    let payload = match &arguments.payload {
        Some(payload) => Bytes::from(payload.clone()),
        None => {
            let mut input = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut input);
            read.map_err(|error| Failure::System(format!("standard input: {error}")))?;
            Bytes::from(input)
        }
    };
    let client = arguments.session.connect().await?;
    let queue = TaskQueue::new(client.clone(), &arguments.root);
    let options = SubmitOptions {
        max_attempts: arguments.max_attempts,
        priority: arguments.priority,
        delay_ms: arguments.delay_ms,
        key: arguments.key.clone(),
        ..SubmitOptions::default()
    };
    let task = queue.submit(payload, options).await?;
    let status = match arguments.wait {
        true => tell(&queue.result(&task).await?, false)?,
        false => {
            print(format!("{task}\n").as_bytes())?;
            0
        }
    };
    let _ = client.close().await;
    Ok(status)
}

async fn ls(arguments: &Show) -> Result<u8, Failure> {
    let client = arguments.session.connect().await?;
    let counts = TaskQueue::new(client.clone(), &arguments.root).counts().await?;
    print(written(&counts, arguments.json).as_bytes())?;
    let _ = client.close().await;
    Ok(0)
}

/// Counts as one JSON object, or as a table.
fn written(counts: &QueueCounts, json: bool) -> String {
    let master = counts.master.as_ref().map(|master| String::from_utf8_lossy(master));
    let QueueCounts { waiting, assigned, done, dead, workers, .. } = counts;
    if json {
        let counts = serde_json::json!({
            "waiting": waiting,
            "assigned": assigned,
            "done": done,
            "dead": dead,
            "workers": workers,
            "master": master,
        });
        return format!("{counts}\n");
    }
    let master = master.as_deref().unwrap_or("none");
    format!(
        "waiting   {waiting}\nassigned  {assigned}\ndone      {done}\ndead      {dead}\n\
         workers   {workers}\nmaster    {master}\n"
    )
}

/// The id of a task as it was given.
fn task_id(task: &str) -> Result<TaskId, Failure> {
    TaskId::parse(task).ok_or_else(|| {
        Failure::System(format!("{task:?} is no task's id; those are t- and a number"))
    })
}

async fn show(arguments: &ShowTask) -> Result<u8, Failure> {
    let task = task_id(&arguments.task)?;
    let client = arguments.session.connect().await?;
    let queue = TaskQueue::new(client.clone(), &arguments.root);
    let status = tell(&queue.result(&task).await?, arguments.json)?;
    let _ = client.close().await;
    Ok(status)
}

/// Prints what became of a task; the status says whether it was done.
fn tell(result: &TaskResult, json: bool) -> Result<u8, Failure> {
    let status = u8::from(result.result.is_err());
    if json {
        let text = |bytes: &Bytes| match std::str::from_utf8(bytes) {
            Ok(text) => ("result", text.to_owned()),
            Err(_) => ("hex", bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        };
        let (name, what) = match &result.result {
            Ok(bytes) => text(bytes),
            Err(reason) => ("dead", reason.clone()),
        };
        let line = serde_json::json!({
            "task": result.task.as_str(),
            "attempt": result.attempt,
            "worker": result.worker,
            name: what,
        });
        print(format!("{line}\n").as_bytes())?;
        return Ok(status);
    }
    match &result.result {
        Ok(bytes) => print(bytes)?,
        Err(reason) => eprintln!("pinfold: {} was given up: {reason}", result.task),
    }
    Ok(status)
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| match out.is_terminal() {
        // A result without an end of line would run into the prompt.
        true if !bytes.ends_with(b"\n") => out.write_all(b"\n"),
        _ => out.flush(),
    });
    written.map_err(|error| Failure::System(format!("standard output: {error}")))
}

/// How often SIGINT or SIGTERM came: after the first nothing new is begun, after the second what
/// is in hand is stopped.
fn stops() -> Result<watch::Receiver<u32>, Failure> {
    let system = |error: std::io::Error| Failure::System(error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
    let (tell, stops) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            tell.send_modify(|count| *count += 1);
        }
    });
    Ok(stops)
}

/// Resolves when the signal has come so often.
async fn stopped(stops: &mut watch::Receiver<u32>, times: u32) {
    // The sender lives as long as the runtime.
    let _ = stops.wait_for(|count| *count >= times).await;
}

async fn work(arguments: &Work) -> Result<u8, Failure> {
    let mut stops = stops()?;
    let mut client = arguments.session.connect().await?;
    let id = arguments.id.clone().unwrap_or_else(own_name);
    let mut queue = TaskQueue::new(client.clone(), &arguments.root);
    let mut done = 0;
    while arguments.tasks.is_none_or(|tasks| done < tasks) {
        let claimed = tokio::select! {
            biased;
            () = stopped(&mut stops, 1) => break,
            claimed = queue.claim(&id) => claimed,
        };
        match claimed {
            Ok(claim) => attempt(&arguments.program, &claim, &mut stops).await?,
            Err(_) if client.state() == SessionState::Expired => {
                tracing::warn!("the session has expired; goes on in a new one");
                client = client.renew().await?;
                queue = TaskQueue::new(client.clone(), &arguments.root);
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        done += 1;
    }
    let _ = client.close().await;
    Ok(0)
}

/// One program for one task. What the server says to its end is told and is no reason to stop:
/// the task goes to somebody else then.
async fn attempt(
    words: &[OsString],
    claim: &Claim,
    stops: &mut watch::Receiver<u32>,
) -> Result<(), Failure> {
    let variables = [
        ("PINFOLD_TASK", claim.task.to_string()),
        ("PINFOLD_ATTEMPT", claim.attempt.to_string()),
        ("PINFOLD_TOKEN", claim.token().to_string()),
    ];
    let mut program = Program::start(words, &variables, true)?;
    let ended = tokio::select! {
        biased;
        () = stopped(stops, 2) => Err("stopped".to_owned()),
        (_, reason) = claim.lost() => Err(reason),
        ended = converse(&mut program, &claim.payload) => Ok(ended?),
    };
    let settled = match ended {
        Ok((0, out, _)) => claim.complete(out).await,
        Ok((status, _, err)) => {
            let said = String::from_utf8_lossy(&err[err.len().saturating_sub(REASON)..]);
            claim.fail(format!("exit status {status}: {}", said.trim())).await
        }
        Err(reason) => {
            program.stop(FAREWELL).await;
            tracing::warn!(task = %claim.task, reason, "the program was stopped");
            claim.release().await
        }
    };
    if let Err(error) = settled {
        tracing::warn!(task = %claim.task, %error, "the task is left to others");
    }
    Ok(())
}

/// Gives the program its input and takes what it says: its status, output and complaints.
async fn converse(program: &mut Program, input: &Bytes) -> Result<(u8, Bytes, Bytes), Failure> {
    let child = program.child();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let give = async {
        if let Some(mut stdin) = stdin {
            // A program that does not want its input may close it.
            let _ = stdin.write_all(input).await;
        }
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let hear = async {
        if let Some(mut stdout) = stdout {
            stdout.read_to_end(&mut out).await?;
        }
        std::io::Result::Ok(())
    };
    let complain = async {
        if let Some(mut stderr) = stderr {
            stderr.read_to_end(&mut err).await?;
        }
        std::io::Result::Ok(())
    };
    let ((), heard, complained) = tokio::join!(give, hear, complain);
    heard.and(complained).map_err(|error| Failure::System(format!("the program: {error}")))?;
    let status = program.ended().await?;
    Ok((status, out.into(), err.into()))
}

fn own_name() -> String {
    let host = rustix::system::uname();
    format!("{}-{}", host.nodename().to_string_lossy(), std::process::id())
}
