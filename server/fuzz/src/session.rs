//! Whole sessions against a real server: connects, requests valid and mangled, pipelining,
//! taking sessions over, going away.
//!
//! What must hold: replies come in the order of their requests, one for each; a connection is
//! closed only where that is documented; when everybody has gone, nothing of them is left.

mod client;
mod ground;
mod program;

use arbitrary::{Arbitrary, Unstructured};
use client::Client;
use program::{Program, Step};

/// Connections that a program may have at a time.
const SLOTS: usize = 3;

/// Stops the server that the programs ran against, and removes what it has written.
///
/// # Panics
/// When the server had stopped by itself.
pub fn end() {
    ground::end();
}

/// Runs the program that the input describes.
pub fn run(data: &[u8]) {
    let Ok(program) = Program::arbitrary(&mut Unstructured::new(data)) else { return };
    let address = ground::address();
    let mut clients: [Option<Client>; SLOTS] = [const { None }; SLOTS];
    for step in program.steps.iter().take(64) {
        perform(&address, &mut clients, step);
    }
    for client in clients.iter_mut().flatten() {
        client.finish();
    }
    drop(clients);
    ground::assert_nobody_left(&address);
}

fn perform(address: &str, clients: &mut [Option<Client>; SLOTS], step: &Step) {
    let slot = usize::from(step.slot()) % SLOTS;
    match step {
        Step::Connect { timeout_ms, read_only, .. } => {
            clients[slot] = Client::connect(address, *timeout_ms, *read_only);
        }
        Step::TakeOver { of, wrong_password, .. } => {
            let of = usize::from(*of) % SLOTS;
            clients.iter_mut().flatten().for_each(Client::flush);
            let Some(session) = clients[of].as_ref().map(Client::session) else { return };
            let taken = Client::take_over(address, &session, *wrong_password);
            if taken.is_some() {
                // Also those that lost it to another one before. What they are still to be
                // answered may or may not come before the end.
                let former = clients.iter_mut().flatten().filter(|c| c.session().is(&session));
                former.for_each(Client::expect_end);
                clients[slot] = taken;
            }
        }
        Step::Leave { .. } => {
            clients[slot].iter_mut().for_each(Client::flush);
            clients[slot] = None;
        }
        Step::Stray { bytes, .. } => client::stray(address, bytes),
        _ => {
            if clients[slot].is_none() {
                clients[slot] = Client::connect(address, 10_000, Some(false));
            }
            clients[slot].iter_mut().for_each(|client| client.perform(step));
        }
    }
    // A session that was closed over one connection is over for all of them.
    if let Some(closed) = clients[slot].as_ref().filter(|c| c.has_closed()).map(Client::session) {
        let others = clients.iter_mut().flatten().filter(|c| c.session().is(&closed));
        others.for_each(Client::expect_end);
    }
}
