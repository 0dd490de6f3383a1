//! What goes wrong half-way: the leading master, a worker in the middle of a task, the server.

use super::stage::Stage;
use super::{gauge, submitter};
use crate::fault::Doing;
use crate::{Fallible, Fault};
use std::time::{Duration, Instant};

/// How long each recovery may take before the demo is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a stopped worker may wait for a task to have in its hands.
const IN_HAND: Duration = Duration::from_secs(3);

/// What was done and how long each recovery took.
#[derive(Debug, Clone, Default)]
pub(super) struct Damage {
    pub(super) master: String,
    pub(super) successor: String,
    pub(super) master_gap: Duration,
    pub(super) worker: String,
    pub(super) in_hand: usize,
    pub(super) worker_gap: Duration,
    pub(super) server_gap: Duration,
}

/// Kills one after the other, each when the one before has been recovered from. More tasks are
/// submitted in between, so that everything happens under load.
pub(super) async fn strike(stage: &mut Stage) -> Fallible<Damage> {
    let mut damage = Damage::default();
    strike_master(stage, &mut damage).await?;
    strike_worker(stage, &mut damage).await?;
    strike_server(stage, &mut damage).await?;
    Ok(damage)
}

async fn strike_master(stage: &mut Stage, damage: &mut Damage) -> Fallible {
    damage.master = std::mem::take(&mut stage.master);
    stage.crew.kill(&damage.master)?;
    let killed = Instant::now();
    stage.progress.tell(format!("kill -9 {}, which is the master", damage.master));
    stage.submit(20);
    while stage.master.is_empty() {
        patient(killed, "a new master")?;
        stage.turn().await?;
    }
    damage.successor = stage.master.clone();
    damage.master_gap = stage.elected.saturating_duration_since(killed);
    Ok(())
}

async fn strike_worker(stage: &mut Stage, damage: &mut Damage) -> Fallible {
    damage.worker = "worker-python".into();
    // Stopped first: what it has then stays in its hands until the kill.
    stage.crew.freeze(&damage.worker)?;
    stage.submit(10);
    let stopped = Instant::now();
    while stopped.elapsed() < IN_HAND && damage.in_hand == 0 {
        let read = gauge::in_hand(&stage.client, submitter::ROOT, &damage.worker).await;
        damage.in_hand = read.doing("reading the worker's assignments")?;
        stage.turn().await?;
    }
    stage.crew.kill(&damage.worker)?;
    let killed = Instant::now();
    let (worker, in_hand) = (&damage.worker, damage.in_hand);
    stage.progress.tell(format!("kill -9 {worker}, with {in_hand} tasks in its hands"));
    loop {
        patient(killed, "giving the worker's tasks to others")?;
        stage.turn().await?;
        let read = gauge::in_hand(&stage.client, submitter::ROOT, &damage.worker).await;
        if read.doing("reading the worker's assignments")? == 0 {
            break;
        }
    }
    damage.worker_gap = killed.elapsed();
    let seconds = damage.worker_gap.as_secs_f64();
    stage.progress.tell(format!("its tasks were taken back after {seconds:.1} s"));
    Ok(())
}

async fn strike_server(stage: &mut Stage, damage: &mut Damage) -> Fallible {
    // The rest comes in while the server goes down: a submission is not lost either, nor doubled.
    stage.submit(100);
    stage.turn().await?;
    let done = stage.reading.done;
    let killed = Instant::now();
    stage.kill_server()?;
    stage.progress.tell("kill -9 the server; starting it again on the same data");
    stage.restart_server()?;
    loop {
        patient(killed, "the work to go on after the server's restart")?;
        stage.turn().await?;
        if stage.reading.done > done || stage.is_idle() {
            break;
        }
    }
    damage.server_gap = killed.elapsed();
    let seconds = damage.server_gap.as_secs_f64();
    stage.progress.tell(format!("the work goes on, {seconds:.1} s after the kill"));
    Ok(())
}

fn patient(since: Instant, what: &str) -> Fallible {
    if since.elapsed() < PATIENCE {
        return Ok(());
    }
    Err(Fault::new(format!("waited {PATIENCE:?} for {what}")))
}
