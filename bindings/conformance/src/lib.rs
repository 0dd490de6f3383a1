//! Conformance cases as data, and the runner that drives every language's driver.
