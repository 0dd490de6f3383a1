//! The embedded server. Starting and stopping it blocks, so both run on a libuv worker thread.

use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Either, Env, Task};
use napi_derive::napi;
use pinfold_glue::{Error, Server, ServerOptions};

use crate::error::{ErrorFields, fields, guarded};

/// A running server.
#[napi]
pub struct NativeServer {
    server: Arc<Server>,
}

#[napi]
impl NativeServer {
    /// "host:port".
    #[napi]
    pub fn address(&self) -> String {
        self.server.address().to_owned()
    }

    /// Stops it; resolves to null, or to an error's fields.
    #[napi]
    pub fn stop(&self) -> AsyncTask<Stop> {
        AsyncTask::new(Stop { server: self.server.clone() })
    }
}

/// Starts a server; resolves to it, or to an error's fields.
#[napi]
pub(crate) fn start_server(
    listen: Option<String>,
    data_dir: Option<String>,
    tick_time_ms: u32,
    properties: Vec<(String, String)>,
) -> AsyncTask<Start> {
    AsyncTask::new(Start { options: ServerOptions { listen, data_dir, tick_time_ms, properties } })
}

/// The start of a server, off the JavaScript thread.
pub(crate) struct Start {
    options: ServerOptions,
}

impl Task for Start {
    type Output = Result<Server, Error>;
    type JsValue = Either<NativeServer, ErrorFields>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let options = self.options.clone();
        Ok(guarded(|| Server::start(options)))
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(match output {
            Ok(server) => Either::A(NativeServer { server: Arc::new(server) }),
            Err(error) => Either::B(fields(error)),
        })
    }
}

/// The stop of a server, off the JavaScript thread.
pub struct Stop {
    server: Arc<Server>,
}

impl Task for Stop {
    type Output = Result<(), Error>;
    type JsValue = Option<ErrorFields>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(guarded(|| self.server.stop()))
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(output.err().map(fields))
    }
}
