//! The other servers: one link to each for what goes there, and a door for what comes from them.
//!
//! A link carries frames in order, and is made again for as long as the server runs; names are
//! resolved again each time. What is lost with a broken link is repeated by those who need it:
//! consensus by its own protocol, forwarded entries when the link is up again.

mod formation;
mod frame;
mod hello;
mod link;
mod reception;

use std::collections::HashMap;
use std::sync::mpsc::Sender;

use pinfold_replication::{NodeId, Outgoing};

pub(crate) use formation::{Formation, form};
pub(crate) use frame::{Forward, Frame};
#[cfg(not(feature = "fuzz"))]
use hello::Hello;
#[cfg(feature = "fuzz")]
pub(crate) use hello::{Answer, Hello};
use link::Link;
pub(crate) use reception::{Reception, receive};

use crate::config::{Ensemble, Member};
use crate::pipeline::Message;

/// Who carries frames to other servers.
pub(crate) trait Courier: Send {
    /// Sends a frame, or drops it when there is no way. Never blocks.
    fn send(&mut self, to: NodeId, frame: Frame);

    /// Sends a message of consensus, with the snapshot it announces.
    fn carry(&mut self, outgoing: Outgoing) {
        self.send(outgoing.to, Frame::Raft(outgoing.bytes));
    }
}

/// The links of one server.
#[derive(Debug, Default)]
pub(crate) struct Links(HashMap<NodeId, Link>);

impl Links {
    /// A link to each other server, kept up from now on. Needs a runtime.
    pub(crate) fn keep(
        cluster: u64,
        id: NodeId,
        ensemble: &Ensemble,
        pipeline: &Sender<Message>,
    ) -> Links {
        let others = ensemble.members().filter(|member| member.id != id);
        let link = |peer: &Member| {
            let hello = Hello { cluster, from: id, to: peer.id };
            (peer.id, Link::keep(hello, peer.clone(), pipeline.clone()))
        };
        Links(others.map(link).collect())
    }
}

impl Courier for Links {
    fn send(&mut self, to: NodeId, frame: Frame) {
        match self.0.get(&to) {
            Some(link) => link.send(frame),
            None => tracing::debug!(to, "no such peer"),
        }
    }
}
