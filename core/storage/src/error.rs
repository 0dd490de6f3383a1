//! What can go wrong with a disk, told so that an operator can act on it.

use std::io;
use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Every variant names the file, and the offset where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The data directory cannot be written.
    #[error(
        "the data directory {} cannot be written: {source}; give this user write access to it, \
         or choose another one with --data-dir",
        path.display()
    )]
    Unwritable {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The directory has files of somebody else.
    #[error(
        "{} is not a Pinfold data directory but holds {found}; choose an empty or a new directory",
        path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Some of what is in it.
        found: String,
    },
    /// Another process works on the directory.
    #[error(
        "the data directory {} is in use by another process{holder}; stop that one first, or \
         choose another directory",
        path.display()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Who has it, where known.
        holder: String,
    },
    /// Written by another version.
    #[error(
        "{} has format version {found}, this program reads version {supported}; use the release \
         that wrote it",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Version in it.
        found: u32,
        /// Version that is understood.
        supported: u32,
    },
    /// A file is damaged at a place where a crash cannot have done it.
    #[error(
        "{} is damaged at offset {offset}: {reason}; nothing was changed, restore the file from a \
         backup or another server",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Bytes from its start.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// Too large to be read back.
    #[error("{what} of {size} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// A record or a snapshot block.
        what: &'static str,
        /// Its bytes.
        size: usize,
        /// Most bytes it may have.
        limit: usize,
    },
    /// Records have to follow one another.
    #[error("record {index} does not follow record {last}, the last of the log")]
    OutOfOrder {
        /// What was to be written.
        index: u64,
        /// The last one that is there.
        last: u64,
    },
    /// Asked for what is not there.
    #[error("the log holds records {first} to {last}, not {index}")]
    OutOfRange {
        /// What was asked for.
        index: u64,
        /// First record.
        first: u64,
        /// Last record.
        last: u64,
    },
    /// An earlier write or fsync failed.
    #[error("{} failed before; it is not known what the disk holds, so the process has to stop",
        path.display())]
    Poisoned {
        /// The file of the failure.
        path: PathBuf,
    },
}

impl Error {
    pub(crate) fn corrupt(path: &Path, offset: u64, reason: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_owned(), offset, reason: reason.into() }
    }
}

/// Says what was tried, and on what.
pub(crate) trait Context<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { action, path: path.to_owned(), source })
    }
}
