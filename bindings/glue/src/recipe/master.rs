//! The master of a master-worker application.

use std::sync::Arc;
use std::time::Duration;

use pinfold_client as core;
use pinfold_recipes::{LeastLoaded, Master, MasterEvent, MasterOptions, RoundRobin, Strategy};

use super::held::Recipe;
use super::{Recipes, unknown};
use crate::argument::Call;
use crate::{Error, RecipeEvent, RecipeEventKind as Kind, Value};

impl Recipe for Master {
    const CALLED: &'static str = "a master";

    async fn next(&self) -> Option<RecipeEvent> {
        Master::next(self).await.map(event)
    }

    async fn end(self) -> Result<(), core::Error> {
        self.stop().await
    }
}

impl Recipes {
    pub(super) async fn run_master(
        &self,
        ticket: u64,
        verb: &str,
        mut call: Call,
    ) -> Result<Value, Error> {
        match verb {
            "start" => {
                let strategy: Arc<dyn Strategy> = match call.number("strategy") {
                    1 => Arc::new(RoundRobin::default()),
                    _ => Arc::new(LeastLoaded),
                };
                let options = MasterOptions {
                    max_attempts: call.u32("max_attempts"),
                    strategy,
                    retention: age(call.milliseconds("keep_results_ms")?),
                    dead_retention: age(call.milliseconds("keep_dead_ms")?),
                    ..MasterOptions::new(call.text("id"))
                };
                let master = Master::start(&self.session, &call.text("root"), options).await?;
                self.keep(ticket, master);
                Ok(Value::Recipe(ticket))
            }
            "stop" => self.stop::<Master>(call.handle()).await,
            _ => Err(unknown(&call)),
        }
    }
}

/// 0 is for ever.
fn age(milliseconds: u64) -> Option<Duration> {
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds))
}

fn event(event: MasterEvent) -> RecipeEvent {
    let worker = |kind, worker| RecipeEvent { worker, ..RecipeEvent::of(kind) };
    match event {
        MasterEvent::Elected { token } => {
            RecipeEvent { token, ..RecipeEvent::of(Kind::MasterElected) }
        }
        MasterEvent::Deposed { reason } => {
            RecipeEvent { reason, ..RecipeEvent::of(Kind::MasterDeposed) }
        }
        MasterEvent::WorkerJoined { worker: id } => worker(Kind::WorkerJoined, id),
        MasterEvent::WorkerLeft { worker: id } => worker(Kind::WorkerLeft, id),
        MasterEvent::Assigned { task, worker } => {
            RecipeEvent { worker, ..RecipeEvent::task(Kind::TaskAssigned, task) }
        }
        MasterEvent::Reassigned { task, from } => {
            RecipeEvent { worker: from, ..RecipeEvent::task(Kind::TaskReassigned, task) }
        }
        MasterEvent::Completed { task, worker } => {
            RecipeEvent { worker, ..RecipeEvent::task(Kind::TaskCompleted, task) }
        }
        MasterEvent::Dead { task, reason } => {
            RecipeEvent { reason, ..RecipeEvent::task(Kind::TaskDead, task) }
        }
    }
}
