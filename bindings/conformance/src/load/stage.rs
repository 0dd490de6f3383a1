//! The nodes that the work needs.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use pinfold_proto::records::{CreateRequest, SetDataRequest};
use pinfold_proto::{Acl, CreateMode, ErrorCode, MultiOp, MultiRequest, OpCode};

use super::line::Line;
use super::meter::{self, Figures, Meter};
use super::{Failure, Plan};

/// Nodes that are read.
pub(super) const READ: usize = 1024;
const ROOT: &str = "/load";
/// Creates of one request, and children of one node.
const PER_REQUEST: u64 = 100;
const PER_PARENT: u64 = 1000;
const WINDOW: usize = 8;

/// The path of a node that is read.
pub(super) fn readable(number: usize) -> String {
    format!("{ROOT}/r{}", number % READ)
}

/// The path of a session's own node.
pub(super) fn own(session: usize) -> String {
    format!("{ROOT}/s{session}")
}

/// The path of what everybody watches.
pub(super) fn watched() -> String {
    format!("{ROOT}/watched")
}

/// A node below which a run makes its own, a new one each time.
pub(super) async fn parent(line: &mut Line) -> Result<String, Failure> {
    let mut request = create(format!("{ROOT}/c"), Bytes::new());
    request.flags = CreateMode::PersistentSequential.flags();
    let reply = line.call(OpCode::Create, &request, "a create").await?;
    let made = pinfold_proto::jute::from_bytes::<pinfold_proto::records::CreateResponse>;
    made(&reply.body).map(|made| made.path).map_err(|error| Failure::Broken(error.to_string()))
}

pub(super) fn create(path: String, data: Bytes) -> CreateRequest {
    let flags = CreateMode::Persistent.flags();
    CreateRequest { path, data: Some(data), acl: Acl::open_unsafe(), flags }
}

/// Data of the wished size.
pub(super) fn data(plan: &Plan) -> Bytes {
    Bytes::from(vec![b'x'; plan.bytes])
}

/// Makes what is not there, and gives everything data of the wished size.
pub(super) async fn set(plan: &Plan) -> Result<Line, Failure> {
    let mut line = Line::open(plan.addresses[0], 0).await?;
    let mut paths = vec![ROOT.to_owned(), watched()];
    paths.extend((0..READ).map(readable));
    paths.extend((0..plan.sessions).map(own));
    for some in paths.chunks(64) {
        let mut due = VecDeque::new();
        for path in some {
            due.push_back(line.request(OpCode::Create, &create(path.clone(), data(plan))));
            let set = SetDataRequest { path: path.clone(), data: Some(data(plan)), version: -1 };
            due.push_back(line.request(OpCode::SetData, &set));
        }
        line.flush().await?;
        for xid in due {
            match line.answer(xid, "the stage is set").await?.error {
                ErrorCode::Ok | ErrorCode::NodeExists => {}
                error => return Err(Failure::Refused("making a node", error)),
            }
        }
    }
    Ok(line)
}

fn portion(plan: &Plan, root: &str, from: u64, until: u64) -> MultiRequest {
    let mut ops = Vec::new();
    let data = data(plan);
    for number in from..until {
        let parent = format!("{root}/p{}", number / PER_PARENT);
        if number.is_multiple_of(PER_PARENT) {
            ops.push(MultiOp::Create(create(parent.clone(), Bytes::new())));
        }
        ops.push(MultiOp::Create(create(format!("{parent}/n{number}"), data.clone())));
    }
    MultiRequest { ops }
}

/// Makes as many nodes as the plan says. Operations are nodes.
pub(super) async fn fill(plan: &Plan) -> Result<Figures, Failure> {
    let resident_before = meter::resident(plan)?;
    let mut line = set(plan).await?;
    let root = parent(&mut line).await?;
    let meter = Meter::new();
    let (begun, spent) = (Instant::now(), meter::spent(plan)?);
    let (mut made, mut due) = (0, VecDeque::new());
    while made < plan.nodes || !due.is_empty() {
        if made < plan.nodes && due.len() < WINDOW {
            let until = (made + PER_REQUEST).min(plan.nodes);
            let multi = portion(plan, &root, made, until);
            let xid = line.request_with(OpCode::Multi, |out| multi.encode(out));
            due.push_back((xid, Instant::now()));
            line.flush().await?;
            made = until;
            continue;
        }
        let Some((xid, sent)) = due.pop_front() else { break };
        match line.answer(xid, "the stage is set").await?.error {
            ErrorCode::Ok => meter.record(sent.elapsed()),
            error => return Err(Failure::Refused("a multi", error)),
        }
    }
    let (seconds, spent) = (begun.elapsed().as_secs_f64(), meter::spent(plan)? - spent);
    line.close().await?;
    Ok(Figures {
        operations: made,
        seconds,
        per_second: made as f64 / seconds,
        server_us: spent.as_secs_f64() * 1e6 / made.max(1) as f64,
        load_us: 0.0,
        latency: meter.latency(),
        resident_before,
        resident_after: meter::resident(plan)?,
    })
}
