//! Answers in words that two servers have to share.

use std::collections::HashMap;

use pinfold_proto::records::{
    Create2Response, CreateResponse, ErrorResponse, GetAclResponse, GetAllChildrenNumberResponse,
    GetChildren2Response, GetChildrenResponse, GetDataResponse, GetEphemeralsResponse,
    StatResponse, SyncRequest, WhoAmIResponse,
};
use pinfold_proto::{Acl, ErrorCode, MultiOpResult, MultiResponse, OpCode, Stat, WatcherEvent};

use super::program::Ground;
use crate::wire::Reply;

/// Tells what a server said, with what may differ between servers left out: the program's own
/// node is `~`, a zxid counts from the program's beginning, a session is named after its client,
/// and a time is only there or not.
pub(crate) struct Words<'a> {
    pub(crate) ground: &'a Ground,
    /// Names of sessions by id.
    pub(crate) sessions: &'a HashMap<i64, String>,
}

impl Words<'_> {
    pub(crate) fn reply(&self, op: i32, reply: &Reply) -> String {
        let zxid = match op == OpCode::Auth.code() {
            true => reply.zxid.to_string(),
            false => self.zxid(reply.zxid),
        };
        let code = match ErrorCode::from_i32(reply.err) {
            Some(code) => code.name().to_owned(),
            None => format!("error {}", reply.err),
        };
        let body = match reply.body.is_empty() {
            true => String::new(),
            false => self.body(op, reply).unwrap_or_else(|| format!("{:02x?}", &reply.body[..])),
        };
        format!("{code} at {zxid} {body}").trim_end().to_owned()
    }

    pub(crate) fn event(&self, zxid: i64, event: &WatcherEvent) -> String {
        let WatcherEvent { kind, state, path } = event;
        format!("event {kind} state {state} {} at {}", self.path(path), self.zxid(zxid))
    }

    pub(crate) fn text(&self, text: &str) -> String {
        self.path(text)
    }

    fn body(&self, op: i32, reply: &Reply) -> Option<String> {
        if reply.err != 0 {
            return None;
        }
        Some(match OpCode::from_i32(op)? {
            OpCode::Create => self.path(&reply.record::<CreateResponse>().ok()?.path),
            OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
                self.created(&reply.record().ok()?)
            }
            OpCode::Exists | OpCode::SetData | OpCode::SetAcl => {
                self.stat(&reply.record::<StatResponse>().ok()?.stat)
            }
            OpCode::GetData => self.data(&reply.record().ok()?),
            OpCode::GetChildren => {
                names(reply.record::<GetChildrenResponse>().ok()?.children).join(" ")
            }
            OpCode::GetChildren2 => {
                let GetChildren2Response { children, stat } = reply.record().ok()?;
                format!("{} {}", names(children).join(" "), self.stat(&stat))
            }
            OpCode::GetAcl => {
                let GetAclResponse { acl, stat } = reply.record().ok()?;
                format!("{} {}", acl_words(&acl), self.stat(&stat))
            }
            OpCode::Sync => self.path(&reply.record::<SyncRequest>().ok()?.path),
            OpCode::GetEphemerals => {
                let paths = reply.record::<GetEphemeralsResponse>().ok()?.ephemerals;
                names(paths.iter().map(|path| self.path(path)).collect()).join(" ")
            }
            OpCode::GetAllChildrenNumber => {
                reply.record::<GetAllChildrenNumberResponse>().ok()?.total_number.to_string()
            }
            OpCode::WhoAmI => {
                let known = reply.record::<WhoAmIResponse>().ok()?.client_info;
                let name = |info: &pinfold_proto::records::ClientInfo| {
                    format!("{}:{}", info.scheme, info.user)
                };
                // In no particular order, as the names of children.
                names(known.iter().map(name).collect()).join(" ")
            }
            OpCode::AddWatch => format!("err {}", reply.record::<ErrorResponse>().ok()?.err),
            OpCode::Multi | OpCode::MultiRead => {
                let results = MultiResponse::decode(&reply.body).ok()?.results;
                let parts: Vec<String> = results.iter().map(|part| self.part(part)).collect();
                format!("{{ {} }}", parts.join("; "))
            }
            _ => return None,
        })
    }

    fn part(&self, part: &MultiOpResult) -> String {
        match part {
            MultiOpResult::Create(created) => format!("create {}", self.path(&created.path)),
            MultiOpResult::Create2(created) => format!("create2 {}", self.created(created)),
            MultiOpResult::CreateContainer(created) => {
                format!("container {}", self.created(created))
            }
            MultiOpResult::CreateTtl(created) => format!("ttl {}", self.created(created)),
            MultiOpResult::Delete => "delete".to_owned(),
            MultiOpResult::SetData(set) => format!("set {}", self.stat(&set.stat)),
            MultiOpResult::Check => "check".to_owned(),
            MultiOpResult::GetData(got) => format!("get {}", self.data(got)),
            MultiOpResult::GetChildren(got) => {
                format!("children {}", names(got.children.clone()).join(" "))
            }
            MultiOpResult::Error(code) => format!("error {code}"),
        }
    }

    fn created(&self, created: &Create2Response) -> String {
        format!("{} {}", self.path(&created.path), self.stat(&created.stat))
    }

    fn data(&self, got: &GetDataResponse) -> String {
        let data = match &got.data {
            None => "null".to_owned(),
            Some(data) => format!("{:?}", self.path(&String::from_utf8_lossy(data))),
        };
        format!("{data} {}", self.stat(&got.stat))
    }

    fn stat(&self, stat: &Stat) -> String {
        let owner = match stat.ephemeral_owner {
            0 => "nobody".to_owned(),
            id => self.sessions.get(&id).cloned().unwrap_or_else(|| format!("{id:#x}")),
        };
        let time = |ms: i64| if ms == 0 { "never" } else { "once" };
        format!(
            "[c {} {} m {} {} p {} version {} cversion {} aversion {} owner {owner} length {} \
             children {}]",
            self.zxid(stat.czxid),
            time(stat.ctime),
            self.zxid(stat.mzxid),
            time(stat.mtime),
            self.zxid(stat.pzxid),
            stat.version,
            stat.cversion,
            stat.aversion,
            stat.data_length,
            stat.num_children
        )
    }

    fn zxid(&self, zxid: i64) -> String {
        match zxid {
            ..=0 => zxid.to_string(),
            _ if zxid < self.ground.zxid => "old".to_owned(),
            _ => format!("+{}", zxid - self.ground.zxid),
        }
    }

    fn path(&self, path: &str) -> String {
        path.replacen(&self.ground.root, "~", 1)
    }
}

fn names(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn acl_words(acl: &[Acl]) -> String {
    let entry = |acl: &Acl| format!("{}:{}:{}", acl.perms, acl.id.scheme, acl.id.id);
    acl.iter().map(entry).collect::<Vec<_>>().join(",")
}
