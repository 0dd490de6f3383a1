//! Multi: several operations behind one header, each with a small header of its own.

use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use crate::jute::{self, DecodeError};
use crate::op::OpCode;
use crate::records::{
    CheckVersionRequest, Create2Response, CreateRequest, CreateResponse, CreateTtlRequest,
    DeleteRequest, ErrorResponse, GetChildrenRequest, GetChildrenResponse, GetDataRequest,
    GetDataResponse, SetDataRequest, StatResponse,
};

/// What comes before each operation and each result, and, with `done`, after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct MultiHeader {
    op: i32,
    done: bool,
    err: i32,
}

const END: MultiHeader = MultiHeader { op: -1, done: true, err: -1 };

/// One operation of a multi or a multiRead.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // named like the requests that they carry
pub enum MultiOp {
    Create(CreateRequest),
    Create2(CreateRequest),
    CreateContainer(CreateRequest),
    CreateTtl(CreateTtlRequest),
    Delete(DeleteRequest),
    SetData(SetDataRequest),
    Check(CheckVersionRequest),
    GetData(GetDataRequest),
    GetChildren(GetChildrenRequest),
}

impl MultiOp {
    /// Its operation code.
    pub fn op(&self) -> OpCode {
        match self {
            MultiOp::Create(_) => OpCode::Create,
            MultiOp::Create2(_) => OpCode::Create2,
            MultiOp::CreateContainer(_) => OpCode::CreateContainer,
            MultiOp::CreateTtl(_) => OpCode::CreateTtl,
            MultiOp::Delete(_) => OpCode::Delete,
            MultiOp::SetData(_) => OpCode::SetData,
            MultiOp::Check(_) => OpCode::Check,
            MultiOp::GetData(_) => OpCode::GetData,
            MultiOp::GetChildren(_) => OpCode::GetChildren,
        }
    }
}

/// The body of a multi or a multiRead request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MultiRequest {
    /// In order.
    pub ops: Vec<MultiOp>,
}

/// An operation code that a multi cannot carry.
fn foreign(op: i32) -> DecodeError {
    DecodeError::Invalid(format!("operation {op} cannot be part of a multi"))
}

impl MultiRequest {
    /// Decodes a body.
    pub fn decode(mut body: &[u8]) -> Result<MultiRequest, DecodeError> {
        let mut ops = Vec::new();
        loop {
            let header: MultiHeader = take(&mut body)?;
            if header.done {
                return Ok(MultiRequest { ops });
            }
            ops.push(match OpCode::from_i32(header.op) {
                Some(OpCode::Create) => MultiOp::Create(take(&mut body)?),
                Some(OpCode::Create2) => MultiOp::Create2(take(&mut body)?),
                Some(OpCode::CreateContainer) => MultiOp::CreateContainer(take(&mut body)?),
                Some(OpCode::CreateTtl) => MultiOp::CreateTtl(take(&mut body)?),
                Some(OpCode::Delete) => MultiOp::Delete(take(&mut body)?),
                Some(OpCode::SetData) => MultiOp::SetData(take(&mut body)?),
                Some(OpCode::Check) => MultiOp::Check(take(&mut body)?),
                Some(OpCode::GetData) => MultiOp::GetData(take(&mut body)?),
                Some(OpCode::GetChildren) => MultiOp::GetChildren(take(&mut body)?),
                _ => return Err(foreign(header.op)),
            });
        }
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut BytesMut) {
        for op in &self.ops {
            jute::write(out, &MultiHeader { op: op.op().code(), done: false, err: -1 });
            match op {
                MultiOp::Create(request)
                | MultiOp::Create2(request)
                | MultiOp::CreateContainer(request) => jute::write(out, request),
                MultiOp::CreateTtl(request) => jute::write(out, request),
                MultiOp::Delete(request) => jute::write(out, request),
                MultiOp::SetData(request) => jute::write(out, request),
                MultiOp::Check(request) => jute::write(out, request),
                MultiOp::GetData(request) => jute::write(out, request),
                MultiOp::GetChildren(request) => jute::write(out, request),
            }
        }
        jute::write(out, &END);
    }
}

/// One result of a multi or a multiRead.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // named like the replies that they carry
pub enum MultiOpResult {
    Create(CreateResponse),
    Create2(Create2Response),
    CreateContainer(Create2Response),
    CreateTtl(Create2Response),
    Delete,
    SetData(StatResponse),
    Check,
    GetData(GetDataResponse),
    GetChildren(GetChildrenResponse),
    /// The code of the operation that failed, 0 for those before it, -2 for those after it.
    Error(i32),
}

/// The body of the answer to a multi or a multiRead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MultiResponse {
    /// One for each operation, in order.
    pub results: Vec<MultiOpResult>,
}

impl MultiResponse {
    /// Decodes a body.
    pub fn decode(mut body: &[u8]) -> Result<MultiResponse, DecodeError> {
        let mut results = Vec::new();
        loop {
            let header: MultiHeader = take(&mut body)?;
            if header.done {
                return Ok(MultiResponse { results });
            }
            results.push(match OpCode::from_i32(header.op) {
                Some(OpCode::Create) => MultiOpResult::Create(take(&mut body)?),
                Some(OpCode::Create2) => MultiOpResult::Create2(take(&mut body)?),
                Some(OpCode::CreateContainer) => MultiOpResult::CreateContainer(take(&mut body)?),
                Some(OpCode::CreateTtl) => MultiOpResult::CreateTtl(take(&mut body)?),
                Some(OpCode::Delete) => MultiOpResult::Delete,
                Some(OpCode::SetData) => MultiOpResult::SetData(take(&mut body)?),
                Some(OpCode::Check) => MultiOpResult::Check,
                Some(OpCode::GetData) => MultiOpResult::GetData(take(&mut body)?),
                Some(OpCode::GetChildren) => MultiOpResult::GetChildren(take(&mut body)?),
                Some(OpCode::Error) => {
                    let ErrorResponse { err } = take(&mut body)?;
                    MultiOpResult::Error(err)
                }
                _ => return Err(foreign(header.op)),
            });
        }
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut BytesMut) {
        for result in &self.results {
            let (op, err) = match result {
                MultiOpResult::Create(_) => (OpCode::Create, 0),
                MultiOpResult::Create2(_) => (OpCode::Create2, 0),
                MultiOpResult::CreateContainer(_) => (OpCode::CreateContainer, 0),
                MultiOpResult::CreateTtl(_) => (OpCode::CreateTtl, 0),
                MultiOpResult::Delete => (OpCode::Delete, 0),
                MultiOpResult::SetData(_) => (OpCode::SetData, 0),
                MultiOpResult::Check => (OpCode::Check, 0),
                MultiOpResult::GetData(_) => (OpCode::GetData, 0),
                MultiOpResult::GetChildren(_) => (OpCode::GetChildren, 0),
                MultiOpResult::Error(err) => (OpCode::Error, *err),
            };
            jute::write(out, &MultiHeader { op: op.code(), done: false, err });
            match result {
                MultiOpResult::Create(reply) => jute::write(out, reply),
                MultiOpResult::Create2(reply)
                | MultiOpResult::CreateContainer(reply)
                | MultiOpResult::CreateTtl(reply) => jute::write(out, reply),
                MultiOpResult::SetData(reply) => jute::write(out, reply),
                MultiOpResult::GetData(reply) => jute::write(out, reply),
                MultiOpResult::GetChildren(reply) => jute::write(out, reply),
                MultiOpResult::Error(err) => jute::write(out, &ErrorResponse { err: *err }),
                MultiOpResult::Delete | MultiOpResult::Check => {}
            }
        }
        jute::write(out, &END);
    }
}

fn take<T: serde::de::DeserializeOwned>(body: &mut &[u8]) -> Result<T, DecodeError> {
    let (record, rest) = jute::from_bytes_prefix(body)?;
    *body = rest;
    Ok(record)
}
