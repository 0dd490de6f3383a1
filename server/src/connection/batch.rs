//! Requests that came together, and what is counted when they are answered.

use pinfold_proto::OpCode;
use tokio::time::Instant;

use crate::pipeline::Submission;
use crate::shared::Shared;
use crate::statistics::Answer;

/// What was taken from the socket at once.
pub(super) struct Batch {
    pub(super) received: Instant,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) submissions: Vec<Submission>,
    /// Answers that have been appended.
    pub(super) sent: u64,
    pub(super) reads: u64,
    pub(super) last_read: Option<Answer>,
}

impl Batch {
    pub(super) fn new() -> Batch {
        let (received, submissions, last_read) = (Instant::now(), Vec::new(), None);
        Batch { received, frames: 0, bytes: 0, submissions, sent: 0, reads: 0, last_read }
    }

    /// A read was answered.
    pub(super) fn read(&mut self, answer: Answer) {
        self.sent += 1;
        if answer.operation.is_none_or(|op| !matches!(op, OpCode::Auth | OpCode::Sasl)) {
            self.reads += 1;
            self.last_read = Some(answer);
        }
    }
}

/// Requests that are over, with the answers that were given.
pub(crate) type Finished = Vec<(Submission, Option<Answer>)>;

/// Counts requests that are over and lets their answers go out; what waits behind them goes on.
/// Once for those of one connection that come one behind the other, which is most of them.
pub(crate) fn finish_all(finished: &Finished, shared: &Shared, now: Instant) {
    let now_ms = shared.milliseconds(now);
    for run in finished.chunk_by(|(a, _), (b, _)| a.connection.id == b.connection.id) {
        let Some((Submission { connection, .. }, _)) = run.first() else { continue };
        let (requests, bytes) = (run.len(), run.iter().map(|(one, _)| one.bytes).sum());
        connection.ordered_done(requests, bytes);
        connection.traffic.ended(requests as u64);
        shared.statistics.ended(requests as u64);
        shared.backlog.done(requests, bytes, &shared.config.limits);
        let answered = run.iter().filter(|(_, answer)| answer.is_some()).count();
        connection.count_sent(shared, answered as u64);
        for (one, answer) in run {
            let counts = one.operation.is_none_or(|op| !matches!(op, OpCode::Auth | OpCode::Sasl));
            if let Some(answer) = answer.filter(|_| counts) {
                let took_ms = now.saturating_duration_since(one.received).as_millis() as u64;
                connection.traffic.answered(1, answer, took_ms, now_ms);
                shared.statistics.answered(one.is_write(), took_ms);
            }
        }
        connection.flush();
    }
}

impl Submission {
    /// Counts the answer, if there was one, and lets everything go out; what waits behind this
    /// request goes on.
    pub(crate) fn finish(self, shared: &Shared, answer: Option<Answer>, now: Instant) {
        finish_all(&vec![(self, answer)], shared, now);
    }

    fn is_write(&self) -> bool {
        use OpCode::{
            CloseSession, Create, Create2, CreateContainer, CreateTtl, Delete, Multi, Reconfig,
            SetAcl, SetData,
        };
        matches!(
            self.operation,
            Some(
                CloseSession
                    | Create
                    | Create2
                    | CreateContainer
                    | CreateTtl
                    | Delete
                    | Multi
                    | Reconfig
                    | SetAcl
                    | SetData
            )
        )
    }
}
