//! Errors, with the code and the outcome that callers branch on.

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum PinfoldError {
    /// The one form of every failure; the code tells which it is.
    #[error("{name}: {reason}")]
    Failed {
        /// ZooKeeper's number, or ours at or below -1000.
        code: i32,
        /// Stable name of the code, for instance `NO_NODE`.
        name: String,
        /// What happened, for people.
        reason: String,
        /// The path that the call was about.
        path: Option<String>,
        /// True if the change may have been made: look before repeating.
        maybe_applied: bool,
    },
}

impl From<pinfold_glue::Error> for PinfoldError {
    fn from(error: pinfold_glue::Error) -> PinfoldError {
        PinfoldError::Failed {
            code: error.code,
            name: error.name.to_owned(),
            reason: error.message,
            path: error.path,
            maybe_applied: error.outcome != pinfold_glue::Outcome::NotApplied,
        }
    }
}
