//! A server as a task of a simulation, instead of as threads.

use crate::assembly::{Assembled, Site};
use crate::config::Config;
use crate::environment::Environment;
use crate::error::ServerError;
use crate::peers::HELLO_BYTES as FIRST_WORDS;
use crate::pipeline::Message;

/// Bytes that a server says to another before the first frame.
pub const HELLO_BYTES: usize = FIRST_WORDS;

/// Runs a server on the current runtime, which must have one thread, until `stop` is ready or the
/// server stops by itself. Tasks that it has begun end with the runtime.
///
/// # Errors
/// Whatever keeps the server from starting, or stops it.
pub async fn serve(
    config: Config,
    environment: Environment,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServerError> {
    let site = Site::open(config, environment)?;
    let sender = site.sender.clone();
    tokio::spawn(async move {
        stop.await;
        let _ = sender.send(Message::Stop);
    });
    let formation = match site.has_to_ask() {
        true => Some(site.ask().await),
        false => None,
    };
    let mut assembled = site.assemble(formation)?;
    assembled.accept(&tokio::runtime::Handle::current());
    let Assembled { mut pipeline, directory, .. } = assembled;
    let ended = pipeline.run().await;
    pipeline.finish();
    drop(directory);
    ended
}
