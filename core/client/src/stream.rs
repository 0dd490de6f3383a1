//! The bytes of a connection, plain or by TLS.
//!
//! Both kinds are asked in the same way, as a socket is: try, and wait until it is worth trying
//! again. TLS is driven by hand, because one task reads and writes, in pieces of its own choosing.

use std::io::{self, ErrorKind, Read, Write};

use bytes::{Bytes, BytesMut};
use pinfold_proto::FrameDecoder;
use rustls::ClientConnection;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::connector::Connector;
use crate::simulation::{self, World};

/// Records that are taken from the socket at once; each has at most 16 KiB.
const RECORDS: usize = 16;

/// A connected socket, ready for the session's handshake.
pub(crate) struct Stream {
    socket: Wire,
    /// None where the connection is plain.
    tls: Option<Box<ClientConnection>>,
}

impl Stream {
    /// Connects to `host:port`, and shakes hands over TLS where that is wanted.
    pub(crate) async fn connect(
        address: &str,
        connector: Option<&Connector>,
        world: Option<&dyn World>,
    ) -> io::Result<Stream> {
        let socket = Wire::connect(address, world).await?;
        let tls = match connector {
            Some(connector) => Some(Box::new(connector.session(address)?)),
            None => None,
        };
        let mut stream = Stream { socket, tls };
        while stream.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            // What comes behind the handshake stays inside until it is read.
            stream.push()?;
            stream.ready(false).await?;
            stream.pull()?;
        }
        stream.push()?;
        Ok(stream)
    }

    /// Waits until reading or writing is worth a try; true when reading is.
    /// Always waits for bytes to read, and for room as well where something is to be written.
    pub(crate) async fn ready(&self, has_output: bool) -> io::Result<bool> {
        let has_more = self.tls.as_ref().is_some_and(|tls| tls.wants_write());
        self.socket.ready(has_output || has_more).await
    }

    /// Writes as much as goes, `WouldBlock` when nothing does. What TLS has taken may still wait
    /// inside; [`Stream::push`] sends it.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.try_write(bytes) };
        let taken = tls.writer().write(bytes)?;
        self.push()?;
        if taken == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(taken)
    }

    /// Sends what TLS has inside, as much as the socket takes.
    pub(crate) fn push(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut Socket(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Appends what has come: 0 at the end of the stream, `WouldBlock` when there is nothing.
    /// Everything that TLS has inside is taken out, so that waiting for the socket is enough.
    pub(crate) fn try_read_buf(&mut self, input: &mut BytesMut) -> io::Result<usize> {
        if self.tls.is_none() {
            return self.socket.try_read_buf(input);
        }
        let mut count = self.drain(input)?;
        for _ in 0..RECORDS {
            match self.pull() {
                Ok(true) => count += self.drain(input)?,
                Ok(false) => return Ok(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.push()?;
        if count == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(count) }
    }

    /// Takes records from the socket; false at the end of the stream.
    fn pull(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        let count = match tls.read_tls(&mut Socket(&self.socket)) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock && tls.is_handshaking() => {
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        let processed = tls.process_new_packets();
        if let Err(error) = processed {
            // The server may be told what was wrong; it matters to nobody here if it cannot.
            let _ = self.push();
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        if count == 0 && tls.is_handshaking() {
            let reason = "the server ended the connection in the middle of the TLS handshake";
            return Err(io::Error::new(ErrorKind::UnexpectedEof, reason));
        }
        Ok(count > 0)
    }

    fn drain(&mut self, input: &mut BytesMut) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return Ok(0) };
        let mut piece = [0; 16 << 10];
        let mut total = 0;
        loop {
            match tls.reader().read(&mut piece) {
                Ok(0) => return Ok(total),
                Ok(count) => {
                    input.extend_from_slice(&piece[..count]);
                    total += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(total),
                // A server that goes without the farewell of TLS has gone all the same; frames
                // have their lengths, so nothing can be cut off unnoticed.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(total),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for room to write, whatever there is to read.
    async fn room(&self) -> io::Result<()> {
        match &self.socket {
            Wire::Tcp(socket) => socket.writable().await,
            Wire::Made(socket) => socket.ready(true).await.map(drop),
        }
    }

    /// Writes all of it.
    pub(crate) async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.room().await?;
                }
                Err(error) => return Err(error),
            }
        }
        while self.tls.as_ref().is_some_and(|tls| tls.wants_write()) {
            self.room().await?;
            self.push()?;
        }
        Ok(())
    }

    /// The next frame, of at most `max` bytes; what comes behind it stays in `input`.
    pub(crate) async fn read_frame(
        &mut self,
        input: &mut BytesMut,
        max: usize,
    ) -> io::Result<Bytes> {
        let decoder = FrameDecoder { max };
        loop {
            if let Some(frame) = decoder.decode(input).map_err(io::Error::other)? {
                return Ok(frame);
            }
            input.reserve(max);
            match self.try_read_buf(input) {
                Ok(0) => {
                    let reason = "the server closed the connection";
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, reason));
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.ready(false).await?;
                    self.push()?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What carries the bytes.
#[derive(Debug)]
enum Wire {
    Tcp(TcpStream),
    Made(Box<dyn simulation::Socket>),
}

impl Wire {
    async fn connect(address: &str, world: Option<&dyn World>) -> io::Result<Wire> {
        if let Some(world) = world {
            return world.connect(address).await.map(Wire::Made);
        }
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Wire::Tcp(socket))
    }

    async fn ready(&self, for_writing: bool) -> io::Result<bool> {
        let interest = match for_writing {
            true => Interest::READABLE | Interest::WRITABLE,
            false => Interest::READABLE,
        };
        match self {
            Wire::Tcp(socket) => Ok(socket.ready(interest).await?.is_readable()),
            Wire::Made(socket) => socket.ready(for_writing).await,
        }
    }

    fn try_read_buf(&self, input: &mut BytesMut) -> io::Result<usize> {
        match self {
            Wire::Tcp(socket) => socket.try_read_buf(input),
            Wire::Made(socket) => {
                let mut piece = [0; 16 << 10];
                let count = socket.try_read(&mut piece)?;
                input.extend_from_slice(&piece[..count]);
                Ok(count)
            }
        }
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Tcp(socket) => socket.try_read(buffer),
            Wire::Made(socket) => socket.try_read(buffer),
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Tcp(socket) => socket.try_write(bytes),
            Wire::Made(socket) => socket.try_write(bytes),
        }
    }
}

/// The socket as TLS wants to see it.
struct Socket<'a>(&'a Wire);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
