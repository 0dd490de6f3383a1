//! Barriers, double barriers and counters.

use std::sync::atomic::{AtomicBool, Ordering};

use pinfold_client as core;
use pinfold_recipes::{Barrier, Counter, DoubleBarrier, Round};

use super::held::Recipe;
use super::{Recipes, lock, unknown};
use crate::argument::Call;
use crate::{Error, RecipeEvent, RecipeEventKind, Value};

/// A round of a double barrier; its loss is told once.
struct Inside {
    round: Round,
    told: AtomicBool,
}

impl Recipe for Inside {
    const CALLED: &'static str = "a round of a double barrier";

    async fn next(&self) -> Option<RecipeEvent> {
        let reason = self.round.lost().await;
        let is_news = !self.told.swap(true, Ordering::AcqRel);
        is_news.then(|| RecipeEvent { reason, ..RecipeEvent::of(RecipeEventKind::Lost) })
    }

    async fn end(self) -> Result<(), core::Error> {
        self.round.leave().await
    }
}

impl Recipes {
    pub(super) async fn run_barrier(&self, ticket: u64, mut call: Call) -> Result<Value, Error> {
        match call.operation().name {
            "barrier_set" => self.barrier(&mut call).set().await?,
            "barrier_remove" => self.barrier(&mut call).remove().await?,
            "barrier_is_set" => {
                return Ok(Value::Bool(self.barrier(&mut call).is_set().await?));
            }
            "barrier_wait" => self.barrier(&mut call).wait().await?,
            "double_barrier_enter" => {
                let members = call.u32("members");
                let path = call.text("path");
                let barrier = DoubleBarrier::new(self.session.clone(), &path, members);
                let round = barrier.enter().await?;
                self.keep(ticket, Inside { round, told: AtomicBool::new(false) });
                return Ok(Value::Recipe(ticket));
            }
            "double_barrier_leave" => return self.stop::<Inside>(call.handle()).await,
            _ => return Err(unknown(&call)),
        }
        Ok(Value::Done)
    }

    pub(super) async fn run_counter(&self, mut call: Call) -> Result<Value, Error> {
        let counter = self.counter(&mut call);
        match call.operation().name {
            "counter_get" => Ok(Value::Number(counter.get().await?)),
            "counter_add" => Ok(Value::Number(counter.add(call.number("addend")).await?)),
            "counter_set" => {
                counter.set(call.number("number")).await?;
                Ok(Value::Done)
            }
            "counter_compare_and_set" => {
                let (expected, number) = (call.number("expected"), call.number("number"));
                Ok(Value::Bool(counter.compare_and_set(expected, number).await?))
            }
            _ => Err(unknown(&call)),
        }
    }

    fn barrier(&self, call: &mut Call) -> Barrier {
        Barrier::new(self.session.clone(), &call.text("path"))
    }

    fn counter(&self, call: &mut Call) -> Counter {
        let mut counters = lock(&self.counters);
        counters
            .entry(call.text("path"))
            .or_insert_with_key(|path| Counter::new(self.session.clone(), path))
            .clone()
    }
}
