//! For fuzz targets: what is private here and reads bytes.

use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use pinfold_state::Body;

use crate::config::Config;
use crate::gate::{Gate, Schemes};
use crate::jaas;
use crate::peers::{Answer, Frame, Hello};
use crate::request::{Decoder, Ordered, RequestBody};

/// What a frame of a client is.
#[derive(Debug)]
pub enum Taken {
    /// A write, with what goes into the log for it.
    Write(Body),
    /// Anything else that is answered.
    Other,
}

/// Reads a frame as the server does; `None` when not even its header can be read.
pub fn request(frame: &Bytes, ttl_enabled: bool) -> Option<Taken> {
    static SCHEMES: OnceLock<Option<Schemes>> = OnceLock::new();
    let schemes = SCHEMES.get_or_init(|| Some(Gate::load(&Config::default()).ok()?.schemes));
    let reconfig_enabled = true;
    let decoder = Decoder { ttl_enabled, reconfig_enabled, schemes: (*schemes)? };
    let request = decoder.decode(frame)?;
    Some(match request.body {
        RequestBody::Ordered(Ordered::Write { op, .. }) => Taken::Write(Body::Request(op)),
        RequestBody::Ordered(Ordered::Multi { ops, .. }) => Taken::Write(Body::Multi(ops)),
        RequestBody::Ordered(Ordered::Close) => Taken::Write(Body::CloseSession),
        _ => Taken::Other,
    })
}

/// Reads the users of a JAAS file; how many there are.
pub fn jaas_users(text: &str) -> Option<usize> {
    jaas::users(text, "Server").ok()?.map(|users| users.len())
}

/// Reads what a peer sends over a link, and writes it again.
pub fn peer_frame(input: &mut BytesMut) -> Option<Bytes> {
    let frame = Frame::decode(input).ok()??;
    let mut out = BytesMut::new();
    frame.encode(&mut out);
    Some(out.freeze())
}

/// Reads the first words of a caller, and of who is called; whether either could be read.
pub fn first_words(bytes: &[u8]) -> bool {
    let mut caller = bytes;
    let mut called = bytes;
    at_once(Hello::receive(&mut caller)) || at_once(Answer::receive(&mut called))
}

/// Bytes in memory are there at once.
fn at_once<T, E>(future: impl Future<Output = Result<T, E>>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    matches!(pin!(future).poll(&mut context), Poll::Ready(Ok(_)))
}
