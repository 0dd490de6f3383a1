//! A counter that many change, each change exactly once.
//!
//! ```text
//! <path>             persistent, data: the number, in digits
//! <path>/m-<guid>    ephemeral: one for each handle that changes the number
//! <path>/line        persistent: the line of those that met others too often
//! ```
//! A change is one multi: the number, at the version that was read, and the handle's own znode, by
//! whose version it knows whether a change was made whose reply was lost. Who meets others three
//! times in a row goes on under a lock, so that nobody tries for ever.

use std::sync::Arc;

use bytes::Bytes;
use pinfold_client::{Client, Error, MultiOp};
use tokio::sync::{Mutex, MutexGuard};

use crate::hold::Hold;
use crate::layout::create_all;
use crate::lock::Lock;
use crate::marker::Marker;
use crate::session::{BAD_VERSION, NO_NODE, claim_lost, patiently, refuse};

/// How often a change may meet another before it waits for its turn.
const PATIENCE: u32 = 3;

/// A counter among all that use the same path; it is 0 before the first change. Clones share one
/// handle, whose changes are made one after the other.
#[derive(Clone, Debug)]
pub struct Counter {
    client: Client,
    path: String,
    marker: Arc<Mutex<Option<Marker>>>,
}

/// How a change ended.
enum Change {
    Made,
    /// Another change came first.
    Met,
}

impl Counter {
    /// A counter at `path`, which is made by the first change.
    pub fn new(client: Client, path: &str) -> Counter {
        Counter { client, path: path.to_owned(), marker: Arc::default() }
    }

    /// The number now.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when what is there is no number. Those of reading: the connection or the
    /// session, permissions.
    pub async fn get(&self) -> Result<i64, Error> {
        match self.client.get(&self.path).await {
            Ok((data, _)) => self.number(&data),
            Err(error) if error.code() == NO_NODE => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Adds to the number and gives the new one. Dropping the future leaves open whether it was
    /// added.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the sum is not between -2^63 and 2^63 - 1, or when what is there is
    /// no number. What the session ends with, after which it is open whether it was added; what
    /// the server refuses. A broken connection is waited out.
    pub async fn add(&self, addend: i64) -> Result<i64, Error> {
        let add = |number: i64| {
            let sum = number.checked_add(addend);
            let sum = sum.ok_or_else(|| refuse(format!("{number} + {addend} is too large")))?;
            Ok(Some(sum))
        };
        self.change(add).await.map(Option::unwrap_or_default)
    }

    /// Sets the number, whatever it was.
    ///
    /// # Errors
    /// Those of [`Counter::add`].
    pub async fn set(&self, number: i64) -> Result<(), Error> {
        self.change(|_| Ok(Some(number))).await.map(drop)
    }

    /// Sets the number if it is `expected`; whether it was.
    ///
    /// # Errors
    /// Those of [`Counter::add`].
    pub async fn compare_and_set(&self, expected: i64, number: i64) -> Result<bool, Error> {
        let decide = |now: i64| Ok((now == expected).then_some(number));
        self.change(decide).await.map(|changed| changed.is_some())
    }

    /// Makes the change that `decide` wants of the number it is given; `None` when it wants none.
    async fn change(
        &self,
        decide: impl Fn(i64) -> Result<Option<i64>, Error>,
    ) -> Result<Option<i64>, Error> {
        let mut marker = self.marker().await?;
        let mut turn: Option<Hold> = None;
        let mut met = 0;
        let changed = loop {
            let (data, stat) = patiently(&self.client, || self.client.get(&self.path)).await?;
            let Some(number) = decide(self.number(&data)?)? else { break None };
            let Some(marker) = marker.as_mut() else {
                return Err(claim_lost(&self.path, "the counter's handle is gone"));
            };
            match self.try_change(marker, number, stat.version).await? {
                Change::Made => break Some(number),
                Change::Met => met += 1,
            }
            if met == PATIENCE {
                let line = Lock::new(self.client.clone(), &format!("{}/line", self.path));
                turn = Some(line.acquire(Bytes::new()).await?);
            }
        };
        if let Some(turn) = turn {
            turn.release().await?;
        }
        Ok(changed)
    }

    async fn try_change(
        &self,
        marker: &mut Marker,
        number: i64,
        version: i32,
    ) -> Result<Change, Error> {
        let (path, data) = (self.path.clone(), Some(Bytes::from(number.to_string())));
        match marker.commit(vec![MultiOp::SetData { path, data, version }]).await {
            Ok(()) => Ok(Change::Made),
            Err(error) if error.code() == BAD_VERSION => Ok(Change::Met),
            Err(error) => Err(error),
        }
    }

    /// This handle's own znode, made with the first change.
    async fn marker(&self) -> Result<MutexGuard<'_, Option<Marker>>, Error> {
        let mut marker = self.marker.lock().await;
        if marker.is_some() {
            return Ok(marker);
        }
        let client = &self.client;
        patiently(client, || async {
            create_all(client, &self.path).await?;
            if client.get(&self.path).await?.0.is_empty() {
                // Made empty by whoever was first; another's first change may come before this.
                let zero = client.set(&self.path, "0", 0).await;
                zero.map(drop).or_else(|error| match error.code() {
                    BAD_VERSION => Ok(()),
                    _ => Err(error),
                })?;
            }
            Ok(())
        })
        .await?;
        *marker = Some(Marker::make(client, &self.path).await?);
        Ok(marker)
    }

    fn number(&self, data: &[u8]) -> Result<i64, Error> {
        if data.is_empty() {
            return Ok(0);
        }
        let text = String::from_utf8_lossy(data);
        text.trim().parse().map_err(|_| {
            refuse(format!("{:?} is no number", text.chars().take(40).collect::<String>()))
                .with_path(&self.path)
        })
    }
}
