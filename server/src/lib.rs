//! The Pinfold server: listener, connections, pipeline, watches, and the pinfold binary.

pub mod log_store;
