//! Deterministic simulation of the storage and state machine under disk faults.
