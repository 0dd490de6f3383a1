//! Several servers over messages: what a later ensemble stands on.

#[path = "support/memory.rs"]
mod memory;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use memory::MemoryLog;
use pinfold_replication::{
    Committed, Consensus, Error, MembershipChange, MembershipStep, NodeConfig, NodeId, Outgoing,
    RaftNode, Role,
};

struct Group {
    nodes: BTreeMap<NodeId, RaftNode<MemoryLog>>,
    committed: BTreeMap<NodeId, Vec<Committed>>,
    cut_off: Option<NodeId>,
}

impl Group {
    fn new(ids: &[NodeId], voters: &[NodeId]) -> Self {
        let mut nodes = BTreeMap::new();
        for id in ids {
            let log = MemoryLog::with_voters(voters);
            nodes.insert(*id, RaftNode::new(&NodeConfig::new(*id), log).unwrap());
        }
        Self { nodes, committed: BTreeMap::new(), cut_off: None }
    }

    /// Carries messages until nobody has anything to say.
    fn settle(&mut self) {
        let mut post: VecDeque<Outgoing> = VecDeque::new();
        loop {
            for (id, node) in &mut self.nodes {
                while node.has_ready() {
                    let cut_off = self.cut_off == Some(*id);
                    let progress = node.advance(&mut |message| {
                        if !cut_off {
                            post.push_back(message);
                        }
                    });
                    let committed = self.committed.entry(*id).or_default();
                    committed.extend(progress.unwrap().committed);
                    node.applied(committed.last().map_or(0, |entry| entry.index));
                }
            }
            let Some(message) = post.pop_front() else { return };
            if self.cut_off != Some(message.to)
                && let Some(node) = self.nodes.get_mut(&message.to)
            {
                node.step(&message.bytes).unwrap();
            }
        }
    }

    fn tick(&mut self, times: usize) {
        for _ in 0..times {
            self.nodes.values_mut().for_each(Consensus::tick);
            self.settle();
        }
    }

    fn leader(&self) -> Option<NodeId> {
        let reachable = self.nodes.iter().filter(|(id, _)| self.cut_off != Some(**id));
        let mut leaders = reachable.filter(|(_, node)| node.status().role == Role::Leader);
        leaders.next().map(|(id, _)| *id)
    }

    fn propose(&mut self, id: NodeId, text: &'static str) -> Result<(), Error> {
        self.nodes.get_mut(&id).unwrap().propose(vec![Bytes::from_static(text.as_bytes())])?;
        self.settle();
        Ok(())
    }

    fn data(&self, id: NodeId) -> Vec<Bytes> {
        let all = self.committed[&id].iter().map(|entry| entry.data.clone());
        all.filter(|data| !data.is_empty()).collect()
    }
}

#[test]
fn three_servers_agree_and_only_the_leader_takes_proposals() {
    let mut group = Group::new(&[1, 2, 3], &[1, 2, 3]);
    group.nodes.get_mut(&2).unwrap().campaign().unwrap();
    group.settle();
    assert_eq!(group.leader(), Some(2));
    group.propose(2, "one").unwrap();
    assert!(matches!(group.propose(1, "two"), Err(Error::NotLeader { leader: Some(2) })));
    group.tick(3);
    for id in [1, 2, 3] {
        assert_eq!(group.data(id), ["one"]);
    }
}

#[test]
fn a_leader_that_is_cut_off_is_replaced_and_its_undecided_entry_is_lost() {
    let mut group = Group::new(&[1, 2, 3], &[1, 2, 3]);
    group.nodes.get_mut(&1).unwrap().campaign().unwrap();
    group.settle();
    group.propose(1, "kept").unwrap();
    group.cut_off = Some(1);
    group.propose(1, "lost").unwrap();
    assert_eq!(group.data(1), ["kept"]);
    group.tick(60);
    let next = group.leader().unwrap();
    assert_ne!(next, 1);
    group.propose(next, "new").unwrap();
    assert_ne!(group.nodes[&1].status().role, Role::Leader, "without a majority it steps down");
    group.cut_off = None;
    group.tick(5);
    for id in [1, 2, 3] {
        assert_eq!(group.data(id), ["kept", "new"]);
    }
}

#[test]
fn one_server_grows_to_three() {
    let mut group = Group::new(&[1], &[1]);
    group.settle();
    group.propose(1, "alone").unwrap();
    for id in [2, 3] {
        let log = MemoryLog::with_voters(&[1]);
        group.nodes.insert(id, RaftNode::new(&NodeConfig::new(id), log).unwrap());
        let steps = vec![MembershipStep::AddVoter(id)];
        let leader = group.nodes.get_mut(&1).unwrap();
        let data = Bytes::from(format!("with {id}"));
        leader.propose_membership(&MembershipChange { steps, data }).unwrap();
        group.settle();
        group.tick(3);
    }
    for id in [1, 2, 3] {
        assert_eq!(group.nodes[&id].membership().voters, [1, 2, 3]);
    }
    group.cut_off = Some(3);
    group.propose(1, "two of three").unwrap();
    group.tick(2);
    let whole = ["alone", "with 2", "with 3", "two of three"];
    assert_eq!(group.data(2), whole);
    assert_eq!(group.data(1), whole);
}
