//! A data directory that is written, damaged and opened again, on a disk in memory.
//!
//! What is read afterwards must be what was written, at its own place; damage may only take
//! records away, or be told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use pinfold_sim::{CrashKind, SimDisk};
use pinfold_storage::{DataDir, File, FileSystem, Log, LogOptions, Record, SnapshotId};

const CLUSTER: u64 = 0xc1a5;
const DIR: &str = "/data";
/// Small, so that a few records cross borders.
const OPTIONS: LogOptions = LogOptions { segment_bytes: 1 << 10, room_bytes: 512, must_reach: 0 };

#[derive(Arbitrary, Debug)]
struct Plan {
    steps: Vec<Step>,
    damages: Vec<Damage>,
    reopened: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
enum Step {
    /// This many records of this size, then a sync.
    Append { count: u8, size: u16 },
    /// The last few go again.
    Truncate { count: u8 },
    /// The first few are needed no more.
    Purge { count: u8 },
    /// A snapshot in blocks of this size.
    Snapshot { blocks: u8, size: u16 },
    /// A small value is replaced.
    Register { size: u16 },
    /// The machine goes down, and up again.
    Crash { loses: bool },
}

#[derive(Arbitrary, Debug)]
struct Damage {
    file: u8,
    at: u16,
    kind: Harm,
}

#[derive(Arbitrary, Debug)]
enum Harm {
    /// One bit is another.
    Flip {
        bit: u8,
    },
    /// Bytes are zero.
    Zero {
        count: u16,
    },
    /// Bytes are others.
    Bytes {
        bytes: Vec<u8>,
    },
    Cut,
    Remove,
}

impl Harm {
    /// Checksums are no signatures: whoever chooses the bytes can write a record of his own.
    fn is_forgery(&self) -> bool {
        matches!(self, Harm::Bytes { .. })
    }
}

/// Writes by a plan, damages, opens, and goes on if that is possible.
pub fn run(data: &[u8]) {
    let Ok(plan) = Plan::arbitrary(&mut Unstructured::new(data)) else { return };
    let disk = SimDisk::new(u64::from(data.first().copied().unwrap_or(0)));
    let mut life = Life { disk: disk.clone(), first: 1, durable: Vec::new(), flips: 0 };
    life.live(&plan.steps);
    for damage in plan.damages.iter().take(4) {
        life.flips += u32::from(matches!(damage.kind, Harm::Flip { .. }));
        harm(&disk, damage);
    }
    let is_whole = plan.damages.is_empty();
    let forged = plan.damages.iter().any(|damage| damage.kind.is_forgery());
    // Two flips can be undone by a third, as far as a checksum is concerned.
    let is_sure = !forged && life.flips <= 1;
    if let Some(opened) = Opened::open(&disk) {
        if is_sure {
            life.compare(&opened.log);
        }
        if is_whole {
            assert_eq!(opened.log.last_index(), life.last(), "nothing may be lost");
        }
        opened.read_snapshots();
    } else {
        assert!(!is_whole, "an undamaged directory opens");
    }
    if is_sure {
        life.live(&plan.reopened);
    }
}

struct Opened {
    dir: DataDir,
    log: Log,
}

impl Opened {
    fn open(disk: &SimDisk) -> Option<Opened> {
        let dir = DataDir::open(Arc::new(disk.clone()), Path::new(DIR), CLUSTER).ok()?;
        let log = dir.log(OPTIONS).ok()?;
        Some(Opened { dir, log })
    }

    fn read_snapshots(&self) {
        let Ok(store) = self.dir.snapshots() else { return };
        if let Ok((Some(reader), _)) = store.latest_valid() {
            let (id, blocks) = (reader.id(), reader.collect::<Result<Vec<_>, _>>());
            let blocks = blocks.expect("what is valid can be read");
            assert!(blocks.iter().all(|block| block.iter().all(|byte| *byte == id.index as u8)));
        }
        let _ = self.dir.register("value").read();
    }
}

/// The directory, and what it must hold.
struct Life {
    disk: SimDisk,
    first: u64,
    /// The terms of the records from `first` on.
    durable: Vec<u64>,
    flips: u32,
}

fn record(index: u64, term: u64, size: u16) -> Record {
    let data = Bytes::from(vec![(index ^ term) as u8; usize::from(size % 1500)]);
    Record { index, term, kind: 1, data }
}

impl Life {
    fn last(&self) -> u64 {
        self.first + self.durable.len() as u64 - 1
    }

    fn live(&mut self, steps: &[Step]) {
        let Some(mut opened) = Opened::open(&self.disk) else { return };
        // After damage less may be there than was written.
        let last = opened.log.last_index();
        let first = opened.log.first_index();
        self.durable = (first..=last).filter_map(|index| opened.log.term(index)).collect();
        self.first = first;
        let mut term = self.durable.last().copied().unwrap_or(0);
        for step in steps.iter().take(16) {
            term += 1;
            if self.step(&mut opened, step, term).is_none() {
                return;
            }
            if let Step::Crash { loses } = step {
                drop(opened);
                let kind = if *loses { CrashKind::PowerLossSome } else { CrashKind::Process };
                self.disk.restart(kind);
                let Some(again) = Opened::open(&self.disk) else {
                    panic!("a directory opens after a crash");
                };
                opened = again;
                self.compare(&opened.log);
                assert_eq!(opened.log.last_index(), self.last(), "what was synced is there");
            }
        }
    }

    /// `None` when the directory does not allow it.
    fn step(&mut self, opened: &mut Opened, step: &Step, term: u64) -> Option<()> {
        match step {
            Step::Append { count, size } => {
                let next = self.last() + 1;
                let records: Vec<Record> =
                    (0..u64::from(count % 8)).map(|n| record(next + n, term, *size)).collect();
                opened.log.append(&records).ok()?;
                opened.log.sync().ok()?;
                self.durable.extend(records.iter().map(|record| record.term));
            }
            Step::Truncate { count } => {
                let keep = self.durable.len().saturating_sub(usize::from(count % 8));
                self.durable.truncate(keep);
                opened.log.truncate_after(self.last()).ok()?;
            }
            Step::Purge { count } => {
                opened.log.purge_before(self.first + u64::from(count % 8)).ok()?;
                let gone = (opened.log.first_index() - self.first) as usize;
                self.durable.drain(..gone.min(self.durable.len()));
                self.first = opened.log.first_index();
            }
            Step::Snapshot { blocks, size } => {
                let index = self.last().max(1);
                let store = opened.dir.snapshots().ok()?;
                let mut writer = store.create(SnapshotId { index, term }, b"note").ok()?;
                for _ in 0..blocks % 4 {
                    writer.write_block(&vec![index as u8; usize::from(*size)]).ok()?;
                }
                writer.finish().ok()?;
                store.purge(2).ok()?;
            }
            Step::Register { size } => {
                let value = vec![term as u8; usize::from(size % 600)];
                let mut register = opened.dir.register("value");
                register.write(&value).ok()?;
                assert_eq!(register.read().ok()?.as_deref(), Some(&value[..]));
            }
            Step::Crash { .. } => {}
        }
        Some(())
    }

    /// Every record that is there is the one that was written.
    fn compare(&self, log: &Log) {
        let (first, last) = (log.first_index(), log.last_index());
        assert!(last <= self.last(), "there is no record that nobody wrote");
        let Ok(records) = log.read(first, last + 1, u64::MAX) else { return };
        for found in records.iter().filter(|found| found.index >= self.first) {
            let term = self.durable[(found.index - self.first) as usize];
            let size = found.data.len() as u16;
            assert_eq!(*found, record(found.index, term, size), "a record is whole or not there");
        }
    }
}

fn files(disk: &SimDisk) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for dir in [DIR, "/data/log", "/data/snapshots"].map(Path::new) {
        let names = disk.list(dir).unwrap_or_default();
        files.extend(names.into_iter().map(|name| dir.join(name)));
    }
    files.sort();
    files.retain(|path| disk.open(path).is_ok());
    files
}

fn harm(disk: &SimDisk, damage: &Damage) {
    let files = files(disk);
    let Some(path) = files.get(usize::from(damage.file) % files.len().max(1)) else { return };
    if let Harm::Remove = damage.kind {
        let _ = disk.remove(path);
        return;
    }
    let Ok(file) = disk.open(path) else { return };
    let size = file.size().unwrap_or(0);
    let at = u64::from(damage.at) % size.max(1);
    let _ = harm_file(&*file, at, size, &damage.kind);
}

fn harm_file(file: &dyn File, at: u64, size: u64, kind: &Harm) -> std::io::Result<()> {
    match kind {
        Harm::Flip { bit } => {
            let mut byte = [0];
            file.read_at(&mut byte, at)?;
            file.write_at(&[byte[0] ^ 1 << (bit % 8)], at)
        }
        Harm::Zero { count } => {
            file.write_at(&vec![0; u64::from(*count).min(size - at) as usize], at)
        }
        Harm::Bytes { bytes } => file.write_at(bytes, at),
        Harm::Cut => file.truncate(at),
        Harm::Remove => Ok(()),
    }
}
