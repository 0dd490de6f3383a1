//! One setting as somebody wrote it, and what its value may be read as.

use std::str::FromStr;

use crate::error::ServerError;

/// A name and a value, and where they were written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    /// Where it was written, for errors: `zoo.cfg, line 3`, `command line`, `JVMFLAGS`.
    pub(crate) place: &'a str,
    /// As it was written.
    pub(crate) key: &'a str,
    pub(crate) value: &'a str,
}

impl<'a> Setting<'a> {
    /// The key without the prefix `zookeeper.`, which system properties have and zoo.cfg has not.
    pub(crate) fn name(&self) -> &'a str {
        self.key.strip_prefix("zookeeper.").unwrap_or(self.key)
    }

    /// The error for a value that has no meaning here.
    pub(crate) fn refused(&self, reason: &str) -> ServerError {
        ServerError::Setting {
            place: self.place.to_owned(),
            key: self.key.to_owned(),
            value: self.value.to_owned(),
            reason: reason.to_owned(),
        }
    }

    /// Java's `Boolean.parseBoolean`: everything but `true` is false.
    pub(crate) fn is_true(&self) -> bool {
        self.value.eq_ignore_ascii_case("true")
    }

    pub(crate) fn number<N: FromStr>(&self) -> Result<N, ServerError> {
        self.value.parse().map_err(|_| self.refused("a number is needed"))
    }

    /// Milliseconds; -1 is how ZooKeeper writes "not set".
    pub(crate) fn timeout_ms(&self) -> Result<Option<i32>, ServerError> {
        Ok(Some(self.number::<i32>()?).filter(|ms| *ms != -1))
    }

    /// A number of bytes, in decimal or, as Java's `Integer.getInteger` takes them, `0x1fffff`.
    pub(crate) fn bytes(&self, limit: usize) -> Result<usize, ServerError> {
        let hex = self.value.strip_prefix("0x").or_else(|| self.value.strip_prefix("0X"));
        let size = match hex {
            Some(hex) => usize::from_str_radix(hex, 16).ok(),
            None => self.value.parse().ok(),
        };
        match size {
            Some(size) if size <= limit => Ok(size),
            Some(_) => Err(self.refused(&format!("at most {limit} bytes are possible"))),
            None => Err(self.refused("a number of bytes is needed")),
        }
    }
}
