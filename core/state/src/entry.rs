//! What the log holds: one ordered write, with everything its outcome depends on.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use pinfold_proto::acl::{Acl, Id};
use pinfold_proto::error::ErrorCode;

use crate::codec::{self, CodecError, Reader};
use crate::reconfiguration::Reconfiguration;

/// First byte of every encoded entry.
const FORMAT: u8 = 2;
/// Of entries that name neither their origin nor their attachment. They are still read.
const FORMAT_WITHOUT_ORIGIN: u8 = 1;
/// A flag: the entry names an attachment.
const ATTACHED: u8 = 1;
/// A flag: hard limits of quotas count.
const ENFORCE_QUOTA: u8 = 2;
/// Where the time is.
const TIME: std::ops::Range<usize> = 1..9;

/// One entry of the log.
///
/// Time and random values are stamped by the leader, so that every server that applies the entry
/// comes to the same result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The leader's clock, in milliseconds since 1970.
    pub time_ms: i64,
    /// Who is waiting for what comes of it.
    pub origin: Origin,
    /// The session that asked; 0 for the server's own entries.
    pub session_id: i64,
    /// The attachment of the session over which it asked; `None` for the server's own entries.
    /// What came over an earlier attachment than the latest is refused.
    pub attachment: Option<u32>,
    /// Whether hard limits of quotas refuse what goes beyond them.
    pub enforce_quota: bool,
    /// The client's request number.
    pub cxid: i32,
    /// The identities of the caller when it asked.
    pub auth: Arc<Vec<Id>>,
    /// What to do.
    pub body: Body,
}

/// Which server took an entry in, and as its how manieth.
///
/// A server finds its own entries again by it, whoever was the leader that wrote them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// A random number that the server has had since it started; 0 for nobody.
    pub server: u64,
    /// Rises by one with every entry of that server; 0 for nobody.
    pub sequence: u64,
}

/// The kinds of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A new leader took over: zxids continue in the next epoch. Takes no zxid of its own.
    Epoch,
    /// Opens the session `session_id`.
    CreateSession {
        /// What a client must show to take the session over.
        password: [u8; 16],
        /// The negotiated timeout, in milliseconds.
        timeout_ms: i32,
    },
    /// A client takes the session `session_id` over with a new connection. Takes no zxid.
    Attach {
        /// What the client showed.
        password: [u8; 16],
        /// The newly negotiated timeout, in milliseconds.
        timeout_ms: i32,
    },
    /// Ends the session `session_id`, by its own wish or because it expired, and deletes its
    /// ephemerals.
    CloseSession,
    /// One write.
    Request(Op),
    /// Several writes, all or none.
    Multi(Vec<Op>),
    /// A write that nobody could read, or that is not offered: it fails with this, in its place.
    Void(ErrorCode),
    /// What `/zookeeper/config` of a new ensemble says. Takes no zxid.
    Found(String),
    /// A change of members is asked for; when it is possible, it is pending from then on.
    Reconfigure(Reconfiguration),
    /// The pending change takes effect.
    Activate {
        /// The zxid of the entry that asked for it.
        asked: i64,
    },
    /// The pending change is given up.
    Abandon {
        /// The zxid of the entry that asked for it.
        asked: i64,
        /// Why.
        error: ErrorCode,
    },
}

/// What kind of create a client asked for: it must agree with the mode flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateKind {
    /// Flags 0 to 3, and 4, which makes a node like 0 does.
    Plain,
    /// Flag 4.
    Container,
    /// Flags 5 and 6.
    Ttl {
        /// Time to live in milliseconds.
        ttl_ms: i64,
        /// Whether the server's configuration allows such nodes.
        enabled: bool,
    },
}

/// One write to the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are those of the requests of the same name
pub enum Op {
    Create {
        path: String,
        data: Option<Bytes>,
        acl: Vec<Acl>,
        flags: i32,
        kind: CreateKind,
    },
    Delete {
        path: String,
        version: i32,
    },
    SetData {
        path: String,
        data: Option<Bytes>,
        version: i32,
    },
    SetAcl {
        path: String,
        acl: Vec<Acl>,
        version: i32,
    },
    Check {
        path: String,
        version: i32,
    },
    /// Collects a container or TTL node, if it still is one that may go. A container that never had
    /// a child may after this many milliseconds; 0 for never.
    Collect {
        path: String,
        unused_after_ms: i64,
    },
}

impl Entry {
    /// An entry of the server itself.
    pub fn internal(time_ms: i64, session_id: i64, body: Body) -> Entry {
        let origin = Origin::default();
        Entry {
            time_ms,
            origin,
            session_id,
            attachment: None,
            enforce_quota: false,
            cxid: 0,
            auth: Arc::default(),
            body,
        }
    }

    /// The time and the origin of an encoded entry, without decoding the rest.
    ///
    /// # Errors
    /// As [`Entry::decode`], as far as these fields are concerned.
    pub fn peek(bytes: &Bytes) -> Result<(i64, Origin), CodecError> {
        let (_, time_ms, origin) = head(&mut Reader::new(bytes))?;
        Ok((time_ms, origin))
    }

    /// Bytes that are enough for most entries, so that they need not move while they grow.
    fn room(&self) -> usize {
        let ops: &[Op] = match &self.body {
            Body::Request(op) => std::slice::from_ref(op),
            Body::Multi(ops) => ops,
            _ => &[],
        };
        let sized = |op: &Op| match op {
            Op::Create { path, data, .. } | Op::SetData { path, data, .. } => {
                64 + path.len() + data.as_ref().map_or(0, Bytes::len)
            }
            other => 64 + other.path().len(),
        };
        let ids = self.auth.iter().map(|id| 8 + id.scheme.len() + id.id.len());
        96 + ids.sum::<usize>() + ops.iter().map(sized).sum::<usize>()
    }

    /// The bytes for the log.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.room());
        out.put_u8(FORMAT);
        out.put_i64_le(self.time_ms);
        out.put_u64_le(self.origin.server);
        out.put_u64_le(self.origin.sequence);
        out.put_i64_le(self.session_id);
        let attached = if self.attachment.is_some() { ATTACHED } else { 0 };
        out.put_u8(attached | if self.enforce_quota { ENFORCE_QUOTA } else { 0 });
        out.put_u32_le(self.attachment.unwrap_or_default());
        out.put_i32_le(self.cxid);
        codec::put_ids(&mut out, &self.auth);
        match &self.body {
            Body::Epoch => out.put_u8(0),
            Body::CreateSession { password, timeout_ms } => {
                out.put_u8(1);
                out.put_slice(password);
                out.put_i32_le(*timeout_ms);
            }
            Body::CloseSession => out.put_u8(2),
            Body::Request(op) => {
                out.put_u8(3);
                op.encode(&mut out);
            }
            Body::Multi(ops) => {
                out.put_u8(4);
                out.put_u32_le(ops.len() as u32);
                ops.iter().for_each(|op| op.encode(&mut out));
            }
            Body::Attach { password, timeout_ms } => {
                out.put_u8(5);
                out.put_slice(password);
                out.put_i32_le(*timeout_ms);
            }
            Body::Void(error) => {
                out.put_u8(6);
                out.put_i32_le(error.code());
            }
            Body::Found(text) => {
                out.put_u8(7);
                codec::put_text(&mut out, text);
            }
            Body::Reconfigure(asked) => {
                out.put_u8(8);
                asked.encode(&mut out);
            }
            Body::Activate { asked } => {
                out.put_u8(9);
                out.put_i64_le(*asked);
            }
            Body::Abandon { asked, error } => {
                out.put_u8(10);
                out.put_i64_le(*asked);
                out.put_i32_le(error.code());
            }
        }
        out.freeze()
    }

    /// An encoded entry with another time.
    ///
    /// # Errors
    /// As [`Entry::peek`].
    pub fn stamp(bytes: &Bytes, time_ms: i64) -> Result<Bytes, CodecError> {
        Entry::peek(bytes)?;
        let mut stamped = BytesMut::from(&bytes[..]);
        stamped[TIME].copy_from_slice(&time_ms.to_le_bytes());
        Ok(stamped.freeze())
    }

    /// Reads what `encode` wrote.
    ///
    /// # Errors
    /// Bytes that are cut, have a rest, or were written by a later version.
    pub fn decode(bytes: &Bytes) -> Result<Entry, CodecError> {
        let mut input = Reader::new(bytes);
        let (format, time_ms, origin) = head(&mut input)?;
        let session_id = input.i64()?;
        let (flags, number) = match format {
            FORMAT => (input.u8()?, input.u32()?),
            _ => (0, 0),
        };
        if flags & !(ATTACHED | ENFORCE_QUOTA) != 0 {
            return Err(input.invalid("the entry's flags"));
        }
        let attachment = (flags & ATTACHED != 0).then_some(number);
        let enforce_quota = flags & ENFORCE_QUOTA != 0;
        let cxid = input.i32()?;
        let auth = Arc::new(input.ids()?);
        let body = match input.u8()? {
            0 => Body::Epoch,
            1 => Body::CreateSession { password: input.password()?, timeout_ms: input.i32()? },
            2 => Body::CloseSession,
            3 => Body::Request(Op::decode(&mut input)?),
            4 => {
                let count = input.u32()?;
                Body::Multi((0..count).map(|_| Op::decode(&mut input)).collect::<Result<_, _>>()?)
            }
            5 => Body::Attach { password: input.password()?, timeout_ms: input.i32()? },
            6 => Body::Void(error_code(&mut input)?),
            7 => Body::Found(input.text()?),
            8 => Body::Reconfigure(Reconfiguration::decode(&mut input)?),
            9 => Body::Activate { asked: input.i64()? },
            10 => Body::Abandon { asked: input.i64()?, error: error_code(&mut input)? },
            _ => return Err(input.invalid("the entry's kind")),
        };
        if !input.is_empty() {
            return Err(input.invalid("the entry's end"));
        }
        Ok(Entry { time_ms, origin, session_id, attachment, enforce_quota, cxid, auth, body })
    }
}

fn error_code(input: &mut Reader<'_>) -> Result<ErrorCode, CodecError> {
    let error = ErrorCode::from_i32(input.i32()?);
    error.ok_or_else(|| input.invalid("the entry's error"))
}

/// What every entry begins with: its format, its time and its origin.
fn head(input: &mut Reader<'_>) -> Result<(u8, i64, Origin), CodecError> {
    let format = input.u8()?;
    let time_ms = input.i64()?;
    let origin = match format {
        FORMAT => Origin { server: input.u64()?, sequence: input.u64()? },
        FORMAT_WITHOUT_ORIGIN => Origin::default(),
        _ => return Err(CodecError::Invalid { what: "the entry's format", offset: 0 }),
    };
    Ok((format, time_ms, origin))
}

impl Op {
    /// The path the write is about.
    pub fn path(&self) -> &str {
        match self {
            Op::Create { path, .. }
            | Op::Delete { path, .. }
            | Op::SetData { path, .. }
            | Op::SetAcl { path, .. }
            | Op::Check { path, .. }
            | Op::Collect { path, .. } => path,
        }
    }

    fn encode(&self, out: &mut BytesMut) {
        match self {
            Op::Create { path, data, acl, flags, kind } => {
                out.put_u8(0);
                codec::put_text(out, path);
                codec::put_buffer(out, data.as_deref());
                codec::put_acl(out, acl);
                out.put_i32_le(*flags);
                match kind {
                    CreateKind::Plain => out.put_u8(0),
                    CreateKind::Container => out.put_u8(1),
                    CreateKind::Ttl { ttl_ms, enabled } => {
                        out.put_u8(if *enabled { 2 } else { 3 });
                        out.put_i64_le(*ttl_ms);
                    }
                }
            }
            Op::Delete { path, version } => put_versioned(out, 1, path, *version),
            Op::SetData { path, data, version } => {
                put_versioned(out, 2, path, *version);
                codec::put_buffer(out, data.as_deref());
            }
            Op::SetAcl { path, acl, version } => {
                put_versioned(out, 3, path, *version);
                codec::put_acl(out, acl);
            }
            Op::Check { path, version } => put_versioned(out, 4, path, *version),
            Op::Collect { path, unused_after_ms } => {
                out.put_u8(6);
                codec::put_text(out, path);
                out.put_i64_le(*unused_after_ms);
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Op, CodecError> {
        let kind = input.u8()?;
        let path = input.text()?;
        Ok(match kind {
            0 => Op::Create {
                path,
                data: input.buffer()?,
                acl: input.acl()?,
                flags: input.i32()?,
                kind: match input.u8()? {
                    0 => CreateKind::Plain,
                    1 => CreateKind::Container,
                    enabled @ (2 | 3) => {
                        CreateKind::Ttl { ttl_ms: input.i64()?, enabled: enabled == 2 }
                    }
                    _ => return Err(input.invalid("the kind of create")),
                },
            },
            1 => Op::Delete { path, version: input.i32()? },
            2 => Op::SetData { path, version: input.i32()?, data: input.buffer()? },
            3 => Op::SetAcl { path, version: input.i32()?, acl: input.acl()? },
            4 => Op::Check { path, version: input.i32()? },
            // As it was written before containers could go unused.
            5 => Op::Collect { path, unused_after_ms: 0 },
            6 => Op::Collect { path, unused_after_ms: input.i64()? },
            _ => return Err(input.invalid("the kind of write")),
        })
    }
}

fn put_versioned(out: &mut BytesMut, kind: u8, path: &str, version: i32) {
    out.put_u8(kind);
    codec::put_text(out, path);
    out.put_i32_le(version);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn op() -> impl Strategy<Value = Op> {
        let data = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20))
            .prop_map(|d| d.map(Bytes::from));
        let id = (".{0,8}", ".{0,8}").prop_map(|(scheme, id)| Id { scheme, id });
        let acl = proptest::collection::vec(
            (any::<i32>(), id).prop_map(|(perms, id)| Acl { perms, id }),
            0..3,
        );
        let kind = prop_oneof![
            Just(CreateKind::Plain),
            Just(CreateKind::Container),
            (any::<i64>(), any::<bool>())
                .prop_map(|(ttl_ms, enabled)| CreateKind::Ttl { ttl_ms, enabled }),
        ];
        prop_oneof![
            (".{0,20}", data.clone(), acl.clone(), any::<i32>(), kind).prop_map(
                |(path, data, acl, flags, kind)| Op::Create { path, data, acl, flags, kind }
            ),
            (".{0,20}", any::<i32>()).prop_map(|(path, version)| Op::Delete { path, version }),
            (".{0,20}", data, any::<i32>()).prop_map(|(path, data, version)| Op::SetData {
                path,
                data,
                version
            }),
            (".{0,20}", acl, any::<i32>()).prop_map(|(path, acl, version)| Op::SetAcl {
                path,
                acl,
                version
            }),
            (".{0,20}", any::<i32>()).prop_map(|(path, version)| Op::Check { path, version }),
            (".{0,20}", any::<i64>())
                .prop_map(|(path, unused_after_ms)| Op::Collect { path, unused_after_ms }),
        ]
    }

    proptest! {
        #[test]
        fn entries_survive_their_encoding(
            ops in proptest::collection::vec(op(), 0..4),
            time_ms in any::<i64>(),
            single in any::<bool>(),
            attachment in any::<Option<u32>>(),
        ) {
            let body = match ops.first() {
                Some(op) if single => Body::Request(op.clone()),
                _ => Body::Multi(ops),
            };
            let auth = Arc::new(vec![Id { scheme: "ip".into(), id: "::1".into() }]);
            let origin = Origin { server: u64::MAX, sequence: 9 };
            let enforce_quota = single;
            let (session_id, cxid) = (5, -7);
            let entry =
                Entry { time_ms, origin, session_id, attachment, enforce_quota, cxid, auth, body };
            let bytes = entry.encode();
            prop_assert_eq!(Entry::peek(&bytes), Ok((time_ms, origin)));
            let stamped = Entry::stamp(&bytes, 77).unwrap();
            prop_assert_eq!(Entry::decode(&stamped), Ok(Entry { time_ms: 77, ..entry.clone() }));
            prop_assert_eq!(Entry::decode(&bytes), Ok(entry));
            for cut in 0..bytes.len() {
                prop_assert!(Entry::decode(&bytes.slice(..cut)).is_err());
            }
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut bytes = bytes;
            let _ = Entry::decode(&Bytes::from(bytes.clone()));
            bytes.insert(0, FORMAT);
            let _ = Entry::decode(&Bytes::from(bytes));
        }
    }
}
