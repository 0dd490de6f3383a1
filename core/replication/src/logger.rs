//! raft's log lines, carried into `tracing`.

use std::fmt::{self, Write};

/// A logger for raft whose lines come out of `tracing` under the target `pinfold::raft`.
pub(crate) fn logger() -> slog::Logger {
    slog::Logger::root(Lines, slog::o!())
}

struct Lines;

impl slog::Drain for Lines {
    type Ok = ();
    type Err = slog::Never;

    fn log(&self, record: &slog::Record<'_>, _: &slog::OwnedKVList) -> Result<(), slog::Never> {
        if !tracing::enabled!(target: "pinfold::raft", tracing::Level::ERROR) {
            return Ok(());
        }
        let mut line = Line(record.msg().to_string());
        // Writing into a String does not fail.
        let _ = slog::KV::serialize(&record.kv(), record, &mut line);
        match record.level() {
            slog::Level::Critical | slog::Level::Error => {
                tracing::error!(target: "pinfold::raft", "{}", line.0);
            }
            slog::Level::Warning => tracing::warn!(target: "pinfold::raft", "{}", line.0),
            // Elections are told by the server in its own words; these are for a closer look.
            slog::Level::Info | slog::Level::Debug => {
                tracing::debug!(target: "pinfold::raft", "{}", line.0);
            }
            slog::Level::Trace => tracing::trace!(target: "pinfold::raft", "{}", line.0),
        }
        Ok(())
    }
}

struct Line(String);

impl slog::Serializer for Line {
    fn emit_arguments(&mut self, key: slog::Key, value: &fmt::Arguments<'_>) -> slog::Result {
        write!(self.0, " {key}={value}").map_err(slog::Error::from)
    }
}
