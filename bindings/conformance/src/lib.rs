//! Conformance cases as data, and the runner that drives every language's driver.
//!
//! A case is a JSON file of `cases/`: steps with what each client must observe, in order. The same
//! case runs through the driver of each language (see `DRIVERS.md`), against Pinfold's server and
//! against Apache ZooKeeper, so that neither a binding nor the server can drift alone.

pub mod case;
pub mod differential;
pub mod driver;
pub mod load;
pub mod matrix;
pub mod pattern;
pub mod process;
pub mod relay;
pub mod runner;
pub mod wire;
