//! What callers were told of their writes, against what was written.
//!
//! Each write carries a number of its own in its data. A write that its caller was told to be done
//! must be in the log; one that its caller was told not to be must never be.

use std::collections::{BTreeMap, BTreeSet};

use pinfold_state::{Body, Entry, Op};

/// The number of a write, and how many bytes of its data it takes.
pub(crate) type Token = u64;
const BYTES: usize = 8;

/// Data of this many bytes at least, with the number of their write.
pub(crate) fn data(token: Token, size: usize, filling: u8) -> Vec<u8> {
    let mut data = vec![filling; size.max(BYTES)];
    data[..BYTES].copy_from_slice(&token.to_be_bytes());
    data
}

/// What is known of all writes with numbers.
#[derive(Default)]
pub(crate) struct Promises {
    written: BTreeSet<Token>,
    denied: BTreeMap<Token, String>,
}

impl Promises {
    /// An entry was applied, and nothing in it failed.
    pub(crate) fn written(&mut self, entry: &Entry) -> Result<(), String> {
        match &entry.body {
            Body::Request(op) => self.write(op),
            Body::Multi(ops) => ops.iter().try_for_each(|op| self.write(op)),
            _ => Ok(()),
        }
    }

    fn write(&mut self, op: &Op) -> Result<(), String> {
        let (Op::Create { path, data, .. } | Op::SetData { path, data, .. }) = op else {
            return Ok(());
        };
        let Some(token) = data.as_deref().and_then(|data| data.first_chunk::<BYTES>()) else {
            return Ok(());
        };
        let token = Token::from_be_bytes(*token);
        self.written.insert(token);
        match self.denied.get(&token) {
            Some(error) => Err(contradiction(token, path, error)),
            None => Ok(()),
        }
    }

    /// A caller was told that its write is done.
    pub(crate) fn confirm(&self, token: Token) -> Result<(), String> {
        match self.written.contains(&token) {
            true => Ok(()),
            false => Err(format!("write {token:x} is done, its caller heard, but it was not")),
        }
    }

    /// A caller was told that its write is not done, and never will be.
    pub(crate) fn deny(&mut self, token: Token, error: String) -> Result<(), String> {
        if self.written.contains(&token) {
            return Err(contradiction(token, "an earlier entry", &error));
        }
        self.denied.insert(token, error);
        Ok(())
    }
}

fn contradiction(token: Token, place: &str, error: &str) -> String {
    format!("write {token:x} is not done, its caller heard ({error}), but it is: {place}")
}
