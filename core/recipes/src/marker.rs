//! How a handle knows which of its changes were made.
//!
//! ```text
//! <folder>/m-<guid>   ephemeral: one for each handle; its version counts the handle's changes
//! ```
//! Each change is a multi that also sets the marker, at the version that it must have. When a reply
//! is lost, the version says how many of the changes were made: none is made twice, none is taken
//! for made that was not.

use bytes::Bytes;
use pinfold_client::{Acl, Client, CreateMode, Error, MultiOp};
use tokio::runtime::Handle;

use crate::layout::create_all;
use crate::session::{
    BAD_VERSION, Fault, NO_NODE, NODE_EXISTS, claim_lost, connected, fault, is_over, patiently,
    pause, unique,
};

/// Changes on their way at the same time.
const WINDOW: usize = 16;

/// The znode of a handle, deleted when it is dropped.
#[derive(Debug)]
pub(crate) struct Marker {
    client: Client,
    runtime: Handle,
    path: String,
    /// `None` while a change is under way, and after one that nobody waited for.
    version: Option<i32>,
}

impl Drop for Marker {
    fn drop(&mut self) {
        if !is_over(self.client.state()) {
            // What cannot be deleted goes with the session.
            self.runtime.spawn(self.client.delete(&self.path, -1));
        }
    }
}

impl Marker {
    /// Makes one in `folder`, which is made where it is missing.
    pub(crate) async fn make(client: &Client, folder: &str) -> Result<Marker, Error> {
        let path = format!("{folder}/m-{}", unique(client));
        patiently(client, || async {
            create_all(client, folder).await?;
            let acl = Acl::open_unsafe();
            match client.create(&path, Bytes::new(), CreateMode::Ephemeral, &acl).await {
                // Its reply was lost: nobody else makes one of this name.
                Err(error) if error.code() == NODE_EXISTS => Ok(()),
                outcome => outcome.map(drop),
            }
        })
        .await?;
        let (client, runtime) = (client.clone(), Handle::current());
        Ok(Marker { client, runtime, path, version: Some(0) })
    }

    /// Makes all of these changes or, when one is refused, none. A broken connection is waited
    /// out. The index that an error tells is that in `ops`.
    pub(crate) async fn commit(&mut self, ops: Vec<MultiOp>) -> Result<(), Error> {
        self.commit_all(&[ops]).await
    }

    /// Makes one group of changes after the other; none that comes behind a refused one.
    pub(crate) async fn commit_all(&mut self, groups: &[Vec<MultiOp>]) -> Result<(), Error> {
        let begun = match self.version.take() {
            Some(version) => version,
            None => self.look().await?,
        };
        let mut done = 0;
        let mut round = 0;
        while done < groups.len() {
            let window = &groups[done..groups.len().min(done + WINDOW)];
            let Err(error) = self.send(window, begun, &mut done).await else { continue };
            match (fault(&error), error.code(), error.op_index()) {
                (Fault::Connection, ..) => connected(&self.client).await?,
                // A change whose reply was lost came through after all.
                (Fault::Refused, BAD_VERSION, Some(0)) => {}
                (Fault::Refused, NO_NODE, Some(0)) => return Err(self.gone()),
                (Fault::Refused, _, index) => {
                    self.version = Some(after(begun, done));
                    let index = index.map(|index| index.saturating_sub(1));
                    return Err(match index {
                        Some(index) => error.with_op_index(index),
                        None => error,
                    });
                }
                _ => return Err(error),
            }
            let made = self.look().await?.wrapping_sub(begun);
            done = usize::try_from(made).unwrap_or_default();
            pause(round).await;
            round += 1;
        }
        self.version = Some(after(begun, done));
        Ok(())
    }

    /// Sends them all, and counts those that were made.
    async fn send(
        &self,
        groups: &[Vec<MultiOp>],
        begun: i32,
        done: &mut usize,
    ) -> Result<(), Error> {
        let first = *done;
        let multi = |(at, ops): (usize, &Vec<MultiOp>)| {
            let version = after(begun, first + at);
            let (path, data) = (self.path.clone(), Some(Bytes::new()));
            let mark = MultiOp::SetData { path, data, version };
            self.client.multi(std::iter::once(mark).chain(ops.iter().cloned()).collect())
        };
        let pending: Vec<_> = groups.iter().enumerate().map(multi).collect();
        let mut outcome = Ok(());
        for one in pending {
            match one.await {
                Ok(_) if outcome.is_ok() => *done += 1,
                Err(error) if outcome.is_ok() => outcome = Err(error),
                _ => {}
            }
        }
        outcome
    }

    /// How many changes were made.
    async fn look(&self) -> Result<i32, Error> {
        let looked = patiently(&self.client, || async {
            let (synced, stat) = (self.client.sync(&self.path), self.client.exists(&self.path));
            synced.await?;
            stat.await
        });
        looked.await?.map(|stat| stat.version).ok_or_else(|| self.gone())
    }

    fn gone(&self) -> Error {
        claim_lost(&self.path, "the handle's znode was removed")
    }
}

/// The version after so many changes.
fn after(version: i32, changes: usize) -> i32 {
    version.wrapping_add(changes as i32)
}
