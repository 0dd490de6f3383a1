//! A sink that hands everything to the test, in order.

use std::sync::Arc;

use pinfold_client::{Client, Error, Options, Response, SessionState, Sink, WatchEvent};
use tokio::sync::mpsc;

/// One call of the sink.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Reply(u64, Result<Response, Error>),
    Event(u64, WatchEvent),
    State(SessionState),
    Closed,
}

struct Recorder(mpsc::UnboundedSender<Seen>);

impl Sink for Recorder {
    fn reply(&self, ticket: u64, result: Result<Response, Error>) {
        let _ = self.0.send(Seen::Reply(ticket, result));
    }

    fn event(&self, ticket: u64, event: WatchEvent) {
        let _ = self.0.send(Seen::Event(ticket, event));
    }

    fn state(&self, state: SessionState) {
        let _ = self.0.send(Seen::State(state));
    }

    fn closed(&self) {
        let _ = self.0.send(Seen::Closed);
    }
}

/// A client and what its sink is told.
pub(crate) fn record(options: Options) -> (Client, mpsc::UnboundedReceiver<Seen>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let client = Client::start(options, Some(Arc::new(Recorder(sender)))).unwrap();
    (client, receiver)
}

/// Everything until the last call.
pub(crate) async fn rest(receiver: &mut mpsc::UnboundedReceiver<Seen>) -> Vec<Seen> {
    let mut all = Vec::new();
    while all.last() != Some(&Seen::Closed) {
        all.push(receiver.recv().await.expect("closed is the last call"));
    }
    assert!(receiver.is_empty());
    all
}
