//! What one connection has asked for, and how it was served.

use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU64, Ordering::Relaxed};

use pinfold_proto::OpCode;

use super::{Counter, Summary};

/// Stands for an operation that is not shown.
const NO_OPERATION: i32 = i32::MIN;

/// What an answer was about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// What was asked for; `None` for a write that failed, and for what is unknown.
    pub(crate) operation: Option<OpCode>,
    /// The client's number for the request.
    pub(crate) xid: i32,
    /// The zxid in the answer's header.
    pub(crate) zxid: i64,
}

/// The figures of one connection since its begin or the last reset.
#[derive(Debug)]
pub(crate) struct Traffic {
    /// When the connection was accepted, in milliseconds since 1970.
    pub(crate) established_ms: i64,
    /// Frames and four-letter words that came.
    pub(crate) received: Counter,
    /// Answers and events.
    pub(crate) sent: Counter,
    /// From a request's arrival to its answer, in milliseconds.
    pub(crate) latency: Summary,
    queued: AtomicI64,
    operation: AtomicI32,
    xid: AtomicI64,
    zxid: AtomicI64,
    answered_ms: AtomicI64,
    latency_ms: AtomicU64,
}

impl Traffic {
    /// Of a connection that was made at this time, in milliseconds since 1970.
    pub(crate) fn new(established_ms: i64) -> Traffic {
        Traffic {
            established_ms,
            received: Counter::default(),
            sent: Counter::default(),
            latency: Summary::default(),
            queued: AtomicI64::new(0),
            operation: AtomicI32::new(NO_OPERATION),
            xid: AtomicI64::new(0),
            zxid: AtomicI64::new(0),
            answered_ms: AtomicI64::new(0),
            latency_ms: AtomicU64::new(0),
        }
    }

    /// Requests have come that will be answered one by one.
    pub(crate) fn taken(&self, requests: u64) {
        self.queued.fetch_add(requests as i64, Relaxed);
    }

    /// Requests that were taken have been answered, or never will be.
    pub(crate) fn ended(&self, requests: u64) {
        self.queued.fetch_sub(requests as i64, Relaxed);
    }

    /// Requests that were taken and have not ended.
    pub(crate) fn queued(&self) -> i64 {
        self.queued.load(Relaxed).max(0)
    }

    /// `count` requests were answered `took_ms` after they had come, at `now_ms` of the server's
    /// own clock; the last of them is remembered.
    pub(crate) fn answered(&self, count: u64, last: Answer, took_ms: u64, now_ms: i64) {
        self.latency.add_times(took_ms, count);
        self.operation.store(last.operation.map_or(NO_OPERATION, OpCode::code), Relaxed);
        // The others number no request of the client's own.
        if last.xid >= 0 {
            self.xid.store(i64::from(last.xid), Relaxed);
        }
        self.zxid.store(last.zxid, Relaxed);
        self.answered_ms.store(now_ms, Relaxed);
        self.latency_ms.store(took_ms, Relaxed);
    }

    /// What was answered last, in the letters that ZooKeeper has for it.
    pub(crate) fn last_operation(&self) -> &'static str {
        OpCode::from_i32(self.operation.load(Relaxed)).map_or("NA", letters)
    }

    /// The client's last number for a request; negative after a reset.
    pub(crate) fn last_xid(&self) -> i64 {
        self.xid.load(Relaxed)
    }

    pub(crate) fn last_zxid(&self) -> i64 {
        self.zxid.load(Relaxed)
    }

    /// When the last answer was given, in milliseconds of the server's own clock.
    pub(crate) fn last_answer_ms(&self) -> i64 {
        self.answered_ms.load(Relaxed)
    }

    pub(crate) fn last_latency_ms(&self) -> u64 {
        self.latency_ms.load(Relaxed)
    }

    /// Forgets everything but the requests that are being worked on.
    pub(crate) fn reset(&self) {
        self.received.reset();
        self.sent.reset();
        self.latency.reset();
        self.operation.store(NO_OPERATION, Relaxed);
        self.xid.store(-1, Relaxed);
        self.zxid.store(-1, Relaxed);
        self.answered_ms.store(0, Relaxed);
        self.latency_ms.store(0, Relaxed);
    }
}

fn letters(operation: OpCode) -> &'static str {
    match operation {
        OpCode::Create | OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => "CREA",
        OpCode::Delete | OpCode::DeleteContainer => "DELE",
        OpCode::Exists => "EXIS",
        OpCode::GetData => "GETD",
        OpCode::SetData => "SETD",
        OpCode::GetAcl => "GETA",
        OpCode::SetAcl => "SETA",
        OpCode::GetChildren | OpCode::GetChildren2 => "GETC",
        OpCode::Sync => "SYNC",
        OpCode::Ping => "PING",
        OpCode::Check => "CHEC",
        OpCode::Multi => "MULT",
        OpCode::Reconfig => "RECO",
        OpCode::CheckWatches => "CHKW",
        OpCode::RemoveWatches => "REMW",
        OpCode::MultiRead => "MLTR",
        OpCode::SetWatches => "SETW",
        OpCode::SetWatches2 => "STW2",
        OpCode::GetEphemerals => "GETE",
        OpCode::GetAllChildrenNumber => "GETACN",
        OpCode::AddWatch => "ADDW",
        OpCode::WhoAmI => "HOMI",
        OpCode::CreateSession => "SESS",
        OpCode::CloseSession => "CLOS",
        OpCode::Notification | OpCode::Auth | OpCode::Sasl | OpCode::Error => "NA",
    }
}
