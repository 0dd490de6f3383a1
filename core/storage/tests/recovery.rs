//! What a log gives back after its files were cut short or damaged at any place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use pinfold_storage::{Error, Log, LogOptions, OsFileSystem, Record};
use proptest::prelude::*;
use tempfile::TempDir;

const CLUSTER: u64 = 0x5eed;

fn options() -> LogOptions {
    LogOptions { segment_bytes: 400, room_bytes: 200, must_reach: 0 }
}

fn open(dir: &Path) -> Result<Log, Error> {
    Log::open(Arc::new(OsFileSystem), dir, CLUSTER, options())
}

fn record(index: u64) -> Record {
    let data = Bytes::from(vec![index as u8; (index % 7) as usize * 5]);
    Record { index, term: index / 6 + 1, kind: 1, data }
}

fn all(log: &Log) -> Vec<Record> {
    log.read(log.first_index(), log.last_index() + 1, u64::MAX).unwrap()
}

fn expected(last: u64) -> Vec<Record> {
    (1..=last).map(record).collect()
}

/// A log of `last` records in groups of three, each group synced; the files' bytes by name.
fn written(last: u64) -> (TempDir, Vec<(PathBuf, Vec<u8>)>) {
    let dir = TempDir::new().unwrap();
    let mut log = open(dir.path()).unwrap();
    for group in expected(last).chunks(3) {
        log.append(group).unwrap();
        log.sync().unwrap();
    }
    drop(log);
    let mut files: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    (dir, files)
}

fn restore(files: &[(PathBuf, Vec<u8>)]) {
    for (path, bytes) in files {
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_log_comes_back_as_it_was_and_goes_on() {
    let (dir, files) = written(20);
    assert!(files.len() > 2, "several segments");
    let mut log = open(dir.path()).unwrap();
    assert_eq!(all(&log), expected(20));
    log.append(&[record(21)]).unwrap();
    log.sync().unwrap();
    drop(log);
    let log = open(dir.path()).unwrap();
    assert_eq!(all(&log), expected(21));
    for index in 1..=21 {
        assert_eq!(log.term(index), Some(record(index).term));
    }
    assert_eq!((log.term(0), log.term(22)), (None, None));
}

#[test]
fn cut_short_at_any_place_the_last_segment_keeps_a_prefix_and_goes_on() {
    let (dir, files) = written(20);
    let (path, bytes) = files.last().unwrap();
    let before = 20 - count_in_last(&files);
    let mut seen = Vec::new();
    for length in 64..bytes.len() {
        fs::write(path, &bytes[..length]).unwrap();
        let mut log = open(dir.path()).unwrap();
        let last = log.last_index();
        assert!(last >= before && last <= 20);
        assert_eq!(all(&log), expected(last));
        log.append(&[record(last + 1)]).unwrap();
        log.sync().unwrap();
        drop(log);
        assert_eq!(all(&open(dir.path()).unwrap()), expected(last + 1));
        seen.push(last);
    }
    assert!(seen.is_sorted());
    assert_eq!(*seen.last().unwrap(), 20);
}

#[test]
fn cut_short_before_the_last_segment_the_log_refuses() {
    let (dir, files) = written(20);
    let (path, bytes) = &files[0];
    let used = bytes.len();
    for length in 0..used {
        fs::write(path, &bytes[..length]).unwrap();
        let error = open(dir.path()).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{length}: {error}");
    }
}

#[test]
fn a_flipped_byte_is_refused_or_was_in_the_last_group() {
    let (dir, files) = written(20);
    let first_of_last_group = 19;
    for (path, bytes) in &files {
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            restore(&files);
            fs::write(path, &damaged).unwrap();
            match open(dir.path()) {
                Ok(log) => {
                    let last = log.last_index();
                    assert!(last + 1 >= first_of_last_group, "{} {at}: {last}", path.display());
                    assert_eq!(all(&log), expected(last));
                }
                Err(Error::Corrupt { path: told, offset, .. }) => {
                    assert!(files.iter().any(|(path, _)| *path == told));
                    assert!(offset <= at as u64 || told != *path, "{offset} is after {at}");
                    let now = fs::read(path).unwrap();
                    assert_eq!(now, damaged, "a refused file is left as it was");
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn a_log_that_is_known_to_reach_further_is_damaged_and_not_torn() {
    let (dir, files) = written(20);
    let (path, bytes) = files.last().unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let mut damaged = bytes.clone();
    damaged[used] ^= 1;
    fs::write(path, &damaged).unwrap();
    let options = LogOptions { must_reach: 20, ..options() };
    let error = Log::open(Arc::new(OsFileSystem), dir.path(), CLUSTER, options).unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert_eq!(fs::read(path).unwrap(), damaged);
    assert_eq!(open(dir.path()).unwrap().last_index(), 19);
}

#[test]
fn a_missing_or_foreign_segment_is_refused() {
    let (dir, files) = written(20);
    fs::remove_file(&files[1].0).unwrap();
    let error = open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("missing"), "{error}");
    restore(&files);
    let error = Log::open(Arc::new(OsFileSystem), dir.path(), CLUSTER + 1, options());
    assert!(error.unwrap_err().to_string().contains("another directory"));
}

#[test]
fn parts_of_an_unsynced_batch_in_any_order_are_a_torn_write() {
    let dir = TempDir::new().unwrap();
    let mut log = open(dir.path()).unwrap();
    log.append(&expected(3)).unwrap();
    log.sync().unwrap();
    let path = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let before = fs::read(&path).unwrap();
    log.append(&[record(4), record(5), record(6)]).unwrap();
    drop(log);
    let after = fs::read(&path).unwrap();
    let from = before.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for at in from..after.len() {
        // Everything of the batch arrived but one byte.
        let mut torn = after.clone();
        torn[at] ^= 0xff;
        fs::write(&path, &torn).unwrap();
        let log = open(dir.path()).unwrap();
        assert!((3..=6).contains(&log.last_index()), "{at}");
        assert_eq!(all(&log), expected(log.last_index()));
    }
}

#[test]
fn what_cannot_be_read_back_is_not_written() {
    let dir = TempDir::new().unwrap();
    let mut log = open(dir.path()).unwrap();
    let data = Bytes::from(vec![0; pinfold_storage::MAX_RECORD_DATA + 1]);
    let large = Record { index: 1, term: 1, kind: 1, data };
    assert!(matches!(log.append(&[large]), Err(Error::TooLarge { .. })));
    assert!(matches!(log.append(&[record(2)]), Err(Error::OutOfOrder { index: 2, last: 0 })));
    log.append(&expected(2)).unwrap();
    let larger_than_a_segment = Bytes::from(vec![3; 1000]);
    log.append(&[Record { data: larger_than_a_segment, ..record(3) }]).unwrap();
    log.append(&[record(4)]).unwrap();
    log.sync().unwrap();
    drop(log);
    let log = open(dir.path()).unwrap();
    assert_eq!(log.last_index(), 4);
    assert_eq!(log.read(3, 4, 1).unwrap()[0].data.len(), 1000);
    assert!(matches!(log.read(4, 6, 1), Err(Error::OutOfRange { index: 5, .. })));
}

fn count_in_last(files: &[(PathBuf, Vec<u8>)]) -> u64 {
    let bytes = &files.last().unwrap().1;
    let mut first = [0; 8];
    first.copy_from_slice(&bytes[24..32]);
    20 - u64::from_le_bytes(first) + 1
}

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Truncate(u64),
    Purge(u64),
    Reset(u64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..9u64).prop_map(Step::Append),
        2 => (0..12u64).prop_map(Step::Truncate),
        1 => (0..20u64).prop_map(Step::Purge),
        1 => (1..5u64).prop_map(Step::Reset),
        2 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None,
        ..ProptestConfig::default() })]
    #[test]
    fn the_log_does_what_a_list_does(steps in prop::collection::vec(step(), 1..25)) {
        let dir = TempDir::new().unwrap();
        let mut log = open(dir.path()).unwrap();
        let mut model: Vec<Record> = Vec::new();
        let mut next = 1;
        for step in steps {
            match step {
                Step::Append(count) => {
                    let batch: Vec<_> = (next..next + count).map(record).collect();
                    log.append(&batch).unwrap();
                    log.sync().unwrap();
                    next += count;
                    model.extend(batch);
                }
                Step::Truncate(back) => {
                    let index = (next - 1).saturating_sub(back).max(log.first_index() - 1);
                    log.truncate_after(index).unwrap();
                    model.retain(|record| record.index <= index);
                    next = index + 1;
                }
                Step::Purge(index) => {
                    log.purge_before(index).unwrap();
                    prop_assert!(log.first_index() <= index.max(log.first_index()));
                    let first = log.first_index();
                    model.retain(|record| record.index >= first);
                }
                Step::Reset(gap) => {
                    next += gap;
                    log.reset(next).unwrap();
                    model.clear();
                }
                Step::Reopen => {
                    drop(log);
                    log = open(dir.path()).unwrap();
                }
            }
            prop_assert_eq!(log.last_index() + 1, next);
            prop_assert_eq!(&all(&log), &model);
            for record in &model {
                prop_assert_eq!(log.term(record.index), Some(record.term));
            }
        }
    }
}
