//! A group of one voter: the standalone server.

#[path = "support/memory.rs"]
mod memory;

use bytes::Bytes;
use memory::MemoryLog;
use pinfold_replication::{
    Committed, Consensus, Error, LogStore, Membership, NodeConfig, RaftNode, Role, SnapshotMeta,
};

fn node(log: &MemoryLog) -> RaftNode<MemoryLog> {
    RaftNode::new(&NodeConfig::new(1), log.clone()).unwrap()
}

/// Runs a node until it has nothing more to do.
fn settle(node: &mut RaftNode<MemoryLog>) -> Vec<Committed> {
    let mut committed = Vec::new();
    while node.has_ready() {
        let progress = node.advance(&mut |_| panic!("a lone server has nobody to write to"));
        committed.extend(progress.unwrap().committed);
        if let Some(last) = committed.last() {
            node.applied(last.index);
        }
    }
    committed
}

fn batch(texts: &[&str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect()
}

#[test]
fn it_leads_at_once_and_commits_a_batch_with_one_append_and_one_sync() {
    let log = MemoryLog::with_voters(&[1]);
    let mut node = node(&log);
    let first = node.advance(&mut |_| ()).unwrap();
    assert_eq!(first.role, Some(Role::Leader));
    assert_eq!(first.committed.len(), 1);
    assert!(first.committed[0].data.is_empty(), "the leader's own first entry");
    node.applied(1);
    let counts = || {
        let disk = log.0.lock().unwrap();
        (disk.appends, disk.syncs)
    };
    let before = counts();
    let placed = node.propose(batch(&["a", "b", "c"])).unwrap();
    assert_eq!((placed.first, placed.last, placed.term), (2, 4, 1));
    let progress = node.advance(&mut |_| ()).unwrap();
    let data: Vec<_> = progress.committed.iter().map(|entry| entry.data.clone()).collect();
    assert_eq!(data, batch(&["a", "b", "c"]));
    assert_eq!(progress.persisted, 4);
    assert_eq!(counts(), (before.0 + 1, before.1 + 1));
    assert_eq!(
        log.0.lock().unwrap().reads,
        0,
        "what was just written is not read back from the disk"
    );
}

#[test]
fn a_restart_gives_out_everything_after_the_snapshot_again() {
    let log = MemoryLog::with_voters(&[1]);
    let mut first = node(&log);
    settle(&mut first);
    first.propose(batch(&["a", "b", "c"])).unwrap();
    settle(&mut first);
    let meta = SnapshotMeta { index: 2, term: 1, membership: Membership::single(1) };
    first.snapshot_taken(&meta).unwrap();
    first.close().unwrap();
    drop(first);
    let mut second = node(&log);
    assert_eq!(second.status().applied, 2);
    let committed = settle(&mut second);
    let data: Vec<_> = committed.iter().map(|entry| entry.data.clone()).collect();
    assert_eq!(data, batch(&["b", "c", ""]));
    assert_eq!(committed[2].term, 2, "the new leader's own entry");
}

#[test]
fn a_long_log_is_replayed_in_slices() {
    let log = MemoryLog::with_voters(&[1]);
    let mut first = node(&log);
    settle(&mut first);
    let big = Bytes::from(vec![7; 60_000]);
    for _ in 0..20 {
        first.propose(vec![big.clone(); 20]).unwrap();
        settle(&mut first);
    }
    drop(first);
    let mut second = node(&log);
    let mut indexes = Vec::new();
    let mut rounds = 0;
    while second.has_ready() {
        let committed = second.advance(&mut |_| ()).unwrap().committed;
        let bytes: usize = committed.iter().map(|entry| entry.data.len()).sum();
        assert!(bytes <= 16 << 20, "{bytes} bytes in one go");
        indexes.extend(committed.iter().map(|entry| entry.index));
        if let Some(last) = indexes.last() {
            second.applied(*last);
        }
        rounds += 1;
    }
    assert_eq!(indexes, (1..=402).collect::<Vec<_>>());
    assert!(rounds > 1);
}

#[test]
fn bad_proposals_are_refused_as_a_whole() {
    let log = MemoryLog::with_voters(&[1]);
    let mut node = node(&log);
    settle(&mut node);
    let limit = log.max_entry_size();
    let large = vec![Bytes::from_static(b"x"), Bytes::from(vec![0; limit + 1])];
    assert!(matches!(node.propose(large), Err(Error::EntryTooLarge { .. })));
    assert!(matches!(node.propose(vec![Bytes::new()]), Err(Error::EmptyEntry)));
    assert!(matches!(node.propose(Vec::new()), Err(Error::EmptyEntry)));
    assert!(!node.has_ready());
}

#[test]
fn after_a_failed_sync_nothing_is_committed_or_written() {
    let log = MemoryLog::with_voters(&[1]);
    let mut node = node(&log);
    settle(&mut node);
    node.propose(batch(&["a"])).unwrap();
    log.0.lock().unwrap().fail_sync = true;
    assert!(matches!(node.advance(&mut |_| ()), Err(Error::Store(_))));
    log.0.lock().unwrap().fail_sync = false;
    assert!(!node.has_ready());
    assert!(matches!(node.advance(&mut |_| ()), Err(Error::Store(_))));
    assert_eq!(log.0.lock().unwrap().syncs, 2, "the failed sync was not tried again");
}

#[test]
fn a_read_index_is_answered_at_once() {
    let log = MemoryLog::with_voters(&[1]);
    let mut node = node(&log);
    settle(&mut node);
    node.propose(batch(&["a"])).unwrap();
    settle(&mut node);
    node.read_index(Bytes::from_static(b"me"));
    let progress = node.advance(&mut |_| ()).unwrap();
    assert_eq!(progress.read_states.len(), 1);
    assert_eq!(progress.read_states[0].index, 2);
    assert_eq!(progress.read_states[0].context, "me");
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    let log = MemoryLog::with_voters(&[1]);
    let mut first = node(&log);
    settle(&mut first);
    first.propose(batch(&["a", "b"])).unwrap();
    settle(&mut first);
    first.close().unwrap();
    drop(first);
    log.0.lock().unwrap().entries.pop();
    let error = RaftNode::new(&NodeConfig::new(1), log.clone()).err().unwrap().to_string();
    assert!(error.contains("entry 3 was decided but the log ends with entry 2"), "{error}");
    log.0.lock().unwrap().start.hard_state.term = 0;
    let error = RaftNode::new(&NodeConfig::new(1), log).err().unwrap().to_string();
    assert!(error.contains("term 1"), "{error}");
}
