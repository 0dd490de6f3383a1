//! The replicated state machine: tree, sessions, ACL check; pure and deterministic.
