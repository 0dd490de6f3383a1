//! `cons`, and the clients in `stat`: every connection and its figures.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::connection::Connection;
use crate::shared::{Shared, lock};

/// All connections, the oldest first.
pub(super) fn all(shared: &Shared) -> Vec<Arc<Connection>> {
    let connections = lock(&shared.connections);
    let sorted: BTreeMap<u64, Arc<Connection>> =
        connections.iter().map(|(id, c)| (*id, c.clone())).collect();
    sorted.into_values().collect()
}

/// An address as Java prints it.
pub(super) fn address(peer: SocketAddr) -> String {
    match peer.ip().to_canonical() {
        IpAddr::V4(ip) => format!("/{ip}:{}", peer.port()),
        IpAddr::V6(ip) => {
            let parts: Vec<String> = ip.segments().iter().map(|part| format!("{part:x}")).collect();
            format!("/[{}]:{}", parts.join(":"), peer.port())
        }
    }
}

/// The clients of `stat`, a line each.
pub(super) fn clients(shared: &Shared) -> String {
    let mut text = String::from("Clients:\n");
    for connection in all(shared) {
        let _ = writeln!(text, "{})", brief(&connection));
    }
    text
}

/// All that is known of each connection, a line each.
pub(super) fn connections(shared: &Shared) -> String {
    let mut text = String::new();
    for connection in all(shared) {
        let _ = writeln!(text, "{}{})", brief(&connection), details(&connection));
    }
    text.push('\n');
    text
}

fn brief(connection: &Connection) -> String {
    let traffic = &connection.traffic;
    // What ZooKeeper waits for at the socket: 1 to read, 4 to write.
    let interest = match connection.session_id() {
        0 => 0,
        _ => 1 | u8::from(connection.has_output()) << 2,
    };
    format!(
        " {}[{interest}](queued={},recved={},sent={}",
        address(connection.peer),
        traffic.queued(),
        traffic.received.get(),
        traffic.sent.get(),
    )
}

fn details(connection: &Connection) -> String {
    let (traffic, session) = (&connection.traffic, connection.session_id());
    if session == 0 {
        return String::new();
    }
    let xid = match traffic.last_xid() {
        unknown if unknown < 0 => String::new(),
        xid => format!(",lcxid={xid:#x}"),
    };
    let latency = &traffic.latency;
    format!(
        ",sid={session:#x},lop={},est={},to={}{xid},lzxid={:#x},lresp={},llat={},minlat={},\
         avglat={},maxlat={}",
        traffic.last_operation(),
        traffic.established_ms,
        connection.timeout_ms(),
        traffic.last_zxid(),
        traffic.last_answer_ms(),
        traffic.last_latency_ms(),
        latency.min(),
        latency.average() as u64,
        latency.max(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_look_as_they_do_in_java() {
        let shown = |text: &str| address(text.parse().unwrap());
        assert_eq!(shown("127.0.0.1:2181"), "/127.0.0.1:2181");
        assert_eq!(shown("[::ffff:10.0.0.1]:1"), "/10.0.0.1:1");
        assert_eq!(shown("[fe80::1]:80"), "/[fe80:0:0:0:0:0:0:1]:80");
    }
}
