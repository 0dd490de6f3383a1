//! A semaphore: a number of leases, first come, first served.
//!
//! ```text
//! <path>                      persistent, data: the number of leases, in digits
//! <path>/<guid>-lease-<seq>   ephemeral sequential; its data are set again when it gets a lease
//! ```
//! The first of those that wait watches the folder, each other the one before it, which tells by
//! setting its data that it waits no longer: one wakes for each lease that comes free.

use bytes::Bytes;
use pinfold_client::{Client, Error};

use crate::hold::Hold;
use crate::layout::create_all;
use crate::line::{Line, Participant};
use crate::naming::{self, Mode};
use crate::session::{self, BAD_VERSION, Fault, connected, fault, refuse};

/// A semaphore among all that use the same path.
#[derive(Clone, Debug)]
pub struct Semaphore {
    line: Line,
    permits: u32,
}

impl Semaphore {
    /// A semaphore of this many leases at `path`, which is created by the first to acquire one.
    /// All have to give the same number.
    pub fn new(client: Client, path: &str, permits: u32) -> Semaphore {
        let line = Line::new(client, path, naming::SEMAPHORE);
        Semaphore { line: Line { permits: Some(permits as usize), ..line }, permits }
    }

    /// Waits, as long as it takes, for one lease.
    ///
    /// `data` is what others see of the holder. Dropping the future leaves the line.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for no lease at all, and when the others count on another number. What
    /// the session ends with, and what the server refuses. A broken connection is waited out.
    pub async fn acquire(&self, data: Bytes) -> Result<Hold, Error> {
        self.agree().await?;
        self.line.acquire(Mode::Exclusive, data).await
    }

    /// A lease if one is free, else `None`.
    ///
    /// # Errors
    /// Those of [`Semaphore::acquire`].
    pub async fn try_acquire(&self, data: Bytes) -> Result<Option<Hold>, Error> {
        self.agree().await?;
        self.line.try_acquire(Mode::Exclusive, data).await
    }

    /// Who has a lease and who waits, in their order.
    ///
    /// # Errors
    /// Those of reading: the connection or the session, permissions.
    pub async fn participants(&self) -> Result<Vec<Participant>, Error> {
        self.line.participants().await
    }

    /// Makes sure that everybody counts on the same number.
    async fn agree(&self) -> Result<(), Error> {
        if self.permits == 0 {
            return Err(refuse("a semaphore has at least one lease"));
        }
        let mut round = 0;
        loop {
            match self.agreed().await {
                Err(error) if fault(&error) == Fault::Connection => {
                    connected(&self.line.client).await?;
                }
                // Somebody else was the first to write it.
                Err(error) if error.code() == BAD_VERSION => {}
                outcome => return outcome,
            }
            session::pause(round).await;
            round += 1;
        }
    }

    async fn agreed(&self) -> Result<(), Error> {
        let Line { client, path, .. } = &self.line;
        create_all(client, path).await?;
        let (data, stat) = client.get(path).await?;
        let permits = self.permits.to_string();
        if data.is_empty() {
            return client.set(path, permits, stat.version).await.map(drop);
        }
        if data == permits {
            return Ok(());
        }
        let theirs = String::from_utf8_lossy(&data);
        Err(refuse(format!(
            "{permits} leases are asked for, and {theirs:?} are what others count on"
        ))
        .with_path(path))
    }
}
