//! The task queue, and its claims without a master.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use pinfold_client as core;
use pinfold_recipes::{
    Cause, Claim, DeadLetter, Failure, Latency, Progress, QueueCounts, QueueMetrics, Results,
    SubmitOptions, TaskId, TaskProgress, TaskQueue, TaskResult,
};
use tokio::sync::Mutex;

use super::held::Recipe;
use super::{Recipes, lock, unknown};
use crate::argument::Call;
use crate::error::code;
use crate::value::{Field, Record};
use crate::{Error, RecipeEvent, RecipeEventKind, Value};

/// A claimed task; its loss is told once.
struct Claimed {
    claim: Claim,
    told: AtomicBool,
}

/// What becomes of the tasks of a queue, or how far one of them is.
struct Following(Mutex<Source>);

enum Source {
    Results(Results),
    Progress(Progress),
}

impl Recipe for Claimed {
    const CALLED: &'static str = "a claim";

    async fn next(&self) -> Option<RecipeEvent> {
        let (cause, reason) = self.claim.lost().await;
        let is_news = !self.told.swap(true, Ordering::AcqRel);
        is_news.then(|| RecipeEvent {
            reason: why(cause, &reason),
            ..RecipeEvent::task(RecipeEventKind::Revoked, &self.claim.task)
        })
    }

    async fn end(self) -> Result<(), core::Error> {
        self.claim.leave().await
    }
}

impl Recipe for Following {
    const CALLED: &'static str = "a watch of a queue";

    async fn next(&self) -> Option<RecipeEvent> {
        let event = match &mut *self.0.lock().await {
            Source::Results(results) => results.next().await?.map(ended),
            Source::Progress(progress) => progress.next().await?.map(came_to),
        };
        Some(event.unwrap_or_else(|error| RecipeEvent {
            reason: error.to_string(),
            ..RecipeEvent::of(RecipeEventKind::SessionLost)
        }))
    }

    async fn end(self) -> Result<(), core::Error> {
        Ok(())
    }
}

impl Recipes {
    pub(super) async fn run_queue(&self, ticket: u64, mut call: Call) -> Result<Value, Error> {
        match call.operation().name {
            "queue_submit" => {
                let (queue, payload) = (self.queue(&mut call), call.bytes("payload"));
                let task = queue.submit(payload, submit_options(&mut call)?).await?;
                Ok(Value::Task(task.to_string()))
            }
            "queue_submit_many" => {
                let (queue, payloads) = (self.queue(&mut call), call.payloads("payloads"));
                let options = submit_options(&mut call)?;
                let batch = payloads.into_iter().map(|payload| (payload, options.clone()));
                let tasks = queue.submit_batch(batch.collect()).await?;
                Ok(Value::Paths(tasks.iter().map(ToString::to_string).collect()))
            }
            "queue_results" => {
                let results = self.queue(&mut call).results();
                self.keep(ticket, Following(Mutex::new(Source::Results(results))));
                Ok(Value::Recipe(ticket))
            }
            "queue_progress" => {
                let task = task_id(&call.text("task"))?;
                let progress = self.queue(&mut call).progress(&task);
                self.keep(ticket, Following(Mutex::new(Source::Progress(progress))));
                Ok(Value::Recipe(ticket))
            }
            "queue_ignore" => self.stop::<Following>(call.handle()).await,
            "queue_result" => {
                let task = task_id(&call.text("task"))?;
                result(self.queue(&mut call).result(&task).await?)
            }
            "queue_counts" => Ok(Value::Record(counts(self.queue(&mut call).counts().await?))),
            "queue_claim" => {
                let worker = call.text("worker");
                let abilities = call.texts("abilities");
                let claim = self.queue(&mut call).claim_able(&worker, &abilities).await?;
                let record = Record::new([
                    ("recipe", Field::Handle(ticket)),
                    ("task", Field::Text(claim.task.to_string())),
                    ("payload", Field::Bytes(claim.payload.clone())),
                    ("attempt", Field::Int(claim.attempt)),
                ]);
                self.keep(ticket, Claimed { claim, told: AtomicBool::new(false) });
                Ok(Value::Record(record))
            }
            "claim_complete" => {
                let result = call.bytes("result");
                self.settle(call.handle(), async |claim| claim.complete(result).await).await
            }
            "claim_fail" => {
                let failure = failure(&mut call);
                self.settle(call.handle(), async |claim| claim.fail(failure).await).await
            }
            "claim_progress" => {
                let recipe = call.handle();
                let claimed = self.held::<Claimed>(recipe)?.borrow(recipe).await?;
                claimed.claim.progress(&call.bytes("data")).await?;
                Ok(Value::Done)
            }
            "claim_release" => {
                self.settle(call.handle(), async |claim| claim.release().await).await
            }
            _ => self.run_upkeep(call).await,
        }
    }

    /// What whoever looks after a queue does.
    async fn run_upkeep(&self, mut call: Call) -> Result<Value, Error> {
        let queue = self.queue(&mut call);
        match call.operation().name {
            "queue_pause" => queue.pause().await?,
            "queue_resume" => queue.resume().await?,
            "queue_is_paused" => return Ok(Value::Bool(queue.is_paused().await?)),
            "queue_drain" => return Ok(Value::Record(counts(queue.drain().await?))),
            "queue_metrics" => return Ok(Value::Record(metrics(&queue.metrics().await?))),
            "queue_forget_results" | "queue_forget_dead" => {
                let age = Duration::from_millis(call.milliseconds("age_ms")?);
                let forgotten = match call.operation().name {
                    "queue_forget_dead" => queue.forget_dead(age).await?,
                    _ => queue.forget_results(age).await?,
                };
                return Ok(Value::Number(forgotten.try_into().unwrap_or(i64::MAX)));
            }
            "queue_dead_letters" => {
                let after = match call.text("after").as_str() {
                    "" => None,
                    task => Some(task_id(task)?),
                };
                let limit = usize::try_from(call.u32("limit")).unwrap_or(usize::MAX);
                let letters = queue.dead_letters(after.as_ref(), limit).await?;
                return Ok(Value::Records(letters.into_iter().map(letter).collect()));
            }
            _ => return self.run_on_task(&queue, call).await,
        }
        Ok(Value::Done)
    }

    async fn run_on_task(&self, queue: &TaskQueue, mut call: Call) -> Result<Value, Error> {
        let task = task_id(&call.text("task"))?;
        match call.operation().name {
            "queue_cancel" => Ok(Value::Bool(queue.cancel(&task, &call.text("reason")).await?)),
            "queue_replay" => Ok(Value::Task(queue.replay(&task).await?.to_string())),
            "queue_forget" => Ok(Value::Bool(queue.forget(&task).await?)),
            _ => Err(unknown(&call)),
        }
    }

    /// Brings a claim to an end; its handle stays only where the outcome is open.
    async fn settle(
        &self,
        recipe: u64,
        end: impl AsyncFnOnce(&Claim) -> Result<(), core::Error>,
    ) -> Result<Value, Error> {
        let claim = self.held::<Claimed>(recipe)?.borrow(recipe).await?;
        let result = end(&claim.claim).await;
        drop(claim);
        let open = matches!(&result, Err(error) if error.outcome() == core::Outcome::MaybeApplied);
        if !open {
            let settled = lock(&self.running).remove(&recipe);
            if let Some(settled) = settled {
                settled.end().await?;
            }
        }
        result?;
        Ok(Value::Done)
    }

    fn queue(&self, call: &mut Call) -> TaskQueue {
        let mut queues = lock(&self.queues);
        queues
            .entry(call.text("root"))
            .or_insert_with_key(|root| TaskQueue::new(self.session.clone(), root))
            .clone()
    }
}

fn result(done: TaskResult) -> Result<Value, Error> {
    let task = done.task.to_string();
    match done.result {
        Ok(result) => Ok(Value::Record(Record::new([
            ("task", Field::Text(task)),
            ("attempt", Field::Int(done.attempt)),
            ("worker", Field::Text(done.worker)),
            ("result", Field::Bytes(result)),
        ]))),
        Err(reason) => Err(Error::new(code::TASK_FAILED, format!("task {task}: {reason}"))),
    }
}

fn ended(done: TaskResult) -> RecipeEvent {
    let TaskResult { task, attempt, worker, result } = done;
    let (kind, payload, reason) = match result {
        Ok(payload) => (RecipeEventKind::TaskCompleted, payload, String::new()),
        Err(reason) => (RecipeEventKind::TaskDead, Bytes::new(), reason),
    };
    RecipeEvent { attempt, worker, payload, reason, ..RecipeEvent::task(kind, task) }
}

fn came_to(progress: TaskProgress) -> RecipeEvent {
    let TaskProgress { task, attempt, worker, data, .. } = progress;
    let kind = RecipeEventKind::TaskProgress;
    RecipeEvent { attempt, worker, payload: data, ..RecipeEvent::task(kind, task) }
}

fn long(number: u64) -> Field {
    Field::Long(i64::try_from(number).unwrap_or(i64::MAX))
}

fn metrics(metrics: &QueueMetrics) -> Record {
    let (counts, oldest) = (&metrics.counts, metrics.oldest_waiting_ms);
    let mut fields = vec![
        ("waiting", long(counts.waiting)),
        ("assigned", long(counts.assigned)),
        ("done", long(counts.done)),
        ("dead", long(counts.dead)),
        ("workers", long(counts.workers)),
        ("is_paused", Field::Bool(metrics.is_paused)),
        ("oldest_waiting_ms", oldest.map_or(Field::Long(-1), long)),
    ];
    let Latency { count, mean_ms, median_ms, p95_ms, max_ms } = metrics.waited;
    fields.extend([
        ("waited_count", long(count)),
        ("waited_mean_ms", long(mean_ms)),
        ("waited_median_ms", long(median_ms)),
        ("waited_p95_ms", long(p95_ms)),
        ("waited_max_ms", long(max_ms)),
    ]);
    let Latency { count, mean_ms, median_ms, p95_ms, max_ms } = metrics.worked;
    fields.extend([
        ("worked_count", long(count)),
        ("worked_mean_ms", long(mean_ms)),
        ("worked_median_ms", long(median_ms)),
        ("worked_p95_ms", long(p95_ms)),
        ("worked_max_ms", long(max_ms)),
    ]);
    Record::new(fields)
}

fn letter(letter: DeadLetter) -> Record {
    Record::new([
        ("task", Field::Text(letter.task.to_string())),
        ("attempt", Field::Int(letter.attempt)),
        ("worker", Field::Text(letter.worker)),
        ("cause", Field::Text(cause_name(letter.cause).to_owned())),
        ("reason", Field::Text(letter.reason)),
        ("ended_ms", Field::Long(letter.ended_ms)),
        ("payload", Field::Bytes(letter.payload)),
    ])
}

fn counts(counts: QueueCounts) -> Record {
    let number = |count: u64| Field::Int(u32::try_from(count).unwrap_or(u32::MAX));
    Record::new([
        ("waiting", number(counts.waiting)),
        ("assigned", number(counts.assigned)),
        ("done", number(counts.done)),
        ("dead", number(counts.dead)),
        ("workers", number(counts.workers)),
        ("master", counts.master.map_or(Field::Null, Field::Bytes)),
    ])
}

fn submit_options(call: &mut Call) -> Result<SubmitOptions, Error> {
    let attempts = call.u32("max_attempts");
    let not_before = call.number("not_before_ms");
    let key = call.text("key");
    Ok(SubmitOptions {
        max_attempts: (attempts != 0).then_some(attempts),
        initial_backoff_ms: call.milliseconds("initial_backoff_ms")?,
        backoff_factor: call.real("backoff_factor"),
        max_backoff_ms: call.milliseconds("max_backoff_ms")?,
        delay_ms: call.milliseconds("delay_ms")?,
        not_before_ms: (not_before != 0).then_some(not_before),
        // The table has checked the range.
        priority: call.number("priority") as i32,
        needs: call.texts("needs"),
        key: (!key.is_empty()).then_some(key),
        schedule_to_start_ms: call.milliseconds("schedule_to_start_ms")?,
        start_to_close_ms: call.milliseconds("start_to_close_ms")?,
        heartbeat_ms: call.milliseconds("heartbeat_ms")?,
    })
}

/// What a worker says of an attempt that came to nothing.
pub(super) fn failure(call: &mut Call) -> Failure {
    Failure { reason: call.text("reason"), retryable: call.truth("retryable") }
}

/// Why a task was taken away, in words.
pub(super) fn why(cause: Cause, reason: &str) -> String {
    let cause = cause_name(cause);
    match reason {
        "" => cause.to_owned(),
        reason => format!("{cause}: {reason}"),
    }
}

fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Failed => "failed",
        Cause::Vanished => "vanished",
        Cause::Deadline => "deadline",
        Cause::Cancelled => "cancelled",
        Cause::Unreadable => "unreadable",
    }
}

pub(super) fn task_id(task: &str) -> Result<TaskId, Error> {
    TaskId::parse(task).ok_or_else(|| {
        Error::invalid_argument(format!("{task:?} is no task's id; those begin with t-"))
    })
}
