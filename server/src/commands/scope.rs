//! `pinfold lock` and `pinfold elect`: a program that runs while something is held.

use std::ffi::OsString;
use std::time::Duration;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use pinfold_client::{Client, SessionState};
use pinfold_recipes::{ElectionLayout, Hold, LeaderElection, LockLayout, ReadWriteLock, Semaphore};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use super::child::Program;
use super::session::Session;

/// What `pinfold lock` is given.
#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// The lock's znode; made where it is missing.
    path: String,
    #[command(flatten)]
    session: Session,
    /// Shares the lock with other readers, instead of having it alone.
    #[arg(long, conflicts_with = "permits")]
    read: bool,
    /// How many may have it at a time, the same number everywhere.
    #[arg(long, value_name = "NUMBER")]
    permits: Option<u32>,
    /// Gives up when others have it.
    #[arg(long, conflicts_with = "wait_ms")]
    no_wait: bool,
    /// Gives up after this long, in milliseconds.
    #[arg(long, value_name = "MS")]
    wait_ms: Option<u64>,
    /// Whose way to name the znodes, to share the lock with programs of that library.
    #[arg(long, default_value = "pinfold", conflicts_with = "permits")]
    layout: Layout,
    /// What others see of us.
    #[arg(long, default_value = "", hide_default_value = true)]
    data: String,
    /// The program and its arguments. PINFOLD_TOKEN in its environment is the fencing token,
    /// PINFOLD_ZNODE the znode of which a check makes a write refused once the lock is lost.
    #[arg(last = true, required = true, value_name = "CMD")]
    program: Vec<OsString>,
}

/// What `pinfold elect` is given.
#[derive(Debug, Args)]
pub(crate) struct Elect {
    /// The election's znode; made where it is missing.
    path: String,
    #[command(flatten)]
    session: Session,
    /// Ends when the lead is lost, instead of being a candidate again.
    #[arg(long)]
    once: bool,
    /// Whose way to name the candidates, for an election with programs of that library.
    #[arg(long, default_value = "pinfold")]
    layout: ElectLayout,
    /// What others see of the leader.
    #[arg(long, default_value = "", hide_default_value = true)]
    data: String,
    /// The program and its arguments. PINFOLD_TOKEN in its environment is the fencing token,
    /// PINFOLD_ZNODE the znode of which a check makes a write refused once the lead is lost.
    #[arg(last = true, required = true, value_name = "CMD")]
    program: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Layout {
    Pinfold,
    Curator,
    Kazoo,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ElectLayout {
    Pinfold,
    CuratorLatch,
    CuratorSelector,
    Kazoo,
}

/// Gets the lock, runs the program, gives the lock back.
pub(crate) async fn lock(arguments: &Lock) -> Result<u8, Failure> {
    let client = arguments.session.connect().await?;
    let hold = acquire(arguments, &client).await?;
    let outcome = guard(&hold, &client, &arguments.program).await;
    // A session that is over has nothing to give back.
    let _ = hold.release().await;
    let _ = client.close().await;
    match outcome? {
        End::Program(status) => Ok(status),
        End::Lost(reason) => Err(Failure::Lost(format!("the lock was lost: {reason}"))),
    }
}

async fn acquire(arguments: &Lock, client: &Client) -> Result<Hold, Failure> {
    let data = Bytes::from(arguments.data.clone());
    let layout = match arguments.layout {
        Layout::Pinfold => LockLayout::Pinfold,
        Layout::Curator => LockLayout::Curator,
        Layout::Kazoo => LockLayout::Kazoo,
    };
    let path = &arguments.path;
    let late = |path: &str| Failure::Late(format!("{path}: others have it"));
    let acquired = async {
        if let Some(permits) = arguments.permits {
            let semaphore = Semaphore::new(client.clone(), path, permits);
            return match arguments.no_wait {
                true => semaphore.try_acquire(data).await,
                false => semaphore.acquire(data).await.map(Some),
            };
        }
        if arguments.read {
            let lock = ReadWriteLock::new(client.clone(), path).with_layout(layout);
            return match arguments.no_wait {
                true => lock.try_read(data).await,
                false => lock.read(data).await.map(Some),
            };
        }
        let lock = pinfold_recipes::Lock::new(client.clone(), path).with_layout(layout);
        match arguments.no_wait {
            true => lock.try_acquire(data).await,
            false => lock.acquire(data).await.map(Some),
        }
    };
    let Some(limit) = arguments.wait_ms else {
        return acquired.await?.ok_or_else(|| late(path));
    };
    match tokio::time::timeout(Duration::from_millis(limit), acquired).await {
        Ok(acquired) => acquired?.ok_or_else(|| late(path)),
        Err(_) => {
            // The session's end takes the place in the line with it.
            let _ = client.close().await;
            Err(late(path))
        }
    }
}

/// Runs the program whenever this client leads, until the program ends by itself.
pub(crate) async fn elect(arguments: &Elect) -> Result<u8, Failure> {
    let layout = match arguments.layout {
        ElectLayout::Pinfold => ElectionLayout::Pinfold,
        ElectLayout::CuratorLatch => ElectionLayout::CuratorLatch,
        ElectLayout::CuratorSelector => ElectionLayout::CuratorSelector,
        ElectLayout::Kazoo => ElectionLayout::Kazoo,
    };
    let mut client = arguments.session.connect().await?;
    loop {
        let election = LeaderElection::new(client.clone(), &arguments.path).with_layout(layout);
        let data = Bytes::from(arguments.data.clone());
        let hold = match election.campaign(data).await {
            Ok(leadership) => Hold::from(leadership),
            Err(error) if client.state() == SessionState::Expired => {
                tracing::info!(%error, "a candidate again, on a new session");
                client = client.renew().await?;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        tracing::info!(token = hold.token(), path = arguments.path, "leads");
        let end = guard(&hold, &client, &arguments.program).await;
        let _ = hold.release().await;
        match end? {
            End::Program(status) => {
                let _ = client.close().await;
                return Ok(status);
            }
            End::Lost(reason) if arguments.once => {
                let _ = client.close().await;
                return Err(Failure::Lost(format!("the lead was lost: {reason}")));
            }
            End::Lost(reason) => tracing::warn!(reason, "the lead was lost; a candidate again"),
        }
        if client.state() == SessionState::Expired {
            client = client.renew().await?;
        }
    }
}

/// How a program's time ended.
enum End {
    Program(u8),
    Lost(String),
}

/// Runs the program while it is held. When this returns, the program has ended.
async fn guard(hold: &Hold, client: &Client, words: &[OsString]) -> Result<End, Failure> {
    let system = |error: std::io::Error| Failure::System(error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
    let variables =
        [("PINFOLD_TOKEN", hold.token().to_string()), ("PINFOLD_ZNODE", hold.path().to_owned())];
    let mut program = Program::start(words, &variables, false)?;
    loop {
        tokio::select! {
            biased;
            status = program.ended() => return Ok(End::Program(status?)),
            reason = hold.lost() => {
                // It is told a tenth of the session's timeout before the server could let others
                // in; half of that is for the program's own farewell.
                let patience = (client.session_timeout() / 20).min(Duration::from_secs(1));
                program.stop(patience).await;
                return Ok(End::Lost(reason));
            }
            _ = interrupt.recv() => program.signal(Signal::INT),
            _ = terminate.recv() => program.signal(Signal::TERM),
        }
    }
}
