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

impl Submission {
    /// Counts the answer, if there was one, and lets everything go out; what waits behind this
    /// request goes on.
    pub(crate) fn finish(&self, shared: &Shared, answer: Option<Answer>, now: Instant) {
        let connection = &self.connection;
        connection.ordered_done(self.bytes);
        connection.traffic.ended();
        shared.statistics.ended();
        shared.backlog.done(self.bytes, &shared.config.limits);
        if let Some(answer) = answer {
            connection.count_sent(shared, 1);
            if self.operation.is_none_or(|op| !matches!(op, OpCode::Auth | OpCode::Sasl)) {
                let took_ms = now.saturating_duration_since(self.received).as_millis() as u64;
                let now_ms = shared.milliseconds(now);
                connection.traffic.answered(1, answer, took_ms, now_ms);
                shared.statistics.answered(self.is_write(), took_ms);
            }
        }
        connection.flush();
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
