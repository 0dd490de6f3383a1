//! The data directory, its register and its snapshots.

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use pinfold_storage::{DataDir, Error, OsFileSystem, SnapshotId, SnapshotStore};
use tempfile::TempDir;

fn open(path: &std::path::Path) -> Result<DataDir, Error> {
    DataDir::open(Arc::new(OsFileSystem), path, 77)
}

#[test]
fn a_directory_is_made_once_and_known_again() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("a/b");
    let first = open(&path).unwrap();
    assert!(first.is_fresh());
    drop(first);
    let second = DataDir::open(Arc::new(OsFileSystem), &path, 99).unwrap();
    assert!(!second.is_fresh());
    assert_eq!(second.cluster(), 77);
}

#[test]
fn a_directory_has_one_owner_at_a_time() {
    let root = TempDir::new().unwrap();
    let first = open(root.path()).unwrap();
    let error = open(root.path()).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }));
    let text = error.to_string();
    assert!(text.contains(&format!("(process {})", std::process::id())), "{text}");
    drop(first);
    open(root.path()).unwrap();
}

#[test]
fn a_directory_of_somebody_else_is_left_alone() {
    let root = TempDir::new().unwrap();
    fs::write(root.path().join("thesis.txt"), "mine").unwrap();
    fs::create_dir(root.path().join("version-2")).unwrap();
    let text = open(root.path()).unwrap_err().to_string();
    assert!(text.contains("thesis.txt") && text.contains("ZooKeeper"), "{text}");
    assert!(text.contains(root.path().to_str().unwrap()));
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
}

#[test]
fn what_is_no_directory_is_told_by_its_path() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("file");
    fs::write(&path, "").unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, Error::Unwritable { .. }), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()));
}

#[test]
fn another_format_or_a_damaged_identity_is_refused() {
    let root = TempDir::new().unwrap();
    drop(open(root.path()).unwrap());
    let identity = root.path().join("pinfold.id");
    let text = fs::read_to_string(&identity).unwrap();
    fs::write(&identity, text.replace("format 1", "format 2")).unwrap();
    let error = open(root.path()).unwrap_err();
    assert!(matches!(error, Error::Format { found: 2, supported: 1, .. }), "{error}");
    fs::write(&identity, text.replace("cluster 0", "cluster 1")).unwrap();
    assert!(matches!(open(root.path()).unwrap_err(), Error::Corrupt { .. }));
}

#[test]
fn an_opening_that_was_cut_short_is_done_again() {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("log")).unwrap();
    fs::write(root.path().join("pinfold.tmp"), "half").unwrap();
    fs::write(root.path().join("pinfold.lock"), "").unwrap();
    assert!(open(root.path()).unwrap().is_fresh());
}

#[test]
fn a_register_is_replaced_as_a_whole_and_damage_is_seen() {
    let root = TempDir::new().unwrap();
    let dir = open(root.path()).unwrap();
    let mut register = dir.register("value");
    assert_eq!(register.read().unwrap(), None);
    register.write(b"one").unwrap();
    register.write(b"three").unwrap();
    assert_eq!(register.read().unwrap().unwrap(), "three");
    let path = root.path().join("value");
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        fs::write(&path, damaged).unwrap();
        assert!(matches!(register.read(), Err(Error::Corrupt { .. })), "{at}");
        fs::write(&path, &bytes[..at]).unwrap();
        assert!(matches!(register.read(), Err(Error::Corrupt { .. })), "{at}");
    }
}

fn snapshot(store: &SnapshotStore, index: u64, blocks: &[&[u8]]) -> SnapshotId {
    let id = SnapshotId { index, term: 1 };
    let mut writer = store.create(id, b"note").unwrap();
    for block in blocks {
        writer.write_block(block).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn snapshots_come_back_and_old_ones_go() {
    let root = TempDir::new().unwrap();
    let store = open(root.path()).unwrap().snapshots().unwrap();
    assert!(store.latest_valid().unwrap().0.is_none());
    for index in 1..=5 {
        snapshot(&store, index, &[b"first", b"", &[index as u8; 3000]]);
    }
    let kept: Vec<_> = store.purge(3).unwrap().iter().map(|id| id.index).collect();
    assert_eq!(kept, [3, 4, 5]);
    let reader = store.latest_valid().unwrap().0.unwrap();
    assert_eq!((reader.id().index, reader.note().clone()), (5, Bytes::from_static(b"note")));
    let blocks: Vec<_> = reader.map(Result::unwrap).collect();
    assert_eq!(blocks, [&b"first"[..], b"", &[5; 3000]]);
}

#[test]
fn a_damaged_snapshot_is_passed_over_wherever_it_is_damaged() {
    let root = TempDir::new().unwrap();
    let store = open(root.path()).unwrap().snapshots().unwrap();
    snapshot(&store, 1, &[b"old"]);
    snapshot(&store, 2, &[b"new", b"more"]);
    let path = root.path().join("snapshots/0000000000000002-0000000000000001.snapshot");
    let bytes = fs::read(&path).unwrap();
    let latest = || {
        let (reader, refused) = store.latest_valid().unwrap();
        (reader.unwrap().id().index, refused.len())
    };
    assert_eq!(latest(), (2, 0));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x20;
        fs::write(&path, damaged).unwrap();
        assert_eq!(latest(), (1, 1), "byte {at}");
        fs::write(&path, &bytes[..at]).unwrap();
        assert_eq!(latest(), (1, 1), "cut at {at}");
    }
}

#[test]
fn an_unfinished_snapshot_is_never_seen_and_removed() {
    let root = TempDir::new().unwrap();
    let dir = open(root.path()).unwrap();
    let store = dir.snapshots().unwrap();
    let mut writer = store.create(SnapshotId { index: 9, term: 1 }, b"").unwrap();
    writer.write_block(&[1; 100]).unwrap();
    drop(writer);
    assert_eq!(store.list().unwrap(), []);
    let path = root.path().join("snapshots");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    dir.snapshots().unwrap();
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}
