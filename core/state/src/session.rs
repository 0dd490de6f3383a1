//! The replicated session table: who may write, and who may come back.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fingerprint;

/// One open session, as every server knows it. When it was last heard of is not here: only the
/// leader keeps that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What a client must show to take the session over.
    pub password: [u8; 16],
    /// The negotiated timeout, in milliseconds.
    pub timeout_ms: i32,
    /// How often it was taken over by a new connection since it was opened. Only what comes over
    /// the latest one counts, wherever the earlier ones are.
    pub attachment: u32,
}

/// All open sessions. A clone shares the table until one of the two changes.
#[derive(Clone, Debug, Default)]
pub struct SessionTable {
    sessions: Arc<BTreeMap<i64, Session>>,
    // The sum of the sessions' hashes.
    fingerprint: u64,
}

impl SessionTable {
    /// The session with this id, if it is open.
    pub fn get(&self, id: i64) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// All open sessions by id.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Session)> {
        self.sessions.iter().map(|(id, session)| (*id, session))
    }

    /// Number of open sessions.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// True when no session is open.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The sum of the hashes of all sessions.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// False, and nothing changed, when the id is taken.
    pub(crate) fn open(&mut self, id: i64, session: Session) -> bool {
        if self.sessions.contains_key(&id) {
            return false;
        }
        self.fingerprint = self.fingerprint.wrapping_add(fingerprint::session(id, &session));
        Arc::make_mut(&mut self.sessions).insert(id, session);
        true
    }

    /// The number of the new attachment; `None`, and nothing changed, when the session is not
    /// open or the password is another.
    pub(crate) fn attach(&mut self, id: i64, password: &[u8; 16], timeout_ms: i32) -> Option<u32> {
        self.sessions.get(&id).filter(|session| session.password == *password)?;
        let session = Arc::make_mut(&mut self.sessions).get_mut(&id)?;
        let before = fingerprint::session(id, session);
        session.attachment = session.attachment.wrapping_add(1);
        session.timeout_ms = timeout_ms;
        let after = fingerprint::session(id, session);
        self.fingerprint = self.fingerprint.wrapping_add(after).wrapping_sub(before);
        Some(session.attachment)
    }

    pub(crate) fn close(&mut self, id: i64) -> bool {
        if !self.sessions.contains_key(&id) {
            return false;
        }
        let closed = Arc::make_mut(&mut self.sessions).remove(&id);
        let hash = closed.map_or(0, |session| fingerprint::session(id, &session));
        self.fingerprint = self.fingerprint.wrapping_sub(hash);
        true
    }
}
