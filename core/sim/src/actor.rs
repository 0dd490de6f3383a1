//! A runtime of its own for each server and each client, with a clock that stands still unless
//! it is told to go on.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Milliseconds that pass at once. What one does, another sees in the next step at the earliest.
pub(crate) const STEP_MS: u64 = 2;

/// Tasks that share a thread and a clock.
pub(crate) struct Actor {
    runtime: Runtime,
    /// Until then nothing happens here.
    paused_until_ms: u64,
    /// Milliseconds that have passed elsewhere and not here.
    behind_ms: u64,
}

impl Actor {
    /// The seed decides what goes first of all that is ready at the same time, where the build
    /// is that of `cargo x sim`; in others the runtime itself does.
    pub(crate) fn new(seed: u64) -> Result<Actor, String> {
        watch_panics();
        let mut builder = Builder::new_current_thread();
        builder.enable_time().start_paused(true);
        #[cfg(tokio_unstable)]
        builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_le_bytes()));
        #[cfg(not(tokio_unstable))]
        let _ = seed;
        let runtime = builder.build().map_err(|error| error.to_string())?;
        Ok(Actor { runtime, paused_until_ms: 0, behind_ms: 0 })
    }

    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.spawn(work)
    }

    /// Nothing happens here until then. The clock jumps when it is over, as after SIGCONT.
    pub(crate) fn pause(&mut self, until_ms: u64) {
        self.paused_until_ms = self.paused_until_ms.max(until_ms);
    }

    /// Lets a step pass.
    pub(crate) fn step(&mut self, now_ms: u64) -> Result<(), String> {
        if now_ms < self.paused_until_ms {
            self.behind_ms += STEP_MS;
            return Ok(());
        }
        let behind_ms = std::mem::take(&mut self.behind_ms);
        self.runtime.block_on(async {
            if behind_ms > 0 {
                tokio::time::advance(Duration::from_millis(behind_ms)).await;
            }
            tokio::time::sleep(Duration::from_millis(STEP_MS)).await;
        });
        match PANIC.take() {
            Some(panic) => Err(format!("a panic: {panic}")),
            None => Ok(()),
        }
    }

    /// What came of a task that has ended.
    pub(crate) fn finish<T>(&self, task: JoinHandle<T>) -> Result<T, String> {
        self.runtime.block_on(task).map_err(|error| error.to_string())
    }
}

/// A panic in any task counts, also where the runtime would swallow it.
fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_ours = tokio::runtime::Handle::try_current().is_ok();
            if is_ours {
                PANIC.set(Some(info.to_string()));
            } else {
                before(info);
            }
        }));
    });
}
