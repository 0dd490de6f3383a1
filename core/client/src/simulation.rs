//! For core/sim alone: what a client has around it, where that is not the operating system.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;

/// A connection that is none of the operating system's.
pub trait Socket: fmt::Debug + Send + Sync {
    /// Waits until there is something to read, or room to write where that is wanted; true when
    /// reading is worth a try.
    fn ready(
        &self,
        for_writing: bool,
    ) -> Pin<Box<dyn Future<Output = io::Result<bool>> + Send + '_>>;

    /// Reads what there is.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when there is nothing.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes what there is room for.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when there is none.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// A connection that is being made.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Socket>>> + Send + 'a>>;

/// An environment that is not the operating system.
pub trait World: fmt::Debug + Send + Sync {
    /// Makes a connection to `host:port`.
    fn connect<'a>(&'a self, address: &'a str) -> Connecting<'a>;

    /// A number at random.
    fn random(&self) -> u32;

    /// Milliseconds since 1970, by the clock on the wall.
    fn wall_ms(&self) -> i64;
}
