//! Syncs on their way: each is answered once the state here holds everything that had been
//! acknowledged anywhere when it came, and nothing of its connection overtakes it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::{BufMut, Bytes, BytesMut};

use crate::pipeline::Submission;
use crate::request::Ordered;

/// Which sync of which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SyncId {
    server: u64,
    number: u64,
}

impl SyncId {
    /// What consensus carries along; no other sync of any server has the same.
    pub(crate) fn context(self) -> Bytes {
        let mut context = BytesMut::with_capacity(16);
        context.put_u64_le(self.server);
        context.put_u64_le(self.number);
        context.freeze()
    }
}

/// All syncs of one server.
#[derive(Debug)]
pub(crate) struct Syncs {
    server: u64,
    last: u64,
    /// Of each that is not answered yet: the index from which on it may be, once that is known.
    indexes: BTreeMap<u64, Option<u64>>,
    /// Those before which nothing of their connections is left to do.
    ready: Vec<(SyncId, Submission)>,
    /// What came behind a sync on its connection.
    held: HashMap<u64, VecDeque<Submission>>,
    /// Connections that nothing holds up any more.
    released: Vec<u64>,
}

impl Syncs {
    /// `server` is a number that no other server has.
    pub(crate) fn new(server: u64) -> Syncs {
        Syncs {
            server,
            last: 0,
            indexes: BTreeMap::new(),
            ready: Vec::new(),
            held: HashMap::new(),
            released: Vec::new(),
        }
    }

    /// A sync begins. What comes over its connection from now on is held.
    pub(crate) fn begin(&mut self, connection: u64) -> SyncId {
        self.last += 1;
        self.indexes.insert(self.last, None);
        self.held.entry(connection).or_default();
        SyncId { server: self.server, number: self.last }
    }

    /// What comes over the connection from now on is held until its release.
    pub(crate) fn hold(&mut self, connection: u64) {
        self.held.entry(connection).or_default();
    }

    /// What was held may go on, when [`take_released`](Self::take_released) is next asked.
    pub(crate) fn release(&mut self, connection: u64) {
        self.released.push(connection);
    }

    /// What came behind something that has been answered meanwhile.
    pub(crate) fn take_released(&mut self) -> Vec<Submission> {
        let released = std::mem::take(&mut self.released);
        released.iter().filter_map(|connection| self.held.remove(connection)).flatten().collect()
    }

    /// Gives back what is not to be held.
    pub(crate) fn pass(&mut self, submission: Submission) -> Option<Submission> {
        match self.held.get_mut(&submission.connection.id) {
            Some(held) => {
                held.push_back(submission);
                None
            }
            None => Some(submission),
        }
    }

    /// Consensus has answered.
    pub(crate) fn confirm(&mut self, context: &[u8], index: u64) {
        let Some((server, number)) = context.split_first_chunk::<8>() else { return };
        let Ok(number) = number.try_into().map(u64::from_le_bytes) else { return };
        if u64::from_le_bytes(*server) == self.server
            && let Some(known) = self.indexes.get_mut(&number)
        {
            known.get_or_insert(index);
        }
    }

    /// Everything before it on its connection has been done.
    pub(crate) fn is_ready(&mut self, id: SyncId, submission: Submission) {
        self.ready.push((id, submission));
    }

    /// Those that may be answered, each with what was held behind it.
    pub(crate) fn take(&mut self, applied: u64) -> Vec<(Submission, VecDeque<Submission>)> {
        let ready = std::mem::take(&mut self.ready);
        let (done, rest) =
            ready.into_iter().partition(|(id, _)| self.may_be_answered(*id, applied));
        self.ready = rest;
        let done: Vec<(SyncId, Submission)> = done;
        done.into_iter()
            .map(|(id, submission)| {
                self.indexes.remove(&id.number);
                let held = self.held.remove(&submission.connection.id).unwrap_or_default();
                (submission, held)
            })
            .collect()
    }

    /// What consensus is to be asked again: an answer can get lost.
    pub(crate) fn unconfirmed(&self) -> Vec<Bytes> {
        let open = self.indexes.iter().filter(|(_, index)| index.is_none());
        open.map(|(number, _)| SyncId { server: self.server, number: *number }.context()).collect()
    }

    /// Nobody waits for this one any more.
    pub(crate) fn give_up(&mut self, id: SyncId) {
        self.indexes.remove(&id.number);
    }

    /// The connection has ended; gives back what it leaves behind.
    pub(crate) fn forget(&mut self, connection: u64) -> Vec<Submission> {
        let mut left: Vec<Submission> =
            self.held.remove(&connection).into_iter().flatten().collect();
        let ready = std::mem::take(&mut self.ready);
        for (id, submission) in ready {
            if submission.connection.id == connection {
                self.indexes.remove(&id.number);
                left.push(submission);
            } else {
                self.ready.push((id, submission));
            }
        }
        left
    }

    fn may_be_answered(&self, id: SyncId, applied: u64) -> bool {
        matches!(self.indexes.get(&id.number), Some(Some(index)) if *index <= applied)
    }
}

/// The path that a sync names, which is answered as it is.
pub(crate) fn path_of(submission: &mut Submission) -> String {
    match &mut submission.ordered {
        Ordered::Sync { path } => std::mem::take(path),
        _ => String::new(),
    }
}
