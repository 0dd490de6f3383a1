//! Changes of the ensemble's members.
//!
//! A change takes two entries. The request decides what is to come, and is refused as ZooKeeper
//! refuses it; from then on it is pending, while the leader brings new servers up to date. The
//! second entry ends it: it puts the new configuration into `/zookeeper/config`, at the same place
//! of the log where the members change, or gives it up.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use pinfold_proto::error::ErrorCode;
use pinfold_proto::{Configuration, Member, Perms};

use crate::acl;
use crate::codec::{self, CodecError, Reader};
use crate::initial::CONFIG;
use crate::machine::{OpOutcome, Outcome, StateMachine, TreeEventKind, Write};

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconfiguration {
    /// Servers that join, as `server.N=...` with commas between them.
    pub joining: Option<String>,
    /// Numbers of servers that leave, with commas between them.
    pub leaving: Option<String>,
    /// All servers from then on, instead, as `server.N=...` with commas or line ends between them.
    pub members: Option<String>,
    /// The version of the configuration that is to be changed; -1 for any.
    pub version: i64,
}

impl Reconfiguration {
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        for text in [&self.joining, &self.leaving, &self.members] {
            codec::put_buffer(out, text.as_deref().map(str::as_bytes));
        }
        out.put_i64_le(self.version);
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Reconfiguration, CodecError> {
        let (joining, leaving, members) = (text(input)?, text(input)?, text(input)?);
        Ok(Reconfiguration { joining, leaving, members, version: input.i64()? })
    }

    /// The configuration that comes of `current`; `None` when that cannot be.
    fn next(&self, current: &Configuration) -> Option<Configuration> {
        if let Some(members) = &self.members {
            return Configuration::parse(&members.replace(',', "\n")).ok();
        }
        let mut next = Configuration { members: current.members.clone(), version: 0 };
        let parts = |text: &Option<String>| -> Vec<String> {
            let parts = text.as_deref().unwrap_or_default().split(',').map(str::trim);
            parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        for number in parts(&self.leaving) {
            next.members.remove(&number.parse().ok()?);
        }
        for line in parts(&self.joining) {
            let member = Member::line(&line).ok()?;
            member.client.as_ref()?;
            let others = next.members.values().filter(|other| other.id != member.id);
            if others.into_iter().any(|other| other.collides(&member)) {
                return None;
            }
            next.members.insert(member.id, member);
        }
        Some(next)
    }
}

fn text(input: &mut Reader<'_>) -> Result<Option<String>, CodecError> {
    let bytes = input.buffer()?.map(|bytes| String::from_utf8(bytes.to_vec()));
    bytes.transpose().map_err(|_| input.invalid("a text"))
}

impl StateMachine {
    /// The members as `/zookeeper/config` has them; without any on a server that is alone.
    pub fn configuration(&self) -> Configuration {
        let data = self.tree.get(CONFIG).and_then(|node| node.data.clone());
        let text = data.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        // Nobody else writes into the node.
        Configuration::parse(&text).unwrap_or_default()
    }

    /// The members that are to be, while a change is on its way; its version is the zxid of the
    /// entry that asked for it.
    pub fn pending_configuration(&self) -> Option<&Configuration> {
        self.pending.as_ref()
    }

    /// What a new ensemble begins with. Says nothing to an older one.
    pub(crate) fn found(&mut self, first: &str) -> Outcome {
        let is_new = self
            .tree
            .get(CONFIG)
            .is_some_and(|node| node.data.as_ref().is_none_or(|data| data.is_empty()));
        if is_new {
            self.tree.update(CONFIG, |node| node.data = Some(Arc::from(first.as_bytes())));
        }
        Outcome::Founded
    }

    /// In the order of ZooKeeper's checks; but who may not do it is refused before anything is
    /// tried.
    pub(crate) fn reconfigure(
        &mut self,
        write: &Write<'_>,
        asked: &Reconfiguration,
    ) -> Result<Outcome, ErrorCode> {
        if self.sessions.get(write.session_id).is_none() {
            return Err(ErrorCode::SessionExpired);
        }
        let current = self.configuration();
        if current.members.is_empty() {
            return Err(ErrorCode::Unimplemented);
        }
        if self.pending.is_some() {
            return Err(ErrorCode::ReconfigInProgress);
        }
        if asked.version != -1 && asked.version != current.version {
            return Err(ErrorCode::BadVersion);
        }
        let mut next = asked.next(&current).ok_or(ErrorCode::BadArguments)?;
        next.version = write.zxid;
        if next.voters().next().is_none() {
            return Err(ErrorCode::BadArguments);
        }
        let node = self.tree.get(CONFIG).ok_or(ErrorCode::NoNode)?;
        if !acl::allows(&node.acl, Perms::WRITE, write.auth) {
            return Err(ErrorCode::NoAuth);
        }
        self.pending = Some(next);
        Ok(Outcome::Pending)
    }

    /// The change that is pending takes effect.
    pub(crate) fn activate(&mut self, write: &mut Write<'_>, asked: i64) -> Outcome {
        let Some(mut next) = self.pending.take_if(|next| next.version == asked) else {
            return Outcome::Failed(ErrorCode::RuntimeInconsistency);
        };
        next.version = write.zxid;
        let text = next.to_string();
        let (zxid, time_ms) = (write.zxid, write.time_ms);
        self.tree.update(CONFIG, |node| {
            node.data = Some(Arc::from(text.as_bytes()));
            node.mzxid = zxid;
            node.mtime_ms = time_ms;
            // As ZooKeeper shows it, once it has been changed.
            node.version = -1;
        });
        let Some(node) = self.tree.get(CONFIG) else {
            return Outcome::Failed(ErrorCode::NoNode);
        };
        let (stat, list) = (node.stat(), node.acl.clone());
        write.event(TreeEventKind::DataChanged, &CONFIG.into(), &list);
        Outcome::Done(OpOutcome::Configured { text: Bytes::from(text), stat })
    }

    /// The change that is pending is given up.
    pub(crate) fn abandon(&mut self, asked: i64, why: ErrorCode) -> Outcome {
        match self.pending.take_if(|next| next.version == asked) {
            Some(_) => Outcome::Failed(why),
            None => Outcome::Failed(ErrorCode::RuntimeInconsistency),
        }
    }
}
