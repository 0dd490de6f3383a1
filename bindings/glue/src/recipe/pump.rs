//! The tasks that carry recipes' events into the inbox.

use std::sync::Arc;

use pinfold_recipes::{Leadership, Master, MasterEvent, Worker, WorkerEvent};

use super::held::Held;
use super::{Recipes, Running, lock};
use crate::{Item, RecipeEvent, RecipeEventKind as Kind};

impl Recipes {
    /// Starts to tell the events of the recipe that `ticket` started, if it started one.
    pub(super) fn tell_events(self: &Arc<Self>, ticket: u64) {
        let recipes = self.clone();
        let mut running = lock(&self.running);
        match running.get_mut(&ticket) {
            Some(Running::Leadership(held)) => {
                let own = held.share();
                held.set_pump(self.runtime.spawn(recipes.pump_leadership(ticket, own)));
            }
            Some(Running::Master(held)) => {
                let own = held.share();
                held.set_pump(self.runtime.spawn(recipes.pump_master(ticket, own)));
            }
            Some(Running::Worker(held)) => {
                let own = held.share();
                held.set_pump(self.runtime.spawn(recipes.pump_worker(ticket, own)));
            }
            Some(Running::Claim(_)) | None => {}
        }
    }

    fn tell(&self, recipe: u64, event: RecipeEvent) {
        self.inbox.push(Item::Recipe { recipe, event });
    }

    async fn pump_leadership(self: Arc<Self>, recipe: u64, held: Held<Leadership>) {
        if let Ok(leadership) = held.borrow(recipe, "a leadership").await {
            let reason = leadership.lost().await;
            self.tell(recipe, RecipeEvent { reason, ..RecipeEvent::of(Kind::LeadershipLost) });
        }
        self.finish(recipe);
    }

    async fn pump_master(self: Arc<Self>, recipe: u64, held: Held<Master>) {
        if let Ok(master) = held.borrow(recipe, "a master").await {
            while let Some(event) = master.next().await {
                self.tell(recipe, of_master(event));
            }
        }
        self.finish(recipe);
    }

    async fn pump_worker(self: Arc<Self>, recipe: u64, held: Held<Worker>) {
        if let Ok(worker) = held.borrow(recipe, "a worker").await {
            while let Some(event) = worker.next().await {
                self.tell(recipe, of_worker(event));
            }
        }
        self.finish(recipe);
    }

    /// The recipe has ended by itself: asks it why, and tells it as its last event.
    fn finish(self: Arc<Self>, recipe: u64) {
        let Some(running) = lock(&self.running).remove(&recipe) else { return };
        let runtime = self.runtime.clone();
        // Not in the pump's own task, which `Held::take` ends.
        runtime.spawn(async move {
            let ended = match running {
                Running::Leadership(held) => super::end_leadership(held).await,
                Running::Master(held) => super::end_master(held).await,
                Running::Worker(held) => super::end_worker(held).await,
                Running::Claim(_) => Ok(()),
            };
            let reason = ended.err().map(|error| error.to_string()).unwrap_or_default();
            self.tell_ended(recipe, reason);
        });
    }
}

fn of_master(event: MasterEvent) -> RecipeEvent {
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

fn of_worker(event: WorkerEvent) -> RecipeEvent {
    match event {
        WorkerEvent::Assigned(assignment) => RecipeEvent {
            payload: assignment.payload,
            attempt: assignment.attempt,
            token: assignment.token,
            ..RecipeEvent::task(Kind::Assigned, assignment.task)
        },
        WorkerEvent::Revoked { task } => RecipeEvent::task(Kind::Revoked, task),
        WorkerEvent::SessionLost => RecipeEvent::of(Kind::SessionLost),
        WorkerEvent::SessionRenewed => RecipeEvent::of(Kind::SessionRenewed),
    }
}
