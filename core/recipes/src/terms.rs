//! Leading over and over, also over the end of a session.

use std::sync::Arc;

use bytes::Bytes;
use pinfold_client::{Client, Error, SessionState};

use crate::election::{LeaderElection, Leadership};
use crate::master::renew;
use crate::session::{CLAIM_LOST, Fault, fault, is_over, pause};

/// The terms in which a process leads, one after the other. It uses the client's session until
/// that ends, then sessions of its own, each time as a new candidate.
#[derive(Debug)]
pub struct Terms {
    election: LeaderElection,
    data: Bytes,
}

impl LeaderElection {
    /// To lead again after each term, also on a new session.
    pub fn terms(&self, data: impl Into<Bytes>) -> Terms {
        Terms { election: self.clone(), data: data.into() }
    }

    /// Does `work` whenever this process leads, until it was done to its end; then it resigns.
    /// When a term is lost, the future of the work is dropped, before the server could have given
    /// the lead to another, and it campaigns again: after a session's end on a new one.
    ///
    /// ```no_run
    /// # async fn doc(client: pinfold_client::Client) -> Result<(), pinfold_client::Error> {
    /// let election = pinfold_recipes::LeaderElection::new(client, "/leader");
    /// election
    ///     .lead("web-1", async |term| {
    ///         // Dropped when this process leads no longer.
    ///         term.write(vec![]).await
    ///     })
    ///     .await??;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`Terms::next`].
    pub async fn lead<T>(
        &self,
        data: impl Into<Bytes>,
        mut work: impl AsyncFnMut(Arc<Leadership>) -> T,
    ) -> Result<T, Error> {
        let mut terms = self.terms(data);
        loop {
            let term = Arc::new(terms.next().await?);
            let done = tokio::select! {
                biased;
                _ = term.lost() => None,
                done = work(Arc::clone(&term)) => Some(done),
            };
            let Some(done) = done else { continue };
            if let Some(term) = Arc::into_inner(term) {
                // An error says that the session is over: the lead is given away as well.
                drop(term.resign().await);
            }
            return Ok(done);
        }
    }
}

impl Terms {
    /// Waits, as long as it takes, until this process leads. Drop the term before it asks for the
    /// next one. Dropping the future withdraws the candidate.
    ///
    /// # Errors
    /// `CLOSED` or `AUTH_FAILED` when the client was closed or let in no more; what the server
    /// refuses. A session that expires and a candidate that somebody removes are none.
    pub async fn next(&mut self) -> Result<Leadership, Error> {
        let mut round = 0;
        loop {
            let error = match self.election.campaign(self.data.clone()).await {
                Err(error) => error,
                outcome => return outcome,
            };
            if error.code() == CLAIM_LOST {
                pause(round).await;
                round += 1;
                continue;
            }
            if fault(&error) != Fault::Session {
                return Err(error);
            }
            let client = &mut self.election.line.client;
            // The error can come in before the state that explains it.
            let over = client.states().wait_for(|state| is_over(*state)).await.map(|state| *state);
            if over.is_ok_and(|state| state != SessionState::Expired) {
                return Err(error);
            }
            *client = renew(client).await?;
        }
    }

    /// The client of the session on which it is a candidate now.
    pub fn client(&self) -> &Client {
        &self.election.line.client
    }
}
