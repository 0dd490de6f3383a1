//! A small value on disk that is replaced as a whole.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Context, Error, Result};
use crate::filesystem::FileSystem;

const MAGIC: &[u8; 8] = b"PINFREG1";
const HEADER: usize = 16;

/// A value of some bytes: after a crash it is the old one or the new one, never a mixture.
pub struct Register {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    path: PathBuf,
    failed: bool,
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Register {
    pub(crate) fn new(fs: Arc<dyn FileSystem>, dir: &Path, name: &str) -> Self {
        Self { fs, dir: dir.to_owned(), path: dir.join(name), failed: false }
    }

    /// The value; `None` if it was never written.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the file is damaged, [`Error::Io`].
    pub fn read(&self) -> Result<Option<Bytes>> {
        let file = match self.fs.open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context("open", &self.path),
        };
        let size = file.size().context("read the size of", &self.path)?;
        let mut bytes = vec![0; usize::try_from(size.min(1 << 20)).unwrap_or(0)];
        file.read_at(&mut bytes, 0).context("read", &self.path)?;
        if bytes.len() < HEADER || &bytes[..8] != MAGIC {
            return Err(Error::corrupt(&self.path, 0, "it does not begin as it should"));
        }
        let value = Bytes::from(bytes).slice(HEADER..);
        if header(&value)[..] != self.header_of(&*file)?[..] {
            return Err(Error::corrupt(&self.path, 8, "the checksum is wrong"));
        }
        Ok(Some(value))
    }

    fn header_of(&self, file: &dyn crate::filesystem::File) -> Result<[u8; HEADER]> {
        let mut header = [0; HEADER];
        file.read_at(&mut header, 0).context("read", &self.path)?;
        Ok(header)
    }

    /// Replaces the value; durable when this returns.
    ///
    /// # Errors
    /// [`Error::Io`], which is final.
    pub fn write(&mut self, value: &[u8]) -> Result<()> {
        if self.failed {
            return Err(Error::Poisoned { path: self.path.clone() });
        }
        self.failed = true;
        let temporary = self.path.with_extension("tmp");
        let file = self.fs.create(&temporary).context("create", &temporary)?;
        let mut bytes = header(value).to_vec();
        bytes.extend_from_slice(value);
        file.write_at(&bytes, 0).context("write", &temporary)?;
        file.sync().context("sync", &temporary)?;
        drop(file);
        self.fs.rename(&temporary, &self.path).context("rename", &temporary)?;
        self.fs.sync_dir(&self.dir).context("sync", &self.dir)?;
        self.failed = false;
        Ok(())
    }
}

fn header(value: &[u8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&(value.len() as u32).to_le_bytes());
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&header[8..12]);
    checksum.update(value);
    header[12..].copy_from_slice(&checksum.finalize().to_le_bytes());
    header
}
