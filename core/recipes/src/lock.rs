//! Locks: one holder at a time, or many readers.
//!
//! ```text
//! <path>/<guid>-write-<seq>   ephemeral sequential: wants to be alone
//! <path>/<guid>-read-<seq>    ephemeral sequential: wants to be with other readers
//! ```
//! First come, first served: a reader waits for the last writer before it, a writer for whoever is
//! before it. A [`Lock`] is the writers' side alone, so both kinds may share a path. The fencing
//! token is the czxid of the holder's znode.

use bytes::Bytes;
use pinfold_client::{Client, Error};

use crate::hold::Hold;
use crate::line::{Line, Participant};
use crate::naming::{self, Mode};

/// How the znodes of those that wait are named: that of the other programs at the lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockLayout {
    /// Pinfold's own.
    #[default]
    Pinfold,
    /// That of Curator's `InterProcessMutex`, and of its `InterProcessReadWriteLock`.
    Curator,
    /// That of kazoo's `Lock`, and of its `ReadLock` and `WriteLock`.
    Kazoo,
}

/// A lock among all that use the same path: one has it, the others wait in their order.
///
/// Not reentrant: whoever has it and acquires it again waits for itself.
#[derive(Clone, Debug)]
pub struct Lock(Line);

impl Lock {
    /// A lock at `path`, which is created by the first to acquire it.
    pub fn new(client: Client, path: &str) -> Lock {
        Lock(Line::new(client, path, naming::LOCK))
    }

    /// The same lock among programs that name their znodes in this way.
    #[must_use]
    pub fn with_layout(self, layout: LockLayout) -> Lock {
        let naming = match layout {
            LockLayout::Pinfold => naming::LOCK,
            LockLayout::Curator => naming::CURATOR_MUTEX,
            LockLayout::Kazoo => naming::KAZOO,
        };
        Lock(Line { naming, ..self.0 })
    }

    /// Waits, as long as it takes, until it has the lock.
    ///
    /// `data` is what others see of the holder. Dropping the future leaves the line; a time limit
    /// is a `tokio::time::timeout` around it.
    ///
    /// # Errors
    /// What the session ends with, and what the server refuses (a path without permission).
    /// A broken connection is waited out. After the session's end acquire again on a new one.
    pub async fn acquire(&self, data: Bytes) -> Result<Hold, Error> {
        self.0.acquire(Mode::Exclusive, data).await
    }

    /// The lock if nobody has it and nobody waits, else `None`.
    ///
    /// # Errors
    /// Those of [`Lock::acquire`].
    pub async fn try_acquire(&self, data: Bytes) -> Result<Option<Hold>, Error> {
        self.0.try_acquire(Mode::Exclusive, data).await
    }

    /// Who has it and who waits, in their order.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    pub async fn participants(&self) -> Result<Vec<Participant>, Error> {
        self.0.participants().await
    }
}

/// A lock that many readers have together, or one writer alone; first come, first served.
#[derive(Clone, Debug)]
pub struct ReadWriteLock(Line);

impl ReadWriteLock {
    /// A lock at `path`, which is created by the first to acquire it.
    pub fn new(client: Client, path: &str) -> ReadWriteLock {
        ReadWriteLock(Line::new(client, path, naming::LOCK))
    }

    /// The same lock among programs that name their znodes in this way.
    #[must_use]
    pub fn with_layout(self, layout: LockLayout) -> ReadWriteLock {
        let naming = match layout {
            LockLayout::Pinfold => naming::LOCK,
            LockLayout::Curator => naming::CURATOR_READ_WRITE,
            LockLayout::Kazoo => naming::KAZOO,
        };
        ReadWriteLock(Line { naming, ..self.0 })
    }

    /// Waits until no writer is before it. See [`Lock::acquire`].
    ///
    /// # Errors
    /// Those of [`Lock::acquire`].
    pub async fn read(&self, data: Bytes) -> Result<Hold, Error> {
        self.0.acquire(Mode::Shared, data).await
    }

    /// Waits until nobody is before it. See [`Lock::acquire`].
    ///
    /// # Errors
    /// Those of [`Lock::acquire`].
    pub async fn write(&self, data: Bytes) -> Result<Hold, Error> {
        self.0.acquire(Mode::Exclusive, data).await
    }

    /// To read if no writer has it or waits, else `None`.
    ///
    /// # Errors
    /// Those of [`Lock::acquire`].
    pub async fn try_read(&self, data: Bytes) -> Result<Option<Hold>, Error> {
        self.0.try_acquire(Mode::Shared, data).await
    }

    /// To write if nobody has it and nobody waits, else `None`.
    ///
    /// # Errors
    /// Those of [`Lock::acquire`].
    pub async fn try_write(&self, data: Bytes) -> Result<Option<Hold>, Error> {
        self.0.try_acquire(Mode::Exclusive, data).await
    }

    /// Who has it and who waits, in their order.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    pub async fn participants(&self) -> Result<Vec<Participant>, Error> {
        self.0.participants().await
    }
}
