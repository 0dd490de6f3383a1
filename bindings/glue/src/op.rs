//! What a host can ask for: one variant per operation of the table, with its arguments.

use bytes::Bytes;
use pinfold_client::{Acl, AddWatchMode, CreateMode, MultiOp, ReadOp, Request, WatcherType};

/// An operation with its arguments. Names, defaults and meaning are in [`crate::api`].
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the arguments' docs are the table's
pub enum Op {
    Create { path: String, data: Option<Bytes>, mode: CreateMode, acl: Vec<Acl>, ttl_ms: i64 },
    Delete { path: String, version: i32 },
    Exists { path: String, watch: bool },
    Get { path: String, watch: bool },
    Set { path: String, data: Option<Bytes>, version: i32 },
    GetChildren { path: String, watch: bool },
    GetAcl { path: String },
    SetAcl { path: String, acl: Vec<Acl>, version: i32 },
    Sync { path: String },
    Multi { ops: Vec<MultiOp> },
    MultiRead { ops: Vec<ReadOp> },
    GetEphemerals { prefix: String },
    GetAllChildrenNumber { path: String },
    WhoAmI,
    AddAuth { scheme: String, auth: Bytes },
    AddWatch { path: String, mode: AddWatchMode },
    RemoveWatches { watch: u64 },
    RemoveAllWatches { path: String, watch_type: WatcherType },
    CheckWatches { path: String, watch_type: WatcherType },
    ElectionCampaign { path: String, data: Bytes },
    ElectionResign { recipe: u64 },
    ElectionLeader { path: String },
    QueueSubmit { root: String, payload: Bytes },
    QueueResult { root: String, task: String },
    QueueCounts { root: String },
    QueueClaim { root: String, worker: String },
    ClaimComplete { recipe: u64, result: Bytes },
    ClaimFail { recipe: u64, reason: String },
    ClaimRelease { recipe: u64 },
    MasterStart { root: String, id: String, max_attempts: u32 },
    MasterStop { recipe: u64 },
    WorkerStart { root: String, id: String, capacity: u32, abilities: Vec<String> },
    WorkerComplete { recipe: u64, task: String, result: Bytes },
    WorkerFail { recipe: u64, task: String, reason: String },
    WorkerStop { recipe: u64 },
}

/// An operation sorted by who carries it out.
pub(crate) enum Carrier {
    /// One request of the session, in call order.
    Session(Request),
    /// A recipe, which makes requests of its own.
    Recipe(RecipeOp),
}

/// The operations of recipes.
pub(crate) enum RecipeOp {
    Campaign { path: String, data: Bytes },
    Resign { recipe: u64 },
    Leader { path: String },
    Submit { root: String, payload: Bytes },
    Result { root: String, task: String },
    Counts { root: String },
    Claim { root: String, worker: String },
    ClaimComplete { recipe: u64, result: Bytes },
    ClaimFail { recipe: u64, reason: String },
    ClaimRelease { recipe: u64 },
    MasterStart { root: String, id: String, max_attempts: u32 },
    MasterStop { recipe: u64 },
    WorkerStart { root: String, id: String, capacity: u32, abilities: Vec<String> },
    WorkerComplete { recipe: u64, task: String, result: Bytes },
    WorkerFail { recipe: u64, task: String, reason: String },
    WorkerStop { recipe: u64 },
}

impl Op {
    /// The operation's name in the table.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Create { .. } => "create",
            Op::Delete { .. } => "delete",
            Op::Exists { .. } => "exists",
            Op::Get { .. } => "get",
            Op::Set { .. } => "set",
            Op::GetChildren { .. } => "get_children",
            Op::GetAcl { .. } => "get_acl",
            Op::SetAcl { .. } => "set_acl",
            Op::Sync { .. } => "sync",
            Op::Multi { .. } => "multi",
            Op::MultiRead { .. } => "multi_read",
            Op::GetEphemerals { .. } => "get_ephemerals",
            Op::GetAllChildrenNumber { .. } => "get_all_children_number",
            Op::WhoAmI => "who_am_i",
            Op::AddAuth { .. } => "add_auth",
            Op::AddWatch { .. } => "add_watch",
            Op::RemoveWatches { .. } => "remove_watches",
            Op::RemoveAllWatches { .. } => "remove_all_watches",
            Op::CheckWatches { .. } => "check_watches",
            Op::ElectionCampaign { .. } => "election_campaign",
            Op::ElectionResign { .. } => "election_resign",
            Op::ElectionLeader { .. } => "election_leader",
            Op::QueueSubmit { .. } => "queue_submit",
            Op::QueueResult { .. } => "queue_result",
            Op::QueueCounts { .. } => "queue_counts",
            Op::QueueClaim { .. } => "queue_claim",
            Op::ClaimComplete { .. } => "claim_complete",
            Op::ClaimFail { .. } => "claim_fail",
            Op::ClaimRelease { .. } => "claim_release",
            Op::MasterStart { .. } => "master_start",
            Op::MasterStop { .. } => "master_stop",
            Op::WorkerStart { .. } => "worker_start",
            Op::WorkerComplete { .. } => "worker_complete",
            Op::WorkerFail { .. } => "worker_fail",
            Op::WorkerStop { .. } => "worker_stop",
        }
    }

    pub(crate) fn into_carrier(self) -> Carrier {
        use Carrier::{Recipe, Session};
        match self {
            Op::ElectionCampaign { path, data } => Recipe(RecipeOp::Campaign { path, data }),
            Op::ElectionResign { recipe } => Recipe(RecipeOp::Resign { recipe }),
            Op::ElectionLeader { path } => Recipe(RecipeOp::Leader { path }),
            Op::QueueSubmit { root, payload } => Recipe(RecipeOp::Submit { root, payload }),
            Op::QueueResult { root, task } => Recipe(RecipeOp::Result { root, task }),
            Op::QueueCounts { root } => Recipe(RecipeOp::Counts { root }),
            Op::QueueClaim { root, worker } => Recipe(RecipeOp::Claim { root, worker }),
            Op::ClaimComplete { recipe, result } => {
                Recipe(RecipeOp::ClaimComplete { recipe, result })
            }
            Op::ClaimFail { recipe, reason } => Recipe(RecipeOp::ClaimFail { recipe, reason }),
            Op::ClaimRelease { recipe } => Recipe(RecipeOp::ClaimRelease { recipe }),
            Op::MasterStart { root, id, max_attempts } => {
                Recipe(RecipeOp::MasterStart { root, id, max_attempts })
            }
            Op::MasterStop { recipe } => Recipe(RecipeOp::MasterStop { recipe }),
            Op::WorkerStart { root, id, capacity, abilities } => {
                Recipe(RecipeOp::WorkerStart { root, id, capacity, abilities })
            }
            Op::WorkerComplete { recipe, task, result } => {
                Recipe(RecipeOp::WorkerComplete { recipe, task, result })
            }
            Op::WorkerFail { recipe, task, reason } => {
                Recipe(RecipeOp::WorkerFail { recipe, task, reason })
            }
            Op::WorkerStop { recipe } => Recipe(RecipeOp::WorkerStop { recipe }),
            session => Session(session.into_request()),
        }
    }

    /// The request of an operation of the session, which every operation is that no recipe is.
    fn into_request(self) -> Request {
        match self {
            Op::Create { path, data, mode, acl, ttl_ms } => {
                Request::Create { path, data, mode, acl, ttl_ms }
            }
            Op::Delete { path, version } => Request::Delete { path, version },
            Op::Exists { path, watch } => Request::Exists { path, watch },
            Op::Get { path, watch } => Request::GetData { path, watch },
            Op::Set { path, data, version } => Request::SetData { path, data, version },
            Op::GetChildren { path, watch } => Request::GetChildren { path, watch },
            Op::GetAcl { path } => Request::GetAcl { path },
            Op::SetAcl { path, acl, version } => Request::SetAcl { path, acl, version },
            Op::Sync { path } => Request::Sync { path },
            Op::Multi { ops } => Request::Multi { ops },
            Op::MultiRead { ops } => Request::MultiRead { ops },
            Op::GetEphemerals { prefix } => Request::GetEphemerals { prefix },
            Op::GetAllChildrenNumber { path } => Request::GetAllChildrenNumber { path },
            Op::AddAuth { scheme, auth } => Request::AddAuth { scheme, auth },
            Op::AddWatch { path, mode } => Request::AddWatch { path, mode },
            Op::RemoveWatches { watch } => Request::RemoveWatches { ticket: watch },
            Op::RemoveAllWatches { path, watch_type } => {
                Request::RemoveAllWatches { path, kind: watch_type }
            }
            Op::CheckWatches { path, watch_type } => {
                Request::CheckWatches { path, kind: watch_type }
            }
            _ => Request::WhoAmI,
        }
    }
}
