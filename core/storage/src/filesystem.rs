//! The only door to the disk.

use std::fmt;
use std::io;
use std::path::Path;

/// A file system, real or simulated. Shared between threads.
///
/// The promises are those of POSIX and no more: what was written is durable after
/// [`File::sync`], a new, renamed or removed name after [`sync_dir`](Self::sync_dir).
pub trait FileSystem: fmt::Debug + Send + Sync + 'static {
    /// Makes a directory and its parents; fine if it is there.
    ///
    /// # Errors
    /// What the operating system says.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes an empty file, or empties the one that is there, for reading and writing.
    ///
    /// # Errors
    /// What the operating system says.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// What the operating system says.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens a file for reading alone: one that may not be written will do.
    ///
    /// # Errors
    /// What the operating system says.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.open(path)
    }

    /// Gives a file another name in the same directory; a file of that name goes, all in one.
    ///
    /// # Errors
    /// What the operating system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the operating system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// What the operating system says; not to be tried again.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// The names in a directory, in no order.
    ///
    /// # Errors
    /// What the operating system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Takes a lock on a file (made if it is not there) that lasts until the result is dropped
    /// or the process ends, however it ends.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when somebody else has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
}

/// A lock that is held.
pub trait Lock: fmt::Debug + Send + Sync {}

/// An open file.
pub trait File: fmt::Debug + Send + Sync {
    /// Its length in bytes.
    ///
    /// # Errors
    /// What the operating system says.
    fn size(&self) -> io::Result<u64>;

    /// Fills the buffer from an offset.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the file ends before that.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of the bytes at an offset.
    ///
    /// # Errors
    /// What the operating system says; how much was written is then unknown.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the file at least this long, with zeros and with room on the disk where the file
    /// system can promise it.
    ///
    /// # Errors
    /// Above all [`io::ErrorKind::StorageFull`].
    fn allocate(&self, size: u64) -> io::Result<()>;

    /// Cuts the file at this length.
    ///
    /// # Errors
    /// What the operating system says.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Makes all that was written, and the length, durable.
    ///
    /// # Errors
    /// What the operating system says; not to be tried again.
    fn sync(&self) -> io::Result<()>;
}
