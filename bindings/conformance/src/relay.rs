//! A connection between a driver and a server that a case can break and hold.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A TCP relay on loopback. Dropping it breaks what it carries.
pub struct Relay {
    address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Connections are closed as soon as they are made.
    held: bool,
    /// Both ends of what is carried.
    carried: Vec<TcpStream>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relay {
    /// A relay to a server.
    ///
    /// # Errors
    /// No port could be had.
    pub fn to(server: &str) -> Result<Relay, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, server) = (Arc::downgrade(&state), server.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Gone with the relay, which makes one last connection to tell.
                let Some(state) = shared.upgrade() else { return };
                carry(client, &server, &state);
            }
        });
        Ok(Relay { address, state })
    }

    /// `host:port` for the clients.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Breaks every connection, and lets nobody through until [`Relay::release`].
    pub fn hold(&self) {
        let mut state = lock(&self.state);
        state.held = true;
        break_all(&mut state);
    }

    /// Lets new connections through.
    pub fn release(&self) {
        lock(&self.state).held = false;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        break_all(&mut lock(&self.state));
        self.state = Arc::default();
        // It only wakes the thread, which ends.
        let _ = TcpStream::connect(&self.address);
    }
}

fn break_all(state: &mut State) {
    for stream in state.carried.drain(..) {
        // Closed by its own end already, it is as it should be.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// Carries both ways until an end closes.
fn carry(client: TcpStream, server: &str, state: &Mutex<State>) {
    let mut state = lock(state);
    if state.held {
        return;
    }
    let Ok(server) = TcpStream::connect(server) else { return };
    let ends = (client.try_clone(), server.try_clone(), client.try_clone(), server.try_clone());
    let (Ok(client_in), Ok(server_out), Ok(client_kept), Ok(server_kept)) = ends else { return };
    state.carried.extend([client_kept, server_kept]);
    std::thread::spawn(move || copy(client_in, server_out));
    std::thread::spawn(move || copy(server, client));
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_breaks_and_comes_again() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay::to(&server.local_addr().unwrap().to_string()).unwrap();
        let mut client = TcpStream::connect(relay.address()).unwrap();
        let (mut end, _) = server.accept().unwrap();
        client.write_all(b"x").unwrap();
        let mut byte = [0];
        end.read_exact(&mut byte).unwrap();
        relay.hold();
        assert_eq!(client.read(&mut byte).unwrap(), 0);
        let mut refused = TcpStream::connect(relay.address()).unwrap();
        assert!(!matches!(refused.read(&mut byte), Ok(1)));
        relay.release();
        let _through = TcpStream::connect(relay.address()).unwrap();
        server.accept().unwrap();
    }
}
