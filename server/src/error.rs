//! Why a server does not start, or stops by itself.

use std::path::PathBuf;

use thiserror::Error;

/// Why a server does not start, or stops by itself. The text says what to do where it can.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// As it was asked for.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A setting has no meaning.
    #[error("{place}: {key} = {value:?}: {reason}")]
    Setting {
        /// File and line, or where else it comes from.
        place: String,
        /// Its name.
        key: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A server of an ensemble does not know its own number.
    #[error("{}: {reason}", path.display())]
    Identity {
        /// The file that has to tell it.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of certificates cannot be used.
    #[error("{setting} = {:?}: {reason}", path.display().to_string())]
    KeyStore {
        /// The setting that names it.
        setting: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The JAAS file cannot be used.
    #[error("the JAAS file {}: {reason}", path.display())]
    Jaas {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The data directory cannot be used.
    #[error("{0}")]
    Data(#[from] pinfold_storage::Error),
    /// The log or a snapshot cannot be read, or no longer be written.
    #[error("{0}")]
    Store(#[from] pinfold_replication::StoreError),
    /// Consensus refused or failed.
    #[error("{0}")]
    Consensus(#[from] pinfold_replication::Error),
    /// An entry or a snapshot was written by something else.
    #[error("the stored state cannot be read: {0}")]
    State(#[from] pinfold_state::CodecError),
    /// This server's state is another one than that of the others.
    #[error(
        "the state after record {index} of the log has digest {own:016x} here, but {others:016x} \
         on servers {servers:?}, which are a majority: the state of this server is wrong, and it \
         stops. See what differs with `pinfold snapshot diff --at {index} {} OTHER`, where OTHER \
         is the data directory of one of them; then keep this directory aside, and let the server \
         begin with an empty one (and its myid): it gets everything from the others",
        data_dir.display()
    )]
    Diverged {
        /// The record.
        index: u64,
        /// The digest of this server.
        own: u64,
        /// The digest of the others.
        others: u64,
        /// Who they are.
        servers: Vec<u64>,
        /// The directory of this server.
        data_dir: PathBuf,
    },
    /// No temporary directory could be made.
    #[error("cannot make a temporary data directory: {0}")]
    Temporary(std::io::Error),
    /// The operating system gave no random bytes.
    #[error("no random bytes for a session password: {0}")]
    Random(String),
    /// A thread or the runtime could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// A thread of the server panicked.
    #[error("a thread of the server panicked; see the log")]
    Panicked,
}
