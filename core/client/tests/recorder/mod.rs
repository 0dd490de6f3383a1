//! A sink that keeps everything in the order in which it came.

use std::sync::Arc;

use pinfold_client::{Error, Response, SessionState, Sink, WatchEvent};
use tokio::sync::mpsc;

#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Reply(u64, Result<Response, Error>),
    Event(u64, WatchEvent),
    State(SessionState),
    Closed,
}

pub(crate) struct Recorder(mpsc::UnboundedSender<Seen>);

impl Recorder {
    pub(crate) fn new() -> (Arc<Recorder>, mpsc::UnboundedReceiver<Seen>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Arc::new(Recorder(sender)), receiver)
    }
}

impl Sink for Recorder {
    fn reply(&self, ticket: u64, result: Result<Response, Error>) {
        self.0.send(Seen::Reply(ticket, result)).unwrap();
    }

    fn event(&self, ticket: u64, event: WatchEvent) {
        self.0.send(Seen::Event(ticket, event)).unwrap();
    }

    fn state(&self, state: SessionState) {
        self.0.send(Seen::State(state)).unwrap();
    }

    fn closed(&self) {
        self.0.send(Seen::Closed).unwrap();
    }
}
