//! A worker of a master-worker application.

use pinfold_client as core;
use pinfold_recipes::{TaskId, Worker, WorkerEvent, WorkerOptions};

use super::held::Recipe;
use super::queue::{failure, task_id, why};
use super::{Recipes, unknown};
use crate::argument::Call;
use crate::{Error, RecipeEvent, RecipeEventKind as Kind, Value};

impl Recipe for Worker {
    const CALLED: &'static str = "a worker";

    async fn next(&self) -> Option<RecipeEvent> {
        Worker::next(self).await.map(event)
    }

    async fn end(self) -> Result<(), core::Error> {
        self.stop().await
    }
}

impl Recipes {
    pub(super) async fn run_worker(
        &self,
        ticket: u64,
        verb: &str,
        mut call: Call,
    ) -> Result<Value, Error> {
        match verb {
            "start" => {
                let options = WorkerOptions::new(call.text("id"), call.u32("capacity"));
                let options = WorkerOptions { abilities: call.texts("abilities"), ..options };
                let worker = Worker::start(&self.session, &call.text("root"), options).await?;
                self.keep(ticket, worker);
                Ok(Value::Recipe(ticket))
            }
            "stop" => self.stop::<Worker>(call.handle()).await,
            "drain" => {
                let recipe = call.handle();
                self.held::<Worker>(recipe)?.borrow(recipe).await?.drain().await;
                Ok(Value::Done)
            }
            "complete" | "fail" | "release" | "progress" => self.work(verb, call).await,
            _ => Err(unknown(&call)),
        }
    }

    /// What is said of a task in hand.
    async fn work(&self, verb: &str, mut call: Call) -> Result<Value, Error> {
        let recipe = call.handle();
        let worker = self.held::<Worker>(recipe)?.borrow(recipe).await?;
        let token = call.number("token");
        let task =
            InHand { task: task_id(&call.text("task"))?, token: (token != 0).then_some(token) };
        match verb {
            "complete" => worker.complete(&task, call.bytes("result")).await?,
            "fail" => worker.fail(&task, failure(&mut call)).await?,
            "release" => worker.release(&task).await?,
            "progress" => worker.progress(&task, &call.bytes("data")).await?,
            _ => return Err(unknown(&call)),
        }
        Ok(Value::Done)
    }
}

/// Which assignment is meant.
struct InHand {
    task: TaskId,
    token: Option<i64>,
}

impl pinfold_recipes::InHand for InHand {
    fn task(&self) -> &TaskId {
        &self.task
    }

    fn token(&self) -> Option<i64> {
        self.token
    }
}

fn event(event: WorkerEvent) -> RecipeEvent {
    match event {
        WorkerEvent::Assigned(assignment) => RecipeEvent {
            payload: assignment.payload,
            attempt: assignment.attempt,
            token: assignment.token,
            ..RecipeEvent::task(Kind::Assigned, assignment.task)
        },
        WorkerEvent::Revoked { task, token, cause, reason } => RecipeEvent {
            token,
            reason: why(cause, &reason),
            ..RecipeEvent::task(Kind::Revoked, task)
        },
        WorkerEvent::SessionLost => RecipeEvent::of(Kind::SessionLost),
        WorkerEvent::SessionRenewed => RecipeEvent::of(Kind::SessionRenewed),
    }
}
