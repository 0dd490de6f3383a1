//! Error codes of every language. ZooKeeper's numbers; ours are at or below -1000.

use super::ErrorCode;

const fn error(code: i32, name: &'static str, doc: &'static str) -> ErrorCode {
    ErrorCode { code, name, doc }
}

pub(super) static ERRORS: &[ErrorCode] = &[
    error(-1, "SYSTEM_ERROR", "The server failed in a way that it could not name."),
    error(-2, "RUNTIME_INCONSISTENCY", "The server found its own state inconsistent."),
    error(-3, "DATA_INCONSISTENCY", "The server found its data inconsistent."),
    error(
        -4,
        "CONNECTION_LOSS",
        "The connection broke before the answer came; the outcome says whether a write may have \
         been applied. The session goes on and reconnects by itself.",
    ),
    error(-5, "MARSHALLING_ERROR", "The server could not decode the request."),
    error(-6, "UNIMPLEMENTED", "The server does not know the operation."),
    error(-7, "OPERATION_TIMEOUT", "The operation took too long."),
    error(
        -8,
        "BAD_ARGUMENTS",
        "An argument is not legal: a path, a mode, a size; the message names it.",
    ),
    error(-9, "INVALID_STATE", "The client is in a state that does not allow the call."),
    error(-12, "UNKNOWN_SESSION", "The server does not know the session."),
    error(-13, "NEW_CONFIG_NO_QUORUM", "No quorum of the new configuration is connected."),
    error(-14, "RECONFIG_IN_PROGRESS", "Another reconfiguration is under way."),
    error(-15, "SSL_CONNECTION_ERROR", "The TLS connection could not be made."),
    error(-100, "API_ERROR", "The server refused the request for a reason without a code."),
    error(-101, "NO_NODE", "There is no znode at the path."),
    error(-102, "NO_AUTH", "The ACL does not grant the permission that the operation needs."),
    error(-103, "BAD_VERSION", "The znode's version is not the one that was expected."),
    error(-108, "NO_CHILDREN_FOR_EPHEMERALS", "The parent is ephemeral and can have no children."),
    error(-110, "NODE_EXISTS", "There is a znode at the path already."),
    error(-111, "NOT_EMPTY", "The znode has children."),
    error(-112, "SESSION_EXPIRED", "The session is over; its ephemeral znodes are gone."),
    error(-113, "INVALID_CALLBACK", "The callback is not valid."),
    error(-114, "INVALID_ACL", "The ACL is empty or malformed, or names an unknown scheme."),
    error(-115, "AUTH_FAILED", "The credentials were refused; the session is over."),
    error(-116, "CLOSING", "The client is closing."),
    error(-117, "NOTHING", "There is nothing to process."),
    error(-118, "SESSION_MOVED", "The session has moved to another server."),
    error(-119, "NOT_READ_ONLY", "The server is read-only and the request writes."),
    error(-120, "EPHEMERAL_ON_LOCAL_SESSION", "A local session can own no ephemeral znode."),
    error(-121, "NO_WATCHER", "There is no such watch."),
    error(-122, "REQUEST_TIMEOUT", "The request took too long."),
    error(-123, "RECONFIG_DISABLED", "Reconfiguration is disabled."),
    error(
        -124,
        "SESSION_CLOSED_REQUIRE_SASL_AUTH",
        "The server requires an authentication that the session did not give; do not retry.",
    ),
    error(-125, "QUOTA_EXCEEDED", "The write would exceed a quota."),
    error(-127, "THROTTLED_OP", "The server dropped the request because it waited too long."),
    error(-1000, "CLOSED", "The client or the recipe is closed."),
    error(
        -1001,
        "IN_FLIGHT_FULL",
        "Too many requests are waiting for an answer; drain some, then call again.",
    ),
    error(
        -1002,
        "FORKED",
        "The process has forked since the client was made; a session cannot be shared. Make a \
         new client in the child.",
    ),
    error(-1003, "INVALID_ARGUMENT", "An argument has a wrong type, range or encoding."),
    error(
        -1004,
        "TIMEOUT",
        "The call's own time limit passed; the operation goes on and its outcome is not known.",
    ),
    error(
        -1005,
        "CLAIM_LOST",
        "The claim is no longer ours: leadership, task or assignment has gone to another. The \
         write was not applied.",
    ),
    error(-1006, "INVALID_HANDLE", "The handle is NULL, freed, or of another kind."),
    error(-1007, "SERVER", "The embedded server could not start, or failed."),
    error(-1008, "PANIC", "A defect in Pinfold; it was contained. Please report the message."),
    error(-1009, "NOT_CONNECTED", "No server could be reached within the time limit."),
    error(-1010, "TASK_FAILED", "The task was given up; the message tells the reason."),
    error(-1011, "WOULD_DEADLOCK", "The call would wait for the callback that it is made in."),
    error(
        -1012,
        "CANCELLED",
        "The operation was cancelled by its caller; what it had begun to acquire is given back.",
    ),
];
