//! Coordination recipes over the client: election, task queue, master and worker.
