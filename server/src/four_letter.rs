//! Four-letter words: what operators and monitors ask over the client port.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::connection::Connection;
use crate::shared::{Shared, lock};

/// What monitors read as the version: the ZooKeeper release whose behaviour is offered, and ours.
pub(crate) const VERSION: &str = concat!("3.9.5-pinfold-", env!("CARGO_PKG_VERSION"));

/// The answer to a word, or its refusal; `None` when it is no word but the length of a frame.
pub(crate) fn answer(shared: &Shared, word: [u8; 4]) -> Option<String> {
    // What telnet sends to end a connection.
    if word == [0xff, 0xf4, 0xff, 0xfd] {
        return Some(String::new());
    }
    let word = std::str::from_utf8(&word).ok()?;
    let command: fn(&Shared) -> String = match word {
        "conf" => configuration,
        "cons" => connections,
        "crst" => |shared| {
            lock(&shared.connections).values().for_each(|c| c.reset_counters());
            "Connection stats reset.\n".to_owned()
        },
        "dump" => dump,
        "envi" => environment,
        "isro" => |_| "rw".to_owned(),
        "mntr" => monitor,
        "ruok" => |_| "imok".to_owned(),
        "srst" => |shared| {
            shared.statistics.reset();
            "Server stats reset.\n".to_owned()
        },
        "srvr" => |shared| format!("{}{}", version_line(), server(shared)),
        "stat" => statistics,
        "wchc" => watches_by_connection,
        "wchp" => watches_by_path,
        "wchs" => watch_summary,
        _ => return None,
    };
    if !shared.config.four_letter_words.contain(word) {
        return Some(format!("{word} is not executed because it is not in the whitelist.\n"));
    }
    Some(command(shared))
}

fn version_line() -> String {
    format!("Zookeeper version: {VERSION}, built on pinfold\n")
}

fn all(shared: &Shared) -> Vec<Arc<Connection>> {
    let connections = lock(&shared.connections);
    let sorted: BTreeMap<u64, Arc<Connection>> =
        connections.iter().map(|(id, c)| (*id, c.clone())).collect();
    sorted.into_values().collect()
}

fn server(shared: &Shared) -> String {
    let latency = shared.statistics.latency();
    let (zxid, nodes) = {
        let state = shared.state();
        (state.last_zxid(), state.node_count())
    };
    format!(
        "Latency min/avg/max: {}/{}/{}\nReceived: {}\nSent: {}\nConnections: {}\n\
         Outstanding: {}\nZxid: {zxid:#x}\nMode: standalone\nNode count: {nodes}\n",
        latency.min_ms,
        decimal(latency.average_ms),
        latency.max_ms,
        shared.statistics.received(),
        shared.statistics.sent(),
        lock(&shared.connections).len(),
        shared.statistics.outstanding(),
    )
}

/// As Java prints it: at most four digits behind the point, at least one.
fn decimal(value: f64) -> String {
    format!("{:?}", (value * 10_000.0).round() / 10_000.0)
}

fn brief(connection: &Connection) -> String {
    format!(
        " /{}[{}](queued={},recved={},sent={}",
        connection.peer,
        u8::from(connection.session_id() != 0),
        connection.queued.load(Relaxed),
        connection.received.load(Relaxed),
        connection.sent.load(Relaxed),
    )
}

fn statistics(shared: &Shared) -> String {
    let mut text = version_line();
    text.push_str("Clients:\n");
    for connection in all(shared) {
        let _ = writeln!(text, "{})", brief(&connection));
    }
    text.push('\n');
    text.push_str(&server(shared));
    text
}

fn connections(shared: &Shared) -> String {
    let mut text = String::new();
    for connection in all(shared) {
        text.push_str(&brief(&connection));
        let session = connection.session_id();
        if session != 0 {
            let _ = write!(text, ",sid={session:#x},to={}", connection.timeout_ms());
        }
        text.push_str(")\n");
    }
    text.push('\n');
    text
}

fn monitor(shared: &Shared) -> String {
    let latency = shared.statistics.latency();
    let (nodes, ephemerals, bytes, sessions) = {
        let state = shared.state();
        let ephemerals: usize = state.ephemeral_owners().map(|(_, count)| count).sum();
        (state.node_count(), ephemerals, state.data_size(), state.sessions().len())
    };
    let (_, _, watches) = lock(&shared.watches).totals();
    let lines: [(&str, String); 15] = [
        ("version", format!("{VERSION}, built on pinfold")),
        ("server_state", "standalone".to_owned()),
        ("peer_state", "leading - broadcast".to_owned()),
        ("avg_latency", decimal(latency.average_ms)),
        ("max_latency", latency.max_ms.to_string()),
        ("min_latency", latency.min_ms.to_string()),
        ("packets_received", shared.statistics.received().to_string()),
        ("packets_sent", shared.statistics.sent().to_string()),
        ("num_alive_connections", lock(&shared.connections).len().to_string()),
        ("outstanding_requests", shared.statistics.outstanding().to_string()),
        ("znode_count", nodes.to_string()),
        ("watch_count", watches.to_string()),
        ("ephemerals_count", ephemerals.to_string()),
        ("approximate_data_size", bytes.to_string()),
        ("global_sessions", sessions.to_string()),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "zk_{name}\t{value}");
    }
    let _ = writeln!(text, "zk_uptime\t{}", shared.elapsed_ms());
    text
}

fn configuration(shared: &Shared) -> String {
    let config = &shared.config;
    let (min, max) = config.session_timeouts_ms();
    let port = config.listen.rsplit(':').next().unwrap_or("");
    format!(
        "clientPort={port}\nsecureClientPort=-1\ndataDir={dir}\n\
         dataDirSize=0\ndataLogDir={dir}\ndataLogSize=0\ntickTime={}\nmaxClientCnxns={}\n\
         minSessionTimeout={min}\nmaxSessionTimeout={max}\nclientPortListenBacklog=-1\n\
         serverId=0\n",
        config.tick_time_ms,
        config.limits.connections_per_address,
        dir = config.data_dir.display(),
    )
}

fn environment(_: &Shared) -> String {
    let directory = std::env::current_dir().unwrap_or_default();
    format!(
        "Environment:\nzookeeper.version={VERSION}, built on pinfold\nos.name={}\nos.arch={}\n\
         user.dir={}\n",
        std::env::consts::OS,
        std::env::consts::ARCH,
        directory.display()
    )
}

fn dump(shared: &Shared) -> String {
    let mut text = String::from("SessionTracker dump:\n");
    let state = shared.state();
    let _ = writeln!(text, "Sessions ({}):", state.sessions().len());
    for (id, session) in state.sessions().iter() {
        let _ = writeln!(text, "\t{id:#x}\t{}ms", session.timeout_ms);
    }
    text.push_str("ephemeral nodes dump:\n");
    let owners: Vec<i64> = state.ephemeral_owners().map(|(id, _)| id).collect();
    let _ = writeln!(text, "Sessions with Ephemerals ({}):", owners.len());
    for id in owners {
        let _ = writeln!(text, "{id:#x}:");
        for path in state.ephemerals(id, "") {
            let _ = writeln!(text, "\t{path}");
        }
    }
    drop(state);
    text.push_str("Connections dump:\n");
    for connection in all(shared) {
        let _ = writeln!(text, "\t{}", connection.peer);
    }
    text
}

fn watch_summary(shared: &Shared) -> String {
    let (connections, paths, watches) = lock(&shared.watches).totals();
    format!("{connections} connections watching {paths} paths\nTotal watches:{watches}\n")
}

fn watches_by_connection(shared: &Shared) -> String {
    let by_watcher = lock(&shared.watches).by_watcher();
    let mut text = String::new();
    for (id, paths) in by_watcher {
        let Some(connection) = lock(&shared.connections).get(&id).cloned() else { continue };
        let _ = writeln!(text, "{:#x}", connection.session_id());
        paths.iter().for_each(|path| {
            let _ = writeln!(text, "\t{path}");
        });
    }
    text.push('\n');
    text
}

fn watches_by_path(shared: &Shared) -> String {
    let by_watcher = lock(&shared.watches).by_watcher();
    let mut by_path: BTreeMap<Arc<str>, Vec<i64>> = BTreeMap::new();
    for (id, paths) in by_watcher {
        let Some(connection) = lock(&shared.connections).get(&id).cloned() else { continue };
        for path in paths {
            by_path.entry(path).or_default().push(connection.session_id());
        }
    }
    let mut text = String::new();
    for (path, sessions) in by_path {
        let _ = writeln!(text, "{path}");
        sessions.iter().for_each(|id| {
            let _ = writeln!(text, "\t{id:#x}");
        });
    }
    text.push('\n');
    text
}
