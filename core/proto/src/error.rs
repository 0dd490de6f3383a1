//! Error codes of the protocol.

macro_rules! codes {
    ($($variant:ident = $code:literal, $name:literal, $message:literal;)*) => {
        /// An error code of the protocol, with ZooKeeper's number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum ErrorCode {
            $(#[doc = $message] $variant = $code,)*
        }

        impl ErrorCode {
            /// Every code, `Ok` first.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The code with this number, if there is one.
            pub fn from_i32(code: i32) -> Option<ErrorCode> {
                match code {
                    $($code => Some(ErrorCode::$variant),)*
                    _ => None,
                }
            }

            /// Stable name, for instance `NO_NODE`.
            pub fn name(self) -> &'static str {
                match self {
                    $(ErrorCode::$variant => $name,)*
                }
            }

            /// What it means, without a full stop.
            pub fn message(self) -> &'static str {
                match self {
                    $(ErrorCode::$variant => $message,)*
                }
            }
        }
    };
}

codes! {
    Ok = 0, "OK", "success";
    SystemError = -1, "SYSTEM_ERROR", "system error";
    RuntimeInconsistency = -2, "RUNTIME_INCONSISTENCY", "runtime inconsistency";
    DataInconsistency = -3, "DATA_INCONSISTENCY", "data inconsistency";
    ConnectionLoss = -4, "CONNECTION_LOSS", "connection loss";
    MarshallingError = -5, "MARSHALLING_ERROR", "the request cannot be decoded";
    Unimplemented = -6, "UNIMPLEMENTED", "the operation is not known";
    OperationTimeout = -7, "OPERATION_TIMEOUT", "operation timeout";
    BadArguments = -8, "BAD_ARGUMENTS", "bad arguments";
    InvalidState = -9, "INVALID_STATE", "invalid state";
    UnknownSession = -12, "UNKNOWN_SESSION", "unknown session";
    NewConfigNoQuorum = -13, "NEW_CONFIG_NO_QUORUM", "no quorum of the new configuration";
    ReconfigInProgress = -14, "RECONFIG_IN_PROGRESS", "another reconfiguration is in progress";
    SslConnectionError = -15, "SSL_CONNECTION_ERROR", "TLS connection error";
    ApiError = -100, "API_ERROR", "API error";
    NoNode = -101, "NO_NODE", "the node does not exist";
    NoAuth = -102, "NO_AUTH", "not permitted by the ACL";
    BadVersion = -103, "BAD_VERSION", "the version is not the expected one";
    NoChildrenForEphemerals = -108, "NO_CHILDREN_FOR_EPHEMERALS",
        "an ephemeral node can have no children";
    NodeExists = -110, "NODE_EXISTS", "the node exists";
    NotEmpty = -111, "NOT_EMPTY", "the node has children";
    SessionExpired = -112, "SESSION_EXPIRED", "the session has expired";
    InvalidCallback = -113, "INVALID_CALLBACK", "invalid callback";
    InvalidAcl = -114, "INVALID_ACL", "the ACL is not valid";
    AuthFailed = -115, "AUTH_FAILED", "authentication failed";
    Closing = -116, "CLOSING", "closing";
    Nothing = -117, "NOTHING", "nothing to process";
    SessionMoved = -118, "SESSION_MOVED", "the session has moved to another server";
    NotReadOnly = -119, "NOT_READ_ONLY", "the server is read-only";
    EphemeralOnLocalSession = -120, "EPHEMERAL_ON_LOCAL_SESSION",
        "a local session can own no ephemeral node";
    NoWatcher = -121, "NO_WATCHER", "there is no such watch";
    RequestTimeout = -122, "REQUEST_TIMEOUT", "request timeout";
    ReconfigDisabled = -123, "RECONFIG_DISABLED", "reconfiguration is disabled";
    SessionClosedRequireSaslAuth = -124, "SESSION_CLOSED_REQUIRE_SASL_AUTH",
        "the server requires authentication";
    QuotaExceeded = -125, "QUOTA_EXCEEDED", "quota exceeded";
    ThrottledOp = -127, "THROTTLED_OP", "the request was throttled";
}

impl ErrorCode {
    /// Its number on the wire.
    pub fn code(self) -> i32 {
        self as i32
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({}): {}", self.name(), self.code(), self.message())
    }
}

impl std::error::Error for ErrorCode {}
