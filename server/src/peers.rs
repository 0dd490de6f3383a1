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
mod road;
mod snapshot;

use std::collections::BTreeMap;

use bytes::Bytes;
use pinfold_replication::{NodeId, Outgoing, SnapshotMeta};
use pinfold_storage::SnapshotStore;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

pub(crate) use formation::{Formation, form};
pub(crate) use frame::{Forward, Frame};
#[cfg(feature = "simulation")]
pub(crate) use hello::HELLO as HELLO_BYTES;
#[cfg(not(feature = "fuzz"))]
use hello::Hello;
#[cfg(feature = "fuzz")]
pub(crate) use hello::{Answer, Hello};
use link::Link;
pub(crate) use reception::{Reception, receive};
pub(crate) use road::Road;

use crate::config::{Config, Member};
use crate::pipeline::Message;

/// Who carries frames to other servers.
pub(crate) trait Courier: Send {
    /// Sends a frame, or drops it when there is no way. Never blocks.
    fn send(&mut self, to: NodeId, frame: Frame);

    /// Sends a message of consensus, behind the snapshot that it announces if it does.
    fn carry(&mut self, outgoing: Outgoing);

    /// These are the servers from now on: the others are forgotten, and new ones have a way.
    fn know(&mut self, members: &BTreeMap<NodeId, Member>);
}

/// The links of one server.
#[derive(Debug, Default)]
pub(crate) struct Links {
    links: BTreeMap<NodeId, Link>,
    freight: Option<Freight>,
}

/// What it takes to send a snapshot.
#[derive(Debug)]
struct Freight {
    cluster: u64,
    id: NodeId,
    peers: BTreeMap<NodeId, Member>,
    snapshots: SnapshotStore,
    pipeline: UnboundedSender<Message>,
    road: Road,
    runtime: Handle,
    bytes_per_second: usize,
}

impl Links {
    /// A link to each other server, kept up from now on. Needs a runtime.
    pub(crate) fn keep(
        cluster: u64,
        id: NodeId,
        config: &Config,
        snapshots: &SnapshotStore,
        pipeline: &UnboundedSender<Message>,
        road: &Road,
    ) -> Links {
        let (snapshots, pipeline) = (snapshots.clone(), pipeline.clone());
        let runtime = Handle::current();
        let road = road.clone();
        let bytes_per_second = config.snapshot_bytes_per_second;
        let freight = Freight {
            cluster,
            id,
            peers: BTreeMap::new(),
            snapshots,
            pipeline,
            road,
            runtime,
            bytes_per_second,
        };
        let mut links = Links { links: BTreeMap::new(), freight: Some(freight) };
        links.know(&config.ensemble.configuration().members);
        links
    }
}

impl Freight {
    /// A way to another server, kept up from now on.
    fn link(&self, peer: &Member) -> Link {
        let _guard = self.runtime.enter();
        let hello = Hello { cluster: self.cluster, from: self.id, to: peer.id };
        Link::keep(hello, peer.clone(), self.pipeline.clone(), self.road.clone())
    }

    /// Sends a snapshot in the background; the pipeline is told what came of it.
    fn send(&self, to: NodeId, meta: SnapshotMeta, announcement: Bytes) {
        let hello = Hello { cluster: self.cluster, from: self.id, to };
        let Some(peer) = self.peers.get(&to).cloned() else { return };
        let (snapshots, pipeline) = (self.snapshots.clone(), self.pipeline.clone());
        let (rate, road) = (self.bytes_per_second, self.road.clone());
        tracing::info!(to, index = meta.index, "sending a snapshot");
        self.runtime.spawn(async move {
            let sent = snapshot::send(&road, hello, peer, snapshots, meta, announcement, rate);
            let sent = sent.await;
            if let Err(error) = &sent {
                tracing::warn!(to, %error, "a snapshot did not arrive");
            }
            let _ = pipeline.send(Message::SnapshotSent { to, arrived: sent.is_ok() });
        });
    }
}

impl Courier for Links {
    fn send(&mut self, to: NodeId, frame: Frame) {
        match self.links.get(&to) {
            Some(link) => link.send(frame),
            None => tracing::debug!(to, "no such peer"),
        }
    }

    fn carry(&mut self, outgoing: Outgoing) {
        match (outgoing.snapshot, &self.freight) {
            (Some(meta), Some(freight)) => freight.send(outgoing.to, meta, outgoing.bytes),
            _ => self.send(outgoing.to, Frame::Raft(outgoing.bytes)),
        }
    }

    fn know(&mut self, members: &BTreeMap<NodeId, Member>) {
        let Some(freight) = &mut self.freight else { return };
        let is_same = |id: &NodeId| freight.peers.get(id) == members.get(id);
        self.links.retain(|id, _| is_same(id));
        for (id, peer) in members.iter().filter(|(id, _)| **id != freight.id) {
            self.links.entry(*id).or_insert_with(|| freight.link(peer));
        }
        freight.peers = members.clone();
    }
}
