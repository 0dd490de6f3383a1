//! The last things said on a check's connections, to be shown when it fails.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Write;
use std::rc::Rc;

use super::check::{Code, Hex};
use crate::wire::Reply;

/// How many messages are kept.
const KEPT: usize = 4;

/// Longest message that is shown whole, in bytes.
const SHOWN: usize = 192;

/// Shared by all connections of one check, so that their messages stay in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail(Rc<RefCell<VecDeque<String>>>);

impl Trail {
    /// A request.
    pub(super) fn sent(&self, operation: &str, frame: &[u8]) {
        self.keep(format!("-> {operation}: {}", hex(frame)));
    }

    /// A reply, as its fields and as its bytes.
    pub(super) fn received(&self, reply: &Reply) {
        let mut frame = Vec::with_capacity(16 + reply.body.len());
        frame.extend_from_slice(&reply.xid.to_be_bytes());
        frame.extend_from_slice(&reply.zxid.to_be_bytes());
        frame.extend_from_slice(&reply.err.to_be_bytes());
        frame.extend_from_slice(&reply.body);
        let (xid, zxid, err) = (reply.xid, reply.zxid, Code(reply.err));
        self.keep(format!("<- xid {xid}, zxid {zxid:#x}, err {err:?}: {}", hex(&frame)));
    }

    /// A frame that is no reply.
    pub(super) fn read(&self, what: &str, frame: &[u8]) {
        self.keep(format!("<- {what}: {}", hex(frame)));
    }

    /// Everything kept, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.borrow().iter().cloned().collect()
    }

    /// Begins anew.
    pub(super) fn forget(&self) {
        self.0.borrow_mut().clear();
    }

    fn keep(&self, line: String) {
        let mut lines = self.0.borrow_mut();
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Bytes as [`Hex`] has them, long ones cut.
fn hex(bytes: &[u8]) -> String {
    let mut text = format!("{:?}", Hex(&bytes[..bytes.len().min(SHOWN)]));
    if bytes.len() > SHOWN {
        // Writing to a string cannot fail.
        let _ = write!(text, " and {} bytes more", bytes.len() - SHOWN);
    }
    text
}
