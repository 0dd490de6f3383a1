//! A session with a word for each request. Its end closes the session, so that no check leaves
//! anything behind that expires during another one.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pinfold_proto::records::{
    AddWatchRequest, AuthPacket, CreateResponse, ExistsRequest, GetChildrenRequest,
    GetChildrenResponse, GetDataRequest, GetDataResponse, RequestHeader, SetAclRequest,
    StatResponse,
};
use pinfold_proto::{
    Acl, ErrorCode, MultiOp, MultiOpResult, MultiRequest, MultiResponse, OpCode, Stat, XID_AUTH,
    jute,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::check::{Code, Hex, Outcome, Stop, differs, same};
use super::requests::{create, delete, set};
use super::trail::Trail;
use crate::wire::{Ended, Reply, Session};

/// A session and what was said on it.
pub(super) struct Client {
    pub(super) session: Session,
    trail: Trail,
    is_over: bool,
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.is_over || !self.session.is_granted() {
            return;
        }
        self.session.socket.set_patience(Duration::from_secs(2));
        // The check has come to its end; if this fails the session ends by its timeout.
        if self.session.send_raw(OpCode::CloseSession.code(), &[]).is_ok() {
            while self.session.socket.frame().is_ok() {}
        }
    }
}

impl Client {
    pub(super) fn new(session: Session, trail: Trail) -> Client {
        Client { session, trail, is_over: false }
    }

    /// Leaves the session as it is, to whoever takes it over.
    pub(super) fn leave(mut self) {
        self.is_over = true;
    }

    /// The next reply.
    pub(super) fn reply(&mut self) -> Result<Reply, Stop> {
        let reply = self.session.reply()?;
        self.trail.received(&reply);
        Ok(reply)
    }

    pub(super) fn call_raw(&mut self, op: i32, body: &[u8]) -> Result<Reply, Stop> {
        let (xid, bytes) = self.session.encode(op, body);
        let name = OpCode::from_i32(op).map_or(op.to_string(), |op| format!("{op:?}"));
        self.trail.sent(&name, &bytes);
        self.session.socket.send(&bytes)?;
        let reply = self.reply()?;
        same("the xid of the reply", reply.xid, xid)?;
        Ok(reply)
    }

    pub(super) fn call(&mut self, op: OpCode, record: &impl Serialize) -> Result<Reply, Stop> {
        self.call_raw(op.code(), &jute::to_bytes(record))
    }

    /// The error of the reply.
    pub(super) fn code(&mut self, op: OpCode, record: &impl Serialize) -> Result<Code, Stop> {
        self.call(op, record).map(|reply| Code(reply.err))
    }

    /// Goes on when the reply's error is this one.
    pub(super) fn answers(
        &mut self,
        op: OpCode,
        record: &(impl Serialize + std::fmt::Debug),
        wanted: ErrorCode,
    ) -> Outcome {
        let seen = self.code(op, record)?;
        same(&format!("the error of {op:?} {record:?}"), seen, Code(wanted.code()))
    }

    /// The record of a reply that is no error.
    pub(super) fn ask<T: DeserializeOwned>(
        &mut self,
        op: OpCode,
        record: &impl Serialize,
    ) -> Result<T, Stop> {
        let reply = self.call(op, record)?;
        same(&format!("the error of {op:?}"), Code(reply.err), Code(0))?;
        let wanted = format!("the record of {op:?}");
        reply.record().map_err(|error| differs("the body of the reply", &wanted, &error))
    }

    pub(super) fn create(&mut self, path: &str, data: &str) -> Result<String, Stop> {
        Ok(self.ask::<CreateResponse>(OpCode::Create, &create(path, data, 0))?.path)
    }

    pub(super) fn create_as(&mut self, path: &str, flags: i32) -> Result<String, Stop> {
        Ok(self.ask::<CreateResponse>(OpCode::Create, &create(path, "", flags))?.path)
    }

    pub(super) fn delete(&mut self, path: &str) -> Outcome {
        self.answers(OpCode::Delete, &delete(path, -1), ErrorCode::Ok)
    }

    pub(super) fn set(&mut self, path: &str, data: &str) -> Result<Stat, Stop> {
        Ok(self.ask::<StatResponse>(OpCode::SetData, &set(path, data, -1))?.stat)
    }

    pub(super) fn set_acl(&mut self, path: &str, acl: Vec<Acl>) -> Result<Stat, Stop> {
        let request = SetAclRequest { path: path.into(), acl, version: -1 };
        Ok(self.ask::<StatResponse>(OpCode::SetAcl, &request)?.stat)
    }

    pub(super) fn get(&mut self, path: &str, watch: bool) -> Result<(Option<Bytes>, Stat), Stop> {
        let request = GetDataRequest { path: path.into(), watch };
        let answer: GetDataResponse = self.ask(OpCode::GetData, &request)?;
        Ok((answer.data, answer.stat))
    }

    pub(super) fn stat(&mut self, path: &str) -> Result<Stat, Stop> {
        let request = ExistsRequest { path: path.into(), watch: false };
        Ok(self.ask::<StatResponse>(OpCode::Exists, &request)?.stat)
    }

    /// The error of an exists.
    pub(super) fn exists(&mut self, path: &str, watch: bool) -> Result<Code, Stop> {
        self.code(OpCode::Exists, &ExistsRequest { path: path.into(), watch })
    }

    pub(super) fn children(&mut self, path: &str, watch: bool) -> Result<Vec<String>, Stop> {
        let request = GetChildrenRequest { path: path.into(), watch };
        let mut names = self.ask::<GetChildrenResponse>(OpCode::GetChildren, &request)?.children;
        // Their order is nobody's business.
        names.sort();
        Ok(names)
    }

    pub(super) fn add_watch(&mut self, path: &str, mode: i32) -> Outcome {
        let request = AddWatchRequest { path: path.into(), mode };
        let reply = self.call(OpCode::AddWatch, &request)?;
        same("the error of addWatch", Code(reply.err), Code(0))?;
        same("the body of the answer to addWatch", Hex(&reply.body), Hex(&[0; 4]))
    }

    pub(super) fn multi(&mut self, ops: Vec<MultiOp>) -> Result<(Reply, Vec<MultiOpResult>), Stop> {
        self.multi_as(OpCode::Multi, ops)
    }

    pub(super) fn multi_as(
        &mut self,
        op: OpCode,
        ops: Vec<MultiOp>,
    ) -> Result<(Reply, Vec<MultiOpResult>), Stop> {
        let mut body = BytesMut::new();
        MultiRequest { ops }.encode(&mut body);
        let reply = self.call_raw(op.code(), &body)?;
        same("the error in the header of the reply", Code(reply.err), Code(0))?;
        let results = MultiResponse::decode(&reply.body)
            .map_err(|error| differs("the reply", "a list of results", &error.to_string()))?;
        Ok((reply, results.results))
    }

    /// Adds credentials; the error of the answer.
    pub(super) fn auth(&mut self, scheme: &str, secret: &str) -> Result<Code, Stop> {
        let auth = Some(Bytes::copy_from_slice(secret.as_bytes()));
        let mut body = BytesMut::new();
        jute::write(&mut body, &RequestHeader { xid: XID_AUTH, op: OpCode::Auth.code() });
        jute::write(&mut body, &AuthPacket { kind: 0, scheme: scheme.into(), auth });
        self.trail.sent("Auth", &body);
        self.session.socket.send_frame(&body)?;
        let reply = self.reply()?;
        same("xid and zxid of the answer to auth", (reply.xid, reply.zxid), (XID_AUTH, 0))?;
        Ok(Code(reply.err))
    }

    /// Becomes the superuser.
    pub(super) fn become_super(&mut self, credentials: Option<&str>) -> Outcome {
        let missing = || Stop::NotEnabled("the superuser's credentials are not given".into());
        let code = self.auth("digest", credentials.ok_or_else(missing)?)?;
        same("the answer to the superuser's credentials", code, Code(0))
    }

    /// The kinds and paths of the events so far, which are then forgotten.
    pub(super) fn events(&mut self) -> Vec<(i32, String)> {
        self.session.events.drain(..).map(|(_, event)| (event.kind, event.path)).collect()
    }

    /// All events until now: an answer comes after every event before it.
    pub(super) fn heard(&mut self) -> Result<Vec<(i32, String)>, Stop> {
        self.exists("/", false)?;
        Ok(self.events())
    }

    /// Waits for an event.
    pub(super) fn event(&mut self) -> Result<(i32, String), Stop> {
        let (_, event) = self.session.event()?;
        Ok((event.kind, event.path))
    }

    /// Closes the session.
    pub(super) fn close(mut self) -> Outcome {
        let reply = self.call_raw(OpCode::CloseSession.code(), &[])?;
        same("the answer to closeSession", (Code(reply.err), reply.body.len()), (Code(0), 0))?;
        self.is_closed()
    }

    /// Goes on when the server closes the connection and says nothing more.
    pub(super) fn is_closed(&mut self) -> Outcome {
        self.is_over = true;
        match self.session.socket.frame() {
            Err(Ended::Closed) => Ok(()),
            Err(other) => Err(differs("the connection", "closed", &other.to_string())),
            Ok(frame) => {
                self.trail.read("instead of a close", &frame);
                Err(differs("the connection", "closed", &format!("{:?}", Hex(&frame))))
            }
        }
    }
}
