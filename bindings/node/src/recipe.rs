//! The client's operations on recipes. A recipe's handle is a plain number.

use napi::bindgen_prelude::BufferSlice;
use napi_derive::napi;
use pinfold_glue::Op;

use crate::argument::bytes;
use crate::client::NativeClient;
use crate::error::Submitted;

#[napi]
impl NativeClient {
    /// The operation `election_campaign`.
    #[napi]
    pub fn election_campaign(&self, path: String, data: BufferSlice<'_>) -> Submitted {
        self.submit(|| Ok(Op::ElectionCampaign { path, data: bytes(data) }))
    }

    /// The operation `election_resign`.
    #[napi]
    pub fn election_resign(&self, recipe: i64) -> Submitted {
        self.submit(|| Ok(Op::ElectionResign { recipe: recipe as u64 }))
    }

    /// The operation `election_leader`.
    #[napi]
    pub fn election_leader(&self, path: String) -> Submitted {
        self.submit(|| Ok(Op::ElectionLeader { path }))
    }

    /// The operation `queue_submit`.
    #[napi]
    pub fn queue_submit(&self, root: String, payload: BufferSlice<'_>) -> Submitted {
        self.submit(|| Ok(Op::QueueSubmit { root, payload: bytes(payload) }))
    }

    /// The operation `queue_result`.
    #[napi]
    pub fn queue_result(&self, root: String, task: String) -> Submitted {
        self.submit(|| Ok(Op::QueueResult { root, task }))
    }

    /// The operation `queue_counts`.
    #[napi]
    pub fn queue_counts(&self, root: String) -> Submitted {
        self.submit(|| Ok(Op::QueueCounts { root }))
    }

    /// The operation `queue_claim`.
    #[napi]
    pub fn queue_claim(&self, root: String, worker: String) -> Submitted {
        self.submit(|| Ok(Op::QueueClaim { root, worker }))
    }

    /// The operation `claim_complete`.
    #[napi]
    pub fn claim_complete(&self, recipe: i64, result: BufferSlice<'_>) -> Submitted {
        self.submit(|| Ok(Op::ClaimComplete { recipe: recipe as u64, result: bytes(result) }))
    }

    /// The operation `claim_fail`.
    #[napi]
    pub fn claim_fail(&self, recipe: i64, reason: String) -> Submitted {
        self.submit(|| Ok(Op::ClaimFail { recipe: recipe as u64, reason }))
    }

    /// The operation `claim_release`.
    #[napi]
    pub fn claim_release(&self, recipe: i64) -> Submitted {
        self.submit(|| Ok(Op::ClaimRelease { recipe: recipe as u64 }))
    }

    /// The operation `master_start`.
    #[napi]
    pub fn master_start(&self, root: String, id: String, max_attempts: u32) -> Submitted {
        self.submit(|| Ok(Op::MasterStart { root, id, max_attempts }))
    }

    /// The operation `master_stop`.
    #[napi]
    pub fn master_stop(&self, recipe: i64) -> Submitted {
        self.submit(|| Ok(Op::MasterStop { recipe: recipe as u64 }))
    }

    /// The operation `worker_start`.
    #[napi]
    pub fn worker_start(
        &self,
        root: String,
        id: String,
        capacity: u32,
        abilities: Vec<String>,
    ) -> Submitted {
        self.submit(|| Ok(Op::WorkerStart { root, id, capacity, abilities }))
    }

    /// The operation `worker_complete`.
    #[napi]
    pub fn worker_complete(&self, recipe: i64, task: String, result: BufferSlice<'_>) -> Submitted {
        let recipe = recipe as u64;
        self.submit(|| Ok(Op::WorkerComplete { recipe, task, result: bytes(result) }))
    }

    /// The operation `worker_fail`.
    #[napi]
    pub fn worker_fail(&self, recipe: i64, task: String, reason: String) -> Submitted {
        self.submit(|| Ok(Op::WorkerFail { recipe: recipe as u64, task, reason }))
    }

    /// The operation `worker_stop`.
    #[napi]
    pub fn worker_stop(&self, recipe: i64) -> Submitted {
        self.submit(|| Ok(Op::WorkerStop { recipe: recipe as u64 }))
    }
}
