//! What stands where in a frame.

use bytes::{BufMut, BytesMut};
use pinfold_proto::records::{ExistsRequest, RequestHeader};
use pinfold_proto::{ErrorCode, OpCode, jute};

use super::check::{Check, Code, Hex, Outcome, holds, same};
use super::context::Context;
use super::requests::{create, read, set};
use crate::wire::handshake;

fn any_xid(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let record = ExistsRequest { path: "/".into(), watch: false };
    for xid in [0, 1, i32::MAX, i32::MIN, -3, -77] {
        let mut body = BytesMut::new();
        jute::write(&mut body, &RequestHeader { xid, op: OpCode::Exists.code() });
        jute::write(&mut body, &record);
        client.session.socket.send_frame(&body)?;
        let reply = client.reply()?;
        same("xid and error of the reply", (reply.xid, Code(reply.err)), (xid, Code(0)))?;
    }
    Ok(())
}

fn nothing_behind_an_error(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    for op in [OpCode::GetData, OpCode::Exists, OpCode::GetChildren, OpCode::GetChildren2] {
        let reply = client.call(op, &read(&context.path("/none")))?;
        let seen = (Code(reply.err), reply.body.len());
        same(&format!("error and length of {op:?}"), seen, (Code(-101), 0))?;
    }
    let reply = client.call(OpCode::SetData, &set(context.root(), "", 9))?;
    same("error and length of setData", (Code(reply.err), reply.body.len()), (Code(-103), 0))
}

fn lengths(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    let reply = client.call(OpCode::Create, &create(&path, "123", 0))?;
    same("the length of create's answer", reply.body.len(), 4 + path.len())?;
    let reply = client.call(OpCode::Create2, &create(&context.path("/b"), "123", 0))?;
    same("the length of create2's answer", reply.body.len(), 4 + path.len() + 68)?;
    let reply = client.call(OpCode::GetData, &read(&path))?;
    same("the length of getData's answer", reply.body.len(), 4 + 3 + 68)?;
    let reply = client.call(OpCode::Exists, &read(&path))?;
    same("the length of exists' answer", reply.body.len(), 68)?;
    let reply = client.call(OpCode::Delete, &super::requests::delete(&path, -1))?;
    same("the length of delete's answer", reply.body.len(), 0)
}

fn an_event(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/a");
    client.create(&path, "")?;
    client.get(&path, true)?;
    let record = jute::to_bytes(&set(&path, "", -1));
    client.session.send_raw(OpCode::SetData.code(), &record)?;
    let event = client.session.socket.frame()?;
    let reply = client.session.socket.frame()?;
    let mut wanted = BytesMut::new();
    wanted.put_i32(-1);
    // The zxid of the change, which is also that of the reply.
    wanted.extend_from_slice(reply.get(4..12).unwrap_or_default());
    wanted.put_i32(0);
    wanted.put_i32(3);
    wanted.put_i32(3);
    wanted.put_i32(path.len() as i32);
    wanted.extend_from_slice(path.as_bytes());
    same("the bytes of an event", Hex(&event), Hex(&wanted))
}

fn slow_frames(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let body = jute::to_bytes(&read("/"));
    let (xid, frame) = client.session.encode(OpCode::Exists.code(), &body);
    for byte in frame.iter() {
        client.session.socket.send(&[*byte])?;
    }
    same("the xid of the reply", client.reply()?.xid, xid)
}

fn largest(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let path = context.path("/x");
    client.create(&path, "")?;
    // Header, path, the data's length, version: the frame is as long as the default permits.
    let data = "x".repeat(0xf_ffff - 8 - (4 + path.len()) - 4 - 4 - 1);
    client.set(&path, &data)?;
    let length = client.get(&path, false)?.0.map(|data| data.len());
    same("the length of the data", length, Some(data.len()))
}

fn not_utf8(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let reply = client.call_raw(OpCode::Create.code(), &{
        let mut body = BytesMut::new();
        body.put_i32(3);
        body.extend_from_slice(b"/\xff\xfe");
        body.extend_from_slice(&jute::to_bytes(&(Some("x"), pinfold_proto::Acl::open_unsafe(), 0)));
        body
    })?;
    let codes = [ErrorCode::MarshallingError.code(), ErrorCode::BadArguments.code()];
    holds("the error is -5 or -8", codes.contains(&reply.err), &Code(reply.err))?;
    same("the error of exists, afterwards", client.exists("/", false)?, Code(0))
}

fn close_answers_what_came_before(context: &mut Context) -> Outcome {
    let mut client = context.connect()?;
    let mut burst = BytesMut::new();
    let mut xids = Vec::new();
    for _ in 0..50 {
        let record = jute::to_bytes(&create(&context.path("/n-"), "", 2));
        let (xid, bytes) = client.session.encode(OpCode::Create.code(), &record);
        burst.extend_from_slice(&bytes);
        xids.push(xid);
    }
    let (last, bytes) = client.session.encode(OpCode::CloseSession.code(), &[]);
    burst.extend_from_slice(&bytes);
    client.session.socket.send(&burst)?;
    xids.push(last);
    for xid in xids {
        let reply = client.reply()?;
        same("xid and error", (reply.xid, Code(reply.err)), (xid, Code(0)))?;
    }
    client.is_closed()
}

fn handshake_sizes(context: &mut Context) -> Outcome {
    for (read_only, length) in [(None, 36), (Some(false), 37)] {
        let request = pinfold_proto::records::ConnectRequest { read_only, ..handshake(10_000) };
        let mut body = BytesMut::new();
        request.encode(&mut body);
        let mut socket = context.socket()?;
        socket.send_frame(&body)?;
        same("the length of the answer to the handshake", socket.frame()?.len(), length)?;
        // Closed, lest the session expire while others count.
        socket.send(&crate::wire::encode(1, OpCode::CloseSession.code(), &[]))?;
        socket.frame()?;
    }
    Ok(())
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        item: "1",
        title: "the answer to a handshake has 36 bytes, or 37",
        run: handshake_sizes,
    },
    Check {
        item: "9",
        title: "closeSession: everything before it is answered, then the close",
        run: close_answers_what_came_before,
    },
    Check { item: "A2", title: "any xid comes back", run: any_xid },
    Check { item: "A2", title: "nothing follows an error", run: nothing_behind_an_error },
    Check { item: "A2", title: "the lengths of answers", run: lengths },
    Check { item: "A2", title: "an event, byte by byte", run: an_event },
    Check { item: "A2", title: "a frame may come byte by byte", run: slow_frames },
    Check { item: "A2", title: "a frame of 1048574 bytes is taken", run: largest },
    Check { item: "A2", title: "a path that is not UTF-8 is refused", run: not_utf8 },
];
