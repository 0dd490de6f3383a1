//! Errors: a code, the path, and what the failed call may have changed.

use pinfold_proto::ErrorCode;

/// What a failed call may have changed; what callers branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Outcome {
    /// Nothing was changed.
    NotApplied = 0,
    /// The change may have been made; look before repeating it.
    MaybeApplied = 1,
    /// The session is over; nothing can be repeated on it.
    SessionOver = 2,
}

/// Why a call failed: a code of the protocol, or one of ours at or below -1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A code of the protocol.
    Protocol(ErrorCode),
    /// A code that the server sent and that nobody knows.
    Unknown(i32),
    /// The client is closed.
    Closed,
    /// Too many requests are waiting for an answer.
    InFlightFull,
    /// An argument cannot be used.
    InvalidArgument,
    /// A time limit of the caller passed.
    Timeout,
    /// A claim, an assignment or a leadership is no longer ours.
    ClaimLost,
    /// No server could be reached within the time limit.
    NotConnected,
    /// A task was given up.
    TaskFailed,
}

impl ErrorKind {
    /// Its number.
    pub fn code(self) -> i32 {
        match self {
            ErrorKind::Protocol(code) => code.code(),
            ErrorKind::Unknown(code) => code,
            ErrorKind::Closed => -1000,
            ErrorKind::InFlightFull => -1001,
            ErrorKind::InvalidArgument => -1003,
            ErrorKind::Timeout => -1004,
            ErrorKind::ClaimLost => -1005,
            ErrorKind::NotConnected => -1009,
            ErrorKind::TaskFailed => -1010,
        }
    }

    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::Protocol(code) => code.name(),
            ErrorKind::Unknown(_) => "API_ERROR",
            ErrorKind::Closed => "CLOSED",
            ErrorKind::InFlightFull => "IN_FLIGHT_FULL",
            ErrorKind::InvalidArgument => "INVALID_ARGUMENT",
            ErrorKind::Timeout => "TIMEOUT",
            ErrorKind::ClaimLost => "CLAIM_LOST",
            ErrorKind::NotConnected => "NOT_CONNECTED",
            ErrorKind::TaskFailed => "TASK_FAILED",
        }
    }
}

impl From<ErrorCode> for ErrorKind {
    fn from(code: ErrorCode) -> ErrorKind {
        ErrorKind::Protocol(code)
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    path: Option<String>,
    outcome: Outcome,
    op_index: Option<usize>,
}

impl Error {
    /// An error that changed nothing.
    pub fn new(kind: impl Into<ErrorKind>, message: impl Into<String>) -> Error {
        let kind = kind.into();
        let over = [ErrorCode::SessionExpired, ErrorCode::AuthFailed].map(ErrorKind::Protocol);
        let outcome = match over.contains(&kind) {
            true => Outcome::SessionOver,
            false => Outcome::NotApplied,
        };
        Error { kind, message: message.into(), path: None, outcome, op_index: None }
    }

    /// An error of the protocol with its own message.
    pub fn protocol(code: ErrorCode) -> Error {
        Error::new(code, code.message())
    }

    /// An error of which only the number is known.
    pub(crate) fn from_code(code: i32) -> Error {
        match ErrorCode::from_i32(code) {
            Some(code) => Error::protocol(code),
            None => Error::new(ErrorKind::Unknown(code), "the server gave a code nobody knows"),
        }
    }

    /// The same error about a path.
    pub fn with_path(self, path: impl Into<String>) -> Error {
        Error { path: Some(path.into()), ..self }
    }

    /// The same error with another outcome.
    pub fn with_outcome(self, outcome: Outcome) -> Error {
        Error { outcome, ..self }
    }

    /// The same error, of this operation of a multi, counted from 0.
    pub fn with_op_index(self, index: usize) -> Error {
        Error { op_index: Some(index), ..self }
    }

    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether it is this code of the protocol.
    pub fn is(&self, code: ErrorCode) -> bool {
        self.kind == ErrorKind::Protocol(code)
    }

    /// ZooKeeper's number, or ours at or below -1000.
    pub fn code(&self) -> i32 {
        self.kind.code()
    }

    /// Stable name, for instance `NO_NODE`.
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// What happened, without the path.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The path that the call was about, as the caller wrote it.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// What the failed call may have changed.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// For multi: index of the operation that failed.
    pub fn op_index(&self) -> Option<usize> {
        self.op_index
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.name(), self.message)?;
        if let Some(path) = &self.path {
            write!(formatter, " [{path}]")?;
        }
        if let Some(index) = self.op_index {
            write!(formatter, " (operation {index} of the multi)")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
