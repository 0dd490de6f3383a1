//! The session-managing asynchronous ZooKeeper client.
