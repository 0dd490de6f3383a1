//! The handshake.

use serde::{Deserialize, Serialize};

use super::Buffer;
use crate::jute::{self, DecodeError};

/// The fields of a [`ConnectRequest`] that every client sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ConnectFields {
    protocol_version: i32,
    last_zxid_seen: i64,
    timeout_ms: i32,
    session_id: i64,
    password: Buffer,
}

/// The first frame of a client. Clients up to 3.3 leave the last byte out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectRequest {
    /// 0.
    pub protocol_version: i32,
    /// Highest zxid that the client has seen; a server behind it must not serve it.
    pub last_zxid_seen: i64,
    /// Session timeout that the client asks for, milliseconds.
    pub timeout_ms: i32,
    /// The session to go on with; 0 for a new one.
    pub session_id: i64,
    /// Its password.
    pub password: Buffer,
    /// Whether a read-only server is accepted; none where the byte was not sent.
    pub read_only: Option<bool>,
}

impl ConnectRequest {
    /// Decodes the body of the first frame.
    pub fn decode(body: &[u8]) -> Result<ConnectRequest, DecodeError> {
        let (fields, rest) = jute::from_bytes_prefix::<ConnectFields>(body)?;
        Ok(ConnectRequest {
            protocol_version: fields.protocol_version,
            last_zxid_seen: fields.last_zxid_seen,
            timeout_ms: fields.timeout_ms,
            session_id: fields.session_id,
            password: fields.password,
            read_only: rest.first().map(|byte| *byte != 0),
        })
    }

    /// Appends the body of the first frame.
    pub fn encode(&self, out: &mut bytes::BytesMut) {
        jute::write(
            out,
            &ConnectFields {
                protocol_version: self.protocol_version,
                last_zxid_seen: self.last_zxid_seen,
                timeout_ms: self.timeout_ms,
                session_id: self.session_id,
                password: self.password.clone(),
            },
        );
        if let Some(read_only) = self.read_only {
            jute::write(out, &read_only);
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ConnectResponseFields {
    protocol_version: i32,
    timeout_ms: i32,
    session_id: i64,
    password: Buffer,
}

/// The answer to the first frame. A refused session gets zeros, then the end of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectResponse {
    /// 0.
    pub protocol_version: i32,
    /// Session timeout that the server gives, milliseconds; 0 or less where it refuses.
    pub timeout_ms: i32,
    /// The session.
    pub session_id: i64,
    /// Its password, 16 bytes.
    pub password: Buffer,
    /// Whether the server is read-only; only sent to clients that sent theirs.
    pub read_only: Option<bool>,
}

impl ConnectResponse {
    /// Decodes the body of the first frame.
    pub fn decode(body: &[u8]) -> Result<ConnectResponse, DecodeError> {
        let (fields, rest) = jute::from_bytes_prefix::<ConnectResponseFields>(body)?;
        Ok(ConnectResponse {
            protocol_version: fields.protocol_version,
            timeout_ms: fields.timeout_ms,
            session_id: fields.session_id,
            password: fields.password,
            read_only: rest.first().map(|byte| *byte != 0),
        })
    }

    /// Appends the body of the first frame.
    pub fn encode(&self, out: &mut bytes::BytesMut) {
        jute::write(
            out,
            &ConnectResponseFields {
                protocol_version: self.protocol_version,
                timeout_ms: self.timeout_ms,
                session_id: self.session_id,
                password: self.password.clone(),
            },
        );
        if let Some(read_only) = self.read_only {
            jute::write(out, &read_only);
        }
    }
}
