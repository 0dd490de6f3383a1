//! One connection, in frames.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use pinfold_proto::FrameDecoder;

/// Longest answer that is taken, in bytes.
const MAX_FRAME: usize = 64 << 20;

/// Why nothing more comes from a server.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// It has closed the connection, in good order or not.
    #[error("the server closed the connection")]
    Closed,
    /// Nothing came in time. The connection is still there.
    #[error("the server said nothing for {0:?}")]
    Silent(Duration),
    /// Something else than what a server may say, or the network failed.
    #[error("{0}")]
    Broken(String),
}

/// A connection to a server.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    input: BytesMut,
    patience: Duration,
}

impl Socket {
    /// Connects to `host:port`. Each wait for the server lasts `patience` at most.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn connect(address: &str, patience: Duration) -> io::Result<Socket> {
        let mut failure = io::Error::other(format!("{address} has no address"));
        for resolved in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&resolved, patience) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_write_timeout(Some(patience))?;
                    return Ok(Socket { stream, input: BytesMut::new(), patience });
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// How long each wait for the server lasts at most.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The address that the server sees, unless something stands between.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn local_address(&self) -> Result<std::net::IpAddr, Ended> {
        let address = self.stream.local_addr();
        address.map(|address| address.ip()).map_err(|error| Ended::Broken(error.to_string()))
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The connection is closed, or the server does not read.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        self.stream.write_all(bytes).map_err(|error| ended(&error, self.patience))
    }

    /// Sends a frame: the length of `body`, and `body`.
    ///
    /// # Errors
    /// As [`Socket::send`].
    pub fn send_frame(&mut self, body: &[u8]) -> Result<(), Ended> {
        self.send(&pinfold_proto::frame::frame(body))
    }

    /// The next frame's body.
    ///
    /// # Errors
    /// None comes, or none that could be one.
    pub fn frame(&mut self) -> Result<Bytes, Ended> {
        let decoder = FrameDecoder { max: MAX_FRAME };
        let deadline = Instant::now() + self.patience;
        loop {
            match decoder.decode(&mut self.input) {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => self.more(deadline)?,
                Err(error) => return Err(Ended::Broken(error.to_string())),
            }
        }
    }

    /// A frame that has arrived already, without waiting.
    ///
    /// # Errors
    /// As [`Socket::frame`].
    pub fn frame_at_hand(&mut self) -> Result<Option<Bytes>, Ended> {
        let decoder = FrameDecoder { max: MAX_FRAME };
        decoder.decode(&mut self.input).map_err(|error| Ended::Broken(error.to_string()))
    }

    /// Everything up to the end of the connection, as the answer to a four-letter word is sent.
    ///
    /// # Errors
    /// The server does not close the connection in time.
    pub fn rest(&mut self) -> Result<Bytes, Ended> {
        let deadline = Instant::now() + self.patience;
        loop {
            match self.more(deadline) {
                Ok(()) => {}
                Err(Ended::Closed) => return Ok(self.input.split().freeze()),
                Err(other) => return Err(other),
            }
        }
    }

    /// Says that nothing more will be sent; what the server sends still comes.
    pub fn finish(&self) {
        // A connection that is gone already needs no farewell.
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    fn more(&mut self, deadline: Instant) -> Result<(), Ended> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Ended::Silent(self.patience));
        }
        let broken = |error: io::Error| Ended::Broken(error.to_string());
        self.stream.set_read_timeout(Some(left)).map_err(broken)?;
        let mut chunk = [0; 16 << 10];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(Ended::Closed),
            Ok(count) => {
                self.input.extend_from_slice(&chunk[..count]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(ended(&error, self.patience)),
        }
    }
}

fn ended(error: &io::Error, patience: Duration) -> Ended {
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted => Ended::Closed,
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ended::Silent(patience),
        _ => Ended::Broken(error.to_string()),
    }
}
