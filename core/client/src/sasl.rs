//! SASL: who the client is, proved at every connection before anything is asked for.

use bytes::{Bytes, BytesMut};
use pinfold_proto::digest_md5::{self, Answer, DigestError};
use pinfold_proto::records::{GetSaslRequest, ReplyHeader, SetSaslResponse};
use pinfold_proto::{DecodeError, ErrorCode, OpCode, jute};

use crate::stream::Stream;
use crate::wire;

/// Longest answer to a step, bytes.
const MAX_REPLY: usize = 8192;

/// How a client proves who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Sasl {
    /// A user and a password of the server's JAAS file. The password does not go over the wire,
    /// but the mechanism is old and weak: use TLS as well.
    DigestMd5 {
        /// The user.
        user: String,
        /// The password.
        password: String,
        /// The service's name; `zookeeper` unless the servers were changed.
        service: String,
        /// The server's name; `zk-sasl-md5` unless the servers were changed.
        server: String,
    },
}

impl Sasl {
    /// A user and a password, with the names that ZooKeeper's servers have.
    pub fn digest_md5(user: impl Into<String>, password: impl Into<String>) -> Sasl {
        Sasl::DigestMd5 {
            user: user.into(),
            password: password.into(),
            service: digest_md5::SERVICE.to_owned(),
            server: digest_md5::SERVER.to_owned(),
        }
    }
}

impl std::fmt::Debug for Sasl {
    /// Without the password, which must not get into a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Sasl::DigestMd5 { user, .. } = self;
        write!(formatter, "DigestMd5({user:?})")
    }
}

/// Why an exchange came to nothing.
pub(crate) enum Failure {
    /// The server does not believe it, or is not who it should be: it would be the same again.
    Refused(String),
    /// The connection broke.
    Broken(std::io::Error),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Broken(error)
    }
}

/// Proves who the client is, on a connection whose session has just begun.
pub(crate) async fn authenticate(
    sasl: &Sasl,
    stream: &mut Stream,
    input: &mut BytesMut,
    xids: [i32; 2],
) -> Result<(), Failure> {
    let Sasl::DigestMd5 { user, password, service, server } = sasl;
    let refused = |error: DigestError| Failure::Refused(error.to_string());
    // Asking for the challenge is all that the first token is for.
    let challenge = step(stream, input, xids[0], Bytes::new()).await?;
    if challenge.is_empty() {
        let reason = "the server has no users for SASL, or its fips-mode forbids DIGEST-MD5";
        return Err(Failure::Refused(reason.to_owned()));
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| std::io::Error::other(error.to_string()))?;
    let cnonce: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let uri = format!("{service}/{server}");
    let answer = Answer::new(&challenge, user, password, &uri, &cnonce).map_err(refused)?;
    let proof = step(stream, input, xids[1], answer.response.clone().into()).await?;
    answer.check(&proof).map_err(refused)
}

async fn step(
    stream: &mut Stream,
    input: &mut BytesMut,
    xid: i32,
    token: Bytes,
) -> Result<Bytes, Failure> {
    let mut out = BytesMut::new();
    wire::put(&mut out, xid, OpCode::Sasl, &GetSaslRequest { token: Some(token) });
    stream.write_all(&out).await?;
    let body = stream.read_frame(input, MAX_REPLY).await?;
    let undecodable = |error: DecodeError| Failure::Broken(std::io::Error::other(error));
    let (header, body) = jute::from_bytes_prefix::<ReplyHeader>(&body).map_err(undecodable)?;
    if header.err != 0 {
        let reason = match ErrorCode::from_i32(header.err) {
            Some(ErrorCode::Unimplemented) => "the server has no SASL".to_owned(),
            Some(code) => format!("SASL failed: the server answers {}", code.name()),
            None => format!("SASL failed: the server answers {}", header.err),
        };
        return Err(Failure::Refused(reason));
    }
    let (SetSaslResponse { token }, _) = jute::from_bytes_prefix(body).map_err(undecodable)?;
    Ok(token.unwrap_or_default())
}
