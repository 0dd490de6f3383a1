//! The scope in which this process has what it contended for.

use pinfold_client::{Client, Error, MultiOp, MultiResult};

use crate::contender::Contender;
use crate::guard::Guard;
use crate::session::{NO_NODE, claim_lost};
use crate::stake::Stake;

/// Something that this process has: a lock, a lease, the lead. Ends when released, dropped, or
/// lost.
#[derive(Debug)]
pub struct Hold {
    claim: Claim,
    client: Client,
    path: String,
    token: i64,
    guard: Guard,
}

/// What removes the znode when it is dropped.
#[derive(Debug)]
enum Claim {
    Contender(Contender),
    Stake(Stake),
}

impl Hold {
    pub(crate) fn begin(contender: Contender) -> Hold {
        let client = contender.client.clone();
        let (path, token) = contender.own();
        let path = path.to_owned();
        let guard = Guard::over(&client, &path, token);
        Hold { claim: Claim::Contender(contender), client, path, token, guard }
    }

    pub(crate) fn staked(stake: Stake) -> Hold {
        let (client, path, token) = (stake.client.clone(), stake.path.clone(), stake.token());
        let guard = Guard::over(&client, &path, token);
        Hold { claim: Claim::Stake(stake), client, path, token, guard }
    }

    /// The fencing token: 64 bits, greater than that of everyone who had it before.
    pub fn token(&self) -> i64 {
        self.token
    }

    /// The path of the znode that stands for it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The check to put into a multi: it is refused once this hold is over, whatever this process
    /// believes.
    pub fn check(&self) -> MultiOp {
        MultiOp::Check { path: self.path.clone(), version: -1 }
    }

    /// True while work may go on, by this process's monotonic clock.
    pub fn is_held(&self) -> bool {
        self.guard.is_held()
    }

    /// Resolves, with the reason, when work has to stop: before the server could have given it to
    /// another. Cancel-safe; resolves again each time once lost.
    pub async fn lost(&self) -> String {
        self.guard.lost().await
    }

    /// Writes all of this, or nothing when it is no longer held: the check goes in the same multi.
    /// Results and the index that an error tells are those of `ops`.
    ///
    /// # Errors
    /// `CLAIM_LOST` when it is over; what the server refuses of `ops`; the connection's and the
    /// session's.
    pub async fn write(&self, ops: Vec<MultiOp>) -> Result<Vec<MultiResult>, Error> {
        if !self.is_held() {
            return Err(claim_lost(&self.path, "it is no longer held"));
        }
        let guarded = std::iter::once(self.check()).chain(ops).collect();
        match self.client.multi(guarded).await {
            Ok(mut results) => {
                results.remove(0);
                Ok(results)
            }
            Err(error) => Err(match error.op_index() {
                Some(0) if error.code() == NO_NODE => {
                    claim_lost(&self.path, "it has gone to another")
                }
                Some(index) => error.with_op_index(index.saturating_sub(1)),
                None => error,
            }),
        }
    }

    /// Gives it to the next; when this returns without an error, the next has it.
    ///
    /// # Errors
    /// What the session ends with: then it is given away as well.
    pub async fn release(mut self) -> Result<(), Error> {
        self.guard.end();
        match &mut self.claim {
            Claim::Contender(contender) => contender.withdraw().await,
            Claim::Stake(stake) => stake.withdraw().await,
        }
    }

    /// As [`Hold::lost`], for those that outlive it.
    pub(crate) fn losing(&self) -> impl Future<Output = String> + Send + use<> {
        self.guard.losing()
    }

    /// Its znode is gone already.
    pub(crate) fn spent(mut self) {
        self.guard.end();
        if let Claim::Stake(stake) = &mut self.claim {
            stake.spent();
        }
    }
}
