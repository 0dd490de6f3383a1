//! What clients do, as data.

use bytes::{BufMut, BytesMut};
use pinfold_proto::{Acl, OpCode, jute};
use serde::{Deserialize, Serialize};

/// What several clients do, one step after the other. In texts `~` at the beginning stands for
/// the program's own node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// How many clients there are; they are numbered from 0.
    pub clients: usize,
    /// What they do.
    pub steps: Vec<Step>,
}

/// One step of one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A new session; an earlier connection of the client is left as it is, and closed.
    Open {
        /// Which client.
        client: usize,
        /// What it says.
        handshake: Handshake,
    },
    /// The client takes its session over with another connection.
    Attach {
        /// Which client.
        client: usize,
        /// What it says.
        handshake: Handshake,
    },
    /// Requests that are all sent before an answer is read.
    Burst {
        /// Which client.
        client: usize,
        /// What it asks for.
        requests: Vec<Request>,
    },
    /// The client's connection is cut off.
    Drop {
        /// Which client.
        client: usize,
    },
    /// The client falls silent until its session has expired.
    Expire {
        /// Which client.
        client: usize,
    },
    /// Somebody sends a four-letter word.
    Word(String),
}

impl Step {
    /// Whether a session may end in it.
    pub(crate) fn ends_session(&self) -> bool {
        match self {
            Step::Open { .. } | Step::Expire { .. } => true,
            Step::Burst { requests, .. } => {
                requests.iter().any(|request| request.op == OpCode::CloseSession.code())
            }
            _ => false,
        }
    }
}

/// The variable parts of a handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// The timeout asked for, in milliseconds.
    pub timeout_ms: i32,
    /// The byte at its end, which old clients do not send.
    pub read_only: Option<bool>,
    /// The client claims to have seen more than the server has.
    #[serde(default)]
    pub is_ahead: bool,
    /// Bytes in place of the session's password.
    #[serde(default)]
    pub password: Option<Vec<u8>>,
}

/// One request, by its number and the fields of its record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The operation, also one that is none.
    pub op: i32,
    /// The record behind the header.
    pub fields: Vec<Field>,
    /// Only so many bytes of the record are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<usize>,
}

/// One field of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// A number of 32 bits.
    Int(i32),
    /// A number of 64 bits.
    Long(i64),
    /// A zxid, counted from the program's beginning.
    Zxid(i64),
    /// A truth value.
    Bool(bool),
    /// A text, most often a path.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// A buffer, or null.
    Buffer(Option<Vec<u8>>),
    /// An access list, or null: permissions, scheme, id of each entry.
    Acl(Option<Vec<(i32, String, String)>>),
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// The parts of a multi.
    Parts(Vec<Request>),
}

/// What the variable parts of a program stand for on one server.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    /// The program's own node.
    pub(crate) root: String,
    /// The server's zxid at the program's beginning.
    pub(crate) zxid: i64,
}

impl Ground {
    pub(crate) fn text(&self, text: &str) -> String {
        match text.strip_prefix('~') {
            Some(rest) => format!("{}{rest}", self.root),
            None => match text.split_once('~') {
                // As in the name of a quota's node.
                Some((before, rest)) => format!("{before}{}{rest}", self.root),
                None => text.to_owned(),
            },
        }
    }
}

impl Request {
    /// A request of these fields.
    pub fn new(op: OpCode, fields: Vec<Field>) -> Request {
        Request { op: op.code(), fields, cut: None }
    }

    pub(crate) fn body(&self, ground: &Ground) -> BytesMut {
        let mut out = BytesMut::new();
        self.fields.iter().for_each(|field| field.encode(ground, &mut out));
        if let Some(cut) = self.cut {
            out.truncate(cut);
        }
        out
    }
}

impl Field {
    /// The list that lets everybody do everything.
    pub(crate) fn open_acl() -> Field {
        Field::Acl(Some(vec![(31, "world".to_owned(), "anyone".to_owned())]))
    }

    fn encode(&self, ground: &Ground, out: &mut BytesMut) {
        match self {
            Field::Int(number) => out.put_i32(*number),
            Field::Long(number) => out.put_i64(*number),
            Field::Zxid(offset) => out.put_i64(ground.zxid + offset),
            Field::Bool(value) => out.put_u8(u8::from(*value)),
            Field::Text(text) => jute::write(out, &ground.text(text)),
            Field::Texts(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| ground.text(text)).collect();
                jute::write(out, &texts);
            }
            Field::Buffer(None) => out.put_i32(-1),
            Field::Buffer(Some(bytes)) => {
                out.put_i32(bytes.len() as i32);
                out.put_slice(bytes);
            }
            Field::Acl(None) => out.put_i32(-1),
            Field::Acl(Some(entries)) => {
                let acl =
                    |(perms, scheme, id): &(i32, String, String)| Acl::new(*perms, scheme, id);
                jute::write(out, &entries.iter().map(acl).collect::<Vec<Acl>>());
            }
            Field::Raw(bytes) => out.put_slice(bytes),
            Field::Parts(parts) => {
                for part in parts {
                    out.put_i32(part.op);
                    out.put_u8(0);
                    out.put_i32(-1);
                    out.put_slice(&part.body(ground));
                }
                out.put_i32(-1);
                out.put_u8(1);
                out.put_i32(-1);
            }
        }
    }
}
