//! How two servers get to know each other: the first words on every link.
//!
//! ```text
//! hello:  magic 8 | version u16 | cluster u64 | from u64 | to u64 | checksum u32
//! answer: magic 8 | version u16 | verdict u8 | cluster u64 | length u32 | founders | checksum u32
//! ```

use std::io;

use bytes::{Buf, BufMut, BytesMut};
use pinfold_replication::{Membership, NodeId};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::peers::Formation;

const MAGIC: &[u8; 8] = b"PINFPEER";
const VERSION: u16 = 1;
pub(crate) const HELLO: usize = 8 + 2 + 3 * 8 + 4;
const ANSWER: usize = 8 + 2 + 1 + 8 + 4;
const MAX_FOUNDERS: usize = 1 << 16;

/// Who calls whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The cluster of the caller; 0 when it belongs to none yet.
    pub(crate) cluster: u64,
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
}

/// What is said to a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Frames may follow.
    Welcome,
    /// The server belongs to no cluster yet.
    New,
    /// The server belongs to this one. To a caller without a cluster: an invitation; to one of
    /// another: a refusal.
    Formed(Formation),
    /// It is for another server.
    Mistaken { asked: NodeId },
}

impl Hello {
    pub(crate) async fn send(&self, socket: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let mut out = BytesMut::with_capacity(HELLO);
        out.put_slice(MAGIC);
        out.put_u16_le(VERSION);
        out.put_u64_le(self.cluster);
        out.put_u64_le(self.from);
        out.put_u64_le(self.to);
        seal(&mut out);
        socket.write_all(&out).await?;
        socket.flush().await
    }

    pub(crate) async fn receive(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<Hello> {
        let mut bytes = [0; HELLO];
        socket.read_exact(&mut bytes).await?;
        let mut input = &bytes[..];
        version(&mut input)?;
        broken_seal(&bytes)?;
        Ok(Hello { cluster: input.get_u64_le(), from: input.get_u64_le(), to: input.get_u64_le() })
    }
}

impl Answer {
    pub(crate) async fn send(&self, socket: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let mut out = BytesMut::with_capacity(ANSWER + 64);
        out.put_slice(MAGIC);
        out.put_u16_le(VERSION);
        let (verdict, number, founders) = match self {
            Answer::Welcome => (1, 0, None),
            Answer::New => (2, 0, None),
            Answer::Formed(Formation { cluster, founders }) => (3, *cluster, Some(founders)),
            Answer::Mistaken { asked } => (4, *asked, None),
        };
        out.put_u8(verdict);
        out.put_u64_le(number);
        let founders = founders.map(Membership::encode).unwrap_or_default();
        out.put_u32_le(founders.len() as u32);
        out.put_slice(&founders);
        seal(&mut out);
        socket.write_all(&out).await?;
        socket.flush().await
    }

    pub(crate) async fn receive(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
        let mut bytes = vec![0; ANSWER];
        socket.read_exact(&mut bytes).await?;
        let mut input = &bytes[..];
        version(&mut input)?;
        let (verdict, number) = (input.get_u8(), input.get_u64_le());
        let length = input.get_u32_le() as usize;
        if length > MAX_FOUNDERS {
            return Err(invalid("the answer of a peer is too long".to_owned()));
        }
        bytes.resize(ANSWER + length + 4, 0);
        socket.read_exact(&mut bytes[ANSWER..]).await?;
        broken_seal(&bytes)?;
        match verdict {
            1 => Ok(Answer::Welcome),
            2 => Ok(Answer::New),
            3 => {
                let founders = Membership::decode(&bytes[ANSWER..ANSWER + length]);
                let founders = founders.ok_or_else(|| invalid("no founders".to_owned()))?;
                Ok(Answer::Formed(Formation { cluster: number, founders }))
            }
            4 => Ok(Answer::Mistaken { asked: number }),
            _ => Err(invalid(format!("an answer of unknown kind {verdict}"))),
        }
    }
}

fn seal(out: &mut BytesMut) {
    let checksum = crc32fast::hash(out);
    out.put_u32_le(checksum);
}

fn broken_seal(bytes: &[u8]) -> io::Result<()> {
    match bytes.split_last_chunk::<4>() {
        Some((rest, seal)) if crc32fast::hash(rest) == u32::from_le_bytes(*seal) => Ok(()),
        _ => Err(invalid("the first words of a peer have a wrong checksum".to_owned())),
    }
}

fn version(input: &mut &[u8]) -> io::Result<()> {
    if input.copy_to_bytes(MAGIC.len())[..] != MAGIC[..] {
        return Err(invalid("who calls is no Pinfold server".to_owned()));
    }
    match input.get_u16_le() {
        VERSION => Ok(()),
        other => {
            let text = format!("the peer speaks version {other}, this server speaks {VERSION}");
            Err(invalid(text))
        }
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(bytes: &[u8]) -> String {
        Hello::receive(&mut &bytes[..])
            .await
            .map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[tokio::test]
    async fn strangers_and_other_versions_are_told_apart() {
        let hello = Hello { cluster: 7, from: 1, to: 2 };
        let mut bytes = Vec::new();
        hello.send(&mut bytes).await.unwrap();
        assert_eq!(Hello::receive(&mut &bytes[..]).await.unwrap(), hello);
        let change = |at: usize| {
            let mut other = bytes[..HELLO - 4].to_vec();
            other[at] ^= 2;
            let mut sealed = BytesMut::from(&other[..]);
            seal(&mut sealed);
            sealed
        };
        assert_eq!(heard(&change(0)).await, "who calls is no Pinfold server");
        let version = heard(&change(MAGIC.len())).await;
        assert_eq!(version, "the peer speaks version 3, this server speaks 1");
        bytes[HELLO - 5] ^= 1;
        assert_eq!(heard(&bytes).await, "the first words of a peer have a wrong checksum");
    }
}
