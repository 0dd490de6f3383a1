//! Where lines go, as text or JSON, and what ends a command.

use std::fmt::Display;
use std::io::{self, BufWriter, Stdout, Write};

use pinfold_storage::Error as StorageError;
use serde::Serialize;

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The reader of our output has gone.
    #[error("nobody reads the output any more")]
    NobodyReads,
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    /// A file is damaged or cannot be read.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// What was asked for cannot be done.
    #[error("{0}")]
    Impossible(String),
}

impl Failure {
    /// The exit status that it stands for.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Failure::Storage(StorageError::Corrupt { .. }) => 1,
            _ => 2,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::NobodyReads,
            _ => Failure::Output(error),
        }
    }
}

/// Standard output, a line for each thing told.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    lines: BufWriter<Stdout>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Output {
        Output { json, lines: BufWriter::with_capacity(64 << 10, io::stdout()) }
    }

    /// Writes one line.
    pub(crate) fn tell(&mut self, thing: &(impl Serialize + Display)) -> Result<(), Failure> {
        match self.json {
            true => {
                serde_json::to_writer(&mut self.lines, thing).map_err(io::Error::from)?;
                self.lines.write_all(b"\n")?;
            }
            false => writeln!(self.lines, "{thing}")?,
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.lines.flush()?)
    }
}

/// Reads something that a running server may be changing: an error counts only when it comes twice
/// in a row as the same one.
pub(crate) fn settled<T>(
    mut read: impl FnMut() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    let mut last = String::new();
    for _ in 0..5 {
        match read() {
            Ok(found) => return Ok(found),
            Err(error) if error.to_string() == last => return Err(error),
            Err(error) => last = error.to_string(),
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    read()
}
