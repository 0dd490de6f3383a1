//! The role programs of the demo, which are the programs of the example 05-master-worker.

use crate::languages::Program;
use crate::step::Steps;
use crate::{Fallible, languages, workspace};
use std::path::PathBuf;

const STORY: &str = "05-master-worker";

/// Everything that the demo starts.
pub(super) struct Programs {
    pub(super) server: PathBuf,
    rust: Program,
    python: Program,
    node: Program,
    c: Program,
}

impl Programs {
    /// Builds what is not built, and says so.
    pub(super) fn build() -> Fallible<Programs> {
        let mut steps = Steps::new(5);
        steps.next("building the server, the clients and the native modules");
        let server = workspace::server_binary()?;
        steps.next("building the Rust worker");
        let rust = languages::example("rust", STORY)?;
        steps.next("building the Python package (master and worker)");
        let python = languages::example("python", STORY)?;
        steps.next("building the Node package (master and worker)");
        let node = languages::example("node", STORY)?;
        steps.next("building the C worker");
        let c = languages::example("c", STORY)?;
        Ok(Programs { server, rust, python, node, c })
    }

    /// Who is started, in which role.
    pub(super) fn crew(&self) -> Vec<(&Program, &'static str)> {
        vec![
            (&self.python, "master"),
            (&self.node, "master"),
            (&self.rust, "worker"),
            (&self.python, "worker"),
            (&self.node, "worker"),
            (&self.c, "worker"),
        ]
    }
}
