//! A state on the disk, brought back to memory.

use std::path::Path;

use pinfold_state::{Entry, StateMachine};
use pinfold_storage::{Error, Inspection, OsFileSystem, SnapshotId, SnapshotReader};

use super::log::{inspect, walk};
use super::output::{Failure, settled};

/// The state after one record of the log.
#[derive(Debug)]
pub(crate) struct Image {
    /// Where it is from.
    pub(crate) source: String,
    pub(crate) index: u64,
    pub(crate) state: StateMachine,
}

impl Image {
    /// Of a directory's newest snapshot, of the file of a snapshot, or of a directory's log `at`
    /// a record.
    pub(crate) fn load(source: &Path, at: Option<u64>) -> Result<Image, Failure> {
        if !source.is_dir() {
            if at.is_some() {
                let shown = source.display();
                let text = format!("{shown} is no directory, so there is no log for --at");
                return Err(Failure::Impossible(text));
            }
            return Image::restore(SnapshotReader::open(&OsFileSystem, source)?);
        }
        let directory = inspect(source)?;
        match at {
            Some(at) => Image::replay(&directory, at),
            None => match settled(|| directory.snapshots())?.last() {
                Some(newest) => Image::restore(settled(|| directory.snapshot(*newest))?),
                None => Err(Failure::Impossible(format!(
                    "there is no snapshot in {} yet; --at INDEX takes the state from the log",
                    source.display()
                ))),
            },
        }
    }

    /// Reads a snapshot whole.
    pub(crate) fn restore(mut reader: SnapshotReader) -> Result<Image, Failure> {
        let (path, index) = (reader.path().to_owned(), reader.id().index);
        let (mut failure, mut offset) = (None, reader.offset());
        let blocks = std::iter::from_fn(|| {
            offset = reader.offset();
            match reader.next()? {
                Ok(block) => Some(block),
                Err(error) => {
                    failure = Some(error);
                    None
                }
            }
        });
        let restored = StateMachine::restore(blocks);
        if let Some(error) = failure {
            return Err(error.into());
        }
        let source = path.display().to_string();
        match restored {
            Ok(state) => Ok(Image { source, index, state }),
            Err(error) => {
                let reason = format!("a block makes no sense: {error}");
                Err(Error::Corrupt { path, offset, reason }.into())
            }
        }
    }

    /// The newest snapshot that is not later, and then the log.
    fn replay(directory: &Inspection, at: u64) -> Result<Image, Failure> {
        let listed = settled(|| directory.snapshots())?;
        let newest: Option<&SnapshotId> = listed.iter().rfind(|id| id.index <= at);
        let source = format!("{} at record {at}", directory.path().display());
        let mut image = match newest {
            Some(id) => Image::restore(settled(|| directory.snapshot(*id))?)?,
            None => Image { source: String::new(), index: 0, state: StateMachine::new() },
        };
        image.source = source;
        walk(directory, |contents| {
            for (offset, record) in &contents.records {
                // A hole stays one: what comes behind it is not applied.
                if record.index != image.index + 1 || record.index > at {
                    continue;
                }
                image.index = record.index;
                // Changes of members are no part of this.
                if record.kind != pinfold_replication::EntryKind::Normal as u8
                    || record.data.is_empty()
                {
                    continue;
                }
                let entry = Entry::decode(&record.data).map_err(|error| Error::Corrupt {
                    path: contents.path.clone(),
                    offset: *offset,
                    reason: format!("record {}: {error}", record.index),
                })?;
                image.state.apply(&entry);
            }
            Ok(())
        })?;
        if image.index < at {
            let (shown, last) = (directory.path().display(), image.index);
            return Err(Failure::Impossible(format!(
                "what is in {shown} leads up to record {last} only, not to {at}"
            )));
        }
        Ok(image)
    }
}
