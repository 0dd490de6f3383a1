//! A disk that misbehaves on demand, for tests of whole servers.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::filesystem::{File, FileSystem, Lock};

/// A file system that does what a control file says, which is read before every write and sync.
///
/// `slow MS` makes each of them take so many milliseconds longer, `full` makes whatever needs room
/// fail as a full disk does. Anything else, and no file at all, changes nothing.
#[derive(Clone)]
pub struct FaultyFileSystem {
    inner: Arc<dyn FileSystem>,
    control: Arc<Control>,
}

impl fmt::Debug for FaultyFileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyFileSystem").field("control", &self.control).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Control(PathBuf);

impl Control {
    /// Waits, or fails, as the control file says. `needs_room` is whether a full disk matters.
    fn obey(&self, needs_room: bool) -> io::Result<()> {
        let Ok(text) = std::fs::read_to_string(&self.0) else { return Ok(()) };
        match text.trim().split_once(' ') {
            Some(("slow", ms)) => {
                std::thread::sleep(Duration::from_millis(ms.trim().parse().unwrap_or(0)));
            }
            None if text.trim() == "full" && needs_room => {
                return Err(io::ErrorKind::StorageFull.into());
            }
            _ => {}
        }
        Ok(())
    }
}

impl FaultyFileSystem {
    /// Puts itself before another file system.
    pub fn new(inner: Arc<dyn FileSystem>, control: &Path) -> Self {
        Self { inner, control: Arc::new(Control(control.to_owned())) }
    }

    fn file(&self, inner: Box<dyn File>) -> Box<dyn File> {
        Box::new(FaultyFile { inner, control: Arc::clone(&self.control) })
    }
}

impl FileSystem for FaultyFileSystem {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.inner.create_dir_all(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.control.obey(true)?;
        Ok(self.file(self.inner.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.file(self.inner.open(path)?))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.inner.open_to_read(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.control.obey(false)?;
        self.inner.sync_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.inner.lock(path)
    }
}

#[derive(Debug)]
struct FaultyFile {
    inner: Box<dyn File>,
    control: Arc<Control>,
}

impl File for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        self.inner.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.control.obey(true)?;
        self.inner.write_at(bytes, offset)
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        self.control.obey(true)?;
        self.inner.allocate(size)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.inner.truncate(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.control.obey(false)?;
        self.inner.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsFileSystem;

    #[test]
    fn it_does_what_the_control_file_says() {
        let folder = tempfile::tempdir().unwrap();
        let control = folder.path().join("control");
        let fs = FaultyFileSystem::new(Arc::new(OsFileSystem), &control);
        let file = fs.create(&folder.path().join("file")).unwrap();
        file.write_at(b"1", 0).unwrap();
        std::fs::write(&control, "full\n").unwrap();
        let refused = file.write_at(b"2", 0).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        assert!(file.allocate(10).is_err() && fs.create(&folder.path().join("other")).is_err());
        file.sync().unwrap();
        std::fs::write(&control, "slow 30\n").unwrap();
        let begun = std::time::Instant::now();
        file.write_at(b"3", 0).unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(30));
        std::fs::remove_file(&control).unwrap();
        file.write_at(b"4", 0).unwrap();
    }
}
