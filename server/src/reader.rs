//! Reads, answered from the tree of this server.

use std::sync::Arc;

use bytes::BytesMut;
use pinfold_proto::records::{
    ClientInfo, ErrorResponse, GetAclResponse, GetAllChildrenNumberResponse, GetChildren2Response,
    GetChildrenResponse, GetDataResponse, GetEphemeralsResponse, SetSaslResponse, SetWatches2,
    StatResponse, WhoAmIResponse,
};
use pinfold_proto::{
    AddWatchMode, ErrorCode, EventType, Id, MultiOp, MultiOpResult, MultiResponse, Stat, jute,
};
use pinfold_state::StateMachine;

use crate::authentication;
use crate::connection::Connection;
use crate::reply;
use crate::request::Read;
use crate::shared::{Shared, lock};
use crate::watches::{OneShot, WatchTable};

/// Appends the answer to a read.
///
/// The caller holds the state from before the look at it until the answer is in the output and
/// the watch is armed, so no change can come between, and the event of a later change comes after
/// the answer.
pub(crate) fn answer(
    shared: &Shared,
    state: &StateMachine,
    connection: &Arc<Connection>,
    ids: &[Id],
    xid: i32,
    read: Read,
) {
    let look = Look { shared, connection, state, ids, xid };
    if let Err(error) = look.answer(read) {
        connection.append(|out| reply::header(out, xid, state.last_zxid(), error));
    }
}

struct Look<'a> {
    shared: &'a Shared,
    connection: &'a Arc<Connection>,
    state: &'a StateMachine,
    ids: &'a [Id],
    xid: i32,
}

impl Look<'_> {
    fn answer(&self, read: Read) -> Result<(), ErrorCode> {
        match read {
            // The header says all.
            Read::Ping => return Err(ErrorCode::Ok),
            Read::Answer(code) => return Err(code),
            // As ZooKeeper does: the error, and behind it a list of results without any.
            Read::Unreadable => {
                let zxid = self.state.last_zxid();
                self.connection.append(|out| reply::unreadable(out, self.xid, zxid));
            }
            Read::AuthDone => {
                self.connection.append(|out| reply::header(out, self.xid, 0, ErrorCode::Ok));
            }
            Read::SaslStep(token) => self.connection.append(|out| {
                reply::ok(out, self.xid, 0, |out| jute::write(out, &SetSaslResponse { token }));
            }),
            Read::Exists { path, watch } => self.exists(&path, watch)?,
            Read::GetData { path, watch } => {
                let (data, stat) = self.state.get_data(&path, self.ids)?;
                self.arm(watch, OneShot::Data, &path)?;
                self.ok(|out| reply::put_data(out, data.as_ref(), &stat));
            }
            Read::GetChildren { path, watch, with_stat } => {
                let (children, stat) = self.state.get_children(&path, self.ids)?;
                self.arm(watch, OneShot::Child, &path)?;
                self.ok(|out| match with_stat {
                    true => jute::write(out, &GetChildren2Response { children, stat }),
                    false => jute::write(out, &GetChildrenResponse { children }),
                });
            }
            Read::GetAcl { path } => {
                let (acl, stat) = self.state.get_acl(&path, self.ids)?;
                self.ok(|out| jute::write(out, &GetAclResponse { acl, stat }));
            }
            Read::CountDescendants { path } => {
                let total_number = self.state.count_descendants(&path, self.ids)? as i32;
                self.ok(|out| jute::write(out, &GetAllChildrenNumberResponse { total_number }));
            }
            Read::Ephemerals { prefix } => {
                let paths = self.state.ephemerals(self.connection.session_id(), &prefix);
                let ephemerals = paths.iter().map(|path| path.to_string()).collect();
                self.ok(|out| jute::write(out, &GetEphemeralsResponse { ephemerals }));
            }
            Read::WhoAmI => self.who_am_i(),
            Read::SetWatches(request) => self.set_watches(&request)?,
            Read::AddWatch { path, mode } => {
                let child = (mode == AddWatchMode::Persistent).then_some(path.as_str());
                self.room([path.as_str()].into_iter(), child.into_iter())?;
                self.watches(|table| table.add(&path, self.connection.id, mode));
                self.ok(|out| jute::write(out, &ErrorResponse { err: 0 }));
            }
            Read::CheckWatch { path, kind } => {
                self.expect_watch(|table| table.contains(&path, self.connection.id, kind))?;
            }
            Read::RemoveWatch { path, kind } => {
                self.expect_watch(|table| table.remove(&path, self.connection.id, kind))?;
            }
            Read::Multi(parts) => {
                let results = self.parts(&parts);
                self.ok(|out| MultiResponse { results }.encode(out));
            }
        }
        Ok(())
    }

    fn who_am_i(&self) {
        let info =
            |id: &Id| ClientInfo { scheme: id.scheme.clone(), user: authentication::user_name(id) };
        let client_info = self.ids.iter().map(info).collect();
        self.ok(|out| jute::write(out, &WhoAmIResponse { client_info }));
    }

    fn ok(&self, body: impl FnOnce(&mut BytesMut)) {
        let zxid = self.state.last_zxid();
        self.connection.append_answer(|out| reply::ok(out, self.xid, zxid, body));
    }

    fn watches<T>(&self, with: impl FnOnce(&mut WatchTable) -> T) -> T {
        let mut watches = lock(&self.shared.watches);
        let result = with(&mut watches);
        // A read of a connection that has ended meanwhile leaves nothing behind.
        if self.connection.is_retired() {
            watches.forget(self.connection.id);
        }
        result
    }

    fn arm(&self, watch: bool, kind: OneShot, path: &str) -> Result<(), ErrorCode> {
        if watch {
            let (data, child) = match kind {
                OneShot::Data => (Some(path), None),
                OneShot::Child => (None, Some(path)),
            };
            self.room(data.into_iter(), child.into_iter())?;
            self.watches(|table| table.arm(kind, path, self.connection.id));
        }
        Ok(())
    }

    /// Refuses what would be one watch too many.
    fn room<'p>(
        &self,
        data: impl Iterator<Item = &'p str>,
        child: impl Iterator<Item = &'p str>,
    ) -> Result<(), ErrorCode> {
        let limit = self.shared.config.limits.watches_per_connection;
        let me = self.connection.id;
        if self.watches(|table| table.has_room(me, limit, data, child)) {
            return Ok(());
        }
        self.shared.statistics.watches_rejected.add(1);
        tracing::warn!(peer = %self.connection.peer, limit, "a watch is refused: too many");
        Err(ErrorCode::QuotaExceeded)
    }

    fn exists(&self, path: &str, watch: bool) -> Result<(), ErrorCode> {
        // The only read that looks at its path.
        if path.contains('\0') {
            return Err(ErrorCode::BadArguments);
        }
        let result = self.state.exists(path, self.ids);
        // A miss arms as well, so that the creation is heard of.
        if matches!(result, Ok(_) | Err(ErrorCode::NoNode)) {
            self.arm(watch, OneShot::Data, path)?;
        }
        let stat = result?;
        self.ok(|out| jute::write(out, &StatResponse { stat }));
        Ok(())
    }

    fn expect_watch(&self, look: impl FnOnce(&mut WatchTable) -> bool) -> Result<(), ErrorCode> {
        // A header alone, with or without success.
        Err(if self.watches(look) { ErrorCode::Ok } else { ErrorCode::NoWatcher })
    }

    /// Many small reads may ask for one large node each: those are refused for which there is no
    /// room, since nothing else is done meanwhile.
    fn parts(&self, parts: &[MultiOp]) -> Vec<MultiOpResult> {
        let mut room = self.shared.config.limits.connection_bytes;
        let mut results = Vec::with_capacity(parts.len());
        for part in parts {
            let result = if room > 0 {
                self.part(part)
            } else {
                self.shared.statistics.reads_rejected.add(1);
                MultiOpResult::Error(ErrorCode::QuotaExceeded.code())
            };
            let weight = match &result {
                MultiOpResult::GetData(got) => got.data.as_ref().map_or(0, |data| data.len()),
                MultiOpResult::GetChildren(got) => got.children.iter().map(|c| c.len() + 4).sum(),
                _ => 0,
            };
            room = room.saturating_sub(weight);
            results.push(result);
        }
        results
    }

    fn part(&self, part: &MultiOp) -> MultiOpResult {
        let result = match part {
            MultiOp::GetData(request) => {
                self.state.get_data(&request.path, self.ids).map(|(data, stat)| {
                    let data = data.map(bytes::Bytes::from_owner);
                    MultiOpResult::GetData(GetDataResponse { data, stat })
                })
            }
            MultiOp::GetChildren(request) => self
                .state
                .get_children(&request.path, self.ids)
                .map(|(children, _)| MultiOpResult::GetChildren(GetChildrenResponse { children })),
            _ => Err(ErrorCode::MarshallingError),
        };
        result.unwrap_or_else(|error| MultiOpResult::Error(error.code()))
    }

    /// Arms again what a client had armed before it lost its connection, and tells it what it
    /// missed in the meantime, before the answer.
    fn set_watches(&self, request: &SetWatches2) -> Result<(), ErrorCode> {
        let SetWatches2 { data, exist, child, persistent, persistent_recursive, .. } = request;
        let both = || persistent.iter();
        self.room(
            data.iter().chain(exist).chain(both()).chain(persistent_recursive).map(String::as_str),
            child.iter().chain(both()).map(String::as_str),
        )?;
        let since = request.relative_zxid;
        let me = self.connection.id;
        let missed = |path: &str, newest: fn(&Stat) -> i64, changed: EventType| match self
            .state
            .node_at(path)
            .map(|node| node.stat())
        {
            None => Some(EventType::NodeDeleted),
            Some(stat) if newest(&stat) > since => Some(changed),
            Some(_) => None,
        };
        let events = self.watches(|table| {
            let mut events = Vec::new();
            for path in &request.data {
                match missed(path, |stat| stat.mzxid, EventType::NodeDataChanged) {
                    Some(kind) => events.push((kind, path)),
                    None => table.arm(OneShot::Data, path, me),
                }
            }
            for path in &request.exist {
                match self.state.node_at(path) {
                    Some(_) => events.push((EventType::NodeCreated, path)),
                    None => table.arm(OneShot::Data, path, me),
                }
            }
            for path in &request.child {
                match missed(path, |stat| stat.pzxid, EventType::NodeChildrenChanged) {
                    Some(kind) => events.push((kind, path)),
                    None => table.arm(OneShot::Child, path, me),
                }
            }
            for path in &request.persistent {
                table.add(path, me, AddWatchMode::Persistent);
            }
            for path in &request.persistent_recursive {
                table.add(path, me, AddWatchMode::PersistentRecursive);
            }
            events
        });
        for (kind, path) in events {
            let event = reply::event(kind, path, -1);
            self.connection.append(|out| out.extend_from_slice(&event));
            self.connection.count_sent(self.shared, 1);
        }
        self.ok(|_| {});
        Ok(())
    }
}
