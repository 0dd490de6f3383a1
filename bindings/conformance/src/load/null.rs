//! A server that knows nothing: it answers every request from a constant. What a real server
//! takes beyond this is its own.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use pinfold_proto::records::{ConnectResponse, GetDataResponse, ReplyHeader, RequestHeader};
use pinfold_proto::{FrameDecoder, OpCode, Stat, frame, jute};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const MAX_FRAME: usize = 64 << 20;

/// The constants.
struct Answers {
    open: Bytes,
    data: Bytes,
    created: Bytes,
    stat: Bytes,
}

impl Answers {
    fn new(bytes: usize) -> Answers {
        let mut open = BytesMut::new();
        let response = ConnectResponse {
            protocol_version: 0,
            timeout_ms: 40_000,
            session_id: 1,
            password: Some(Bytes::from_static(&[0; 16])),
            read_only: Some(false),
        };
        frame::write(&mut open, |out| response.encode(out));
        let stat = Stat { data_length: bytes as i32, ..Stat::default() };
        let data = Some(Bytes::from(vec![b'x'; bytes]));
        Answers {
            open: open.freeze(),
            data: jute::to_bytes(&GetDataResponse { data, stat }),
            created: jute::to_bytes("/load/c0000000000"),
            stat: jute::to_bytes(&stat),
        }
    }

    fn body(&self, op: i32) -> &[u8] {
        match OpCode::from_i32(op) {
            Some(OpCode::GetData) => &self.data,
            Some(OpCode::Create) => &self.created,
            Some(OpCode::SetData) => &self.stat,
            _ => &[],
        }
    }
}

async fn converse(mut socket: TcpStream, bytes: usize) -> std::io::Result<()> {
    let answers = Answers::new(bytes);
    let decoder = FrameDecoder { max: MAX_FRAME };
    let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
    socket.set_nodelay(true)?;
    let mut is_open = false;
    loop {
        while let Some(frame) = decoder.decode(&mut input).map_err(std::io::Error::other)? {
            if !is_open {
                output.put_slice(&answers.open);
                is_open = true;
                continue;
            }
            let header = jute::from_bytes_prefix::<RequestHeader>(&frame);
            let RequestHeader { xid, op } = header.map_err(std::io::Error::other)?.0;
            frame::write(&mut output, |out| {
                jute::write(out, &ReplyHeader { xid, zxid: 1, err: 0 });
                out.put_slice(answers.body(op));
            });
        }
        socket.write_all(&output).await?;
        output.clear();
        input.reserve(64 << 10);
        if socket.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// Serves on a free port of the loopback, which `told` gets to know, until it fails. Data have so
/// many bytes.
///
/// # Errors
/// There is no port, or no connection can be accepted.
pub async fn serve(bytes: usize, told: impl FnOnce(SocketAddr)) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    told(listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        // One that fails is told of by the load generator.
        tokio::spawn(converse(socket, bytes));
    }
}
