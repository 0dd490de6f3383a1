//! Sessions: how they begin, go on elsewhere, and end. And what the wire demands of both sides.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use pinfold_proto::records::{ConnectRequest, GetDataRequest, WhoAmIResponse};
use pinfold_proto::{ErrorCode, OpCode, XID_PING, jute};

use super::check::{Check, Code, Outcome, differs, holds, same};
use super::client::Client;
use super::context::Context;
use super::requests::{create, set};
use crate::wire::{Ended, handshake};

fn both_handshakes(context: &mut Context) -> Outcome {
    for read_only in [None, Some(false), Some(true)] {
        let client = context.open(&ConnectRequest { read_only, ..handshake(10_000) })?;
        let granted = &client.session.granted;
        let what = format!("whether readOnly is in the answer to {read_only:?}");
        same(&what, granted.read_only.is_some(), read_only.is_some())?;
        same("the password's length", granted.password.as_ref().map(Bytes::len), Some(16))?;
        holds("a session's id is not 0", granted.session_id != 0, granted)?;
    }
    Ok(())
}

fn seen_too_much(context: &mut Context) -> Outcome {
    let request = ConnectRequest { last_zxid_seen: i64::MAX, ..handshake(10_000) };
    match context.session(&request) {
        Err(Ended::Closed) => Ok(()),
        Err(other) => Err(differs("the connection", "closed", &other.to_string())),
        Ok(session) => {
            Err(differs("the handshake", "no answer", &format!("{:?}", session.granted)))
        }
    }
}

fn known_session(context: &mut Context) -> Outcome {
    let mut first = context.connect()?;
    first.create_as(&context.path("/e"), 1)?;
    let mut second = context.take_over(&first)?;
    same("the session", &second.session.granted, &first.session.granted)?;
    first.is_closed()?;
    same("the owner", second.stat(&context.path("/e"))?.ephemeral_owner, second.session.id())
}

fn wrong_session(context: &mut Context) -> Outcome {
    let known = context.connect()?;
    let (id, password) = (known.session.id(), known.session.granted.password.clone());
    let cases = [
        (id, Some(Bytes::from_static(&[1; 16]))),
        (id, Some(Bytes::from_static(b"short"))),
        (id, None),
        (id ^ 0x5555, password),
    ];
    for (session_id, password) in cases {
        refused(context, &ConnectRequest { session_id, password, ..handshake(10_000) })?;
    }
    Ok(())
}

fn refused(context: &Context, request: &ConnectRequest) -> Outcome {
    let mut client = context.open(request)?;
    let granted = &client.session.granted;
    let seen = (granted.session_id, granted.timeout_ms, granted.password.clone());
    same("id, timeout, password", seen, (0, 0, Some(Bytes::from_static(&[0; 16]))))?;
    client.is_closed()
}

fn cannot_be_cut_off(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let password = Some(Bytes::from_static(&[1; 16]));
    refused(context, &ConnectRequest { password, ..client.session.takeover() })?;
    same("the error of exists", client.exists("/", false)?, Code(0))
}

fn closed_session(context: &mut Context) -> Outcome {
    let client = context.connect()?;
    let request = client.session.takeover();
    client.close()?;
    refused(context, &request)
}

fn timeouts(context: &mut Context) -> Outcome {
    let granted = |asked: i32| {
        context.open(&handshake(asked)).map(|client| client.session.granted.timeout_ms)
    };
    let bounds = (granted(1)?, granted(i32::MAX)?);
    holds("the bounds are positive", bounds.0 > 0 && bounds.0 <= bounds.1, &bounds)?;
    let between = bounds.0 + (bounds.1 - bounds.0) / 2;
    same("a timeout between the bounds", granted(between)?, between)
}

fn timeout_anew(context: &mut Context) -> Outcome {
    let shortest = context.open(&handshake(1))?.session.granted.timeout_ms;
    let first = context.connect()?;
    let request = ConnectRequest { timeout_ms: 1, ..first.session.takeover() };
    let second = context.open(&request)?;
    let granted = (second.session.id(), second.session.granted.timeout_ms);
    same("the session and its timeout", granted, (first.session.id(), shortest))
}

fn lost_connection(context: &mut Context) -> Outcome {
    let path = context.path("/e");
    let mut client = context.connect()?;
    client.create_as(&path, 1)?;
    let request = client.session.takeover();
    client.leave();
    let mut again = context.open(&request)?;
    same("the session", again.session.id(), request.session_id)?;
    same("the owner", again.stat(&path)?.ephemeral_owner, request.session_id)
}

/// Writes on the former connection have their place before the handshake, or nowhere.
fn former_connection(context: &mut Context) -> Outcome {
    let parent = context.path("/p");
    let mut first = context.connect()?;
    first.create(&parent, "")?;
    let mut burst = BytesMut::new();
    for _ in 0..500 {
        let record = jute::to_bytes(&create(&format!("{parent}/n"), "", 2));
        burst.extend_from_slice(&first.session.encode(OpCode::Create.code(), &record).1);
    }
    first.session.socket.send(&burst)?;
    let mut second = context.take_over(&first)?;
    let before = second.stat(&parent)?.num_children;
    // A write has its place behind everything that the server had taken before.
    second.set(&parent, "")?;
    same("children made after the handshake", second.stat(&parent)?.num_children - before, 0)
}

fn pipelining(context: &mut Context) -> Outcome {
    let path = context.path("/x");
    let mut client = context.connect()?;
    client.create(&path, "")?;
    let mut burst = BytesMut::new();
    let mut xids = Vec::new();
    for round in 0..500 {
        let write = jute::to_bytes(&set(&path, &round.to_string(), round));
        let read = jute::to_bytes(&GetDataRequest { path: path.clone(), watch: false });
        for (op, record) in [(OpCode::SetData, write), (OpCode::GetData, read)] {
            let (xid, bytes) = client.session.encode(op.code(), &record);
            xids.push(xid);
            burst.extend_from_slice(&bytes);
        }
    }
    client.session.socket.send(&burst)?;
    for (turn, xid) in xids.into_iter().enumerate() {
        let reply = client.reply()?;
        same("xid and error, in order", (reply.xid, Code(reply.err)), (xid, Code(0)))?;
        if turn % 2 == 1 {
            let wanted = (turn / 2).to_string();
            // A buffer of that text begins the body.
            let data = reply.body.get(4..4 + wanted.len());
            same("what a read sees of the write before it", data, Some(wanted.as_bytes()))?;
        }
    }
    Ok(())
}

fn ping(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let record = jute::to_bytes(&set(context.root(), "x", -1));
    let (xid, write) = client.session.encode(OpCode::SetData.code(), &record);
    let mut bytes = BytesMut::from(&write[..]);
    bytes.put_i32(8);
    bytes.put_i32(XID_PING);
    bytes.put_i32(OpCode::Ping.code());
    client.session.socket.send(&bytes)?;
    same("the first answer", client.reply()?.xid, xid)?;
    let reply = client.reply()?;
    let seen = (reply.xid, Code(reply.err), reply.body.len());
    same("xid, error and length of the second answer", seen, (XID_PING, Code(0), 0))
}

fn expired(context: &mut Context) -> Outcome {
    let path = context.path("/e");
    let mut silent = context.open(&handshake(1))?;
    silent.create_as(&path, 1)?;
    let mut other = context.open(&handshake(i32::MAX))?;
    same("the error of exists", other.exists(&path, true)?, Code(0))?;
    let longest = Duration::from_millis(silent.session.granted.timeout_ms as u64) * 5;
    other.session.socket.set_patience(longest);
    silent.session.socket.set_patience(longest);
    same("the event", other.event()?, (2, path.clone()))?;
    silent.is_closed()?;
    refused(context, &silent.session.takeover())?;
    same("the error of exists", other.exists(&path, false)?, Code::of(ErrorCode::NoNode))
}

fn unknown_operations(context: &mut Context) -> Outcome {
    for op in [4711, 10, 23, 108, OpCode::Check.code()] {
        let mut client = context.connect()?;
        let reply = client.call_raw(op, &jute::to_bytes(&String::from("/")))?;
        same(
            &format!("the error of operation {op}"),
            Code(reply.err),
            Code::of(ErrorCode::Unimplemented),
        )?;
        client.is_closed()?;
    }
    Ok(())
}

fn undecodable(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let bodies: [(OpCode, &[u8]); 5] = [
        (OpCode::GetData, &[0, 0, 0, 9, b'/']),
        (OpCode::Create, &[1]),
        (OpCode::SetData, &[]),
        (OpCode::GetChildren, &[0x7f, 0xff, 0xff, 0xff]),
        (OpCode::Delete, &[0, 0, 0, 1, b'/']),
    ];
    for (op, body) in bodies {
        let reply = client.call_raw(op.code(), body)?;
        same(
            &format!("the error of {op:?}"),
            Code(reply.err),
            Code::of(ErrorCode::MarshallingError),
        )?;
        same("the length of the body", reply.body.len(), 0)?;
    }
    same("the error of exists, afterwards", client.exists("/", false)?, Code(0))
}

fn frame_lengths(context: &mut Context) -> Outcome {
    for length in [-1, i32::MIN, i32::MAX] {
        let mut socket = context.socket()?;
        socket.send(&length.to_be_bytes())?;
        let answer = socket.rest()?;
        same(&format!("bytes after a frame of length {length}"), answer.len(), 0)?;
    }
    let mut client = context.connect()?;
    client.session.socket.send(&[0x7f; 4])?;
    client.is_closed()
}

fn auth_twice(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    for credentials in ["joe:secret", "ann:secret", "joe:secret"] {
        same("the answer to auth", client.auth("digest", credentials)?, Code(0))?;
    }
    let mut users = users(&mut client)?;
    users.retain(|(scheme, _)| scheme != "ip");
    let wanted = ["ann", "joe"].map(|user| ("digest".to_owned(), user.to_owned()));
    same("the identities", users, wanted)
}

fn users(client: &mut Client) -> Result<Vec<(String, String)>, super::Stop> {
    let reply = client.call_raw(OpCode::WhoAmI.code(), &[])?;
    let answer: Result<WhoAmIResponse, String> = reply.record();
    let who = answer.map_err(|error| differs("whoAmI", "a list of identities", &error))?;
    let mut users: Vec<_> =
        who.client_info.into_iter().map(|info| (info.scheme, info.user)).collect();
    users.sort();
    Ok(users)
}

fn who_am_i(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let users = users(&mut client)?;
    let schemes: Vec<&str> = users.iter().map(|(scheme, _)| scheme.as_str()).collect();
    same("the schemes of a new connection", schemes, ["ip"])
}

fn bad_scheme(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    same("the answer to auth", client.auth("nope", "x")?, Code::of(ErrorCode::AuthFailed))?;
    client.is_closed()
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        item: "1",
        title: "both handshakes are taken, readOnly is answered only where it was sent",
        run: both_handshakes,
    },
    Check {
        item: "2",
        title: "a client that has seen more than the server is sent away without an answer",
        run: seen_too_much,
    },
    Check {
        item: "3",
        title: "a session goes on over another connection, the former one is closed",
        run: known_session,
    },
    Check { item: "3", title: "no session for a wrong id or password", run: wrong_session },
    Check {
        item: "3",
        title: "who knows no password cannot cut a session's connection off",
        run: cannot_be_cut_off,
    },
    Check { item: "3", title: "no session after its close", run: closed_session },
    Check { item: "4", title: "timeouts are brought into bounds", run: timeouts },
    Check { item: "4", title: "each handshake of a session asks for a timeout", run: timeout_anew },
    Check {
        item: "5",
        title: "a session and its ephemerals outlive their connection",
        run: lost_connection,
    },
    Check {
        item: "6",
        title: "nothing of a former connection happens after the handshake of the next",
        run: former_connection,
    },
    Check {
        item: "7",
        title: "a thousand requests in flight: replies in order, reads see the writes before",
        run: pipelining,
    },
    Check { item: "8", title: "a ping is answered in its turn, with xid -2", run: ping },
    Check {
        item: "10",
        title: "a silent session ends: node, connection and session are gone",
        run: expired,
    },
    Check {
        item: "11",
        title: "unknown operations get -6, then the connection is closed",
        run: unknown_operations,
    },
    Check {
        item: "12",
        title: "an undecodable body gets -5 and the connection stays",
        run: undecodable,
    },
    Check {
        item: "13",
        title: "a frame of impossible length ends the connection",
        run: frame_lengths,
    },
    Check { item: "14", title: "credentials add up", run: auth_twice },
    Check { item: "14", title: "an unknown scheme gets -115, then the close", run: bad_scheme },
    Check { item: "A1", title: "whoAmI names the address of whoever has no other", run: who_am_i },
];
